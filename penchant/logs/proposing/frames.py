"""Tables that are in memory, of pandas, Polars, Arrow or DuckDB, become Parquet files that a run file can name."""

import filecmp
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from penchant.errors import ConfigError, DataError
from penchant.files import aside, remove
from penchant.logs.propose import UNSURE, as_toml, find_tables, propose

_log = logging.getLogger(__name__)


def run_file_of(frames: Mapping[str, Any], folder: Path) -> Path:
    """Write tables to `folder`/tables, and the run file that `penchant init` would write for them to
    `folder`/run.toml, unless there is one; return its path. What a person should look at is logged as warnings. Raises
    ConfigError where the folder is a file, DataError where a column is not found."""
    path = folder / "run.toml"
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; give a folder for the run as `out`")
    written = write_frames(frames, folder / "tables")
    if not path.exists():
        proposal = propose(find_tables(list(written.values())), folder)
        if any(UNSURE in line for lines in proposal.sections.values() for line in lines):
            raise DataError("; ".join(proposal.notes) + '; call the columns "user", "item", "time" and "clicked"')
        for note in proposal.notes:
            _log.warning("%s (%s)", note, path)
        with aside(path) as temporary:
            temporary.write_text(as_toml(proposal), encoding="utf-8")
    return path


def write_frames(frames: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Write each table to `folder`/NAME.parquet, and return the paths. A file that would hold the same stays as it is,
    so that the same call again finds nothing new.

    frames: whatever gives Arrow batches (`__arrow_c_stream__`), or a Polars LazyFrame. A named index of pandas becomes
    a column. Raises DataError for anything else, or where there are no rows.
    """
    return {name: _write(name, table, folder / f"{name}.parquet") for name, table in frames.items()}


def _write(name: str, table: Any, path: Path) -> Path:
    frame = _as_frame(name, table)
    if frame.is_empty():
        raise DataError(f"{name} holds no rows")
    fresh = path.with_name(f"{path.name}.fresh")
    with aside(fresh) as temporary:
        frame.write_parquet(temporary)
    if path.exists() and filecmp.cmp(fresh, path, shallow=False):
        remove(fresh)
    else:
        fresh.replace(path)
    return path


def _as_frame(name: str, table: Any) -> pl.DataFrame:
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if hasattr(table, "reset_index") and any(one is not None for one in table.index.names):
        table = table.reset_index()
    columns = getattr(table, "column_names", getattr(table, "columns", None))
    if not hasattr(table, "__arrow_c_stream__") or columns is None:
        raise DataError(f"{name} is {type(table).__name__}; give a table of pandas, Polars, PyArrow or DuckDB")
    twice = [one for one, count in Counter(map(str, columns)).items() if count > 1]
    if twice:
        raise DataError(f"{name} has several columns called {twice[0]!r}; give each its own name")
    try:
        return pl.DataFrame(table)
    except (pl.exceptions.PolarsError, TypeError, ValueError, NotImplementedError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(f"{name} cannot be read as a table: {said}; give each column one type") from error
