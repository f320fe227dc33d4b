"""Files that were written before, read: whatever one holds, it is what was written, or a DataError names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from polars.exceptions import PanicException, PolarsError
from safetensors import SafetensorError

from penchant.files import damaged, read_json

SPOILT = (
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError, EOFError),
    *(PolarsError, PanicException, SafetensorError),
)
"""What libraries, and what reads their answers, raise where a file holds something else than they expect. RuntimeError:
of PyTorch, and RecursionError."""


@contextmanager
def as_written(path: Path) -> Iterator[None]:
    """Around what reads a file and what it says: raises DataError where that cannot be what was written."""
    try:
        yield
    except SPOILT as error:
        raise damaged(path, error) from error


def read_table(path: Path, *columns: str) -> pl.DataFrame:
    """A Parquet file. columns: those that it must have. Raises DataError where it is none, or has not."""
    with as_written(path):
        rows = pl.read_parquet(path)
        rows.select(columns)
        return rows


def read_keys(path: Path, keys: frozenset[str]) -> dict[str, Any]:
    """A JSON object. keys: those that it must have. Raises DataError where it is none, or has not."""
    with as_written(path):
        said = dict(read_json(path))
        missing = sorted(keys - said.keys())
        if missing:
            raise LookupError(f"it lacks {missing[0]!r}")
        return said
