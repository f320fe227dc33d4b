"""A Redis that is replaced while it is in use: by one that would lose data, by an empty one, by a replica."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from penchant.errors import StoreError
from penchant.store.base import Fate, Store
from penchant.store.redis.client import CHECK_S
from penchant.store.redis.store import RedisStore
from tests.helpers.processes import until
from tests.helpers.servers import RedisServer
from tests.store.test_contract import click, consume, look


@pytest.fixture
def server(start_redis: Callable[..., RedisServer]) -> RedisServer:
    return start_redis(folder="first")


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisStore]:
    with closing(RedisStore(server.url)) as opened:
        opened.append([click("ann", "1", 1.0)], 1.0)
        yield opened


def asked(server: RedisServer, *command: str) -> Any:
    with redis.Redis.from_url(server.url) as client:
        return client.execute_command(*command)


UNSOUND = [
    (("--appendonly", "no"), "would lose data when it stops"),
    (("--maxmemory-policy", "allkeys-lru"), "would drop data when memory runs out"),
    (("--appendfsync", "everysec"), "would lose the last seconds of data"),
]


@pytest.mark.parametrize(("options", "said"), UNSOUND, ids=lambda one: one[1] if isinstance(one, tuple) else "")
def test_one_that_comes_back_unsound_is_refused_until_it_is_sound(
    store: Store, server: RedisServer, start_redis: Callable[..., RedisServer], options: tuple[str, ...], said: str
) -> None:
    server.kill()
    unsound = start_redis(*options, folder="first", port=server.port)
    for call in (lambda: store.append([click("bob", "1", 1.0)], 1.0), store.backlog, store.ping):
        with pytest.raises(StoreError, match=f"127.0.0.1:{server.port} {said}"):
            call()
    assert asked(unsound, "EXISTS", "penchant:history:bob") == 0
    unsound.kill()
    server.start()
    assert store.append([click("bob", "1", 1.0)], 1.0) == [Fate.NEW]
    assert list(store.histories(["ann"])[0]) == [click("ann", "1", 1.0)]


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [("appendonly", "no", "yes"), ("maxmemory-policy", "allkeys-lru", "noeviction"), ("appendfsync", "no", "always")],
)
def test_settings_that_are_changed_while_it_runs_are_noticed(
    store: Store, server: RedisServer, name: str, wrong: str, right: str
) -> None:
    asked(server, "CONFIG", "SET", name, wrong)

    def is_refused() -> bool:
        try:
            store.append([look("ann", "1", time.time())], 1.0)
        except StoreError as error:
            return "would" in str(error)
        return False

    until(is_refused)
    asked(server, "CONFIG", "SET", name, right)
    until(lambda: not is_refused())


def test_an_empty_one_in_its_place_is_taken_up_and_told_from_the_one_before(
    store: Store, server: RedisServer, start_redis: Callable[..., RedisServer]
) -> None:
    store.open_candidates(["1"], 0.0)
    store.put_items({"1": {}, "2": {}})
    consume(store)
    number, cursor = store.items(0)[0], store.joined("", 0).cursor
    server.kill()
    empty = start_redis(folder="second", port=server.port)
    assert store.append([click("bob", "1", 2.0)], 1.0) == [Fate.NEW]
    store.open_candidates(["1"], 2.0)
    consume(store)
    for place in range(5):
        store.put_items({f"more {place}": {}})
    later, items = store.items(number)
    assert later < number
    assert len(items) == 5
    found = store.joined(cursor, 10)
    assert (found.lost, found.joins) == (True, [])
    assert asked(empty, "GET", "penchant:version") == b"1"


def test_one_that_is_emptied_while_it_runs_goes_on(store: Store, server: RedisServer) -> None:
    store.put_items({"1": {}})
    number, _ = store.items(0)
    asked(server, "FLUSHALL")
    assert store.append([click("ann", "1", 1.0)], 1.0) == [Fate.NEW]
    store.put_items({"2": {}, "3": {}})
    later, items = store.items(number)
    assert later < number
    assert items.keys() == {"2", "3"}

    def has_an_epoch() -> bool:
        return store.items(0)[0] > later

    until(has_an_epoch)
    assert store.items(later) == (store.items(0)[0], {})
    assert asked(server, "GET", "penchant:version") == b"1"


def test_started_again_with_all_it_had_nothing_is_told_twice(store: Store, server: RedisServer) -> None:
    store.put_items({"1": {}})
    number, cursor = store.items(0)[0], store.joined("", 0).cursor
    server.restart()
    assert store.items(number) == (number, {})
    assert not store.joined(cursor, 10).lost


def test_a_replica_is_refused_until_it_is_promoted_and_then_told_from_the_primary(
    store: Store, server: RedisServer, start_redis: Callable[..., RedisServer]
) -> None:
    """The replica did not get the last changes: its primary died before it sent them."""
    store.put_items({"1": {}})
    asked(server, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
    replica = start_redis("--replicaof", f"127.0.0.1 {server.port}", folder="second")
    until(lambda: asked(replica, "EXISTS", "penchant:history:ann") == 1)
    with pytest.raises(StoreError, match="it is a replica, which cannot be written to; name the primary"):
        RedisStore(replica.url)
    asked(replica, "REPLICAOF", "127.0.0.1", "1")  # so it misses the rest
    store.put_items({"2": {}})
    number, cursor = store.items(0)[0], store.joined("", 0).cursor
    server.kill()
    asked(replica, "CONFIG", "SET", "port", str(server.port))  # as a name does that points to it from now on
    for call in store.ping, store.keys, lambda: store.append([click("bob", "1", 2.0)], 1.0):
        with pytest.raises(StoreError, match="it is a replica"):
            call()
    asked(server, "REPLICAOF", "NO", "ONE")
    assert store.append([click("bob", "1", 2.0)], 1.0) == [Fate.NEW]
    store.put_items({"3": {}})
    store.put_items({"4": {}})
    later, items = store.items(number)
    assert later < number
    assert items.keys() == {"1", "3", "4"}
    assert store.joined(cursor, 10).lost
    with closing(RedisStore(server.url)) as second:
        assert second.items(0)[0] == later, "all processes agree"


def test_one_that_followed_another_meanwhile_is_told_from_the_one_before(
    store: Store, server: RedisServer, start_redis: Callable[..., RedisServer]
) -> None:
    """Its process is the same, and both had counted as many changes."""
    store.put_items({"1": {}})
    asked(server, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
    other = start_redis("--repl-diskless-sync-delay", "0", "--replicaof", f"127.0.0.1 {server.port}", folder="second")
    until(lambda: asked(other, "EXISTS", "penchant:items") == 1)
    asked(other, "REPLICAOF", "NO", "ONE")
    with closing(RedisStore(other.url)) as second:
        second.put_items({"of the other": {}})
    store.put_items({"2": {}})
    number = store.items(0)[0]
    asked(server, "REPLICAOF", "127.0.0.1", str(other.port))
    until(lambda: asked(server, "HEXISTS", "penchant:items", "of the other") == 1)
    asked(server, "REPLICAOF", "NO", "ONE")
    time.sleep(CHECK_S)
    later, items = store.items(number)
    assert later < number
    assert items.keys() == {"1", "of the other"}
