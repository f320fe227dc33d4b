"""Tables that are in memory, of pandas, Polars, Arrow or DuckDB, become Parquet files that a run file can name."""

import filecmp
import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from penchant.config import read_toml
from penchant.errors import ConfigError, DataError
from penchant.files import aside, remove
from penchant.logs.propose import UNSURE, as_toml, find_tables, propose
from penchant.logs.proposing.proposal import Proposal, quoted
from penchant.logs.pseudonyms import Pseudonyms, key_place, quoting_nobody, read_key
from penchant.logs.rows.ids import as_user
from penchant.logs.tables import NONE
from penchant.schema import USER

_log = logging.getLogger(__name__)


def run_file_of(frames: Mapping[str, Any], folder: Path, key: Path | None = None) -> Path:
    """Write tables to `folder`/tables, and the run file that `penchant init` would write for them to
    `folder`/run.toml, unless there is one; return its path. What a person should look at is logged as warnings.

    key: the file of a key, whose pseudonyms are written in the place of users' ids; these stand in columns called
    "user". Raises ConfigError where the folder is a file or has a run file with another key, DataError where a column
    is not found.
    """
    path = folder / "run.toml"
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; give a folder for the run as `out`")
    key = _key_of(path, key)
    written = write_frames(frames, folder / "tables", None if key is None else read_key(key))
    if not path.exists():
        proposal = propose(find_tables(list(written.values())), folder)
        if key is not None:
            _refuse_other_users(proposal)
            proposal.sections = {"logs": [f"pseudonyms = {quoted(str(key))}"], **proposal.sections}
        if any(UNSURE in line for lines in proposal.sections.values() for line in lines):
            raise DataError("; ".join(proposal.notes) + '; call the columns "user", "item", "time" and "clicked"')
        for note in proposal.notes:
            _log.warning("%s (%s)", note, path)
        with aside(path) as temporary:
            temporary.write_text(as_toml(proposal), encoding="utf-8")
    return path


def _key_of(run_file: Path, given: Path | None) -> Path | None:
    """The key that the run file names, or without a run file the one that is given."""
    place = None if given is None else key_place(str(given), Path().resolve())
    if not run_file.exists():
        return place
    logs = read_toml(run_file).get("logs")
    named = logs.get("pseudonyms") if isinstance(logs, dict) else None
    told = None if named is None else key_place(str(named), run_file.parent.resolve())
    if place is not None and place != told:
        raise ConfigError(f"{run_file} names {told or 'no key'}, not {place}; mend it, or give another `out`")
    return told


def _refuse_other_users(proposal: Proposal) -> None:
    """Raise DataError where another column was taken for that of the users: it holds ids as they came."""
    for table in ("logs.tables.events", "logs.tables.users"):
        lines = proposal.sections.get(table, [f'user = "{USER}"'])
        if f'user = "{USER}"' not in lines:
            raise DataError(f'[{table}] finds users in another column than "{USER}"; take that column out of the table')


def write_frames(frames: Mapping[str, Any], folder: Path, pseudonyms: Pseudonyms | None = None) -> dict[str, Path]:
    """Write each table to `folder`/NAME.parquet, and return the paths. A file that would hold the same stays as it is,
    so that the same call again finds nothing new.

    frames: whatever gives Arrow batches (`__arrow_c_stream__`), or a Polars LazyFrame. A named index of pandas becomes
    a column. pseudonyms: to write in the place of the ids in the column "user". Raises DataError for anything else, or
    where there are no rows.
    """
    read = {name: _as_frame(name, table) for name, table in frames.items()}
    if pseudonyms is not None:
        read = {name: frame if name == "items" else _hidden(name, frame, pseudonyms) for name, frame in read.items()}
    return {name: _write(name, frame, folder / f"{name}.parquet") for name, frame in read.items()}


def _hidden(name: str, frame: pl.DataFrame, pseudonyms: Pseudonyms) -> pl.DataFrame:
    """The table with pseudonyms of its users."""
    if USER not in frame.columns:
        raise DataError(f'{name} has no column "{USER}"; where users get pseudonyms, call the column of their ids so')
    with quoting_nobody(pseudonyms):
        return frame.with_columns(as_user(frame, USER, NONE, pseudonyms).alias(USER))


def _write(name: str, frame: pl.DataFrame, path: Path) -> Path:
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
