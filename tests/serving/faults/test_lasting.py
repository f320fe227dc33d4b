"""A server that works for long, and goes on with another model."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from penchant.files import remove, write_json
from penchant.pipeline import Run
from tests.helpers import lookalike_runs
from tests.helpers.processes import ServerProcess, until
from tests.serving.faults.live import OPEN, USERS, clustered, items_of
from tests.serving.recount import Sender

SOAK_S = float(os.environ.get("PENCHANT_SOAK_S", "3"))

ASKED: list[tuple[str, str, dict[str, object] | None]] = [
    ("GET", "/v1/users/u001/profile", None),
    ("GET", "/v1/users/u002/recall", None),
    ("POST", "/v1/lookalike/score", {"users": ["u003", "newcomer 1"]}),
    ("GET", "/v1/candidates", None),
    ("GET", "/metrics", None),
]


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


def test_another_model_takes_over_without_a_wrong_mix(
    run: Run, tmp_path: Path, servers: Callable[..., ServerProcess]
) -> None:
    """Scores are those of one model or of the other, at every moment, and in the end of the new one."""
    url, folder = f"sqlite:{tmp_path / 'live.sqlite'}", tmp_path / "run"
    lookalike_runs.copied(run, folder)
    server = servers(folder, url).wait()
    assert server.ask("PUT", "/v1/candidates", {"items": OPEN[:3]})[0] == 204
    clustered(server)
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
    clustered(again)
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
