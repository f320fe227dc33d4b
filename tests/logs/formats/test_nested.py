"""The same rows as Parquet and as JSON lines give the same texts, by every path into nested columns."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.errors import DataError
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import PORTIONS, Portions, column
from penchant.logs.rows.ids import as_id
from penchant.logs.tables import TableConfig

Row = dict[str, Any]

TYPES = pa.schema(
    [
        ("user", pa.string()),
        ("number", pa.int64()),
        ("said", pa.bool_()),
        ("whole", pa.float64()),
        ("user.name", pa.string()),
        ("record", pa.struct([("x", pa.int64()), ("deep", pa.struct([("y", pa.string()), ("a.b", pa.int64())]))])),
        ("items", pa.list_(pa.struct([("id", pa.int64()), ("tags", pa.string())]))),
        ("list", pa.list_(pa.string())),
        (
            "params",
            pa.list_(pa.struct([("key", pa.string()), ("value", pa.struct([("s", pa.string()), ("i", pa.int64())]))])),
        ),
    ]
)
PATHS = [
    *("user", "number", "said", "whole", "user.name", "record.x", "record.deep.y", "record.deep.a.b", "items.id"),
    *("items.tags", "list", "params.page", "params.session.id"),
]
WORDS = st.none() | st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=5)
NUMBERS = st.none() | st.integers(-(2**63), 2**63 - 1)
VALUES = st.builds(lambda s: {"s": s, "i": None}, WORDS) | st.builds(lambda i: {"s": None, "i": i}, NUMBERS)
ROWS = st.fixed_dictionaries(
    {
        "user": WORDS,
        "number": NUMBERS,
        "said": st.none() | st.booleans(),
        "whole": st.none() | st.integers(-(2**53) + 1, 2**53 - 1).map(float),
        "user.name": WORDS,
        "record": st.none()
        | st.fixed_dictionaries(
            {"x": NUMBERS, "deep": st.none() | st.fixed_dictionaries({"y": WORDS, "a.b": NUMBERS})}
        ),
        "items": st.none() | st.lists(st.fixed_dictionaries({"id": NUMBERS, "tags": WORDS}), max_size=3),
        "list": st.none() | st.lists(WORDS, max_size=3),
        "params": st.none()
        | st.lists(
            st.fixed_dictionaries({"key": st.sampled_from(["page", "session.id", "other"]), "value": VALUES}),
            max_size=3,
            unique_by=lambda one: str(one["key"]),
        ),
    }
)
FULL: Row = {
    "user": "a",
    "number": 1,
    "said": True,
    "whole": 1.0,
    "user.name": "n",
    "record": {"x": 1, "deep": {"y": "z", "a.b": 2}},
    "items": [{"id": 1, "tags": "t"}],
    "list": ["l"],
    "params": [{"key": "page", "value": {"s": "/", "i": None}}, {"key": "session.id", "value": {"s": None, "i": 5}}],
}


def write(folder: Path, rows: list[Row]) -> tuple[Path, Path]:
    parquet, lines = folder / "log.parquet", folder / "log.jsonl"
    pq.write_table(pa.Table.from_pylist(rows, TYPES), parquet)
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return parquet, lines


def batches(path: Path, columns: list[str], portions: Portions = PORTIONS) -> Iterator[pl.DataFrame]:
    (part,) = open_parts(TableConfig.parse({"files": str(path)}, origin="test"), path.parent)
    return (batch.frame for batch in part.batches(columns, portions))


def texts_of(path: Path, columns: list[str], portions: Portions = PORTIONS) -> dict[str, list[Any]]:
    """The values of columns as ids, or lists of them."""
    found: dict[str, list[Any]] = {name: [] for name in columns}
    for frame in batches(path, columns, portions):
        for name, dtype in frame.schema.items():
            values = frame.select(column(name))
            if not isinstance(dtype, pl.List):
                found[name] += values.select(as_id(values, name)).to_series().to_list()
                continue
            numbered = values.with_row_index("row of this test").explode(name, empty_as_null=True)
            ids = numbered.with_columns(as_id(numbered, name).alias("id")).group_by(
                "row of this test", maintain_order=True
            )
            lists = ids.agg("id")["id"].to_list()
            found[name] += [one and ids for one, ids in zip(frame[name].to_list(), lists, strict=True)]
    return found


def texts(path: Path, name: str, portions: Portions = PORTIONS) -> list[Any]:
    return texts_of(path, [name], portions)[name]


@settings(deadline=None, max_examples=25)
@given(st.lists(ROWS, max_size=4))
def test_parquet_and_json_lines_give_the_same_texts(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    parquet, lines = write(tmp_path_factory.mktemp("log"), [FULL, *rows])
    expected = texts_of(parquet, PATHS)
    assert texts_of(lines, PATHS) == expected
    assert texts_of(lines, PATHS, Portions(rows=2)) == expected


def test_the_value_of_a_key_is_picked_and_a_path_through_a_list_gives_a_list(tmp_path: Path) -> None:
    for path in write(tmp_path, [FULL]):
        found = {name: texts(path, name)[0] for name in PATHS}
        assert found == {
            **{"user": "a", "number": "1", "said": "true", "whole": "1", "user.name": "n", "record.x": "1"},
            **{"record.deep.y": "z", "record.deep.a.b": "2", "items.id": ["1"], "items.tags": ["t"], "list": ["l"]},
            **{"params.page": "/", "params.session.id": "5"},
        }


def lines_of(folder: Path, *lines: str) -> Path:
    path = folder / "log.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


DEEP = [
    {"o": [{"items": [{"id": 0}, {"id": 5}]}, {"items": None}, {"items": [{"id": None}]}]},
    {"o": [{"items": [{"id": 7}]}, {"items": []}]},
    {"o": None},
]


def test_a_path_through_lists_in_lists_gives_one_list(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(DEEP), tmp_path / "log.parquet")
    for path in (tmp_path / "log.parquet", lines_of(tmp_path, *map(json.dumps, DEEP))):
        assert texts(path, "o.items.id") == [["0", "5", None, None], ["7"], None]


def test_a_key_may_hold_now_a_text_and_now_a_record(tmp_path: Path) -> None:
    path = lines_of(tmp_path, '{"u": "t", "x": {"y": 1}}', '{"u": {"v": [1]}, "x": "z"}', '{"u": [1, 2], "x": null}')
    assert texts(path, "u") == ["t", '{"v": [1]}', "[1, 2]"]
    assert texts(path, "x.y") == ["1", None, None]
    assert texts(path, "u.v")[1] == ["1"]


def test_a_key_that_comes_late_is_found(tmp_path: Path) -> None:
    path = lines_of(tmp_path, *['{"u": "a"}'] * 1_500, '{"late": {"id": 7}}')
    assert texts(path, "late.id")[-2:] == [None, "7"]
    assert texts(path, "late")[-1] == '{"id": 7}'
    with pytest.raises(DataError, match=r"log\.jsonl has no column 'later'; it has: u"):
        list(batches(path, ["later"]))


@pytest.mark.parametrize("value", [2**63 + 1, 10**30 + 7, 12345678901234567890])
def test_numbers_beyond_64_bits_keep_every_digit_inside_records(value: int, tmp_path: Path) -> None:
    assert texts(lines_of(tmp_path, f'{{"u": {{"id": {value}}}}}'), "u.id") == [str(value)]


@pytest.mark.parametrize("name", ["*", "^a$", "", "a.b", '"q"', "x y"])
def test_a_column_may_be_called_anything(name: str, tmp_path: Path) -> None:
    rows = [{name: "v", "*": "w", "^a$": "x", "": "y", "other": "z"} | {name: "v"}]
    lines = lines_of(tmp_path, json.dumps(rows[0]))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log.parquet")
    for path in (lines, tmp_path / "log.parquet"):
        assert texts(path, name) == ["v"]
        (both,) = batches(path, ["other", name])
        assert both.rows() == [("z", "v")]


@pytest.mark.parametrize("written", ['[{"u": 1},\n{"u": 2}]', '[\n  {"u": 1}\n]', '[{"u": 1}]'])
@pytest.mark.parametrize("name", ["log.json", "log.jsonl"])
def test_an_array_is_refused_with_what_to_do(written: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(written)
    with pytest.raises(DataError, match=r"is one JSON array, .* jq -c '\.\[\]' array\.json > lines\.jsonl"):
        list(batches(tmp_path / name, ["u"]))


def test_a_byte_order_mark_is_no_part_of_the_first_object(tmp_path: Path) -> None:
    assert texts(lines_of(tmp_path, '\ufeff{"u": "a"}', '{"u": "b"}'), "u") == ["a", "b"]
