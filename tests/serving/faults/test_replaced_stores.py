"""Stores that change under a server: what it acknowledges is kept, and it goes on by itself once the store is sound."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from penchant.logs.forgotten import digest_of
from penchant.pipeline import Run
from penchant.store.opened import open_store
from tests.helpers.processes import ServerProcess, until
from tests.helpers.servers import RedisServer


def send(server: ServerProcess, user: str) -> int:
    status, told = server.ask("POST", "/v1/events", {"user": user, "item": "i0-0", "id": user})
    assert status == 200 or (status, told["error"]["code"]) == (503, "store"), told
    return status


def users_in(url: str) -> set[str]:
    with closing(open_store(url)) as store:
        return set(store.users())


def test_a_sqlite_file_moved_away_is_refused_and_goes_on_when_it_is_back(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    path, aside = tmp_path / "live.sqlite", tmp_path / "aside.sqlite"
    server = servers(run.folder, f"sqlite:{path}").wait()
    assert send(server, "before") == 200
    os.rename(path, aside)
    assert [send(server, f"lost {number}") for number in range(12)] == [503] * 12
    assert server.ask("GET", "/readyz")[0] == 503
    assert not path.exists()
    os.rename(aside, path)
    until(lambda: send(server, "after") == 200)
    until(lambda: server.ask("GET", "/readyz")[0] == 200)
    assert server.end() == 0
    assert users_in(f"sqlite:{path}") == {"before", "after"}


def test_a_backup_put_in_place_of_the_sqlite_file_is_taken_up(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    path, backup = tmp_path / "live.sqlite", tmp_path / "backup.sqlite"
    server = servers(run.folder, f"sqlite:{path}").wait()
    assert send(server, "before") == 200
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    assert send(server, "late") == 200
    os.rename(backup, path)
    until(lambda: send(server, "after") == 200)
    assert users_in(f"sqlite:{path}") == {"before", "after"}
    until(lambda: server.ask("GET", "/readyz")[0] == 200)
    assert server.end() == 0


def test_a_redis_that_comes_back_unsound_gets_no_events_until_it_is_sound(
    run: Run, start_redis: Callable[..., RedisServer], servers: Callable[..., ServerProcess]
) -> None:
    redis_server = start_redis(folder="first")
    server = servers(run.folder, redis_server.url).wait()
    assert send(server, "before") == 200
    redis_server.kill()
    unsound = start_redis(
        "--appendonly", "no", "--maxmemory-policy", "allkeys-lru", folder="second", port=redis_server.port
    )
    assert [send(server, f"lost {number}") for number in range(5)] == [503] * 5
    assert server.ask("GET", "/readyz")[0] == 503
    unsound.kill()
    redis_server.start()
    until(lambda: send(server, "after") == 200)
    until(lambda: server.ask("GET", "/readyz")[0] == 200)
    assert users_in(redis_server.url) == {"before", "after"}


def test_events_that_come_again_after_an_erasure_are_told_as_forgotten(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    server = servers(run.folder, f"sqlite:{tmp_path / 'live.sqlite'}", roles=["http"]).wait()
    event = {"user": "newcomer", "item": "i0-0", "time": 1_700_000_000.0}
    assert server.ask("POST", "/v1/events", event)[1]["accepted"] == 1
    with closing(open_store(f"sqlite:{tmp_path / 'live.sqlite'}")) as store:
        store.forget("newcomer", digest_of("newcomer"), 1_700_000_001.0)
    status, told = server.ask("POST", "/v1/events", [event, {**event, "user": "other"}])
    assert (status, told["accepted"], told["repeated"], told["forgotten"]) == (200, 1, 0, 1)
    assert server.ask("POST", "/v1/events", event)[0] == 200
    assert 'penchant_events_total{fate="forgotten"} 2.0' in str(server.ask("GET", "/metrics")[1])
