"""The tables of items and users: every way a field may be written, and what is refused."""

import json
import uuid
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penchant.errors import ConfigError, DataError
from penchant.logs.items import read_items, read_users
from penchant.logs.tables import Tables, UsersTable
from tests.logs.logs_on_disk import read_log

EVENTS = {"files": "events.parquet", "user": "u", "item": "i"}


def items_of(folder: Path, **tables: Any) -> dict[str, dict[str, list[str]]]:
    """Every item's fields."""
    items = read_items(Tables.parse({"events": EVENTS, **tables}, origin="test"), folder, Counter()).table
    return {row.pop("item"): row for row in items.rows(named=True)}


def values_of(folder: Path, frame: pl.DataFrame, **mapping: Any) -> dict[str, list[str]]:
    """The field that a table with a row per item and value fills."""
    frame.write_parquet(folder / "values.parquet")
    table = {"field": "tags", "files": "values.parquet", "item": "item", "value": "tag", **mapping}
    return {item: fields["tags"] for item, fields in items_of(folder, item_values=[table]).items()}


def test_a_list_column_keeps_its_order_without_repeats_and_empty_texts(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [1, 2, 3, 4], "tags": [["b", "a", "b"], ["", " c ", None], [], None]})
    frame.write_parquet(tmp_path / "items.parquet")
    table = {"files": "items.parquet", "item": "id", "fields": {"tags": "tags"}}
    found = {item: fields["tags"] for item, fields in items_of(tmp_path, items=table).items()}
    assert found == {"1": ["b", "a"], "2": ["c"], "3": [], "4": []}


def test_a_list_of_numbers_becomes_texts(tmp_path: Path) -> None:
    pl.DataFrame({"id": [1], "tags": [[2**40, 7]]}).write_parquet(tmp_path / "items.parquet")
    table = {"files": "items.parquet", "item": "id", "fields": {"tags": "tags"}}
    assert items_of(tmp_path, items=table) == {"1": {"tags": [str(2**40), "7"]}}


def test_a_separated_text_is_a_list_in_every_field(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text('id,genres,makers\n007,Action|Comedy| ,"A, B|C"\nq,,\n')
    table = {"files": "items.csv", "item": "id", "fields": {"g": "genres", "m": "makers"}, "separator": "|"}
    assert items_of(tmp_path, items=table) == {
        "007": {"g": ["Action", "Comedy"], "m": ["A, B", "C"]},
        "q": {"g": [], "m": []},
    }


def test_a_value_that_stands_for_none_is_left_away(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,genres\nq,Action|none\nr,none\ns,None\n")
    table = {"files": "items.csv", "item": "id", "fields": {"g": "genres"}, "separator": "|", "none": ["none"]}
    assert items_of(tmp_path, items=table) == {"q": {"g": ["Action"]}, "r": {"g": []}, "s": {"g": []}}


def test_a_rule_about_a_field_that_no_item_has_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"items_with = 'tags' is no field of the items; those are \[\]"):
        Tables.parse({"events": {**EVENTS, "items_with": "tags"}}, origin="test")


def test_without_a_separator_a_text_is_one_value(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,title\nq,Action|Comedy\n")
    table = {"files": "items.csv", "item": "id", "fields": {"title": "title"}}
    assert items_of(tmp_path, items=table) == {"q": {"title": ["Action|Comedy"]}}


def test_json_lines_may_hold_lists(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"id": "q", "tags": ["ジャズ", "rock"]}\n{"id": "r", "tags": []}\n')
    table = {"files": "items.jsonl", "item": "id", "fields": {"tags": "tags"}}
    assert items_of(tmp_path, items=table) == {"q": {"tags": ["ジャズ", "rock"]}, "r": {"tags": []}}


def test_items_of_several_tables_are_joined(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["x", "y"], "kind": ["song", None]}).write_parquet(tmp_path / "items.parquet")
    pl.DataFrame({"item": ["y", "z"], "tag": ["t", "u"]}).write_parquet(tmp_path / "tags.parquet")
    found = items_of(
        tmp_path,
        items={"files": "items.parquet", "item": "id", "fields": {"kind": "kind"}},
        item_values=[
            {"field": "tags", "files": "tags.parquet", "item": "item", "value": "tag"},
            {"field": "more", "files": "tags.parquet", "item": "item", "value": "tag"},
        ],
    )
    assert found == {
        "x": {"kind": ["song"], "tags": [], "more": []},
        "y": {"kind": [], "tags": ["t"], "more": ["t"]},
        "z": {"kind": [], "tags": ["u"], "more": ["u"]},
    }


def test_values_are_ordered_by_rows_then_by_name(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": ["x"] * 5, "tag": ["pop", "jazz", "rock", "rock", "folk"]})
    assert values_of(tmp_path, frame) == {"x": ["rock", "folk", "jazz", "pop"]}


def test_values_are_ordered_by_the_sum_of_their_weights(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": ["x"] * 4, "tag": ["pop", "jazz", "jazz", "rock"], "w": [5, 2, 4, 1]})
    assert values_of(tmp_path, frame, weight="w") == {"x": ["jazz", "pop", "rock"]}


def test_top_keeps_the_first_values_of_each_item(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": ["x", "x", "x", "y"], "tag": ["b", "c", "a", "z"]})
    assert values_of(tmp_path, frame, top=2) == {"x": ["a", "b"], "y": ["z"]}


def test_rare_values_leave_before_the_top_is_taken(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": ["x", "x", "x", "y"], "tag": ["rare", "rare", "both", "both"]})
    assert values_of(tmp_path, frame, top=1, min_items=2) == {"x": ["both"], "y": ["both"]}


def test_values_in_lowercase_are_added_up(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": ["x"] * 4, "tag": ["Jazz ", "JAZZ", "pop", " "]})
    assert values_of(tmp_path, frame, lowercase=True) == {"x": ["jazz", "pop"]}


def test_items_may_be_left_without_values(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": [3589, 7], "tag": ["wrong", "right"]})
    assert values_of(tmp_path, frame, drop={"item": ["3589"]}) == {"7": ["right"]}


def test_coded_values_get_their_names_and_equal_names_are_one_value(tmp_path: Path) -> None:
    pl.DataFrame({"code": [1, 2, 3], "name": ["Jazz", "Rock", "Jazz"]}).write_parquet(tmp_path / "names.parquet")
    frame = pl.DataFrame({"item": ["x"] * 4, "tag": [2, 1, 3, 9]})
    names = {"files": "names.parquet", "value": "code", "name": "name"}
    assert values_of(tmp_path, frame, names=names) == {"x": ["Jazz", "Rock"]}


def test_an_item_that_stands_twice_with_different_values_is_named_and_counted(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["z", "z", "x", "x", "x", "q"], "k": list("abcdea")}).write_parquet(tmp_path / "items.parquet")
    table = {"files": "items.parquet", "item": "id", "fields": {"k": "k"}}
    with pytest.raises(DataError, match=r"item 'z' stands in the items table 2 times with different values"):
        items_of(tmp_path, items=table)


def test_the_same_row_twice_is_one_row(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["x", "x"], "k": [["a"], ["a"]]}).write_parquet(tmp_path / "items.parquet")
    table = {"files": "items.parquet", "item": "id", "fields": {"k": "k"}}
    assert items_of(tmp_path, items=table) == {"x": {"k": ["a"]}}


def test_float_ids_of_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column 'item' holds numbers such as 1\.5"):
        values_of(tmp_path, pl.DataFrame({"item": [1.5], "tag": ["a"]}))


def test_users_have_one_value_or_none_per_field(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,age,town\nпользователь,35,Kyōto\n007,,Paris\n,9,nobody\n")
    table = UsersTable(files="people.csv", user="id", fields={"age": "age", "home": "town"})
    assert sorted(read_users(table, tmp_path, Counter()).rows()) == [
        ("007", [], ["Paris"]),
        ("пользователь", ["35"], ["Kyōto"]),
    ]


def test_a_user_that_stands_twice_with_different_values_is_named(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,age\na,35\na,36\n")
    table = UsersTable(files="people.csv", user="id", fields={"age": "age"})
    with pytest.raises(DataError, match=r"user 'a' stands in the users table 2 times"):
        read_users(table, tmp_path, Counter())


def test_a_field_filled_by_two_tables_is_refused() -> None:
    table = {"files": "x.csv", "item": "id", "fields": {"tags": "a"}}
    values = {"field": "tags", "files": "y.csv", "item": "id", "value": "b"}
    with pytest.raises(ConfigError, match="field 'tags' is filled by two tables"):
        Tables.parse({"events": EVENTS, "items": table, "item_values": [values]}, origin="test")


def test_a_field_called_item_is_refused() -> None:
    table = {"files": "x.csv", "item": "id", "fields": {"item": "a"}}
    with pytest.raises(ConfigError, match="a field cannot be called 'item'"):
        Tables.parse({"events": EVENTS, "items": table}, origin="test")


def test_rows_that_say_nothing_are_counted(tmp_path: Path) -> None:
    pl.DataFrame({"item": ["a", None, "b", "b"], "tag": ["1", "1", None, "9"]}).write_parquet(tmp_path / "tags.parquet")
    pl.DataFrame({"tag": ["1"], "name": ["jazz"]}).write_parquet(tmp_path / "names.parquet")
    names = {"files": "names.parquet", "value": "tag", "name": "name"}
    table = {"field": "tags", "files": "tags.parquet", "item": "item", "value": "tag", "names": names}
    left_out: Counter[str] = Counter()
    items = read_items(Tables.parse({"events": EVENTS, "item_values": [table]}, origin="test"), tmp_path, left_out)
    assert items.table.rows() == [("a", ["jazz"])]
    assert left_out == {"tags: no item, value or weight": 2, "tags: a value without a name": 1}


NOON = 978_350_400  # 2001-01-01 12:00 UTC


def said_of(folder: Path, events: dict[str, Any] = EVENTS, **mapping: Any) -> list[tuple[Any, ...]]:
    """Item, value, since and until of the tags, from events.parquet or what `mapping` says."""
    table = {"field": "tags", "files": "events.parquet", "item": "i", "value": "tag", **mapping}
    tables = Tables.parse({"events": events, "item_values": [table]}, origin="test")
    said = read_items(tables, folder, Counter()).said
    assert set(said["field"]) <= {"tags"}
    return sorted(said.select("item", "value", "since", "until").rows())


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """Who gave which tag when; the third has no time that can be."""
    rows = [("a", "x", "jazz", NOON + 5), ("b", "x", "rock", NOON), ("b", "y", "rock", 7), ("c", "x", "jazz", NOON + 9)]
    frame = pl.DataFrame(rows, schema=["u", "i", "tag", "t"], orient="row")
    frame.write_parquet(tmp_path / "events.parquet")
    frame.with_columns(pl.from_epoch("t").alias("day")).write_parquet(tmp_path / "other.parquet")
    return tmp_path


JAZZ, ROCK = ("x", "jazz", NOON + 5.0, float("inf")), ("x", "rock", float(NOON), float("inf"))


def test_values_of_the_events_own_files_were_said_at_their_time(tagged: Path) -> None:
    assert said_of(tagged, EVENTS | {"time": "t"}) == [JAZZ, ROCK]
    first = said_of(tagged, EVENTS | {"time": "t"}, files="*ents.parquet", top=1)
    assert first == [JAZZ, (*ROCK[:3], NOON + 5.0)]  # by name, as soon as both were said once


def test_values_have_the_time_that_they_name_and_none_if_they_name_none(tagged: Path) -> None:
    assert said_of(tagged, EVENTS | {"time": "t"}, files="other.parquet") == []
    assert said_of(tagged) == []
    for column in ("t", "day"):
        assert said_of(tagged, files="other.parquet", time=column) == [JAZZ, ROCK]


def test_a_row_without_a_time_says_nothing_and_is_counted(tagged: Path) -> None:
    table = {"field": "tags", "files": "events.parquet", "item": "i", "value": "tag", "time": "t"}
    left_out: Counter[str] = Counter()
    items = read_items(Tables.parse({"events": EVENTS, "item_values": [table]}, origin="test"), tagged, left_out)
    assert items.table.rows() == [("x", ["jazz", "rock"])]
    assert left_out == {"tags: no item, value, weight or time": 1}


def test_positions_are_no_time_that_users_share(tagged: Path) -> None:
    frame = pl.read_parquet(tagged / "events.parquet").with_columns(t=pl.int_range(pl.len()))
    frame.write_parquet(tagged / "events.parquet")
    assert said_of(tagged, EVENTS | {"time": "t"}) == []
    with pytest.raises(
        DataError, match="item_values of 'tags': 't' holds positions, which are no time that users share"
    ):
        said_of(tagged, time="t")
    with pytest.raises(DataError, match="item_values of 'tags' have a time, but the events have positions"):
        read_log(tagged, frame, item_values=[TAGGED | {"files": "other.parquet", "time": "day"}])


TAGGED = {"field": "tags", "files": "events-0.parquet", "item": "i", "value": "tag"}


def test_a_log_keeps_what_was_said_only_where_it_has_a_time(
    tagged: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    frame = pl.read_parquet(tagged / "events.parquet").drop("t")
    log = read_log(tmp_path_factory.mktemp("without"), frame, item_values=[TAGGED])
    assert log.said("tags") is None
    assert not (log.folder / "said.parquet").exists()
    log = read_log(tmp_path_factory.mktemp("with"), pl.read_parquet(tagged / "events.parquet"), item_values=[TAGGED])
    said = log.said("tags")
    assert said is not None
    assert sorted(said.rows()) == [JAZZ, ROCK]
    assert log.said("genres") is None


def test_a_unit_without_a_time_is_refused() -> None:
    table = {"field": "tags", "files": "y.csv", "item": "id", "value": "b", "time_unit": "ms"}
    with pytest.raises(ConfigError, match="time_unit = 'ms' needs `time`, the column that it belongs to"):
        Tables.parse({"events": EVENTS, "item_values": [table]}, origin="test")


def read_field(folder: Path, values: pa.Array) -> list[list[str]]:
    """What a field of the items in Parquet becomes."""
    pq.write_table(pa.table({"id": range(len(values)), "tags": values}), folder / "items.parquet")
    table = {"files": "items.parquet", "item": "id", "fields": {"tags": "tags"}}
    return [fields["tags"] for fields in items_of(folder, items=table).values()]


NAMED = pa.struct([("id", pa.int64()), ("name", pa.string())])
UUID = uuid.UUID(int=2**127)
FIELDS = {
    "floats": (pa.array([1.0, 2.5, float("nan")]), [["1"], ["2.5"], []]),
    "lists of floats": (pa.array([[1.0, 2.5], [float("nan")], None]), [["1", "2.5"], [], []]),
    "decimals": (pa.array([Decimal("10.00"), Decimal("2.50")]), [["10"], ["2.5"]]),
    "lists of decimals": (pa.array([[Decimal("1.00")]]), [["1"]]),
    "whole decimals": (pa.array([[Decimal("100")]]), [["100"]]),
    "lists of lists": (pa.array([[["a", "b"], [], ["c"]], [], None]), [["a", "b", "c"], [], []]),
    "records": (pa.array([{"id": 1, "name": "a"}, {"id": 2}, None], NAMED), [["a"], ["2"], []]),
    "lists of records": (pa.array([[{"id": 1, "name": "a"}, {"id": None}]], pa.list_(NAMED)), [["a"]]),
    "lists of lists of records": (pa.array([[[{"id": 1}]]], pa.list_(pa.list_(NAMED))), [["1"]]),
    "records in texts": (pa.array(['{"id": 1, "name": "a"}', "b"]), [["a"], ["b"]]),
    "lists of records in texts": (pa.array([['{"id": 1, "name": "a"}', "b"]]), [["a", "b"]]),
    "binary": (pa.array([b"a", None]), [["a"], []]),
    "lists of binary": (pa.array([[b"a", None], None]), [["a"], []]),
    "lists of UUIDs": (pa.array([[UUID.bytes]], pa.list_(pa.binary(16))), [[str(UUID)]]),
    "lists of one length": (pa.array([["a", "b"], None], pa.list_(pa.string(), 2)), [["a", "b"], []]),
    "nothing": (pa.nulls(1), [[]]),
}


@pytest.mark.parametrize("kind", FIELDS)
def test_a_field_of_any_type_becomes_texts(kind: str, tmp_path: Path) -> None:
    values, expected = FIELDS[kind]
    assert read_field(tmp_path, values) == expected


NO_FIELDS = {
    "values of type Duration": pa.array([timedelta(1)]),
    "lists of Duration": pa.array([[timedelta(1)]]),
    "values of type Map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "records, .*; name a value inside, by its path: tags.x": pa.array([{"x": 1}]),
    "lists of records, .*; name a value inside, by its path: tags.x": pa.array([[{"x": 1}]]),
    "bytes that are neither UTF-8 nor UUIDs": pa.array([[b"\xff"]]),
    "bytes that are neither UTF-8 nor UUIDs of": pa.array([b"\xff"]),
}


@pytest.mark.parametrize("told", NO_FIELDS)
def test_a_field_that_holds_no_values_is_refused_by_its_column_and_type(told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"column 'tags' holds {told}"):
        read_field(tmp_path, NO_FIELDS[told])


@pytest.mark.parametrize(
    "tags",
    [
        [["a", "b"], ["c"]],
        [{"id": 1, "name": "a"}, {"id": 2}, {"id": None, "x": 1}],
        {"name": "a"},
        [1.0, 2],
        [{"name": ["a", "b"]}],
    ],
)
def test_tags_mean_the_same_in_parquet_in_json_lines_and_in_texts(tags: Any, tmp_path: Path) -> None:
    lines = json.dumps({"id": "0", "tags": tags})
    (tmp_path / "items.jsonl").write_text(f"{lines}\n")
    table = {"files": "items.jsonl", "item": "id", "fields": {"tags": "tags"}}
    found = items_of(tmp_path, items=table)["0"]["tags"]
    assert [found] == read_field(tmp_path, pa.array([tags])) == read_field(tmp_path, pa.array([json.dumps(tags)]))


@pytest.mark.parametrize("text", ["NULL ", " nan", "Null", "NONE", "<na>", "\tnull"])
def test_what_stands_for_none_may_have_spaces_around_it_and_letters_of_any_case(text: str, tmp_path: Path) -> None:
    pl.DataFrame({"id": ["x", text], "tags": [["a", text], ["b"]]}).write_parquet(tmp_path / "items.parquet")
    table = {"files": "items.parquet", "item": "id", "fields": {"tags": "tags"}}
    assert items_of(tmp_path, items=table) == {"x": {"tags": ["a"]}}


@pytest.mark.parametrize(
    "tags",
    [
        ["['jazz', 'blues']", "['jazz']", "[]"],
        [["jazz", "blues"], ["jazz"], []],
        [[["jazz"], ["blues"]], [["jazz"]], []],
        [[{"name": "jazz"}, {"name": "blues"}], [{"name": "jazz"}], []],
        ["[jazz,blues]", "[jazz]", "[]"],
    ],
)
def test_values_may_be_lists_and_lists_in_texts(tags: list[Any], tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": ["x", "y", "z"], "tag": tags})
    assert values_of(tmp_path, frame) == {"x": ["blues", "jazz"], "y": ["jazz"]}


@pytest.mark.parametrize(
    ("tags", "weights"),
    [
        ([["a", "b"], ["c"], ["d"]], [[1.0, 2.0], [1.0, 2.0], [1.0]]),
        (["['a', 'b']", "['c']", "['d']"], ["[1, 2]", "[1, 2]", "[1]"]),
    ],
)
def test_lists_that_do_not_belong_together_are_set_aside_and_counted(
    tags: list[Any], weights: list[Any], tmp_path: Path
) -> None:
    pl.DataFrame({"item": ["x", "y", "z"], "tag": tags, "w": weights}).write_parquet(tmp_path / "v.parquet")
    table = {"field": "tags", "files": "v.parquet", "item": "item", "value": "tag", "weight": "w"}
    left_out: Counter[str] = Counter()
    items = read_items(Tables.parse({"events": EVENTS, "item_values": [table]}, origin="test"), tmp_path, left_out)
    assert items.table.rows() == [("x", ["b", "a"]), ("z", ["d"])]
    assert left_out == {"tags: the lists in 'tag' and 'w' are not equally long": 1}


def test_values_of_one_text_are_parted_by_a_separator(tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": ["x", "x", "y"], "tag": ["jazz; blues", "jazz", "; pop"]})
    assert values_of(tmp_path, frame, separator=";") == {"x": ["jazz", "blues"], "y": ["pop"]}
