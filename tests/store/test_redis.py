"""What is particular to the store in a Redis: refusals, crashes, memory."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Event as Signal
from threading import Thread
from typing import Any

import pytest
import redis

from penchant.errors import StoreError
from penchant.store.base import Event, Fate, StoreBounds
from penchant.store.redis.store import RedisStore
from tests.helpers.processes import until
from tests.helpers.servers import RedisServer
from tests.store.test_contract import click, consume, look


@pytest.fixture
def server(start_redis: Callable[..., RedisServer]) -> RedisServer:
    return start_redis()


@pytest.fixture
def raw(server: RedisServer) -> Iterator[Any]:
    with redis.Redis.from_url(server.url) as client:
        yield client


# Refusals


def test_a_redis_that_would_lose_data_is_refused(server: RedisServer, raw: Any) -> None:
    place = f"Redis at 127.0.0.1:{server.port}"
    told = {
        ("appendonly", "no", "yes"): r"when it stops \(aof_enabled is 0\); set `appendonly yes`",
        (
            "maxmemory-policy",
            "allkeys-lru",
            "noeviction",
        ): r"\(maxmemory-policy is allkeys-lru\); set `maxmemory-policy no",
        ("appendfsync", "everysec", "always"): r"\(appendfsync is everysec\); set `appendfsync always`",
    }
    for (name, wrong, right), said in told.items():
        raw.config_set(name, wrong)
        with pytest.raises(StoreError, match=f"{place} would .*{said}"):
            RedisStore(server.url)
        raw.config_set(name, right)
    RedisStore(server.url).close()


def test_a_redis_that_tells_its_settings_to_nobody_is_believed(start_redis: Callable[..., RedisServer]) -> None:
    with closing(RedisStore(start_redis("--rename-command", "CONFIG", "").url)) as store:
        store.ping()


def test_data_of_another_version_are_refused(server: RedisServer, raw: Any) -> None:
    raw.set("penchant:version", "0")
    with pytest.raises(StoreError, match=r"holds data of another Penchant \(store version 0, this one knows 1\)"):
        RedisStore(server.url)


def test_a_password_is_never_told(start_redis: Callable[..., RedisServer]) -> None:
    server = start_redis("--requirepass", "right")
    with pytest.raises(StoreError, match="it refuses the user or the password") as caught:
        RedisStore(f"redis://:wrong-secret@127.0.0.1:{server.port}/0")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
    for given in ":wrong@", "":
        with pytest.raises(StoreError, match=f"127.0.0.1:{server.port}: it refuses the user or the password"):
            RedisStore(f"redis://{given}127.0.0.1:{server.port}/0")
    RedisStore(f"redis://:right@127.0.0.1:{server.port}/0").close()


@pytest.mark.parametrize("address", ["redis://:se/cret@host:1/0", "redis://:se#cret@host:1/0", "redis:", "redis:///0"])
def test_an_address_that_cannot_be_read_leads_nowhere(address: str) -> None:
    with pytest.raises(StoreError, match="the address of Redis cannot be read; write redis://:PASSWORD@HOST") as caught:
        RedisStore(address)
    assert "cret" not in str(caught.value)


def test_a_user_who_may_not_write_is_told(server: RedisServer, raw: Any) -> None:
    raw.execute_command("ACL", "SETUSER", "guest", "on", ">pass", "~*", "+@read", "+info")
    with pytest.raises(StoreError, match="its user may not do this; grant all commands on keys penchant:"):
        RedisStore(f"redis://guest:pass@127.0.0.1:{server.port}/0")


def test_a_replica_is_refused(server: RedisServer, raw: Any) -> None:
    with closing(RedisStore(server.url)) as store:
        raw.replicaof("127.0.0.1", "1")
        with pytest.raises(StoreError, match="it is a replica, which cannot be written to; name the primary"):
            store.append([click("ann", "1", 1.0)], 1.0)
        with pytest.raises(StoreError, match="it is a replica"):
            store.ping_writing()


# Absence


def test_nobody_at_the_address_is_an_error() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(StoreError, match=f"Redis at 127.0.0.1:{port}: it cannot be reached; is it running there?"):
        RedisStore(f"redis://127.0.0.1:{port}")


def test_a_redis_that_hangs_is_an_error(server: RedisServer, raw: Any) -> None:
    with closing(RedisStore(server.url, timeout_s=0.5)) as store:
        raw.client_pause(3_000, all=True)
        with pytest.raises(StoreError, match=r"it does not answer within 0\.5 s"):
            store.ping()


def test_a_redis_that_is_loading_says_so(start_redis: Callable[..., RedisServer]) -> None:
    server = start_redis("--key-load-delay", "100")
    with redis.Redis.from_url(server.url) as client, client.pipeline(transaction=False) as many:
        for number in range(6000):
            many.set(f"other:{number}", 1)
        many.execute()
    server.kill()
    starting = Thread(target=server.start)
    starting.start()
    told = list[str]()
    while starting.is_alive():
        try:
            RedisStore(server.url).close()
        except StoreError as error:
            told.append(str(error))
    starting.join()
    said = f"Redis at 127.0.0.1:{server.port}: it is still loading its data; try again in a moment"
    assert any(line.startswith(said) for line in told)


def wait_for_more(events: list[Event], most: int) -> None:
    until(lambda: len(events) > most)


def test_what_was_acknowledged_survives_crashes_of_redis_once(server: RedisServer) -> None:
    store, end = RedisStore(server.url), Signal()
    acknowledged, failed = list[Event](), list[StoreError]()

    def load() -> None:
        number = 0
        while not end.is_set():
            events = [click(f"user{part}", "1", float(number)) for part in range(3)]
            try:
                store.append(events, 1.0)
            except StoreError as error:
                failed.append(error)
            else:
                acknowledged.extend(events)
                number += 1

    loading = Thread(target=load)
    loading.start()
    try:
        for most in (100, 200, 300):
            wait_for_more(acknowledged, most)
            server.restart()
        wait_for_more(acknowledged, 400)
    finally:
        end.set()
        loading.join()
    histories = store.histories([f"user{part}" for part in range(3)])
    logged = [event for entry in store.take("consumer", 10**6) for event in entry.events]
    store.close()
    assert set(acknowledged) <= {event for history in histories for event in history}
    assert sorted(logged) == sorted(event for history in histories for event in history)


def test_scripts_and_groups_that_redis_has_forgotten_are_given_again(server: RedisServer, raw: Any) -> None:
    with closing(RedisStore(server.url)) as store:
        store.append([click("ann", "1", 1.0)], 1.0)
        consume(store)
        raw.script_flush()
        raw.xgroup_destroy("penchant:log", "consumers")
        store.append([click("ann", "1", 2.0)], 1.0)
        consume(store)
        assert store.seeds("1", 10).time_S.tolist() == [2.0]


# Memory


def test_memory_that_runs_out_loses_nothing_and_can_be_drained(server: RedisServer, raw: Any) -> None:
    acknowledged = 0
    with closing(RedisStore(server.url)) as store:
        store.settle([])
        raw.config_set("maxmemory", raw.info("memory")["used_memory"] + 2**20)

        def fill() -> None:
            nonlocal acknowledged
            for number in range(acknowledged, 10_000):
                store.append([look("ann", f"item{number}", float(number)), look("bob", "1", float(number))], 1.0)
                acknowledged += 1

        with pytest.raises(
            StoreError, match=f"Redis at 127.0.0.1:{server.port}: it is out of memory; raise its maxmem"
        ):
            fill()
        raw.config_set("maxmemory", raw.info("memory")["used_memory"] - 2**14)  # not even for the smallest
        with pytest.raises(StoreError, match="it is out of memory"):
            store.ping_writing()
        store.ping()
        assert [len(history) for history in store.histories(["ann", "bob"])] == [acknowledged] * 2
        assert store.backlog().events == 2 * acknowledged
        consume(store)
        assert store.backlog().events == 0
        assert store.shown("1") == ["bob"]
        raw.config_set("maxmemory", 0)
        assert store.append([look("ann", "more", 1.0)], 1.0) == [Fate.NEW]


def test_histories_are_bounded_in_memory_too(server: RedisServer, raw: Any) -> None:
    with closing(RedisStore(server.url, bounds=StoreBounds(events=200))) as store:
        for time in range(250):
            store.append([look("ann", "1", float(time))], 1.0)
        assert raw.hlen("penchant:history:ann") == 200
        assert [event.time for event in store.histories(["ann"])[0]] == list(range(50, 250))


def test_seeds_are_bounded_in_memory_too(server: RedisServer, raw: Any) -> None:
    with closing(RedisStore(server.url, bounds=StoreBounds(seeds=10))) as store:
        store.append([click(f"user{time}", "1", float(time)) for time in range(25)], 1.0)
        consume(store)
    assert raw.zcard("penchant:seeds:1") == 10


def test_nothing_is_left_of_what_was_settled_or_forgotten(server: RedisServer, raw: Any) -> None:
    with closing(RedisStore(server.url)) as store:
        store.append([click("ann", "1", 1.0)], 1.0)
        consume(store)
        store.append([click("ann", "1", 2.0)], 1.0)
        store.take("one", 10)
        store.forget("ann", "digest", 1.0)
    assert raw.xlen("penchant:log") == 0
    assert raw.xpending("penchant:log", "consumers")["pending"] == 0
    assert not [key for key in raw.scan_iter() if b"ann" in key]
