"""Fields: a hand-written answer for each rule, and batch and live agreeing on random logs."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import ConfigError
from penchant.features.fields import AGE, SAMPLE, Click, Field, columns, pack, read, replay
from penchant.schema import ONE_CLICK, UNKNOWN, VALUE, WORTH

# Five clicks, oldest first, with the tags 2, 3 and 4 that each brings.
CLICKS = [
    Click(10, "a", {"tags": (2, 3)}),
    Click(20, "b", {"tags": (2,)}),
    Click(30, "c", {"tags": (4, 3)}),
    Click(40, "d", {"tags": (2,)}),
    Click(50, "e", {"tags": (4,)}),
]
# tag   clicks at     count   latest   among the last 3   weight there, half-life 1
#  2    10 20 40        3       40     40        -> 1     1/2
#  3    10 30           2       30     30        -> 1     1/4
#  4    30 50           2       50     30 50     -> 2     1 + 1/4
ANSWERS: list[tuple[dict[str, Any], list[tuple[int, float]]]] = [
    ({}, [(2, 3), (4, 2), (3, 2)]),
    ({"limit": 2}, [(2, 3), (4, 2)]),
    ({"order": "recent"}, [(4, 2), (2, 3), (3, 2)]),
    ({"order": "recent", "limit": 1}, [(4, 2)]),
    ({"last": 3}, [(4, 2), (2, 1), (3, 1)]),
    ({"last": 2}, [(4, 1), (2, 1)]),
    ({"last": 1}, [(4, 1)]),
    ({"last": 3, "half_life": 1.0}, [(4, 1.25), (2, 0.5), (3, 0.25)]),
    ({"last": 3, "half_life": 2.0}, [(4, 1.5), (2, 0.5**0.5), (3, 0.5)]),
    ({"last": 5, "half_life": 1.0, "order": "recent"}, [(4, 1.25), (2, 0.5 + 1 / 8 + 1 / 16), (3, 0.25 + 1 / 16)]),
]


def batch_rows(histories: list[list[Click]], source: str) -> pl.DataFrame:
    """What `columns` reads: a row per sample, click and value; each click of a history stands once, in order. WORTH is
    there if any click is no plain one."""
    rows = [
        (sample, click.time, sum(other.time > click.time for other in set(clicks)), value, click.worth)
        for sample, clicks in enumerate(histories)
        for click in replay(clicks).clicks
        for value in click.values.get(source, ())
    ]
    schema = {SAMPLE: pl.UInt32, "time": pl.Float64, AGE: pl.Int64, VALUE: pl.Int32, WORTH: pl.Int32}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    plain = all(click.worth == ONE_CLICK for clicks in histories for click in clicks)
    return frame.drop(WORTH) if plain else frame


def in_batch(histories: list[list[Click]], rule: Field) -> list[list[tuple[int, float]]]:
    packed = pack(columns(batch_rows(histories, rule.source), rule), len(histories), rule.limit)
    return [
        [(int(value), float(weight)) for value, weight in zip(ids, weights, strict=True) if value]
        for ids, weights in zip(*packed, strict=True)
    ]


def assert_same(found: list[tuple[int, float]], expected: list[tuple[int, float]]) -> None:
    """The same ids in the same places, with the same weights up to float32."""
    assert [value for value, _ in found] == [value for value, _ in expected]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in expected], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("rule", "answer"), ANSWERS)
def test_batch_gives_the_answer_worked_by_hand(rule: dict[str, Any], answer: list[tuple[int, float]]) -> None:
    (found,) = in_batch([CLICKS], Field(name="tags", **rule))
    assert_same(found, answer)


@pytest.mark.parametrize(("rule", "answer"), ANSWERS)
def test_live_gives_the_answer_worked_by_hand(rule: dict[str, Any], answer: list[tuple[int, float]]) -> None:
    found = read(replay(CLICKS), Field(name="tags", **rule))
    assert_same(found, answer)


def test_values_that_tie_in_everything_go_by_id() -> None:
    clicks = [Click(10, "a", {"tags": (9, 4, 7)})]
    rule = Field(name="tags")
    assert read(replay(clicks), rule) == [(4, 1.0), (7, 1.0), (9, 1.0)] == in_batch([clicks], rule)[0]


# The third of the five clicks is a purchase that counts as five, and so are tags 3 and 4 there.
WITH_A_PURCHASE = [*CLICKS[:2], replace(CLICKS[2], worth=5 * ONE_CLICK), *CLICKS[3:]]
ANSWERS_WITH_A_PURCHASE: list[tuple[dict[str, Any], list[tuple[int, float]]]] = [
    ({}, [(4, 6), (3, 6), (2, 3)]),
    ({"limit": 1}, [(4, 6)]),
    ({"order": "recent"}, [(4, 6), (2, 3), (3, 6)]),
    ({"last": 2}, [(4, 1), (2, 1)]),  # it is no more than one of the latest clicks
    ({"last": 3, "half_life": 1.0}, [(4, 1 + 5 / 4), (3, 5 / 4), (2, 0.5)]),
]


@pytest.mark.parametrize(("rule", "answer"), ANSWERS_WITH_A_PURCHASE)
def test_a_click_counts_for_what_its_action_is_worth(rule: dict[str, Any], answer: list[tuple[int, float]]) -> None:
    field = Field(name="tags", **rule)
    assert_same(read(replay(WITH_A_PURCHASE), field), answer)
    assert_same(in_batch([WITH_A_PURCHASE], field)[0], answer)


def test_level_sums_are_level_however_they_came_about() -> None:
    """A sum of floats would say that three times 0.1 is more than 0.3, and put tag 2 first although it is older."""
    tenths = [Click(time, "a", {"tags": (2,)}, 100) for time in (10, 20, 30)]
    clicks = [*tenths, Click(40, "b", {"tags": (3,)}, 300)]
    rule = Field(name="tags")
    assert read(replay(clicks), rule) == [(3, 0.3), (2, 0.3)]
    assert [value for value, _ in in_batch([clicks], rule)[0]] == [3, 2]


def test_of_a_repeated_click_what_counts_most_stands() -> None:
    click = Click(10, "a", {"tags": (2,)}, 2500)
    for clicks in ([click, replace(click, worth=10)], [replace(click, worth=10), click]):
        assert [one.worth for one in replay(clicks).clicks] == [2500]


BASKET = [Click(10, "a", {"tags": (2,)}), Click(20, "b", {"tags": (3,)}), Click(20, "c", {"tags": (4,)})]


def test_clicks_of_one_moment_are_equally_old_and_count_together() -> None:
    """Both later clicks are 0 old, so the latest one click is both; the earlier one is 2 old."""
    for last, answer in [(1, [(3, 1.0), (4, 1.0)]), (2, [(3, 1.0), (4, 1.0)]), (3, [(3, 1.0), (4, 1.0), (2, 0.25)])]:
        rule = Field(name="tags", last=last, half_life=1.0)
        assert_same(read(replay(BASKET), rule), answer)
        assert_same(in_batch([BASKET], rule)[0], answer)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=10), st.permutations(range(10)), st.integers(1, 5))
def test_other_names_of_items_change_no_field(times: list[int], names: list[int], last: int) -> None:
    rule = Field(name="tags", last=last, half_life=2.0, limit=20)
    one, other = (
        [Click(float(time), f"item {name}", {"tags": (place + 2,)}) for place, (time, name) in enumerate(named)]
        for named in (list(zip(times, range(10), strict=False)), list(zip(times, names, strict=False)))
    )
    assert read(replay(one), rule) == read(replay(other), rule)


def test_samples_do_not_mix_and_an_empty_history_is_all_padding() -> None:
    rule = Field(name="tags", limit=3)
    ids, weights = pack(columns(batch_rows([CLICKS[:1], [], CLICKS[1:2]], "tags"), rule), 3, 3)
    np.testing.assert_array_equal(ids, [[2, 3, 0], [0, 0, 0], [2, 0, 0]])
    np.testing.assert_array_equal(weights, [[1, 1, 0], [0, 0, 0], [1, 0, 0]])
    assert [str(array.dtype) for array in (ids, weights)] == ["int32", "float32"]


def test_a_field_may_draw_from_another_vocabulary() -> None:
    assert read(replay(CLICKS), Field(name="lately", of="tags", last=1)) == [(4, 1.0)]
    assert read(replay(CLICKS), Field(name="lately")) == []


def test_a_repeated_click_changes_nothing() -> None:
    history = replay(CLICKS)
    for click in CLICKS:
        assert replay([*CLICKS, click]) == history


def test_a_late_click_counts_as_if_it_had_been_in_time() -> None:
    late = replay([*CLICKS[:2], *CLICKS[3:], CLICKS[2]])
    assert late == replay(CLICKS)


ITEMS = st.integers(0, 5)


@st.composite
def logs(draw: st.DrawFn) -> list[Click]:
    """A user's clicks as they come: ties in time, repeats, items with no value, several, or UNKNOWN ones."""
    tags = st.lists(st.sampled_from([UNKNOWN, 2, 3, 4, 5]), max_size=3)
    values = [{"item": (number + 2,), "tags": tuple(draw(tags))} for number in range(6)]
    worths = st.just(ONE_CLICK) if draw(st.booleans()) else st.integers(1, 1_000_000)
    events = draw(st.lists(st.tuples(st.integers(0, 8), ITEMS, worths), max_size=25))
    return [Click(float(time), f"item {item}", values[item], worth) for time, item, worth in events]


@st.composite
def rules(draw: st.DrawFn) -> Field:
    last = draw(st.none() | st.integers(1, 12))
    return Field(
        name=draw(st.sampled_from(["tags", "item"])),
        limit=draw(st.integers(1, 6)),
        last=last,
        order=draw(st.sampled_from(["frequent", "recent"])),
        half_life=draw(st.none() | st.floats(0.5, 20)) if last else None,
    )


@given(st.lists(logs(), min_size=1, max_size=4), rules())
def test_batch_and_live_agree(histories: list[list[Click]], rule: Field) -> None:
    for clicks, found in zip(histories, in_batch(histories, rule), strict=True):
        live = read(replay(clicks), rule)
        assert_same(found, live)


@given(logs(), st.randoms(use_true_random=False))
def test_late_repeated_and_reordered_clicks_lead_to_the_same_history(clicks: list[Click], dice: random.Random) -> None:
    disordered = [*clicks, *dice.sample(clicks, len(clicks) // 2)]
    dice.shuffle(disordered)
    assert replay(disordered) == replay(clicks)


def test_fading_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="half_life needs `last`"):
        Field.parse({"name": "tags", "half_life": 3.0}, origin="test")
