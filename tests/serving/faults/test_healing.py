"""What a store holds that cannot be read heals, and another store in its place is taken over, while servers run."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis

from penchant.pipeline import Run
from penchant.serving.disclosure.lots import told_name
from penchant.store.opened import open_store
from penchant.store.sqlite.store import SqliteStore
from tests.helpers.processes import ServerProcess, until
from tests.helpers.servers import RedisServer
from tests.serving.faults.live import OPEN, clustered, measured


class Spoiler:
    """Writes into a store what Penchant does not write."""

    url: str

    def spoil(self) -> None:
        """Clusters, and a row of each other kind."""
        raise NotImplementedError

    def clusters(self) -> Mapping[str, bytes]:
        """As they stand there."""
        raise NotImplementedError


class SqliteSpoiler(Spoiler):
    def __init__(self, path: Path) -> None:
        self.path, self.url = path, f"sqlite:{path}"

    def spoil(self) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for statement in (
                "UPDATE clusters SET content = x'00ff' WHERE item = 'i0-0'",
                "UPDATE clusters SET content = substr(content, 1, length(content) - 8) WHERE item = 'i1-1'",
                "UPDATE vectors SET content = x'00'",
                "UPDATE history SET item = x'ff' WHERE id = 'spoilt'",
                "INSERT INTO items SELECT 'spoilt', '[7]', value + 1 FROM numbers WHERE name = 'items'",
                "INSERT INTO candidates VALUES ('spoilt', 'noon')",
                "INSERT INTO keys VALUES ('k', x'00', 'no scope', 'l', 'noon', 'often')",
                "INSERT INTO poison (content, reason, at) VALUES (x'ff', x'ff', 'noon')",
                "UPDATE numbers SET value = value + 1 WHERE name IN ('items', 'clusters')",
                "UPDATE numbers SET value = 1 WHERE name = 'candidates'",
            ):
                connection.execute(statement)

    def clusters(self) -> Mapping[str, bytes]:
        with closing(sqlite3.connect(self.path)) as connection:
            return dict(connection.execute("SELECT item, content FROM clusters"))


class RedisSpoiler(Spoiler):
    def __init__(self, server: RedisServer) -> None:
        self.server, self.url = server, server.url
        self._raw: Any = redis.Redis(port=server.port)

    def spoil(self) -> None:
        name = self._name()
        sound = self._raw.hget(name, "i1-1")
        for command in (
            ("HSET", name, "i0-0", b"\x00\xff"),
            ("HSET", name, "i1-1", sound[:-8]),
            *(("HSET", key, "u001", "7") for key in self._raw.keys("penchant:vectors:*")),
            ("HSET", "penchant:history:u001", "spoilt", "[7]"),
            ("HSET", "penchant:items", "spoilt", "[7]"),
            ("ZADD", "penchant:items:changes", 10**6, "spoilt"),
            ("HSET", "penchant:open", "spoilt", "noon"),
            ("HSET", "penchant:numbers", "candidates", "1"),
            ("HSET", "penchant:keys", "k", "[7]"),
            ("RPUSH", "penchant:poison", "[7]"),
        ):
            self._raw.execute_command(*command)

    def clusters(self) -> Mapping[str, bytes]:
        return {item.decode(): content for item, content in self._raw.hgetall(self._name()).items()}

    def _name(self) -> str:
        """Where the clusters of the model are, beside those that are told."""
        names = {key.decode().removesuffix(":changes") for key in self._raw.keys("penchant:clusters:*")}
        (name,) = [one for one in names if not one.endswith(told_name(""))]
        return name


@pytest.fixture(params=["sqlite", "redis"])
def spoiler(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Spoiler]:
    if request.param == "sqlite":
        yield SqliteSpoiler(tmp_path / "live.sqlite")
    else:
        yield RedisSpoiler(request.getfixturevalue("redis_server"))


def test_servers_outlast_what_cannot_be_read_and_heal_it(
    run: Run, spoiler: Spoiler, servers: Callable[..., ServerProcess]
) -> None:
    server = servers(run.folder, spoiler.url).wait()
    server.ask("PUT", "/v1/candidates", {"items": OPEN})
    click = {"user": "u001", "item": "only live", "id": "spoilt"}
    assert server.ask("POST", "/v1/events", [click, {**click, "id": "sound"}])[0] == 200
    clustered(server)
    until(lambda: measured(server, "penchant_backlog_events") == 0)
    sizes = {item: len(content) for item, content in spoiler.clusters().items()}
    spoiler.spoil()
    again = servers(run.folder, spoiler.url).wait()
    time.sleep(1.0)  # ten rounds of what refreshes
    for one in (server, again):
        status, told = one.ask("POST", "/v1/lookalike/score", {"users": ["u002"], "items": OPEN[2:]})
        assert status == 200, told
        assert one.ask("GET", "/v1/users/u001/profile")[1]["clicks"] > 0
        assert one.ask("POST", "/v1/events", {**click, "user": "u003", "id": None})[0] == 200
    assert server.end() == 0
    clustered(again)
    healed = spoiler.clusters()
    assert {item: len(healed[item]) for item in OPEN[:3]} == {item: sizes[item] for item in OPEN[:3]}
    assert "kind=" in again.ask("GET", "/metrics")[1]
    assert again.end() == 0
    assert "has failed" not in server.said + again.said


def seeds_of(server: ServerProcess, item: str) -> int | None:
    status, told = server.ask("GET", f"/v1/candidates/{quote(item)}")
    assert status == 200, told
    seeds: int | None = told["seeds"]
    return seeds


def assert_new_seeds_count(server: ServerProcess) -> None:
    """In a store that has taken the place of another: what was open is closed, and what is opened lives."""
    until(lambda: server.ask("GET", "/v1/candidates")[1]["candidates"] == [])
    assert "candidates that were open are closed by that; open them again" in server.said
    assert server.ask("PUT", "/v1/candidates", {"items": ["only live"]})[0] == 204
    until(lambda: seeds_of(server, "only live") == 0)
    clicks = [{"user": f"u00{number}", "item": "only live"} for number in range(5)]
    assert server.ask("POST", "/v1/events", clicks)[0] == 200
    until(lambda: seeds_of(server, "only live") == 5)


def opened(server: ServerProcess) -> None:
    """With seeds, so that cursors are ahead of any empty store."""
    server.ask("PUT", "/v1/candidates", {"items": OPEN})
    for number in range(9):
        assert server.ask("POST", "/v1/events", {"user": f"newcomer {number}", "item": "i0-0"})[0] == 200
    clustered(server)
    until(lambda: measured(server, "penchant_backlog_events") == 0)


RARELY = ("--recluster", "100000")
"""All seeds are not clustered again, so what counts was followed."""


def test_after_a_failover_to_an_empty_redis_new_seeds_count(
    run: Run, redis_server: RedisServer, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    server = servers(run.folder, redis_server.url, *RARELY).wait()
    opened(server)
    redis_server.kill()
    (tmp_path / "empty").mkdir()
    other = RedisServer(tmp_path / "empty", "--port", str(redis_server.port))
    other.port = redis_server.port
    other.start()
    try:
        assert_new_seeds_count(server)
    finally:
        other.kill()


def test_after_a_fresh_file_took_the_place_of_sqlites_new_seeds_count(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    path, other = tmp_path / "live.sqlite", tmp_path / "fresh.sqlite"
    server = servers(run.folder, f"sqlite:{path}", *RARELY).wait()
    opened(server)
    with closing(SqliteStore(other)):
        pass
    with closing(open_store(f"sqlite:{path}")) as held:
        assert held.holders()
    other.replace(path)
    assert_new_seeds_count(server)
