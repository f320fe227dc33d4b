"""What is left of a forgotten user in the files of a store: nothing."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
import redis

from penchant.logs.forgotten import digest_of
from penchant.store.base import Event, Join, Poison, Store
from penchant.store.redis.store import RedisStore
from penchant.store.sqlite.store import SqliteStore
from tests.helpers.processes import until
from tests.helpers.servers import RedisServer
from tests.store.test_contract import consume

USER = "somebody to be forgotten"
ITEMS = [f"item {place} {'x' * 40}" for place in range(300)]


def live(store: Store, *, seed: int) -> None:
    """A user among others, whose events, seeds, joins, vectors and poison are spread over many pages: they come in no
    order, so that pages are split again and again, and some are removed again, which moves the others."""
    chance = random.Random(seed)  # noqa: S311
    store.open_candidates(ITEMS[:50], 1.0)
    others = [f"other {chance.random()} {'y' * 30}" for _ in range(60)]
    events = [
        Event(user, item, chance.uniform(1e9, 2e9), chance.random() < 0.5, f"{chance.random()} {user}")
        for user in [USER, *others]
        for item in chance.sample(ITEMS, 40)
    ]
    chance.shuffle(events)
    for start in range(0, len(events), 50):
        store.append(events[start : start + 50], 1.0)
        if start % 100:
            consume(store)
    store.put_vectors("m", {USER: (1, USER.encode() * 20)})
    store.settle([], [Poison(f'["{USER}"]', "odd", 1.0)])
    for user in others[:20]:
        store.forget(user, digest_of(user), 1.0)
    assert any(join == Join(join.item, USER) for join in store.joined("0", 10**6).joins)


def named_in(folder: Path) -> list[str]:
    """Files that hold the id, or one of its ends."""
    found = []
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError, IsADirectoryError):  # Redis renames what it has written
            found += [path.name] if USER.encode() in path.read_bytes() else []
    return found


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_left_in_the_files_of_sqlite(tmp_path: Path, seed: int) -> None:
    with closing(SqliteStore(tmp_path / "live.db")) as store:
        live(store, seed=seed)
        assert named_in(tmp_path)
        store.forget(USER, digest_of(USER), 1.0)
        assert named_in(tmp_path) == []


def test_sqlite_overwrites_what_it_removes_whatever_its_default(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "live.db")) as store, store._file.reading() as connection:
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_who_reads_meanwhile_puts_it_off_until_the_files_are_tidied(tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    with closing(SqliteStore(path)) as store:
        live(store, seed=0)
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM history").fetchone()
            store.forget(USER, digest_of(USER), 1.0)
            store.tidy()
            assert named_in(tmp_path), "the reader still sees the user"
        store.tidy()
        assert named_in(tmp_path) == []
        size = (tmp_path / "live.db-wal").stat().st_size
        store.append([Event("other", "1", 1.0, True, "x")], 1.0)
        store.tidy()
        assert (tmp_path / "live.db-wal").stat().st_size > size, "nothing is due, so nothing is done"


# Redis


@pytest.fixture
def server(start_redis: Callable[..., RedisServer]) -> RedisServer:
    return start_redis()


def test_nothing_is_left_in_the_append_only_file_of_redis_once_it_is_tidied(
    server: RedisServer, tmp_path: Path
) -> None:
    with closing(RedisStore(server.url)) as store:
        live(store, seed=0)
        store.forget(USER, digest_of(USER), 1.0)
        assert named_in(tmp_path), "until the file is written anew"

        def is_tidied() -> bool:
            store.tidy()
            return named_in(tmp_path) == []

        until(is_tidied)
        until(lambda: is_tidied() and rewritten(server) == 21)


def test_the_append_only_file_is_not_written_anew_too_often_but_surely(server: RedisServer, tmp_path: Path) -> None:
    with closing(RedisStore(server.url, rewrite_s=2.0)) as store, closing(RedisStore(server.url)) as second:
        store.append([Event(user, "1", 1.0, True, "x") for user in (USER, "other")], 1.0)
        store.forget("other", digest_of("other"), 1.0)

        def rewrites() -> int:
            with redis.Redis.from_url(server.url) as client:
                return int(client.info("persistence")["aof_rewrites"])

        def tidy() -> bool:
            store.tidy()
            second.tidy()
            return True

        until(lambda: tidy() and rewritten(server) == 1)
        store.forget(USER, digest_of(USER), 1.0)
        before = rewrites()
        assert tidy()
        assert rewrites() == before
        until(lambda: tidy() and rewritten(server) == 2)
        assert named_in(tmp_path) == []
        until(lambda: rewrites() == before + 1)


def rewritten(server: RedisServer) -> int:
    """How many erasures the file does not hold any more."""
    with redis.Redis.from_url(server.url) as client:
        return int(client.hget("penchant:numbers", "rewritten") or 0)
