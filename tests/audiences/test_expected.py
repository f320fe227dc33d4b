"""Classes of candidates and what is expected of an audience, by numbers worked by hand."""

import json

import numpy as np
import pytest

from penchant.audiences.expected import Bounds, Expected, ExpectedPrecision

CURVE = [[0.0, 0.0], [0.1, 0.5], [1.0, 1.0]]
FLAT = [[0.0, 0.0], [1.0, 1.0]]
METRICS = {
    "bounds": {"middle": 10, "head": 100},
    "expected": {"later_per_seed": {"all": 0.1, "tail": 2.0, "head": 0.05}},
    "curves": {"ralm": {"all": FLAT, "tail": CURVE, "head": FLAT}},
}


@pytest.mark.parametrize(
    ("seeds", "tail", "middle", "head"),
    [
        ([1, 2, 3], [1], [2], [3]),
        ([9, 1, 3, 1, 2, 5], [1, 1], [2, 3], [5, 9]),
        # Level ones stand together, and go outwards.
        ([1, 1, 1, 1, 2, 9], [1, 1, 1, 1], [], [2, 9]),
        ([1, 5, 9, 9, 9, 9], [1, 5], [], [9, 9, 9, 9]),
        ([1, 1, 1, 9, 9, 9], [1, 1, 1], [], [9, 9, 9]),
        ([4, 4, 4], [4, 4, 4], [], []),
        ([4], [4], [], []),
        ([1, 9], [1], [], [9]),
    ],
)
def test_classes_are_thirds_as_far_as_level_candidates_allow(
    seeds: list[int], tail: list[int], middle: list[int], head: list[int]
) -> None:
    seeds_C = np.array(seeds)
    class_C = Bounds.of(seeds_C).classes(seeds_C)
    assert [sorted(seeds_C[class_C == number]) for number in range(3)] == [tail, middle, head]


def test_expected_precision_is_later_clickers_times_their_share_in_reach_by_how_many_are_reached() -> None:
    expected = ExpectedPrecision.read(json.loads(json.dumps(METRICS)), "ralm")
    assert expected
    # 5 seeds call for 10 clickers among 1,000. The best 40 are 4 % of them, and hold 20 % of the clickers; half of the
    # clickers are in the first tenth, and 5/9 of the rest in the best 600.
    assert [(one.best, round(one.precision, 6)) for one in expected.of(seeds=5, size=400, reachable=1_000)] == [
        (40, round(10 * 0.2 / 40, 6)),
        (100, round(10 * 0.5 / 100, 6)),
        (200, round(10 * (0.5 + 0.5 / 9) / 200, 6)),
        (400, round(10 * (0.5 + 0.5 * 3 / 9) / 400, 6)),
    ]
    assert {one.random for one in expected.of(seeds=5, size=400, reachable=1_000)} == {0.01}


def test_a_class_without_candidates_is_taken_for_all() -> None:
    expected = ExpectedPrecision.read(METRICS, "ralm")
    assert expected
    # 50 seeds are middle: 5 clickers among 100, whatever the rank.
    assert expected.of(seeds=50, size=1, reachable=100) == [Expected(1, 0.05, 0.05)]


def test_what_is_expected_is_never_more_than_everybody() -> None:
    expected = ExpectedPrecision.read(METRICS, "ralm")
    assert expected
    assert expected.of(seeds=9, size=2, reachable=10) == [Expected(1, 1.0, 1.0), Expected(2, 1.0, 1.0)]


def test_nothing_is_expected_of_a_scorer_whose_audiences_were_not_measured() -> None:
    assert ExpectedPrecision.read(METRICS, "yahoo") is None
