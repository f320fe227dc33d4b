"""Events per second, latency of histories, and bytes, of the stores of live state.

    python -m benchmarks.live.stores [--events 100000] [--users 20000] [--items 5000] [--out DIR]

Users and items are drawn evenly, which is the worst case for a cache. Redis runs on this machine, syncs at every answer
(appendfsync always) and is started for this. Nothing else should be writing to the disk of --out.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import connect

import numpy as np
from redis import Redis
from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.store.base import Event, Store, natural_id
from penchant.store.redis.store import RedisStore
from penchant.store.sqlite.store import SqliteStore
from tests.helpers.servers import RedisServer

CLICKED = 0.1
"""Share of events that are clicks."""


def draw(count: int, users: int, items: int, *, seed: int) -> list[Event]:
    chance, events = random.Random(seed), []  # noqa: S311
    for place in range(count):
        item, at, clicked = str(chance.randrange(items)), 1.7e9 + seed * 1e6 + place / 8, chance.random() < CLICKED
        events.append(Event(f"user{chance.randrange(users)}", item, at, clicked, natural_id(item, at, clicked=clicked)))
    return events


def append_rate(store: Store, events: list[Event], batch: int) -> float:
    """Events per second, one call after the other."""
    began = time.perf_counter()
    for start in range(0, len(events), batch):
        store.append(events[start : start + batch], 1.0)
    return len(events) / (time.perf_counter() - began)


def consume_rate(store: Store, most: int) -> float:
    """Events per second of taking and settling all there is."""
    count = store.backlog().events
    began = time.perf_counter()
    while entries := store.take("consumer", most):
        store.settle(entries)
    return count / (time.perf_counter() - began)


def history_us(store: Store, users: int, at_once: int) -> float:
    """Median microseconds of a call."""
    chance, taken = random.Random(0), []  # noqa: S311
    for _ in range(max(100, 3000 // at_once)):
        names = [f"user{chance.randrange(users)}" for _ in range(at_once)]
        began = time.perf_counter()
        store.histories(names)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken)) * 1e6


def speeds(store: Store, said: argparse.Namespace) -> Iterator[tuple[str, float]]:
    """What is measured, and how much it is, in a store that has some 30 events of each user."""
    users, items = said.users, said.items
    for start in range(0, 30 * users, 10_000):
        store.append(draw(10_000, users, items, seed=100 + start), 1.0)
    yield "take + settle, entries of 10,000, events/s", consume_rate(store, 1000)
    for seed, (batch, share) in enumerate({1: 0.02, 100: 0.5, 1000: 1.0}.items()):
        events = draw(max(batch, int(said.events * share)), users, items, seed=seed)
        yield f"append, {batch:,} a call, events/s", append_rate(store, events, batch)
        yield f"take + settle, entries of {batch:,}, events/s", consume_rate(store, 1000)
    yield "history of one user, µs", history_us(store, users, 1)
    yield "histories of 100 users, µs", history_us(store, users, 100)


def weights(store: Store, size: Callable[[], int], count: int) -> Iterator[tuple[str, float]]:
    """Bytes; size: that the store takes up. Each of 50 items is touched by all users, then again, which adds events
    and nothing else."""
    rows = [(f"user{place // 50}", str(place % 50)) for place in range(count)]
    sizes = [size()]
    for clicked, begin in (False, 1.7e9), (False, 1.8e9), (True, 1.9e9):
        events = [
            Event(user, item, begin + place / 8, clicked, natural_id(item, begin + place / 8, clicked=clicked))
            for place, (user, item) in enumerate(rows)
        ]
        append_rate(store, events, 1000)
        consume_rate(store, 1000)
        sizes.append(size())
    touched, event, seed = (np.diff(sizes) / count).tolist()
    yield "bytes an event takes in its history", event
    yield "bytes a user takes who was shown an item", touched - event
    yield "bytes more where they are a seed", seed - event


@contextmanager
def sqlite(folder: Path) -> Iterator[tuple[Store, Callable[[], int]]]:
    path = folder / "live.db"

    def size() -> int:
        with closing(connect(path)) as connection:
            pages, free, width = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * width

    with closing(SqliteStore(path)) as store:
        yield store, size


@contextmanager
def redis(folder: Path) -> Iterator[tuple[Store, Callable[[], int]]]:
    server = RedisServer(folder)
    server.start()
    try:
        with Redis.from_url(server.url) as client, closing(RedisStore(server.url)) as store:
            yield store, lambda: client.info("memory")["used_memory"]
    finally:
        server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--out", type=Path)
    said = parser.parse_args()
    console.print(describe_machine())
    found: dict[str, list[float]] = {}
    for kind in sqlite, redis:
        with tempfile.TemporaryDirectory(dir=said.out) as folder, kind(Path(folder)) as (store, _):
            for name, value in speeds(store, said):
                found.setdefault(name, []).append(value)
        with tempfile.TemporaryDirectory(dir=said.out) as folder, kind(Path(folder)) as (store, size):
            for name, value in weights(store, size, said.events):
                found.setdefault(name, []).append(value)
    table = Table("", "SQLite", "Redis", title="stores of live state", box=MARKDOWN)
    for name, values in found.items():
        table.add_row(name, *(f"{value:,.0f}" for value in values))
    console.print(table)


if __name__ == "__main__":
    main()
