"""`penchant dashboard RUN`: a run without live data, in a process of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from penchant.operation.pages import MOST_SHOWN
from tests.helpers import lookalike_runs
from tests.helpers.processes import ServerProcess, until
from tests.serving.faults.live import clustered
from tests.serving.worlds import trained


@pytest.fixture
def process(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    run = lookalike_runs.copied(trained(tmp_path_factory), tmp_path / "runs" / "shown")
    found = ServerProcess(run.folder, "sqlite:not-used")
    found.words = ["dashboard", str(run.folder), "--listen", "127.0.0.1:0"]
    found.says = "Open "
    found.start().wait()
    yield found
    found.kill()


def test_a_run_is_shown_with_candidates_and_an_atlas_and_leaves_nothing_running(
    process: ServerProcess, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    events = lookalike_runs.events_of(trained(tmp_path_factory)).filter("clicked")
    status, page = process.ask("GET", "/dashboard/lookalike")
    assert status == 200
    assert "not live" in page
    assert len(set(re.findall(r"\?item=([^\"&]+)", page))) == min(MOST_SHOWN, events["item"].n_unique())
    clustered(process)
    manifest = tmp_path / "runs" / "shown" / "dashboard" / "manifest.json"
    until(manifest.exists)
    until(lambda: "is being made" not in process.ask("GET", "/dashboard/users")[1])
    assert process.end() == 0
    assert not list(tmp_path.rglob("*.sqlite*"))
    assert not list(tmp_path.rglob("*.part"))


def test_it_is_shown_to_this_machine_alone(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = ServerProcess(trained(tmp_path_factory).folder, "memory:")
    found.words = ["dashboard", str(trained(tmp_path_factory).folder), "--listen", "0.0.0.0:0"]
    assert found.start().process.status() == 1
    assert "host is '0.0.0.0'" in found.said
