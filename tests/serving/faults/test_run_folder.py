"""Real servers on a run folder: users are forgotten by many at once, nobody may write to it, a model does not fit."""

import http.client
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import polars as pl
import pytest
import redis

from penchant.files import remove
from penchant.logs.forgotten import FORGOTTEN, digest_of, read_forgotten
from penchant.operation.served import open_served
from penchant.pipeline import Run
from penchant.runfolder import files_of
from penchant.store.entries import speaks_of
from penchant.training.checkpoint import load_tensors, save_tensors
from tests.helpers import lookalike_runs
from tests.helpers.processes import Forked, ServerProcess, bound_penchant, penchant, until
from tests.helpers.servers import RedisServer

USERS = [f"u{number:03}" for number in range(40)]
STAYS = "u050"


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Run:
    """It may be written; its snapshot is of now."""
    made = lookalike_runs.copied(run, tmp_path / "copy")
    remove(made.folder / "serving")
    open_served(made.folder)
    return made


def forget_all(run: Run, url: str, servers: Callable[..., ServerProcess]) -> None:
    """By eight threads that ask two servers, of which one is killed, and by a command beside them."""
    both = [servers(run.folder, url) for _ in range(2)]
    for server in both:
        server.wait()
    rows = {path: pl.read_parquet(path) for path in files_of(run.folder, names="rows") if "prepared" not in path.parts}
    live = [{"user": user, "item": "i1-1"} for user in [*USERS, STAYS]]
    assert both[0].ask("POST", "/v1/events", live)[0] == 200
    beside = Forked(penchant, "forget", run.folder, USERS[0], environment={"PENCHANT_STORE": url})
    turns = cycle(both)

    def forget(user: str) -> None:
        while True:
            try:
                status, told = next(turns).ask("DELETE", f"/v1/users/{user}")
            except (OSError, http.client.HTTPException):
                continue  # it was killed
            if status == 200:
                return
            assert (status, told["error"]["code"]) in ((503, "run_folder"), (503, "store")), told

    with ThreadPoolExecutor(8) as threads:
        done = [threads.submit(forget, user) for user in USERS[1:]]
        until(lambda: sum(one.done() for one in done) >= 8)
        both[1].kill()
        for one in done:
            one.result()
    assert beside.status() == 0, beside.err
    assert read_forgotten(run.folder / FORGOTTEN).keys() == set(map(digest_of, USERS))
    for path, before in rows.items():
        assert pl.read_parquet(path).equals(before.filter(~pl.col("user").is_in(USERS))), path
    assert not list(run.folder.rglob("*.part"))
    # Who was forgotten by another process is forgotten here with the next refresh.
    until(lambda: all(both[0].ask("GET", f"/v1/users/{user}/profile")[1]["cold"] for user in USERS))
    assert not both[0].ask("GET", f"/v1/users/{STAYS}/profile")[1]["cold"]


def named(texts: list[str]) -> set[str]:
    return {user for user in [*USERS, STAYS] for text in texts if speaks_of(text, user)}


def test_forty_are_forgotten_at_once_from_files_and_sqlite(
    copy: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    path = tmp_path / "live.sqlite"
    forget_all(copy, f"sqlite:{path}", servers)
    connection = sqlite3.connect(path)
    connection.text_factory = lambda text: text.decode(errors="replace")
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = [row for name in tables for row in connection.execute(f'SELECT * FROM "{name}"')]  # noqa: S608
    assert named([str(cell) for row in rows for cell in row]) == {STAYS}


def test_forty_are_forgotten_at_once_from_files_and_redis(
    copy: Run, redis_server: RedisServer, servers: Callable[..., ServerProcess]
) -> None:
    forget_all(copy, redis_server.url, servers)
    with redis.Redis(port=redis_server.port) as client:
        read = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1),
            b"list": lambda key: client.lrange(key, 0, -1),
            b"stream": client.xrange,
        }
        texts = [f"{key!r} {read[client.type(key)](key)!r}" for key in client.scan_iter()]
    assert named(texts) == {STAYS}


def mode(folder: Path, *, writable: bool) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod((0o755 if writable else 0o555) if path.is_dir() else (0o644 if writable else 0o444))


def test_a_folder_that_nobody_may_write_is_served_and_forgets_once_it_may(
    copy: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    """Not even locks can be made in it; its snapshot is there. Until then the store keeps the user too."""
    for path in [copy.folder / "at-work", copy.folder / "dashboard", *copy.folder.glob("*.lock")]:
        remove(path)
    mode(copy.folder, writable=False)
    server = ServerProcess(copy.folder, f"sqlite:{tmp_path / 'live.sqlite'}")
    server.begin = bound_penchant
    try:
        server.start().wait()
        assert server.ask("GET", "/dashboard/tags")[0] == 200
        for _ in range(2):
            status, told = server.ask("DELETE", f"/v1/users/{USERS[3]}")
            assert (status, told["error"]["code"]) == (503, "run_folder")
            assert "cannot be written" in told["error"]["message"]
        assert not server.ask("GET", f"/v1/users/{USERS[3]}/profile")[1]["cold"]
        mode(copy.folder, writable=True)
        status, told = server.ask("DELETE", f"/v1/users/{USERS[3]}")
        assert status == 200, told
        assert told["files"]["log"] > 0
        assert server.ask("GET", f"/v1/users/{USERS[3]}/profile")[1]["cold"]
    finally:
        mode(copy.folder, writable=True)
        server.kill()


def test_a_model_that_does_not_fit_leaves_the_one_before_serving(
    copy: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    path = copy.folder / "models" / "tags" / "weights.safetensors"
    server, whole = servers(copy.folder, f"sqlite:{tmp_path / 'live.sqlite'}").wait(), path.read_bytes()
    before = server.ask("GET", "/v1/model")[1]
    tensors, said = load_tensors(path)
    name, tensor = tensors.popitem()
    save_tensors(path, {**tensors, f"{name} of old": tensor}, said)
    until(lambda: "so the model before stays" in server.said, what=lambda: server.said)
    assert "does not fit this version of the model" in server.said
    assert "Traceback" not in server.said
    assert server.ask("GET", "/v1/model")[1] == before
    assert server.ask("GET", f"/v1/users/{STAYS}/profile")[0] == 200
    path.write_bytes(whole)
    plan = copy.folder / "prepared" / "users" / "plan.json"
    plan.write_bytes(plan.read_bytes() + b"\n")
    until(lambda: server.ask("GET", "/v1/model")[1] != before, what=lambda: server.said)
    assert server.runs
