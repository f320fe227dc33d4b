"""What is sent to servers, and what they must hold of it in the end."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from penchant.pipeline import Run
from penchant.serving.snapshot import Snapshot
from penchant.store.opened import open_store
from tests.helpers import lookalike_runs
from tests.helpers.processes import ServerProcess, until
from tests.serving.recount import assert_counted

USERS = [f"u{number:03}" for number in range(60)] + [f"newcomer {number}" for number in range(20)]
OPEN = ["i0-0", "i1-1", "i2-2", "only live"]


def items_of(run: Run) -> list[str]:
    return [*OPEN, *sorted(lookalike_runs.events_of(run)["item"].unique())[:10]]


def assert_all_counted(url: str, sent: Sequence[dict[str, Any]]) -> None:
    """Once the log is consumed, every event that was acknowledged counts once."""
    assert sent
    with closing(open_store(url)) as store:
        until(lambda: store.backlog().events == 0)
        assert_counted(store, sent)


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


def measured(server: ServerProcess, name: str) -> float:
    """One of the numbers of /metrics."""
    status, text = server.ask("GET", "/metrics")
    assert status == 200, text
    return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).split()[1])


def clustered(server: ServerProcess) -> None:
    """Wait until no open candidate waits for clusters."""
    until(lambda: measured(server, "penchant_candidates_waiting") == 0 < measured(server, "penchant_candidates_open"))
