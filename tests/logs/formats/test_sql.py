"""Queries of DuckDB, over files beside the run file and over a database: exact values, and errors in one line."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from penchant.errors import DataError
from penchant.logs.clocks import read_clock, settle_clock
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import PORTIONS, Part, Portions
from penchant.logs.ids import as_id
from penchant.logs.tables import NONE, EventsTable, TableConfig


def part_of(folder: Path, query: str, **said: Any) -> Part:
    (part,) = open_parts(TableConfig.parse({"query": query, **said}, origin="test"), folder)
    return part


def rows_of(part: Part, *columns: str, portions: Portions = PORTIONS) -> list[tuple[Any, ...]]:
    wanted = list(columns) or list(part.schema())
    return [row for batch in part.batches(wanted, portions) for row in batch.frame.rows()]


ENDS = ["", ";", " ; ;\n", " -- a comment", "; -- a comment\n", " /* a; comment */", ";\n/* over\nlines */ "]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "query", ["select * from 'log.csv'", "from 'log.csv'", "select user, ';--' as item from 'log.csv'"]
)
def test_a_query_reads_files_beside_the_run_file_and_may_end_as_it_likes(query: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item\n007,;--\nb,;--\n")
    part = part_of(tmp_path, query + end)
    assert rows_of(part) == [("007", ";--"), ("b", ";--")] == rows_of(part, portions=Portions(rows=1))
    assert (part.count(), len(part.sample())) == (2, 2)


def test_a_database_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
        connection.execute('create table "odd ""name" as select 1 as "a ""b", 2 as "x.y", 3 as "*", 4 as "^a$"')
    query = 'select * from "odd ""name"'
    part = part_of(tmp_path, query, database="log.duckdb")
    assert rows_of(part, "*", 'a "b', "^a$", "x.y") == [(3, 1, 4, 2)]
    with pytest.raises(DataError, match=r"no\.duckdb does not exist; mend `database`"):
        part_of(tmp_path, query, database="no.duckdb").schema()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("selec 1", "syntax error at or near"),
        ("select nope from 'log.csv'", 'column "nope" not found'),
        ("select * from 'no.csv'", "No files found"),
        ("", "is not one statement that selects rows"),
        ("select 1; select 2", "is not one statement that selects rows"),
        ("create table x as select 1", "is not one statement that selects rows"),
        ("copy (select 1) to 'x.csv'", "is not one statement that selects rows"),
    ],
)
def test_a_wrong_query_is_told_in_one_line(query: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item\na,b\n")
    with pytest.raises(DataError, match=f"query .*{says}") as caught:
        rows_of(part_of(tmp_path, query))
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


HUGE = 2**127 - 1
AS_IDS = {
    f"{HUGE}::hugeint": str(HUGE),
    f"{2**128 - 1}::uhugeint": str(2**128 - 1),
    "sum(1)": "1",
    "uuid '12345678-1234-5678-1234-567812345678'": "12345678-1234-5678-1234-567812345678",
    "12.00::decimal(10, 2)": "12",
    "'a'::enum('a', 'b')": "a",
    "true": "true",
    "'x'::blob": "x",
    "'101'::bit": "101",
    "'NULL'": None,
    "null": None,
}


@pytest.mark.parametrize("value", AS_IDS)
def test_results_are_exact_as_ids(value: str, tmp_path: Path) -> None:
    part = part_of(tmp_path, f"select {value} as id, interval 1 day as other, union_value(k := 1) as more")
    (batch,) = part.batches(["id"])
    assert batch.frame.select(as_id(batch.frame, "id", NONE)).item() == AS_IDS[value]
    assert part.sample().columns[:1] == ["id"]


@pytest.mark.parametrize("value", ["union_value(k := 1)"])
def test_a_type_that_cannot_be_read_is_named_where_it_is_wanted(value: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'id' is of a type that cannot be read; convert it, or leave it out"):
        rows_of(part_of(tmp_path, f"select {value} as id"), "id")


@pytest.mark.parametrize(
    "value",
    [
        "timestamptz '2026-03-13 16:05:09+02'",
        "timestamp '2026-03-13 14:05:09'",
        "timestamp_ns '2026-03-13 14:05:09'",
        "timestamp_s '2026-03-13 14:05:09'",
        "'2026-03-13T14:05:09Z'",
        "1773410709",
        "1773410709::hugeint",
    ],
)
def test_results_are_times(value: str, tmp_path: Path) -> None:
    (batch,) = part_of(tmp_path, f"select {value} as at").batches(["at"])
    table = EventsTable.parse({"query": "x", "user": "u", "item": "i", "time": "at"}, origin="test")
    seconds = read_clock(batch.frame, table, settle_clock([batch.frame], table, "log"))
    assert seconds.to_list() == [datetime(2026, 3, 13, 14, 5, 9, tzinfo=UTC).timestamp()]


def test_the_state_changes_with_the_content_even_of_repeated_rows(tmp_path: Path) -> None:
    states = set()
    for content in ("a\na\n", "b\nb\n", "a\nb\n", "a\na\na\na\n", "a\n"):
        (tmp_path / "log.csv").write_text("user\n" + content)
        query = "select * from read_csv('log.csv', header = true)"
        states.add(part_of(tmp_path, query).state)
        assert part_of(tmp_path, query).state in states
    assert len(states) == 5
