"""Rows of lists become a row per value; what does not belong together, or holds nothing, is told by its row."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.logs.formats.part import ROW
from penchant.logs.parting import EMPTY, Parted, part_lists
from penchant.logs.tables import EventsTable


def part(columns: dict[str, list[Any]], **said: Any) -> Parted:
    named = {"user": "u", "item": "i", **({"clicked": "c"} if "c" in columns else {}), **said}
    table = EventsTable.parse({"files": "x", **named}, origin="test")
    frame = pl.DataFrame({"u": [f"u{row}" for row in range(len(columns["i"]))], **columns}, strict=False)
    return part_lists(frame, pl.Series(ROW, range(1, len(frame) + 1)), table)


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([["a", "b"], ["c"]], {}),
        (["['a', 'b']", '["c"]'], {}),
        (["{a,b}", "{c}"], {}),
        (["a|b", "c"], {"separator": "|"}),
        (["a|b|", "|c"], {"separator": "|"}),
        (["a b", "c"], {"separator": " "}),
    ],
)
def test_a_list_of_items_becomes_a_row_each(items: list[Any], said: dict[str, str]) -> None:
    parted = part({"i": items}, **said)
    assert parted.frame.rows() == [("u0", "a"), ("u0", "b"), ("u1", "c")]
    assert parted.numbers.to_list() == [1, 1, 2]


def test_texts_that_only_look_like_lists_stay() -> None:
    for items in (["a", "['b']"], ["[sic] a", "b"], ["(1995)", "(1996)"]):
        assert part({"i": items}).frame["i"].to_list() == items


@pytest.mark.parametrize(
    "clicks",
    [
        [["b"], ["c"]],
        ["['b']", "['c']"],
        [[False, True], [True]],
        [[0, 1], [1]],
        [["no", "yes"], ["yes"]],
    ],
)
def test_clicks_are_a_list_of_answers_or_of_the_items_that_were_clicked(clicks: list[Any]) -> None:
    parted = part({"i": [["a", "b"], ["c"]], "c": clicks})
    said = [str(one).lower() in ("true", "1", "yes") for one in parted.frame["c"]]
    assert list(zip(parted.frame["i"], said, strict=True)) == [("a", False), ("b", True), ("c", True)]


def test_lists_that_hold_nothing_or_do_not_belong_together_are_told() -> None:
    parted = part({"i": [["a"], [], None, ["b", "c"], ["d", "e"]], "c": [[1], [], None, [1], [0, 1]]})
    assert parted.frame["i"].to_list() == ["a", "d", "e"]
    assert parted.left_out.rows() == [(2, EMPTY), (3, EMPTY)]
    assert parted.rejected.rows() == [(4, "the lists in 'i' and 'c' are not equally long")]


def test_a_column_whose_name_is_a_pattern_is_parted_too() -> None:
    table = EventsTable.parse({"files": "x", "user": "u", "item": "^i$", "separator": "|"}, origin="test")
    frame = pl.DataFrame({"u": ["a"], "^i$": ["x|y"], "i": ["z"]})
    assert part_lists(frame, pl.Series(ROW, [1]), table).frame["^i$"].to_list() == ["x", "y"]


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=1, max_size=6))
def test_every_value_of_every_row_is_there_once(rows: list[list[int]]) -> None:
    parted = part({"i": rows or [[]]})
    expected = [(number, value) for number, row in enumerate(rows, 1) for value in row]
    assert list(zip(parted.numbers, parted.frame["i"], strict=True)) == expected
    assert parted.left_out[ROW].to_list() == [number for number, row in enumerate(rows, 1) if not row]
