"""Real processes, killed at random moments, and stores that go away: every acknowledged event counts once."""

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest

from penchant.files import remove, write_json
from penchant.pipeline import Run
from penchant.serving.snapshot import Snapshot
from penchant.store.opened import open_store
from tests.helpers import lookalike_runs
from tests.helpers.processes import ServerProcess, free_port, until
from tests.helpers.servers import RedisServer
from tests.serving.recount import Sender, assert_counted
from tests.serving.worlds import served, trained
from tests.test_full_disk import SmallDisk, disk

__all__ = ["disk"]

ROLES = ("http", "consumer", "cluster")
KILLS = int(os.environ.get("PENCHANT_KILLS", "25"))
"""Of processes, in the test of each store: 50 in all."""

SOAK_S = float(os.environ.get("PENCHANT_SOAK_S", "3"))

ASKED: list[tuple[str, str, dict[str, object] | None]] = [
    ("GET", "/v1/users/u001/profile", None),
    ("GET", "/v1/users/u002/recall", None),
    ("POST", "/v1/lookalike/score", {"users": ["u003", "newcomer 1"]}),
    ("GET", "/v1/candidates", None),
    ("GET", "/metrics", None),
]

USERS = [f"u{number:03}" for number in range(60)] + [f"newcomer {number}" for number in range(20)]
OPEN = ["i0-0", "i1-1", "i2-2", "only live"]


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    served(tmp_path_factory)  # the snapshot is written
    return trained(tmp_path_factory)


@pytest.fixture
def redis_server(tmp_path: Path, absent: Callable[[str], None]) -> Iterator[RedisServer]:
    if not RedisServer.is_installed():
        absent("redis-server is not installed")
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def servers() -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers that are killed in the end, whatever happens."""
    with ExitStack() as stack:

        def make(*arguments: object, **keywords: object) -> ServerProcess:
            server = ServerProcess(*arguments, **keywords)  # type: ignore[arg-type]
            stack.callback(server.kill)
            return server.start()

        yield make


def items_of(run: Run) -> list[str]:
    return [*OPEN, *sorted(lookalike_runs.events_of(run)["item"].unique())[:10]]


def consumed(url: str) -> Callable[[], bool]:
    def asked() -> bool:
        with closing(open_store(url)) as store:
            return store.backlog().events == 0

    return asked


def seeds_told(server: ServerProcess, run: Run, url: str) -> None:
    """In the end the seeds of every candidate are those of the log and the live ones together."""
    snapshot = Snapshot(run.folder / "serving")
    with closing(open_store(url)) as store:
        expected = {}
        for item in OPEN:
            old = {snapshot.user(int(row)) for row in snapshot.seeds(item)[0]}
            expected[item] = len(old | set(store.seeds(item, 10**6).users))

    def told() -> bool:
        _, found = server.ask("GET", "/v1/candidates")
        return {one["item"]: one["seeds"] for one in found["candidates"]} == expected

    until(told, what=lambda: f"{expected} {server.ask('GET', '/v1/candidates')}")


def survive_kills(run: Run, url: str, servers: Callable[..., ServerProcess]) -> None:
    """Kill a process of any role while events come in, start it again, and so on."""
    port, dice = free_port(), random.Random(7)  # noqa: S311
    roles = {role: servers(run.folder, url, roles=[role], port=port) for role in ROLES}
    for server in roles.values():
        server.wait()
    assert roles["http"].ask("PUT", "/v1/candidates", {"items": OPEN})[0] == 204
    senders = [Sender(port, USERS, items_of(run), seed=seed).start() for seed in range(2)]
    for _ in range(KILLS):
        victim = roles[dice.choice(ROLES)]
        if dice.random() < 0.7:
            victim.wait()
        time.sleep(dice.uniform(0.0, 0.4))
        victim.kill()
        victim.start()
    sent = [event for sender in senders for event in sender.stop()]
    for server in roles.values():
        server.wait()
    until(consumed(url))
    with closing(open_store(url)) as store:
        assert_counted(store, sent)
    seeds_told(roles["http"], run, url)
    assert sent


def test_processes_killed_at_random_lose_nothing_on_sqlite(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    survive_kills(run, f"sqlite:{tmp_path / 'live.sqlite'}", servers)


def test_processes_killed_at_random_lose_nothing_on_redis(
    run: Run, redis_server: RedisServer, servers: Callable[..., ServerProcess]
) -> None:
    survive_kills(run, redis_server.url, servers)


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
    until(consumed(redis_server.url))
    with closing(open_store(redis_server.url)) as store:
        assert_counted(store, sent)
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
    disk.resize(50_000)
    until(lambda: not is_refused())
    sent = [*sender.stop(), *own]
    until(consumed(url))
    with closing(open_store(url)) as store:
        assert_counted(store, sent)


def test_a_server_soaked_for_a_while_neither_grows_nor_fails(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    """For PENCHANT_SOAK_S seconds; an hour of it is a benchmark."""
    server = servers(run.folder, f"sqlite:{tmp_path / 'live.sqlite'}", "--recluster", "1").wait()
    assert server.ask("PUT", "/v1/candidates", {"items": OPEN})[0] == 204
    sender = Sender(server.port, USERS, items_of(run), seed=4).start()
    before, end = None, time.monotonic() + SOAK_S
    while time.monotonic() < end:
        for ask in ASKED:
            status, told = server.ask(*ask)
            assert status == 200, told
        if before is None and time.monotonic() > end - SOAK_S / 2:
            before = resident_mib(server)
    assert before is not None
    assert resident_mib(server) - before < 20
    assert sender.stop()
    assert server.end() == 0
    assert "error" not in server.said


def resident_mib(server: ServerProcess) -> float:
    """Memory of its own."""
    lines = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8").splitlines()
    return float(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def test_two_servers_share_one_file(run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]) -> None:
    url = f"sqlite:{tmp_path / 'live.sqlite'}"
    both = [servers(run.folder, url) for _ in range(2)]
    senders = [Sender(server.wait().port, USERS, items_of(run), seed=seed).start() for seed, server in enumerate(both)]
    both[0].ask("PUT", "/v1/candidates", {"items": OPEN})
    for sender in senders:
        sender.wait(20)
    sent = [event for sender in senders for event in sender.stop()]
    until(consumed(url))
    with closing(open_store(url)) as store:
        assert_counted(store, sent)
    for server in both:
        seeds_told(server, run, url)
        assert server.end() == 0
    assert len({event["id"].partition("-")[0] for event in sent}) == 2


def test_another_model_takes_over_without_a_wrong_mix(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    """Scores are those of one model or of the other, at every moment, and in the end of the new one."""
    url, folder = f"sqlite:{tmp_path / 'live.sqlite'}", tmp_path / "run"
    lookalike_runs.copied(run, folder)
    server = servers(folder, url).wait()
    assert server.ask("PUT", "/v1/candidates", {"items": OPEN[:3]})[0] == 204
    until(lambda: server.ask("GET", "/readyz")[0] == 200)
    asked = {"users": ["u001", "u002"], "items": OPEN[:3]}
    before = scores_of(server, asked)
    retrain(run, folder)
    seen = [before]
    until(lambda: changed(server, asked, seen))
    for _ in range(20):
        np.testing.assert_allclose(scores_of(server, asked), seen[-1], atol=1e-5)
    assert len(seen) == 2
    again = servers(folder, f"sqlite:{tmp_path / 'other.sqlite'}").wait()
    again.ask("PUT", "/v1/candidates", {"items": OPEN[:3]})
    until(lambda: again.ask("GET", "/readyz")[0] == 200)
    np.testing.assert_allclose(scores_of(again, asked), seen[-1], atol=1e-4)


def scores_of(server: ServerProcess, asked: dict[str, list[str]]) -> list[float]:
    status, told = server.ask("POST", "/v1/lookalike/score", asked)
    assert status == 200, told
    return [one["score"] for user in told["users"] for one in sorted(user["scores"], key=lambda one: one["item"])]


def changed(server: ServerProcess, asked: dict[str, list[str]], seen: list[list[float]]) -> bool:
    now = scores_of(server, asked)
    if not np.allclose(now, seen[-1], atol=1e-5):
        seen.append(now)
    return len(seen) > 1


def retrain(run: Run, folder: Path) -> None:
    """Put another model in place of the one that is served, one part after the other, as a copy does."""
    other = folder.with_name("other")
    opened = lookalike_runs.copied(run, other)
    for model in (other / "models").iterdir():
        if model.name != "tags":
            remove(model)
    config = lookalike_runs.changed(opened, training={"seed": 9}, users_training={"seed": 9})
    write_json(other / "config.json", {"config": config.model_dump(mode="json"), "base": str(opened.base)})
    anew = Run.open(other)
    anew.train(only="ralm")
    anew.lookalikes.crowd("latest", "ralm")
    for part in ("config.json", "models"):
        remove(folder / part)
        (other / part).rename(folder / part)
