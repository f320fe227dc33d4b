from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.audiences.best import (
    best,
    blocks,
    known_seeds,
    open_rows,
    overlap,
    refuse_few_seeds,
    refuse_nan,
    refuse_small,
)
from penchant.choices import MIN_AUDIENCE, MIN_SEEDS
from penchant.errors import AudienceError
from penchant.models.lookalikes.promise import Candidate, Likeness
from penchant.models.lookalikes.seed_clusters import SeedClusters
from tests.audiences.crowds import KIND_N, KINDS, UNKNOWN, crowd, ralm

NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Told(Likeness):
    """Scores as they are told."""

    score_N: np.ndarray

    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        return self.score_N[rows_B].astype(np.float32)


def best_rows(
    likeness: Likeness, users: int, size: int, reached: np.ndarray, *, minimum: int = MIN_AUDIENCE, at_once: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and scores of an audience, scored so many users at a time."""
    open_N = open_rows(users, reached)
    place_B, score_B = best(map(likeness.scores, blocks(open_N, at_once)), size, minimum=minimum)
    return open_N[place_B], score_B


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.data())
def test_the_best_are_those_of_a_full_sort_and_ties_go_by_row(levels: list[int], data: st.DataObject) -> None:
    reached = np.array(sorted(data.draw(st.sets(st.integers(0, len(levels) - 1), max_size=len(levels) - 1))), np.int64)
    waiting = [row for row in range(len(levels)) if row not in reached]
    size = data.draw(st.integers(1, len(waiting)))
    row_B, score_B = best_rows(Told(np.array(levels)), len(levels), size, reached, minimum=1)
    assert row_B.tolist() == sorted(waiting, key=lambda row: (-levels[row], row))[:size]
    assert score_B.tolist() == [levels[row] for row in row_B]


def test_blocks_change_nothing_and_many_ties_go_by_row_too() -> None:
    level_N = np.random.default_rng(0).integers(0, 5, 1000)
    whole = best_rows(Told(level_N), 1000, 600, NOBODY)
    assert whole[0].tolist() == sorted(range(1000), key=lambda row: (-level_N[row], row))[:600]
    np.testing.assert_array_equal(best_rows(Told(level_N), 1000, 600, NOBODY, at_once=7), whole)
    np.testing.assert_array_equal(best_rows(Told(level_N), 1000, 600, NOBODY, at_once=5000), whole)


def test_an_audience_is_of_users_like_the_seeds_who_are_not_reached_yet() -> None:
    crowded, seed_S = crowd(), np.flatnonzero(KIND_N == 1)[:30]
    likeness = SeedClusters(ralm(), seed=0).liken(Candidate(2, seed_S), crowded)
    row_B, score_B = best_rows(likeness, len(crowded), 60, reached=np.append(seed_S, [2, 5]), minimum=30)
    assert not set(row_B.tolist()) & {2, 5, *seed_S.tolist()}
    assert (KIND_N[row_B] == 1).all()
    assert (np.diff(score_B) <= 0).all()
    contribution_BJ = likeness.contributions(row_B)
    np.testing.assert_allclose(contribution_BJ.sum(1), score_B, atol=1e-5)
    np.testing.assert_array_equal(likeness.strongest(row_B), contribution_BJ.argmax(1))


def test_an_audience_that_would_single_people_out_is_refused() -> None:
    told = Told(np.arange(200))
    with pytest.raises(AudienceError, match=r"audience of 20 would single people out; ask for at least 50"):
        best_rows(told, 200, 20, NOBODY)
    with pytest.raises(AudienceError, match="ask for at least 100"):
        best_rows(told, 200, 99, NOBODY, minimum=100)
    assert len(best_rows(told, 200, MIN_AUDIENCE, NOBODY)[0]) == MIN_AUDIENCE


def test_no_score_is_asked_for_where_an_audience_is_too_small() -> None:
    asked: list[int] = []
    with pytest.raises(AudienceError, match=r"an audience of 0 would single people out; ask for at least 1$"):
        best((np.zeros(asked.append(1) or 3) for _ in range(2)), 0, minimum=0)  # type: ignore[func-returns-value]
    assert not asked


def test_an_audience_larger_than_the_users_there_are_is_refused_with_their_number() -> None:
    told = Told(np.append(np.arange(90), np.nan))
    with pytest.raises(AudienceError, match=r"audience of 1,000 was asked for, but only 88 users"):
        best_rows(told, 91, 1000, np.array([0, 1]))
    with pytest.raises(AudienceError, match="only 0 users"):
        best_rows(told, 91, 50, np.arange(91))
    assert len(best_rows(told, 91, 88, np.array([0, 1]), minimum=44)[0]) == 88


@pytest.mark.parametrize(("size", "near"), [(51, "50 or 100"), (99, "50 or 100"), (1_020, "1,000 or 1,050")])
def test_a_size_that_would_tell_a_few_people_from_the_next_one_is_refused(size: int, near: str) -> None:
    with pytest.raises(AudienceError, match=f"ask for a multiple of 50, such as {near}$"):
        refuse_small(size)


def test_an_item_of_few_seeds_is_refused_unless_so_small_an_audience_is_asked_for() -> None:
    for seeds, told in ((9, "9 known seeds"), (1, "1 known seed,")):
        with pytest.raises(AudienceError, match=f"item 'x' has {told}.*ask again when it has at least 10$"):
            refuse_few_seeds(seeds, "x")
    refuse_few_seeds(MIN_SEEDS, "x")
    refuse_few_seeds(3, "x", minimum=3)


def test_seeds_of_whom_nothing_is_known_are_left_out_and_counted() -> None:
    known_S, left_out = known_seeds(np.array([7, -1, UNKNOWN, 3, -1]), crowd(), "x")
    assert (known_S.tolist(), left_out) == ([7, 3], 3)


def test_an_item_without_seeds_is_refused() -> None:
    with pytest.raises(AudienceError, match="item 'x' has 0 seeds: nobody has clicked it"):
        known_seeds(NOBODY, crowd(), "x")
    with pytest.raises(AudienceError, match="any of the 3 seeds of item 'x'"):
        known_seeds(np.array([-1, UNKNOWN, -1]), crowd(), "x")


def test_a_user_whose_vector_is_not_finite_is_named() -> None:
    crowded = crowd()
    refuse_nan(crowded)
    vectors_NX = crowded.vectors_NX.copy()
    vectors_NX[[4, 9], 1] = np.nan
    with pytest.raises(AudienceError, match=r"'u4' is not finite, .* 2 in all"):
        refuse_nan(replace(crowded, vectors_NX=vectors_NX))


def test_an_audience_overlaps_itself_wholly_and_a_stranger_not_at_all() -> None:
    kinds = [np.flatnonzero(kind == KIND_N) for kind in range(KINDS)]
    assert (overlap(kinds[0], kinds[0]).jaccard, overlap(kinds[0], kinds[0]).share) == (1.0, 1.0)
    assert (overlap(kinds[0], kinds[1]).jaccard, overlap(kinds[0], kinds[1]).share) == (0.0, 0.0)
