"""Exports as files: one Parquet file, a folder of them, or CSV. Each is whole or not there."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from penchant.audiences.spreadsheets import harmless
from penchant.errors import ConfigError
from penchant.files import aside, remove, write_json
from penchant.operation.exports.schema import COLUMNS, MARK
from penchant.operation.exports.table import ExportTable, as_json
from penchant.progress import Report

SIDECAR = "-metadata.json"
"""What stands behind the name of a CSV file in that of its description, as CSV on the Web (W3C) has it."""

CSVW = "http://www.w3.org/ns/csvw"

_DATATYPES = {"string": "string", "int64": "integer", "int32": "integer", "float": "float"}

_PART = "part-*.parquet"


def write_parquet(table: ExportTable, path: Path, *, replace: bool, report: Report) -> None:
    """One file; a block is a row group."""
    refuse_existing(path, replace=replace)
    with aside(path) as temporary, pq.ParquetWriter(temporary, table.schema, compression="zstd") as writer:
        for block in table.batches(report):
            writer.write_table(block)


def write_parquet_folder(table: ExportTable, folder: Path, *, replace: bool, report: Report) -> None:
    """A file for each block. A folder that is replaced must be one that an export wrote."""
    refuse_existing(folder, replace=replace)
    if folder.exists() and not _is_export(folder):
        raise ConfigError(f"{folder} holds what no export wrote, so it is not replaced; give another folder")
    with aside(folder) as temporary:
        temporary.mkdir()
        number = -1
        for number, block in enumerate(table.batches(report)):
            pq.write_table(block, temporary / f"part-{number:05}.parquet", compression="zstd")
        if number < 0:
            pq.write_table(table.schema.empty_table(), temporary / "part-00000.parquet")
        old = _put_away(folder, temporary)
    remove(old)


def _put_away(folder: Path, temporary: Path) -> Path:
    """Move the folder that is replaced out of the way in one step, so that nobody reads a half of it. Its new name is
    one that `aside` removes, should this process be killed."""
    old = temporary.with_name(f"{temporary.stem}0.part")
    if folder.exists():
        os.replace(folder, old)
    return old


def write_csv(table: ExportTable, path: Path, *, replace: bool, report: Report) -> None:
    """RFC 4180 in UTF-8: a line of names, texts in quotes, lines that end in CRLF; compressed where the name ends in
    .gz. A text that a spreadsheet would run as a formula has a ' before it; lists are JSON. Beside it lies SIDECAR."""
    refuse_existing(path, replace=replace)
    with aside(path) as temporary:
        with _stream(temporary, packed=path.suffix == ".gz") as file:
            _append(pl.DataFrame(schema=dict.fromkeys(table.schema.names, pl.String)), file, header=True)
            for frame in table.frames(report):
                _append(harmless(as_json(frame)), file)
        write_json(path.with_name(path.name + SIDECAR), description(table, path))


def description(table: ExportTable, path: Path) -> dict[str, object]:
    """The columns and the facts of a CSV file, as the standard CSV on the Web describes tables."""
    columns = [
        {"name": one.name, "datatype": _DATATYPES.get(str(one.type), "json"), "dc:description": one.meaning}
        for one in COLUMNS[table.what, table.form]
    ]
    facts = {f"{MARK}{name}": said for name, said in table.about.items()}
    return {"@context": CSVW, "url": path.name, "tableSchema": {"columns": columns}, "notes": [facts]}


def refuse_existing(path: Path, *, replace: bool) -> None:
    """ConfigError where something is there already and may not be replaced."""
    if path.exists() and not replace:
        raise ConfigError(f"{path} exists; give another target, or replace it with --replace (replace=True in Python)")


def _append(frame: pl.DataFrame, file: IO[bytes], *, header: bool = False) -> None:
    file.write(frame.write_csv(include_header=header, quote_style="non_numeric", line_terminator="\r\n").encode())


@contextmanager
def _stream(path: Path, *, packed: bool) -> Iterator[IO[bytes]]:
    """A file to write bytes to. A packed one holds no time and no name, so the same rows are the same bytes."""
    with path.open("wb") as file:
        if not packed:
            yield file
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packing:
            yield packing  # type: ignore[misc]


def _is_export(folder: Path) -> bool:
    """Whether a folder is what `write_parquet_folder` wrote."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if not files or not all(one.match(_PART) for one in files):
        return False
    try:
        return f"{MARK}schema".encode() in (pq.read_schema(files[0]).metadata or {})
    except (pa.ArrowInvalid, OSError):
        return False
