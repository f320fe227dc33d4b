"""Tables in memory, of every library, become the same files; and a run needs no run file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import penchant
from penchant.errors import ConfigError, DataError
from penchant.logs.proposing.frames import write_frames
from penchant.runfile import load_config

ROWS = {"user": ["a", "b"], "item": [1, 2], "tags": [["x", "y"], []]}
LIBRARIES: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(ROWS),
    "pandas, ids as its index": lambda: pd.DataFrame(ROWS).set_index("user"),
    "Polars": lambda: pl.DataFrame(ROWS),
    "Polars, lazy": lambda: pl.LazyFrame(ROWS),
    "Arrow": lambda: pa.table(ROWS),
    "DuckDB": lambda: duckdb.from_arrow(pa.table(ROWS)),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_tables_of_every_library_become_the_same_files(library: str, tmp_path: Path) -> None:
    (path,) = write_frames({"events": LIBRARIES[library]()}, tmp_path).values()
    assert pl.read_parquet(path).select(list(ROWS)).to_dict(as_series=False) == ROWS


def test_the_same_table_again_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    (path,) = write_frames({"events": pl.DataFrame(ROWS)}, tmp_path).values()
    before = path.stat().st_mtime_ns
    write_frames({"events": pd.DataFrame(ROWS)}, tmp_path)
    assert path.stat().st_mtime_ns == before
    write_frames({"events": pl.DataFrame(ROWS).head(1)}, tmp_path)
    assert len(pl.read_parquet(path)) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (pl.Series([1]), "events is Series; give a table"),
        (pa.table([[1], [2]], names=["a", "a"]), "events has several columns called 'a'"),
        ([1, 2], "events is list; give a table of pandas"),
        (pl.DataFrame({"user": []}), "events holds no rows"),
        (pd.DataFrame({"user": [1, "a"]}), "events cannot be read as a table: .*; give each column one type"),
    ],
)
def test_what_is_no_table_is_named(table: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=why):
        write_frames({"events": table}, tmp_path)


def test_a_run_file_or_tables_but_not_both_and_not_neither(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give either a run file, or `events`"):
        penchant.run(out=tmp_path)
    with pytest.raises(ConfigError, match="give either a run file, or `events`"):
        penchant.run("run.toml", tmp_path, events=pl.DataFrame(ROWS))


def test_a_run_from_tables_in_memory(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    taste, user = dice.integers(0, 5, 200), dice.integers(0, 200, 6000)
    item = np.where(dice.random(6000) < 0.7, taste[user] * 20 + dice.integers(0, 20, 6000), dice.integers(0, 100, 6000))
    events = pd.DataFrame(
        {
            "visitor": [f"u{one}" for one in user],
            "article": [f"i{one}" for one in item],
            "read_on": pd.to_datetime(1_770_000_000 + 60 * np.arange(6000), unit="s"),
        }
    )
    items = pl.DataFrame({"article": [f"i{n}" for n in range(100)], "topics": [[f"t{n // 20}"] for n in range(100)]})
    run = penchant.run(events=events, items=items, out=tmp_path / "run")
    mapping = load_config(tmp_path / "run" / "run.toml").logs.tables
    assert mapping
    assert (mapping.events.user, mapping.events.item, mapping.events.time) == ("visitor", "article", "read_on")
    assert run.profile("u3").clicked[0].tag == f"t{taste[3]}"
    assert penchant.run(events=events, items=items, out=tmp_path / "run").config == run.config
