"""A simulated feed on disk: shards of events, the truth beside them, and a run file for them."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import penchant
from penchant.errors import ConfigError
from penchant.files import aside, read_json, write_json
from penchant.progress import Progress, Report, quiet
from penchant.schema import ITEM
from penchant.simulation.blocks import DAY_S, FIRST_S, lists, shard_path, write_block, write_table
from penchant.simulation.config import SimulationConfig
from penchant.simulation.showing import calibrate
from penchant.simulation.world import TAG, World

WORLD = "truth/world.json"


@dataclass(frozen=True)
class Feed:
    """A finished feed: events/, items.parquet, run.toml, truth/."""

    folder: Path
    impressions: int
    clicks: int

    @property
    def run_file(self) -> Path:
        return self.folder / "run.toml"


def simulate(config: SimulationConfig, out: Path, *, processes: int = 1, report: Report = quiet) -> Feed:
    """Write the feed, or what is missing of it; the same to the last byte whatever was interrupted, and with any number
    of processes.

    Raises ConfigError where `out` holds another world, or something else.
    """
    world = World.of(config)
    bias = calibrate(world)
    said = {"version": penchant.__version__, "config": config.model_dump(mode="json"), "bias": bias}
    _refuse_other(out, said)
    if not (out / WORLD).exists():
        write_json(out / WORLD, said)
    if not (out / "truth" / "items.parquet").exists():
        write_table(_items(world), out / "items.parquet")
        write_table(
            pa.table({"tag": _numbers(config.tags), "bland": world.topics.bland_V}), out / "truth" / "tags.parquet"
        )
        write_table(pa.table({ITEM: _numbers(config.items), "appeal": world.appeal_A}), out / "truth" / "items.parquet")
    missing = [shard for shard in range(config.shards) if not shard_path(out, "events", shard).exists()]
    report(Progress("simulate", config.shards - len(missing), config.shards))
    for done in _blocks(world, bias, missing, out, processes):
        detail = f"{min(config.users, done * config.users_per_shard):,} users"
        report(Progress("simulate", config.shards - len(missing) + done, config.shards, detail))
    if not (out / "run.toml").exists():
        with aside(out / "run.toml") as temporary:
            temporary.write_text(run_file(config), encoding="utf-8")
    rows = {
        part: sum(pq.read_metadata(shard_path(out, part, shard)).num_rows for shard in range(config.shards))
        for part in ("events", "truth/clicks")
    }
    return Feed(out, rows["events"], rows["truth/clicks"])


def last_day(config: SimulationConfig) -> float:
    """When the last day begins, in UTC seconds: what comes later is label for test users."""
    return float(FIRST_S + (config.days - 1) * DAY_S)


def run_file(config: SimulationConfig) -> str:
    """A run file for the feed: it knows events and items, nothing of the truth."""
    until = datetime.fromtimestamp(last_day(config) + DAY_S, UTC).date()
    return RUN_FILE.format(until=until, windows=min(2, config.days - 1), items=config.shown, tags=config.tags_per_item)


RUN_FILE = """\
# A simulated feed: which tags will a user click on the last day? The truth beside it is not read.
[logs.tables.events]
files = "events/*.parquet"
user = "user"
item = "item"
time = "time"
time_unit = "s"
clicked = "clicked"

[logs.tables.items]
files = "items.parquet"
item = "item"
fields = {{ tags = "tags", category = "category", account = "account" }}

[features]
fields = [
  {{ name = "tags", limit = 20 }},
  {{ name = "recent", of = "tags", last = 10, half_life = 5.0, limit = 20 }},
  {{ name = "category", limit = 5 }},
  {{ name = "account", limit = 10 }},
]

[labels]
by = "days"
days = 1.0
until = {until}
windows = {windows}
items = {items}
tags = {tags}

[models.tags]
name = "utpm"
embedding = 16
user = 16

[models.tags.training]
loss = "softmax"
batch = 128
epochs = 30
rate = 3e-3
patience = 2
"""


def _refuse_other(out: Path, said: dict[str, Any]) -> None:
    if (out / WORLD).exists():
        there = read_json(out / WORLD)
        if there != said:
            raise ConfigError(
                f"{out} holds another world: {_difference(there, said)}; give another folder, or remove this one"
            )
    elif out.exists() and (not out.is_dir() or any(_foreign(out))):
        raise ConfigError(f"{out} holds something else; give a folder that is new or empty")


def _foreign(out: Path) -> Iterator[Path]:
    """Return files that a simulation which was killed at its start cannot have left."""
    return (path for path in out.rglob("*") if path.is_file() and path.name != "world.json.part")


def _difference(there: dict[str, Any], said: dict[str, Any]) -> str:
    """Each parameter that is not the same, by name."""
    if there["version"] != said["version"]:
        return f"it was made by version {there['version']}, this is {said['version']}"
    mine, its = said["config"], there["config"]
    told = [f"{name} = {its.get(name)}, not {mine[name]}" for name in mine if its.get(name) != mine[name]]
    return ", ".join(told) or "its biases differ"


def _items(world: World) -> pa.Table:
    """A row per article, as a run reads it."""
    config = world.config
    names = [_names(letter, count) for letter, count in ((TAG, config.tags), ("c", config.topics))]
    accounts = _names("a", config.topics * config.accounts)
    return pa.table(
        {
            ITEM: _numbers(config.items),
            "tags": lists(names[0].take(pa.array(world.tags_AN.ravel())), config.tags_per_item),
            "category": names[1].take(pa.array(world.topic_A)),
            "account": accounts.take(pa.array(world.account_A)),
            "born": world.births(),
        }
    )


def _numbers(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int32)


def _names(letter: str, count: int) -> pa.Array:
    return pa.array([f"{letter}{number}" for number in range(count)])


def _blocks(world: World, bias: dict[str, float], missing: list[int], out: Path, processes: int) -> Iterator[int]:
    """Write the missing shards; yields how many are done."""
    if processes == 1 or len(missing) < 2:
        for done, shard in enumerate(missing, 1):
            write_block(world, bias, shard, out)
            yield done
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(missing)), context, _begin, (world.config, bias, out)) as pool:
        jobs = [pool.submit(_block, shard) for shard in missing]
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                job.result()
                yield done
        finally:
            pool.shutdown(cancel_futures=True)


_here: dict[str, Any] = {}
"""What a worker process works on."""


def _begin(config: SimulationConfig, bias: dict[str, float], out: Path) -> None:
    """Start a worker: it builds the world itself, which is faster than receiving it, and ends with the process that
    started it."""
    _here.update(world=World.of(config), bias=bias, out=out)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _block(shard: int) -> None:
    write_block(_here["world"], _here["bias"], shard, _here["out"])
