"""When an item had which values: by hand, and against ranking anew what had been said before each moment."""

import math

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from penchant.logs.said import seen_at, spans

NEVER = math.inf


def rows_of(said: list[tuple[str, str, float, float]]) -> pl.DataFrame:
    """Item, value, weight, time."""
    schema = {"item": pl.String, "value": pl.String, "weight": pl.Float64, "time": pl.Float64}
    return pl.DataFrame(said, schema=schema, orient="row")


def spans_of(said: list[tuple[str, str, float, float]], top: int | None, min_items: int = 1) -> set[tuple[object, ...]]:
    return set(spans(rows_of(said), top=top, min_items=min_items).select("item", "value", "since", "until").rows())


def test_a_value_leaves_the_first_ones_when_others_were_said_more_often() -> None:
    said = [("x", tag, 1.0, float(at)) for tag, at in [("pop", 1), ("rock", 2), ("folk", 3), ("rock", 4), ("folk", 5)]]
    # Of equally many, the first by name: folk and pop at 3, when all were said once, and at 6, when all were twice.
    assert spans_of([*said, ("x", "pop", 1.0, 6.0)], top=2) == {
        ("x", "pop", 1.0, 4.0),
        ("x", "rock", 2.0, 3.0),
        ("x", "folk", 3.0, NEVER),
        ("x", "rock", 4.0, 6.0),
        ("x", "pop", 6.0, NEVER),
    }


def test_without_a_top_a_value_stays_once_it_was_said() -> None:
    said = [("x", "pop", 1.0, 4.0), ("x", "pop", 1.0, 2.0), ("y", "pop", 1.0, 3.0)]
    assert spans_of(said, top=None) == {("x", "pop", 2.0, NEVER), ("y", "pop", 3.0, NEVER)}


def test_a_value_counts_from_when_enough_items_have_it() -> None:
    said = [("x", "pop", 1.0, 1.0), ("y", "pop", 1.0, 5.0), ("x", "rare", 9.0, 2.0)]
    assert spans_of(said, top=1, min_items=2) == {("x", "pop", 5.0, NEVER), ("y", "pop", 5.0, NEVER)}


def test_what_loses_weight_makes_room_again() -> None:
    said = [("x", "pop", 3.0, 1.0), ("x", "rock", 2.0, 2.0), ("x", "pop", -2.0, 3.0)]
    assert spans_of(said, top=1) == {("x", "pop", 1.0, 3.0), ("x", "rock", 3.0, NEVER)}


def test_nothing_said_is_no_span() -> None:
    assert spans_of([], top=3) == set()


SAID = st.lists(
    st.tuples(
        st.sampled_from("xyz"), st.sampled_from("abcde"), st.sampled_from([-2.0, 0.0, 1.0, 1.0, 3.0]), st.integers(1, 6)
    ),
    max_size=25,
)


@given(SAID, st.none() | st.integers(1, 4), st.integers(1, 3))
def test_at_every_moment_an_item_has_the_first_ones_of_what_was_said_before(
    said: list[tuple[str, str, float, int]], top: int | None, min_items: int
) -> None:
    found = spans(rows_of([(*row[:3], float(row[3])) for row in said]), top=top, min_items=min_items)
    for moment in [1, 2, 3, 4, 5, 6, 7, math.inf]:
        before: dict[tuple[str, str], float] = {}
        for item, value, weight, time in said:
            if time < moment:
                before[item, value] = before.get((item, value), 0.0) + weight
        items_with = {value: sum(one == value for _, one in before) for _, value in before}
        expected = {
            (item, value)
            for item in "xyz"
            for value in sorted(
                (one for owner, one in before if owner == item and items_with[one] >= min_items),
                key=lambda one: (-before[item, one], one),
            )[:top]
        }
        seen = seen_at(found, moment).select("item", "value")
        assert sorted(seen.rows()) == sorted(expected)
