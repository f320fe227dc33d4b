"""A run folder as it is served: which model it holds, and what it needs to be served at all."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from penchant.errors import DataError, MissingStepError, PenchantError
from penchant.files import read_json, remove, write_json
from penchant.operation.served import open_served, signature_of, version_of
from penchant.pipeline import Run
from penchant.progress import Progress
from penchant.serving.service import Service
from penchant.serving.snapshot import Snapshot
from penchant.store.memory import MemoryStore
from tests.helpers import lookalike_runs
from tests.helpers.planted import write_planted_run
from tests.serving import worlds
from tests.serving.clustered import clustered
from tests.serving.worlds import MADE

WEIGHTS = ["models/tags/weights.safetensors", "models/ralm/weights.safetensors", "prepared/users/plan.json"]


@pytest.fixture
def run(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy, with its snapshot."""
    worlds.served(tmp_path_factory)
    return lookalike_runs.copied(worlds.trained(tmp_path_factory), tmp_path / "run")


def change(path: Path) -> None:
    """Its last byte; the file keeps its length."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_copy_has_the_same_version(run: Run, tmp_path: Path) -> None:
    before = version_of(run.folder)
    shutil.copytree(run.folder, tmp_path / "copy", copy_function=shutil.copyfile)
    assert version_of(tmp_path / "copy") == before
    assert len(before) == 16


@pytest.mark.parametrize("name", WEIGHTS)
def test_version_and_signature_change_with_whatever_decides_the_model(run: Run, name: str) -> None:
    version, signature = version_of(run.folder), signature_of(run.folder)
    assert signature_of(run.folder) == signature
    change(run.folder / name)
    assert version_of(run.folder) != version
    assert signature_of(run.folder) != signature


def test_weights_that_are_written_again_alike_change_the_signature_alone(run: Run) -> None:
    version, signature = version_of(run.folder), signature_of(run.folder)
    path = run.folder / WEIGHTS[0]
    other = path.with_name("other")
    shutil.copyfile(path, other)
    os.replace(other, path)
    assert version_of(run.folder) == version
    assert signature_of(run.folder) != signature


def test_a_file_that_goes_changes_both(run: Run) -> None:
    version, signature = version_of(run.folder), signature_of(run.folder)
    remove(run.folder / WEIGHTS[1])
    assert version_of(run.folder) != version
    assert set(signature_of(run.folder)) < set(signature)


def test_which_scorer_is_live_is_part_of_the_version(run: Run) -> None:
    """And so is how far it is behind the winner: what is said of it must be what was measured last."""
    version, signature = version_of(run.folder), signature_of(run.folder)
    lookalike_runs.choose(run, live="average")
    other, changed = version_of(run.folder), signature_of(run.folder)
    assert (other != version, changed != signature) == (True, True)
    served = open_served(run.folder, clock=lambda: MADE)
    assert served.name == other
    assert served.alike is not None
    assert (served.alike.choice.live, served.alike.ralm.config.pool) == ("average", "average")


def test_a_live_average_scores_as_the_offline_one_does(run: Run) -> None:
    lookalike_runs.choose(run, live="average", name="average")
    served = open_served(run.folder, clock=lambda: MADE)
    assert served.alike is not None
    assert served.alike.ralm.config.pool == "average"
    service = Service(MemoryStore(), served, lambda: MADE)
    clustered(service, [lookalike_runs.POPULAR])
    live = service.audience(lookalike_runs.POPULAR, 50).members
    offline = run.audience(lookalike_runs.POPULAR, 50, by="average").members
    np.testing.assert_allclose([score for _, score in live], offline["score"], atol=1e-5)


def test_what_wins_but_cannot_be_live_is_named_beside_what_is(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    beaten = lookalike_runs.copied(lookalike_runs.outdone(tmp_path_factory), tmp_path / "beaten")
    served = open_served(beaten.folder, clock=lambda: MADE)
    assert served.alike is not None
    assert (served.alike.choice.name, served.alike.choice.live) == ("lr", "ralm")
    assert "logistic regression is ahead of it by " in served.alike.choice.served


def test_a_run_whose_look_alike_was_not_measured_is_served_by_what_was_trained(run: Run) -> None:
    remove(run.folder / "scores" / "ralm.json")
    served = open_served(run.folder, clock=lambda: MADE)
    assert served.alike is not None
    assert (served.alike.choice.scores, served.alike.ralm.config.pool) == ({}, "attention")


def test_metrics_of_an_earlier_version_say_what_to_do(run: Run) -> None:
    path = run.folder / "scores" / "ralm.json"
    write_json(path, {name: said for name, said in read_json(path).items() if name != "chosen"})
    with pytest.raises(MissingStepError, match=f"run `penchant evaluate {run.folder}` again"):
        open_served(run.folder)


def test_profiles_and_metrics_change_no_version(run: Run) -> None:
    version = version_of(run.folder)
    (run.folder / "scores" / "tags.json").write_text("{}", encoding="utf-8")
    remove(run.folder / "profiles")
    assert version_of(run.folder) == version


def test_the_snapshot_is_written_once_for_a_version(run: Run) -> None:
    told = list[Progress]()
    first = open_served(run.folder, clock=lambda: MADE + 5, report=told.append)
    assert (first.snapshot.manifest["made"], told) == (MADE, [])
    plan = run.folder / "prepared" / "users" / "plan.json"
    plan.write_bytes(plan.read_bytes() + b"\n")
    second = open_served(run.folder, clock=lambda: MADE + 5, report=told.append)
    assert second.snapshot.manifest["made"] == MADE + 5
    assert Progress("snapshot", 1, 1) in told
    assert first.name != second.name == version_of(run.folder)
    assert read_json(run.folder / "serving" / "manifest.json")["said"]["name"] == second.name


def test_what_is_served_has_tags_look_alike_and_names(tmp_path_factory: pytest.TempPathFactory) -> None:
    served = worlds.served(tmp_path_factory)
    assert served.alike is not None
    assert served.item_names[lookalike_runs.POPULAR] == f"Title of {lookalike_runs.POPULAR}"
    assert all(tag.startswith("t0-") for tag in served.item_tags["tags"]["i0-0"])
    assert lookalike_runs.PLAIN not in served.item_tags["tags"]
    users = set(lookalike_runs.events_of(worlds.trained(tmp_path_factory))["user"])
    assert {served.snapshot.user(row) for row in range(len(served.snapshot))} == users


def test_a_run_that_trained_tags_alone_is_served_without_a_look_alike(run: Run) -> None:
    for name in ("users", "ralm"):
        remove(run.place_of(name))
    served = open_served(run.folder, clock=lambda: MADE)
    assert served.alike is None
    assert served.item_names[lookalike_runs.POPULAR] == f"Title of {lookalike_runs.POPULAR}"
    service = Service(MemoryStore(), served, lambda: MADE)
    assert not service.profiles(["u001"])[0].cold


def test_a_run_that_trained_a_look_alike_alone_is_served_without_tags(run: Run) -> None:
    remove(run.folder / "models" / "tags")
    served = open_served(run.folder, clock=lambda: MADE)
    assert not served.profiles
    service = Service(MemoryStore(), served, lambda: MADE)
    assert not service.score(["u001"], None)[0].cold


def test_a_run_that_has_trained_nothing_cannot_be_served(tmp_path: Path) -> None:
    run = Run.start(write_planted_run(tmp_path), tmp_path / "run")
    run.prepare()
    told = rf"{run.folder} has no trained model yet; run `penchant run RUN.toml --out {run.folder}` first"
    with pytest.raises(MissingStepError, match=told):
        open_served(run.folder)


def test_a_folder_that_is_no_run_cannot_be_served(tmp_path: Path) -> None:
    with pytest.raises(MissingStepError, match="is no run folder"):
        open_served(tmp_path)


def test_vectors_that_are_not_finite_are_not_served(run: Run) -> None:
    path = run.folder / "serving" / "00000.safetensors"
    snapshot = Snapshot(run.folder / "serving")
    assert len(snapshot.parts) == 1
    lookalike_runs.spoil(path, "vectors", slice(2))
    with pytest.raises(DataError, match=r"the vectors of 2 of .* users are not finite"):
        open_served(run.folder)


@pytest.mark.parametrize("name", WEIGHTS[:2])
def test_weights_that_are_cut_short_are_an_error_of_ours(run: Run, name: str) -> None:
    path = run.folder / name
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(PenchantError):
        open_served(run.folder)
