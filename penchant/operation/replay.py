"""A log played into a running server, in the order in which it happened, faster or slower than it did."""

import glob
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from penchant.client import Client
from penchant.errors import ConfigError, DataError
from penchant.logs.formats.opened import open_parts
from penchant.logs.ingest import Log, ingest
from penchant.logs.pseudonyms import KEY_FILE, Admission, key_place, read_key
from penchant.logs.tables import EventsTable, Tables
from penchant.progress import Progress, Report, quiet
from penchant.runfile import load_config
from penchant.schema import CLICKED, ITEM, TIME, USER
from penchant.store.base import natural_id

SAID = {"accepted": "accepted", "repeated": "repeated", "forgotten": "forgotten", "refused": "refused_count"}
"""What became of events, and how an answer tells it."""

BEAT_S = 0.2
"""Events that happen within this time are sent together."""


def replay(
    path: Path,
    client: Client,
    speed: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    at_once: int = 1_000,
    report: Report = quiet,
) -> dict[str, int]:
    """Send the events of a log: how many were accepted, repeated, forgotten and refused. Done again, all of them are
    repeated.

    path: a run folder, a run file, or a table with the columns user, item, time and perhaps clicked; at_once: events of
    one call, at most. Users get pseudonyms here already where the run file says so, and those of a table where the
    environment variable PENCHANT_PSEUDONYMS names a key.
    """
    with TemporaryDirectory() as folder:
        events = _in_order(path, Path(folder))
        totals = dict.fromkeys(SAID, 0)
        began, first, sent = clock(), float(events[TIME][0]) if len(events) else 0.0, 0
        for part in _beats(events, speed, at_once):
            wait_s = (float(part[TIME][-1]) - first) / speed - (clock() - began)
            if wait_s > 0:
                sleep(wait_s)
            told = client.send(list(_as_sent(part)))
            for name, said in SAID.items():
                totals[name] += told[said]
            sent += len(part)
            report(Progress("replay", sent, len(events)))
        return totals


def _in_order(path: Path, folder: Path) -> pl.DataFrame:
    log = Log.open(path / "log") if (path / "log" / "found.json").exists() else _read(path, folder)
    if log.position:
        raise ConfigError(f"{path} has no clock, so it cannot be replayed; events need a time")
    return pl.concat([log.events(bucket) for bucket in range(log.buckets)]).sort(TIME, maintain_order=True)


def _read(path: Path, folder: Path) -> Log:
    if path.suffix == ".toml":
        logs, base = load_config(path).logs, path.parent
        known = None if logs.pseudonyms is None else read_key(key_place(logs.pseudonyms, base))
        limit, admission = logs.max_rejected_share, Admission(pseudonyms=known)
        return ingest(logs.resolve(base), base, folder, max_rejected_share=limit, admission=admission)
    table = EventsTable(files=glob.escape(path.name), user=USER, item=ITEM, time=TIME)
    try:
        there = [name for part in open_parts(table, path.resolve().parent) for name in part.schema()]
    except DataError as error:
        raise ConfigError(f"{path} is no run folder, run file or table: {error}") from None
    table = table.model_copy(update={"clicked": CLICKED if CLICKED in there else None})
    key = os.environ.get(KEY_FILE)
    admission = Admission(pseudonyms=read_key(Path(key)) if key else None)
    return ingest(Tables(events=table), path.resolve().parent, folder, max_rejected_share=0.05, admission=admission)


def _beats(events: pl.DataFrame, speed: float, at_once: int) -> Iterator[pl.DataFrame]:
    """Events that are sent together: within one beat of the server's time, and not too many."""
    start = 0
    times = events[TIME].to_numpy()
    while start < len(events):
        end = int(times.searchsorted(times[start] + BEAT_S * speed, side="right"))
        end = min(end, start + at_once)
        yield events[start:end]
        start = end


def _as_sent(part: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for user, item, at, clicked in part.select(USER, ITEM, TIME, CLICKED).iter_rows():
        yield {"user": user, "item": item, "time": at, "clicked": clicked, "id": natural_id(item, at, clicked=clicked)}
