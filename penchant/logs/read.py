"""Read tables of any size in batches, as they are: Parquet, CSV (all text), JSON lines (all text).

Every row keeps its number: 1 is the first row of a Parquet file, the first line of a JSON lines file, the header of a
CSV file, where blank lines do not count and a quoted line break, allowed in columns that are not read, is part of its
row. Lines that cannot be parsed come back as such instead of ending the read.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from penchant.errors import DataError
from penchant.logs.tables import file_format

ROW = "row"


@dataclass(frozen=True)
class Portions:
    """How much of a log is in memory at once. rows: of a Parquet or a JSON lines file; csv_bytes: of a CSV file;
    bucket: rows of one bucket, about."""

    rows: int = 500_000
    csv_bytes: int = 16 << 20
    bucket: int = 250_000


PORTIONS = Portions()


@dataclass(frozen=True)
class ReadRows:
    """Some rows of one file: the columns asked for; the number of each row, called ROW; and the lines that could not
    be parsed."""

    frame: pl.DataFrame
    rows: pl.Series
    malformed: list[tuple[int, str]] = field(default_factory=list)


def read_columns(path: Path) -> list[str]:
    """Names of a file's columns; of a JSON lines file, the keys of its first 1,000 objects."""
    with readable(path):
        match file_format(path):
            case "parquet":
                return list(pl.read_parquet_schema(path))
            case "csv":
                return pl.read_csv(path, n_rows=0, infer_schema_length=0, truncate_ragged_lines=True).columns
            case _:
                return read_sample(path, 1000).columns


def read_sample(path: Path, rows: int = 2000) -> pl.DataFrame:
    """The first rows, with types guessed where the format has none; lines that cannot be parsed are passed over."""
    with readable(path):
        match file_format(path):
            case "parquet":
                return pl.read_parquet(path, n_rows=rows)
            case "csv":
                return pl.read_csv(
                    path, n_rows=rows, infer_schema_length=rows, ignore_errors=True, truncate_ragged_lines=True
                )
            case _:
                return pl.read_ndjson(_first_objects(path, rows), infer_schema_length=None)


def count_rows(path: Path) -> int:
    """About how many rows a file has: exact for Parquet, the lines of other files."""
    with readable(path):
        if file_format(path) == "parquet":
            return int(pyarrow.parquet.read_metadata(path).num_rows)
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def require_columns(path: Path, wanted: list[str]) -> None:
    """Raise a DataError that names the first missing column and those that are there."""
    there = read_columns(path)
    for name in wanted:
        if name not in there:
            raise DataError(f"{path} has no column {name!r}; it has: {', '.join(there)}")


def read_batches(path: Path, columns: list[str], portions: Portions = PORTIONS) -> Iterator[ReadRows]:
    """The file's rows, not too many at a time."""
    require_columns(path, columns)
    columns = list(dict.fromkeys(columns))
    readers = {"parquet": _read_parquet, "csv": _read_csv, "jsonl": _read_jsonl}
    with readable(path):
        yield from readers[file_format(path)](path, columns, portions)


def read_whole(path: Path, columns: list[str], portions: Portions = PORTIONS) -> pl.DataFrame:
    """All rows of a table that fits in memory; lists stay lists. Raises DataError at the first line without sense."""
    require_columns(path, columns)
    with readable(path):
        if file_format(path) == "parquet":
            there = list(pl.read_parquet_schema(path))
            return pl.read_parquet(path, columns=[there.index(name) for name in columns])
        if file_format(path) == "jsonl":
            return pl.read_ndjson(path, infer_schema_length=None).select(map(column, columns))
    frames = [pl.DataFrame(schema=dict.fromkeys(columns, pl.String))]
    for batch in read_batches(path, columns, portions):
        for row, text in batch.malformed:
            raise DataError(f"{path}, row {row} cannot be parsed: {text[:80]!r}; mend or remove it")
        frames.append(batch.frame.select(map(column, columns)))
    return pl.concat(frames)


def column(name: str) -> pl.Expr:
    """The column of exactly this name: to `pl.col`, "*" and "^…$" are patterns."""
    return cs.by_name(name).as_expr()


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn a library's error about an empty or broken file into a DataError that names the file."""
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty; remove it or fill it")
        yield
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(
            f"{path} cannot be read as {file_format(path)}: {said}; "
            f"if it was still being written, wait until it is whole and run again"
        ) from error


def _first_objects(path: Path, rows: int) -> bytes:
    with open(path, "rb") as file:
        objects = b"".join(islice((line for line in file if _is_object(line)), rows))
    if not objects:
        raise DataError(f"{path} holds no JSON object; a JSON lines file has one on each line")
    return objects


def _read_parquet(path: Path, columns: list[str], portions: Portions) -> Iterator[ReadRows]:
    first_row = 1
    with pyarrow.parquet.ParquetFile(path) as file:
        for part in file.iter_batches(batch_size=portions.rows, columns=columns):
            frame = _frame(part)
            yield ReadRows(frame, _numbers(np.arange(first_row, first_row + len(frame))))
            first_row += len(frame)


def _read_csv(path: Path, columns: list[str], portions: Portions) -> Iterator[ReadRows]:
    malformed: list[tuple[int, str]] = []

    def set_aside(row: pyarrow.csv.InvalidRow) -> str:
        malformed.extend((row.number, line) for line in row.text.splitlines() or [""])
        return "skip"

    reader = pyarrow.csv.open_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(block_size=portions.csv_bytes, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(invalid_row_handler=set_aside, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    good = told = 0
    for part in reader:
        frame = _frame(part)
        rows = _numbers(_csv_rows(good, len(frame), list(dict.fromkeys(row for row, _ in malformed))))
        _refuse_line_breaks(path, frame, rows)
        yield ReadRows(frame, rows, malformed[told:])
        good, told = good + len(frame), len(malformed)
    if told < len(malformed):
        yield ReadRows(pl.DataFrame(schema=dict.fromkeys(columns, pl.String)), _numbers(np.arange(0)), malformed[told:])


def _refuse_line_breaks(path: Path, frame: pl.DataFrame, rows: pl.Series) -> None:
    """Raise DataError where a value holds line breaks: a quote was left open, so that all lines after it became one
    value."""
    for values in frame.get_columns():
        broken = values.str.contains("\n", literal=True).arg_true()
        if len(broken):
            raise DataError(
                f"{path}, row {rows[broken[0]]}: {values.name!r} goes on over several lines, "
                f"{values[broken[0]][:60]!r}; "
                f"close the quote that was left open there, or take the line breaks out"
            )


def _csv_rows(before: int, count: int, malformed: list[int]) -> np.ndarray:
    """Row numbers of `count` good rows after `before` good ones, counting the header and the malformed rows."""
    good_before_malformed = np.asarray(malformed) - 2 - np.arange(len(malformed))
    order = np.arange(before, before + count)
    return order + 2 + np.searchsorted(good_before_malformed, order, side="right")


def _read_jsonl(path: Path, columns: list[str], portions: Portions) -> Iterator[ReadRows]:
    first_row = 1
    with open(path, "rb") as file:
        while lines := list(islice(file, portions.rows)):
            yield _parse_lines(lines, columns, first_row)
            first_row += len(lines)


def _parse_lines(lines: list[bytes], columns: list[str], first_row: int) -> ReadRows:
    """Parse all lines at once; where that fails, find the bad ones and parse the rest."""
    rows = np.arange(first_row, first_row + len(lines))
    schema = {name: pl.String() for name in columns}
    filled = np.array([bool(line.strip()) for line in lines])
    malformed: list[tuple[int, str]] = []
    try:
        frame = pl.read_ndjson(b"".join(lines), schema=schema)
    except (pl.exceptions.PolarsError, UnicodeDecodeError):
        good = np.array([_is_object(line) for line in lines])
        malformed = [
            (int(row), line.decode(errors="replace").rstrip())
            for row, line, bad in zip(rows, lines, filled & ~good, strict=True)
            if bad
        ]
        filled = good
        whole = [line for line, keep in zip(lines, good, strict=True) if keep]
        frame = pl.read_ndjson(b"".join(whole), schema=schema) if whole else pl.DataFrame(schema=schema)
    return ReadRows(frame, _numbers(rows[filled]), malformed)


def _is_object(line: bytes) -> bool:
    """Say whether a line is a JSON object. `int` refuses NaN and Infinity, which Python accepts and JSON does not
    know."""
    try:
        return isinstance(json.loads(line, parse_constant=int), dict)
    except ValueError:
        return False


def _frame(part: pa.RecordBatch) -> pl.DataFrame:
    """Return the table under its own column names, because Polars renames a column whose name is empty."""
    frame = pl.DataFrame(pl.from_arrow(part))
    frame.columns = part.schema.names
    return frame


def _numbers(rows: np.ndarray) -> pl.Series:
    return pl.Series(ROW, rows, dtype=pl.Int64)
