"""What to expect of audiences by their size."""

import pytest

from penchant.audiences.expected import Bounds, ExpectedPrecision
from penchant.audiences.outlook import outlook_of
from penchant.choices import MIN_AUDIENCE


def test_expectations_are_those_of_whole_audiences_of_round_sizes() -> None:
    curve = [[0.0, 0.0], [0.1, 0.4], [1.0, 1.0]]
    expected = ExpectedPrecision(Bounds(50, 500), {"all": 0.5, "tail": 0.5}, {"all": curve, "tail": curve})
    found = outlook_of(expected, seeds=40, size=100, reachable=1_000)
    assert found is not None
    assert [one.best for one in found.sizes] == [50, 70, 100, 150, 200, 300, 500, 700, 1_000]
    # 20 will click, 8 of them within the best 100; of all there are no more than at random.
    assert found.sizes[2].precision == pytest.approx(0.08)
    assert found.sizes[2].random == pytest.approx(0.02)
    assert found.sizes[-1].precision == found.sizes[-1].random
    assert found.asked is not None
    assert [one.best for one in found.asked] == [10, 25, 50, 100]


def test_nothing_is_expected_of_audiences_that_cannot_be_had() -> None:
    expected = ExpectedPrecision(Bounds(1, 2), {"all": 1.0}, {"all": [[0.0, 0.0], [1.0, 1.0]]})
    assert outlook_of(expected, seeds=3, size=50, reachable=MIN_AUDIENCE - 1) is None
    found = outlook_of(expected, seeds=3, size=1_000, reachable=60)
    assert found is not None
    assert ([one.best for one in found.sizes], found.asked) == ([50, 60], None)
