"""Delta and Iceberg tables as their own libraries write them: only what a table still holds is read."""

import json
import string
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from penchant.errors import DataError
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import PORTIONS, Part, Portions
from penchant.logs.tables import TableConfig
from tests.logs.formats.iceberg_on_disk import create_iceberg

MOMENT = datetime(2026, 3, 13, 14, 5, 9, tzinfo=UTC)
TABLE = pa.table(
    {
        "user": ["a", "b", "c"],
        "time": pa.array([MOMENT] * 3, pa.timestamp("us", "UTC")),
        "plain": pa.array([MOMENT.replace(tzinfo=None)] * 3, pa.timestamp("us")),
        "record": [{"x": 1}, {"x": 2}, None],
        "date": ["1", "2", None],
    }
)
LATER = [("b", MOMENT, MOMENT.replace(tzinfo=None), 2, "2"), ("c", MOMENT, MOMENT.replace(tzinfo=None), None, None)]


def part_of(folder: Path, **said: Any) -> Part:
    (part,) = open_parts(TableConfig.parse({"files": str(folder), **said}, origin="test"), folder.parent)
    return part


def rows_of(part: Part, *columns: str, portions: Portions = PORTIONS) -> list[tuple[Any, ...]]:
    rows = (row for batch in part.batches(list(columns), portions) for row in batch.frame.rows())
    return sorted(rows, key=str)


def delta(folder: Path) -> None:
    write_deltalake(folder, TABLE, partition_by=["date"])
    DeltaTable(folder).delete("user = 'a'")


def iceberg(folder: Path) -> None:
    table = create_iceberg(folder, TABLE.schema)
    table.append(TABLE)
    table.delete("user == 'a'")


WRITERS = pytest.mark.parametrize(("kind", "write"), [("delta", delta), ("iceberg", iceberg)])


@WRITERS
def test_a_table_is_found_by_its_folder_and_deleted_rows_are_gone(
    kind: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path / "log")
    part = part_of(tmp_path / "log")
    columns = ("user", "time", "plain", "record.x", "date")
    assert rows_of(part, *columns) == LATER == rows_of(part, *columns, portions=Portions(rows=1))
    assert (part.kind, part.count(), sorted(part.sample()["user"])) == (kind, 2, ["b", "c"])
    assert rows_of(part_of(tmp_path / "log", format=kind), "user") == [("b",), ("c",)]
    with pytest.raises(DataError, match=r"log has no column 'usr'; it has: user, time"):
        rows_of(part, "usr")


@WRITERS
def test_its_files_are_refused_one_by_one_with_the_line_to_write(
    kind: str, write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path / "log")
    for files in ("log/**/*.parquet", "log/date=2", "log/data"):
        if next(tmp_path.glob(files), None):
            with pytest.raises(DataError, match=rf'{kind.capitalize()} table, .* files = "{tmp_path}/log"'):
                part_of(tmp_path / files)


@WRITERS
def test_its_state_changes_with_what_it_holds(kind: str, write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / "log")
    before = part_of(tmp_path / "log").state
    assert part_of(tmp_path / "log").state == before
    write(tmp_path / "other")
    if kind == "delta":
        write_deltalake(tmp_path / "log", TABLE, mode="append")
        assert part_of(tmp_path / "log").state != before


def test_a_delta_table_is_read_behind_updates_a_checkpoint_new_columns_and_vacuum(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    write_deltalake(folder, pa.table({"user": ["a", "b"]}))
    DeltaTable(folder).update(updates={"user": "'z'"}, predicate="user = 'a'")
    DeltaTable(folder).create_checkpoint()
    write_deltalake(folder, pa.table({"user": ["c"], "new": [1]}), mode="append", schema_mode="merge")
    DeltaTable(folder).optimize.compact()
    DeltaTable(folder).vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    assert rows_of(part_of(folder), "user", "new") == [("b", None), ("c", 1), ("z", None)]


def test_an_iceberg_table_may_rename_a_column_and_be_named_by_its_metadata(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    table = create_iceberg(folder, pa.schema([("user", pa.string())]))
    table.append(pa.table({"user": ["a"]}))
    before = table.metadata_location
    with table.update_schema() as change:
        change.rename_column("user", "person")
    table.append(pa.table({"person": ["b"]}))
    assert rows_of(part_of(folder), "person") == [("a",), ("b",)]
    assert rows_of(part_of(Path(before)), "user") == [("a",)]


def change_log(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change each action of a Delta table's first version."""
    log = folder / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        change(action)
    log.write_text("".join(json.dumps(action) + "\n" for action in actions))


def deletion_vector(rows: list[int]) -> dict[str, Any]:
    """A deletion vector as Delta's protocol writes it into the log: a roaring bitmap of rows below 65,536, in Z85."""
    letters = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
    bitmap = struct.pack(f"<IIHHI{len(rows)}H", 12346, 1, 0, len(rows) - 1, 16, *rows)
    content = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    padded = content + bytes(-len(content) % 4)
    words = [int.from_bytes(padded[at : at + 4], "big") for at in range(0, len(padded), 4)]
    text = "".join(letters[word // 85**power % 85] for word in words for power in (4, 3, 2, 1, 0))
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(content), "cardinality": len(rows)}


def test_rows_that_a_deletion_vector_takes_out_are_gone(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    users = pa.table({"user": ["a", "b", "c", "d"], 'odd "name': [1, 2, 3, 4]})
    write_deltalake(folder, users, configuration={"delta.enableDeletionVectors": "true"})
    change_log(folder, lambda action: action.get("add", {}).update(deletionVector=deletion_vector([0, 2])))
    part = part_of(folder)
    for portions in (PORTIONS, Portions(rows=1)):
        assert rows_of(part, 'odd "name', "user", portions=portions) == [(2, "b"), (4, "d")]
    assert (part.count(), part.sample()["user"].to_list()) == (2, ["b", "d"])


def test_a_feature_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    write_deltalake(folder, pa.table({"user": ["a"]}))
    features = {name: ["noSuchThing"] for name in ("readerFeatures", "writerFeatures")}
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
    change_log(folder, lambda action: action.update(protocol=protocol) if "protocol" in action else None)
    with pytest.raises(DataError, match=r"log cannot be read as a Delta table: .*noSuchThing"):
        rows_of(part_of(folder), "user")


def test_a_delta_table_may_rename_its_columns(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    write_deltalake(folder, TABLE.select(["user"]), configuration={"delta.columnMapping.mode": "name"})
    change_log(
        folder,
        lambda action: action.get("metaData", {}).update(
            schemaString=action.get("metaData", {}).get("schemaString", "").replace('"name":"user"', '"name":"person"')
        ),
    )
    assert rows_of(part_of(folder), "person") == [("a",), ("b",), ("c",)]


@pytest.mark.parametrize("kind", ["delta", "iceberg"])
def test_a_folder_that_is_no_such_table_says_so(kind: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user\na\n")
    with pytest.raises(DataError, match=f"is no {kind} table: it has no folder"):
        part_of(tmp_path, format=kind)


@pytest.mark.parametrize("lost", ["part-*.parquet", "_delta_log/*.json"])
def test_a_broken_delta_table_is_named(lost: str, tmp_path: Path) -> None:
    write_deltalake(tmp_path / "log", pa.table({"user": ["a"]}))
    for path in (tmp_path / "log").glob(lost):
        path.unlink()
    with pytest.raises(DataError, match=r"log cannot be read as a Delta table: "):
        rows_of(part_of(tmp_path / "log"), "user")
