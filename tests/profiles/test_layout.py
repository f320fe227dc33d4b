"""The map of tags: what is alike lies close together, whatever the vectors are."""

import numpy as np
import pytest

from penchant.profiles.layout import FEWEST, lay_out

GROUPS, EACH, WIDTH = 6, 20, 8


def planted() -> np.ndarray:
    """Directions around those of a few groups, one group after the other; lengths say nothing."""
    dice = np.random.default_rng(3)
    around = np.repeat(np.eye(WIDTH)[:GROUPS], EACH, axis=0) + 0.2 * dice.normal(size=(GROUPS * EACH, WIDTH))
    return (around * dice.uniform(0.5, 2.0, (len(around), 1))).astype(np.float32)


def nearest(place_VC: np.ndarray, most: int) -> np.ndarray:
    distance_VV = np.linalg.norm(place_VC[:, None] - place_VC[None], axis=2)
    np.fill_diagonal(distance_VV, np.inf)
    return np.argsort(distance_VV, axis=1)[:, :most]


def test_a_tag_lies_among_those_of_its_group() -> None:
    group_V = np.repeat(np.arange(GROUPS), EACH)
    near = nearest(lay_out(planted(), seed=0), EACH // 2)
    assert (group_V[near] == group_V[:, None]).mean() > 0.98


def test_a_map_fills_its_square_and_is_not_stretched() -> None:
    place_VC = lay_out(planted(), seed=0)
    assert place_VC.shape == (GROUPS * EACH, 2)
    assert place_VC.dtype == np.float32
    extent_C = np.abs(place_VC).max(0)
    assert extent_C.max() == 1.0
    assert extent_C.min() > 0.5
    np.testing.assert_allclose(place_VC.max(0) + place_VC.min(0), 0, atol=1e-6)


def test_a_seed_gives_one_map_and_another_seed_another() -> None:
    vectors_VE = planted()
    np.testing.assert_array_equal(lay_out(vectors_VE, seed=1), lay_out(vectors_VE, seed=1))
    assert not np.array_equal(lay_out(vectors_VE, seed=1), lay_out(vectors_VE, seed=2))


def test_lengths_of_vectors_change_nothing() -> None:
    vectors_VE = planted()
    powers_V = 2.0 ** np.arange(-5, 5).repeat(len(vectors_VE) // 10)
    np.testing.assert_array_equal(lay_out(vectors_VE * powers_V[:, None], seed=0), lay_out(vectors_VE, seed=0))


def test_tags_of_one_vector_do_not_lie_on_one_spot() -> None:
    vectors_VE = planted()
    vectors_VE[: 2 * EACH] = 0
    places = lay_out(vectors_VE, seed=0)[: 2 * EACH]
    assert len(np.unique(places, axis=0)) == 2 * EACH


@pytest.mark.parametrize("tags", [0, 1, 2, 3, FEWEST - 1, FEWEST, 12])
@pytest.mark.parametrize("kind", ["different", "alike", "zero", "of one entry", "of no entry"])
def test_however_few_or_alike_tags_are_they_have_a_place(tags: int, kind: str) -> None:
    dice = np.random.default_rng(tags)
    vectors = {
        "different": dice.normal(size=(tags, 4)),
        "alike": np.ones((tags, 4)),
        "zero": np.zeros((tags, 4)),
        "of one entry": dice.normal(size=(tags, 1)),
        "of no entry": np.zeros((tags, 0)),
    }
    place_VC = lay_out(vectors[kind].astype(np.float32), seed=0)
    assert place_VC.shape == (tags, 2)
    assert np.isfinite(place_VC).all()
    assert (np.abs(place_VC) <= 1).all()


def test_three_tags_lie_as_far_apart_as_they_are_unlike() -> None:
    """Unit vectors at 0, 60 and 180 degrees: the second is nearer to the first."""
    angles = np.radians([0.0, 60.0, 180.0])
    place_VC = lay_out(np.stack([np.cos(angles), np.sin(angles)], 1), seed=0)
    first, second = np.linalg.norm(place_VC[0] - place_VC[1]), np.linalg.norm(place_VC[1] - place_VC[2])
    assert second / first == pytest.approx(3**0.5, rel=1e-5)  # chords of 60 and of 120 degrees
