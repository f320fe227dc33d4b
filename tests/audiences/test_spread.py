"""When scores count as collapsed: on the scale of cosines, of probabilities, and where scores have no bounds."""

import numpy as np
import pytest

from penchant.audiences.spread import spread_of

NOBODY = np.zeros(0)


@pytest.mark.parametrize(
    ("seeds", "others", "top", "collapsed"),
    [
        ([0.9975, 1.0], [0.9975, 0.998, 1.0], 1.0, True),
        ([0.9974, 1.0], [0.9975, 0.998, 1.0], 1.0, False),
        ([0.9], [0.5, 0.5, 0.5], 1.0, False),
        ([0.5], [0.5, 0.6, 0.9], 1.0, False),
        ([0.001, 0.002], [0.0, -0.0005], 1.0, True),
        ([0.001, 0.002], [0.0, -0.0005], None, False),
        ([700.0, 701.0], [700.5, 699.5], None, True),
        ([-700.0, -701.0], [-700.5, -699.5], None, True),
        ([3.0, 9.0], [4.0, 1.0], None, False),
        ([0.0], [0.0, 0.0], None, True),
        ([np.nan], [0.4, -np.inf, 0.4], 1.0, True),
    ],
)
def test_scores_have_collapsed_where_seeds_and_others_are_within_a_400th_of_the_scale(
    seeds: list[float], others: list[float], top: float | None, collapsed: bool
) -> None:
    spread = spread_of(np.array(seeds, np.float32), np.array(others, np.float32), top)
    assert spread is not None
    assert (spread.collapsed, spread.words != "") == (collapsed, collapsed)


def test_a_few_who_stand_out_hide_no_collapse() -> None:
    others_N = np.append(np.full(1_000, 0.7), [0.0, 1.0])
    spread = spread_of(np.array([0.7]), others_N, 1.0)
    assert spread is not None
    assert spread.collapsed


def test_the_words_say_how_close_the_scores_are() -> None:
    cosines, sums = spread_of(np.array([0.998]), np.array([0.9985]), 1.0), spread_of(NOBODY, np.array([7.0]), None)
    assert cosines is not None
    assert "within 0.0025 of each other (0.9980 to 0.9985)" in cosines.words
    assert sums is not None
    assert "within 0.25% of each other (7 to 7)" in sums.words


def test_of_nobody_but_seeds_nothing_is_said() -> None:
    assert spread_of(np.array([0.5]), NOBODY, 1.0) is None
    assert spread_of(np.array([0.5]), np.array([np.nan]), 1.0) is None
