"""An empty store of each kind, and what a test may do to it from outside."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
import redis

from penchant.store.base import KEPT, Store, StoreBounds
from penchant.store.memory import MemoryStore
from penchant.store.redis.store import RedisStore
from penchant.store.sqlite.store import SqliteStore
from tests.helpers.servers import RedisServer


class Bench:
    """A store on the bench of a test."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def pass_time(self, seconds: float) -> None:
        """Leases grow older."""
        raise NotImplementedError

    def log(self, content: bytes) -> None:
        """Write an entry into the log past the store, as one event."""
        raise NotImplementedError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class MemoryBench(Bench):
    def __init__(self, bounds: StoreBounds) -> None:
        self.clock = Clock()
        super().__init__(MemoryStore(self.clock, bounds=bounds))

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds


class SqliteBench(Bench):
    def __init__(self, path: Path, bounds: StoreBounds) -> None:
        self.path, self.clock = path, Clock()
        super().__init__(SqliteStore(path, self.clock, bounds=bounds))

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    def log(self, content: bytes) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("INSERT INTO log (at, events, content) VALUES (5.0, 1, ?)", (content,))
            connection.execute("UPDATE numbers SET value = value + 1 WHERE name = 'backlog'")


class RedisBench(Bench):
    def __init__(self, url: str, bounds: StoreBounds) -> None:
        self.url, self.raw = url, cast(Any, redis.Redis.from_url(url))
        self.raw.flushall()
        super().__init__(RedisStore(url, bounds=bounds))

    def pass_time(self, seconds: float) -> None:
        ms = int(seconds * 1000)
        if self.raw.exists("penchant:log") and self.raw.xinfo_groups("penchant:log"):
            for taken in self.raw.xpending_range("penchant:log", "consumers", "-", "+", 10_000):
                idle = taken["time_since_delivered"] + ms
                entry = [taken["message_id"]]
                self.raw.xclaim("penchant:log", "consumers", taken["consumer"], 0, entry, idle=idle, justid=True)
        for name in self.raw.smembers("penchant:held"):
            key = b"penchant:held:" + name
            self.raw.pexpire(key, max(0, self.raw.pttl(key) - ms))

    def log(self, content: bytes) -> None:
        self.raw.xadd("penchant:log", {"at": 5.0, "events": 1, "content": content})
        self.raw.hincrby("penchant:numbers", "backlog", 1)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


LASTING = pytest.mark.parametrize("fresh", ["sqlite", "redis"], indirect=True)
"""For tests that write past the store, which nobody can in the memory of a process."""


Fresh = Callable[..., Bench]


@pytest.fixture(params=["memory", "sqlite", "redis"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path, absent: Callable[[str], None]) -> Iterator[Fresh]:
    """Gives an empty store at each call, which keeps as much as is said; there is one at a time."""
    if request.param == "redis" and not RedisServer.is_installed():
        absent("redis-server is not installed")
    opened = list[Bench]()

    def begin(bounds: StoreBounds = KEPT) -> Bench:
        end()
        if request.param == "memory":
            opened.append(MemoryBench(bounds))
        elif request.param == "sqlite":
            opened.append(SqliteBench(tmp_path / f"{len(list(tmp_path.iterdir()))}.db", bounds))
        else:
            opened.append(RedisBench(request.getfixturevalue("redis_server").url, bounds))
        return opened[-1]

    def end() -> None:
        for bench in opened:
            bench.store.close()
            if isinstance(bench, RedisBench):
                bench.raw.close()
        opened.clear()

    yield begin
    end()


@pytest.fixture
def bench(fresh: Fresh) -> Bench:
    return fresh()


@pytest.fixture
def store(bench: Bench) -> Store:
    return bench.store
