"""How preferences changed, against courses worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.profiles.changes import EARLIER, FOREMOST, MOST_LEADERS, MOST_MOMENTS, MOST_READ, changes_of, moments

TAGS = ["a", "b", "c", "d", "e", "f", "g", "h"]
ROWS = [[9.0, 0.0, 1.0, 5.0], [3.0, 5.0, 6.0, 5.0], [1.0, 8.0, 2.0, 5.0]]
COURSE = np.array([[*row, 4.0, 4.0, 4.0, 0.0] for row in ROWS], np.float32)
"""Three moments: a falls, b rises and leads at last, c leads in between, d never moves."""


@given(st.lists(st.integers(0, 40), min_size=1, max_size=300), st.booleans())
def test_moments_are_few_end_with_all_clicks_and_part_none_of_one_time(times: list[int], clock: bool) -> None:
    ordered = [float(time) for time in sorted(times)]
    ends = moments(ordered, clock=clock)
    assert ends == sorted(set(ends))
    assert ends[-1] == len(ordered)
    assert len(ends) <= MOST_MOMENTS
    if clock:
        assert all(ordered[end - 1] < ordered[end] for end in ends[:-1])
    else:
        assert len(ends) == min(MOST_MOMENTS, len(ordered))


@pytest.mark.parametrize("clicks", [10, 1_000, 3_000, 10_000, 100_000])
def test_who_has_many_clicks_has_fewer_moments(clicks: int) -> None:
    ends = moments([float(number) for number in range(clicks)], clock=True)
    assert len(ends) == 2 or sum(ends) <= MOST_READ + len(ends)


def test_followed_are_the_foremost_of_now_and_those_that_led_before() -> None:
    found = changes_of(TAGS, COURSE)
    assert found.tags == ["b", "d", "e", "f", "g", "c", "a"]
    assert len(found.tags) == FOREMOST + EARLIER
    assert found.preference_TF[:, 0].tolist() == [0.0, 5.0, 8.0]
    assert (found.leaders, found.more) == (["a", "c", "b"], False)
    assert (found.risen, found.fallen) == (("b", 8.0), ("a", -8.0))


def test_where_nothing_changes_nothing_has_risen_or_fallen() -> None:
    found = changes_of(["a", "b"], np.array([[2.0, 1.0]] * 3))
    assert (found.leaders, found.risen, found.fallen) == (["a"], None, None)


def test_of_many_leaders_the_latest_are_told() -> None:
    found = changes_of(list("abcdef"), np.eye(6))
    assert (found.leaders, found.more) == (list("cdef"), True)
    assert len(found.leaders) == MOST_LEADERS
