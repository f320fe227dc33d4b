"""Folders of files: partitions in names, what engines leave beside their files, and parts that do not belong."""

import os
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from penchant.errors import ConfigError, DataError
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import Part
from penchant.logs.formats.places import Place, expand, system_of
from penchant.logs.tables import TableConfig


def parts_of(folder: Path, files: str | list[str], **said: Any) -> list[Part]:
    return open_parts(TableConfig.parse({"files": files, **said}, origin="test"), folder)


def rows_of(parts: list[Part], columns: list[str]) -> list[tuple[Any, ...]]:
    return [row for part in parts for batch in part.batches(columns) for row in batch.frame.rows()]


VALUES: list[tuple[str, str | None, str | None]] = [
    ("a", "2026-03-01", "a b"),
    ("b", "2026-03-02", "x/y=z"),
    ("c", None, "å%?*"),
    ("d", "2026-03-02", None),
]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("files", ["log", "log/", "log/date=*", "log/**/*.{kind}", "log/*/*/*.{kind}"])
def test_names_of_folders_are_columns(files: str, kind: str, tmp_path: Path) -> None:
    schema = pa.schema([("user", pa.string()), ("date", pa.string()), ("city", pa.string())])
    table = pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in VALUES], schema)
    by = pa.dataset.partitioning(pa.schema(list(schema)[1:]), flavor="hive")
    pa.dataset.write_dataset(table, tmp_path / "log", format=kind, partitioning=by)
    parts = parts_of(tmp_path, files.format(kind=kind))
    assert sorted(rows_of(parts, schema.names), key=str) == sorted(VALUES, key=str)
    assert rows_of(parts, ["date"]) == [(part.partition["date"],) for part in parts]
    assert all(part.sample().columns == schema.names == list(part.schema()) for part in parts)


def test_a_column_of_the_file_counts_before_the_name_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "date=1").mkdir()
    (tmp_path / "date=1" / "log.csv").write_text("user,date\na,7\n")
    assert rows_of(parts_of(tmp_path, "date=1"), ["user", "date"]) == [("a", "7")]


@pytest.mark.parametrize("files", ["log", "log/*", "log/**", "log/*.parquet"])
def test_what_spark_leaves_beside_its_files_is_passed_over(files: str, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    (folder / "_temporary" / "0").mkdir(parents=True)
    frame = pl.DataFrame({"user": ["a"]})
    frame.write_parquet(folder / "part-00000.snappy.parquet")
    frame.write_parquet(folder / "_temporary" / "0" / "part-00001.parquet")
    for name in ("_SUCCESS", "._SUCCESS.crc", ".part-00000.snappy.parquet.crc", "_metadata"):
        (folder / name).write_bytes(b"crc" if "crc" in name else b"")
    assert rows_of(parts_of(tmp_path, files), ["user"]) == [("a",)]


def test_a_folder_may_mix_formats_and_hold_parts_without_rows(tmp_path: Path) -> None:
    pl.DataFrame({"user": ["a"], "n": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(schema={"user": pl.String}).write_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.csv").write_text("n,user\n2,c\n")
    (tmp_path / "d.csv").write_text("user,n\n")
    (tmp_path / "e.jsonl").write_text('{"user": "e"}\n')
    pl.DataFrame({"user": ["f"]}).write_parquet(tmp_path / "part-00000")
    parts = parts_of(tmp_path, str(tmp_path))
    assert rows_of(parts, ["user"]) == [("a",), ("c",), ("e",), ("f",)]
    assert all(set(part.sample().columns) >= {"user"} for part in parts)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"usr,n\na,1\n", r"x\.csv has no column 'user'; it has: usr, n"),
        ("x.csv", b"", r"x\.csv is empty; remove it or fill it"),
        ("x.parquet", b"", r"x\.parquet is empty"),
        ("x.jsonl", b"\n", r"x\.jsonl holds no JSON object"),
        ("x.md", b"notes", r"x\.md: unknown format \.md"),
    ],
)
def test_a_part_that_does_not_belong_is_named(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,n\na,1\n")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        rows_of(parts_of(tmp_path, str(tmp_path)), ["user"])


def test_a_file_that_two_patterns_name_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user\na\n")
    assert rows_of(parts_of(tmp_path, ["a.csv", "*.csv", "**", str(tmp_path)]), ["user"]) == [("a",)]


def test_names_may_look_like_patterns_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "log [1]*").mkdir()
    (tmp_path / "log [1]*" / "a?.csv").write_text("user\na\n")
    os.symlink(tmp_path / "log [1]*", tmp_path / "link")
    for files in ("log [1]*", "log [1]*/a?.csv", "link"):
        assert rows_of(parts_of(tmp_path, files), ["user"]) == [("a",)]


def test_the_state_of_a_file_changes_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user\na\n")
    before = parts_of(tmp_path, "a.csv")[0].state
    assert parts_of(tmp_path, "a.csv")[0].state == before
    (tmp_path / "a.csv").write_text("user\nab\n")
    assert parts_of(tmp_path, "a.csv")[0].state != before


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("gs://bucket/logs/*.csv", "bucket/logs/*.csv"),
        ("gs://bucket/logs/", "bucket/logs"),
        ("abfs://box@account.dfs.core.windows.net/logs/a.csv", "box/logs/a.csv"),
        ("az://box/logs/date=*/a.csv", "box/logs/date=*/a.csv"),
    ],
)
def test_addresses_of_stores_are_understood(where: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    assert system_of(where)[1] == path


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("http://host/a.csv", r"http://host/a\.csv cannot be opened: .*known are s3://bucket/path, gs://"),
        ("s3://", "s3:// names no bucket"),
        ("az://box/a.csv", "needs AZURE_STORAGE_ACCOUNT_NAME"),
    ],
)
def test_addresses_that_lead_nowhere_are_refused(where: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ConfigError, match=says):
        system_of(where)


def test_a_secret_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="has a secret in it; leave it out") as caught:
        expand("s3://key:hush@bucket/a.csv", Path())
    assert "hush" not in str(caught.value)


def test_a_name_in_a_folder_called_as_a_date_is_text(tmp_path: Path) -> None:
    place = Place("x", "/log/date=2026-03-01/a.csv", None, "/log")
    assert place.partition == {"date": str(date(2026, 3, 1))}
