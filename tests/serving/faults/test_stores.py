"""Stores that go away, or are full: what was acknowledged counts once, the rest is refused."""

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from penchant.pipeline import Run
from tests.helpers.processes import ServerProcess, until
from tests.helpers.servers import RedisServer
from tests.serving.faults.live import OPEN, USERS, assert_all_counted, items_of, measured, seeds_told
from tests.serving.recount import Sender
from tests.test_full_disk import SmallDisk, disk

__all__ = ["disk"]


def test_redis_may_go_away_and_come_back(
    run: Run, redis_server: RedisServer, servers: Callable[..., ServerProcess]
) -> None:
    server = servers(run.folder, redis_server.url).wait()
    server.ask("PUT", "/v1/candidates", {"items": OPEN})
    sender = Sender(server.port, USERS, items_of(run), seed=1).start()
    for _ in range(3):
        sender.wait(5)
        redis_server.kill()
        status, told = server.ask("POST", "/v1/events", {"user": "u001", "item": "i0-0"})
        assert (status, told["error"]["code"]) == (503, "store")
        assert server.ask("GET", "/readyz")[0] == 503
        assert server.ask("GET", "/healthz")[0] == 200
        redis_server.start()
    until(lambda: server.ask("GET", "/readyz")[0] == 200)
    sent = sender.stop()
    assert_all_counted(redis_server.url, sent)
    seeds_told(server, run, redis_server.url)


def test_redis_out_of_memory_refuses_events_and_goes_on_later(
    run: Run, redis_server: RedisServer, servers: Callable[..., ServerProcess]
) -> None:
    server = servers(run.folder, redis_server.url).wait()
    set_memory(redis_server, "1mb")
    event = {"user": "u001", "item": "i0-0", "time": time.time(), "id": "one"}
    until(lambda: server.ask("POST", "/v1/events", event)[0] == 503)
    status, profile = server.ask("GET", "/v1/users/u001/profile")
    assert (status, profile["cold"]) == (200, False)
    until(lambda: measured(server, "penchant_store_writable") == 0)
    assert server.ask("GET", "/readyz")[0] == 200
    set_memory(redis_server, "0")
    until(lambda: server.ask("POST", "/v1/events", event)[0] == 200)
    assert server.ask("POST", "/v1/events", event)[1]["repeated"] == 1


def set_memory(server: RedisServer, most: str) -> None:
    said = ["redis-cli", "-p", str(server.port), "config", "set", "maxmemory", most]
    assert subprocess.run(said, capture_output=True, text=True, check=True).stdout.strip() == "OK"


def test_a_full_disk_under_sqlite_refuses_events_and_goes_on_when_there_is_room(
    run: Run, disk: SmallDisk, servers: Callable[..., ServerProcess]
) -> None:
    disk.resize(700)
    url = f"sqlite:{disk.folder / 'live.sqlite'}"
    server = servers(run.folder, url).wait()
    sender = Sender(server.port, USERS, items_of(run), seed=3, rest_s=0.0).start()
    event = {"user": "u001", "item": "i0-0", "time": time.time(), "clicked": True}
    own: list[dict[str, object]] = []

    def is_refused() -> bool:
        told = {**event, "id": f"filling {len(own)}"}
        status, _ = server.ask("POST", "/v1/events", told)
        if status == 200:
            own.append(told)
        return status == 503

    until(is_refused)
    status, profile = server.ask("GET", "/v1/users/u001/profile")
    assert (status, profile["cold"]) == (200, False)
    until(lambda: measured(server, "penchant_store_writable") == 0)
    assert server.ask("GET", "/readyz")[0] == 200
    disk.resize(50_000)
    until(lambda: not is_refused())
    sent = [*sender.stop(), *own]
    assert_all_counted(url, sent)


def test_a_store_that_another_writer_has_locked_is_read(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    path = tmp_path / "live.sqlite"
    server = servers(run.folder, f"sqlite:{path}").wait()
    assert server.ask("POST", "/v1/events", {"user": "u001", "item": "i0-0"})[0] == 200
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        until(lambda: measured(server, "penchant_store_writable") == 0)
        assert server.ask("GET", "/readyz")[0] == 200
        status, profile = server.ask("GET", "/v1/users/u001/profile")
        assert (status, profile["cold"]) == (200, False)
        status, told = server.ask("POST", "/v1/events", {"user": "u001", "item": "i0-0"})
        assert (status, told["error"]["code"]) == (503, "store")
        other.execute("ROLLBACK")
    until(lambda: measured(server, "penchant_store_writable") == 1)
    assert server.ask("POST", "/v1/events", {"user": "u001", "item": "i0-0"})[0] == 200


def test_two_servers_share_one_file(run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]) -> None:
    url = f"sqlite:{tmp_path / 'live.sqlite'}"
    both = [servers(run.folder, url) for _ in range(2)]
    senders = [Sender(server.wait().port, USERS, items_of(run), seed=seed).start() for seed, server in enumerate(both)]
    both[0].ask("PUT", "/v1/candidates", {"items": OPEN})
    for sender in senders:
        sender.wait(20)
    sent = [event for sender in senders for event in sender.stop()]
    assert_all_counted(url, sent)
    for server in both:
        seeds_told(server, run, url)
        assert server.end() == 0
    assert len({event["id"].partition("-")[0] for event in sent}) == 2
