"""Metrics against numbers worked by hand.

Three users, top 3 of each:
    top 3       clicked later              hits
    5 3 7       3, 9                       no yes no
    4 2 6       4                          yes no no
    8 9 2       8, 9, 2, and one unknown   yes yes yes
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from penchant.evaluation.metrics import coverage, hits, interval, ndcg, precision, recall
from penchant.features.ragged import Ragged

TOP_BK = np.array([[5, 3, 7], [4, 2, 6], [8, 9, 2]])
TRUTH = Ragged(np.array([0, 2, 3, 6]), np.array([3, 9, 4, 2, 8, 9]))
SIZE_B = np.array([2, 1, 4])
HIT_BK = hits(TOP_BK, TRUTH)


def test_hits() -> None:
    assert HIT_BK.tolist() == [[False, True, False], [True, False, False], [True, True, True]]


@pytest.mark.parametrize(
    ("k", "expected"),
    [(1, [0 / 1, 1 / 1, 1 / 1]), (2, [1 / 2, 1 / 1, 2 / 2]), (3, [1 / 2, 1 / 1, 3 / 3])],
)
def test_precision_divides_by_the_most_that_could_be_hit(k: int, expected: list[float]) -> None:
    assert precision(HIT_BK, SIZE_B, k).tolist() == expected


def test_precision_examples_of_the_specification() -> None:
    """P@3 = {a, b, c}: C = {b} gives 1; C = {b, x} gives 1/2."""
    hit_BK = np.array([[False, True, False]] * 2)
    assert precision(hit_BK, np.array([1, 2]), 3).tolist() == [1.0, 0.5]


@pytest.mark.parametrize(("k", "expected"), [(1, [0, 1, 1 / 4]), (3, [1 / 2, 1, 3 / 4])])
def test_recall_counts_unknown_tags_as_missed(k: int, expected: list[float]) -> None:
    assert recall(HIT_BK, SIZE_B, k).tolist() == expected


def test_ndcg() -> None:
    second, third = 1 / np.log2(3), 1 / np.log2(4)
    expected = [second / (1 + second), 1.0, 1.0]
    np.testing.assert_allclose(ndcg(HIT_BK, SIZE_B, 3), expected)
    np.testing.assert_allclose(ndcg(HIT_BK[:, :2], SIZE_B, 2), [second / (1 + second), 1, 1])
    assert ndcg(np.array([[True, False, True]]), np.array([3]), 3)[0] == pytest.approx(
        (1 + third) / (1 + second + third)
    )


def test_a_ranking_shorter_than_k_is_taken_as_it_is() -> None:
    short = np.array([[True]])
    assert precision(short, np.array([4]), 3).tolist() == [1 / 3]
    assert ndcg(short, np.array([4]), 3)[0] < 1


def test_coverage() -> None:
    assert coverage(TOP_BK[:, :2], 10) == 6 / 10


def test_interval_of_known_spread() -> None:
    """Standard deviation of 0, 1, 1, 0 is √(1/3); over 4 users 1.96 · √(1/3) / 2."""
    mean, half = interval(np.array([0.0, 1.0, 1.0, 0.0]))
    assert mean == 0.5
    assert half == pytest.approx(1.959964 * (1 / 3) ** 0.5 / 2)
    assert interval(np.array([0.7])) == (0.7, 0.0)


@given(
    hnp.arrays(np.int64, (4, 5), elements=st.integers(2, 30), unique=True),
    st.lists(st.sets(st.integers(2, 40)), min_size=4, max_size=4),
)
def test_hits_are_set_membership(top_BK: np.ndarray, clicked: list[set[int]]) -> None:
    offsets = np.cumsum([0, *(len(tags) for tags in clicked)])
    values = np.array([tag for tags in clicked for tag in sorted(tags)], dtype=np.int64)
    expected = [[int(tag) in tags for tag in row] for row, tags in zip(top_BK, clicked, strict=True)]
    assert hits(top_BK, Ragged(offsets, values)).tolist() == expected
