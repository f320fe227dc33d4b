"""Training that is stopped goes on, and ends with the same weights as training that was not: for real, with kill -9."""

import random
import signal
import time
from pathlib import Path

import pytest
import torch

import penchant
from penchant.errors import CheckpointError, StaleVocabularyError
from penchant.pipeline import Run
from penchant.progress import Progress
from penchant.runfile import load_config
from penchant.training.checkpoint import load_tensors, save_tensors
from penchant.training.loop import read_metrics
from tests.helpers import processes
from tests.helpers.planted import changed, write_planted_run
from tests.helpers.processes import Forked, until


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A planted log, and a run of it that was never stopped, in `unbroken`."""
    folder = tmp_path_factory.mktemp("planted")
    penchant.run(write_planted_run(folder), folder / "unbroken")
    return folder


def weights(run: Path) -> dict[str, bytes]:
    """Every weight to the last bit."""
    tensors, _ = load_tensors(run / "models" / "tags" / "weights.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def look_at_what_was_written_over(path: Path) -> None:
    tensors, _ = load_tensors(path)
    path.write_bytes(b"")
    assert all(tensor.isfinite().all() for tensor in tensors.values())


def test_weights_that_were_loaded_outlast_what_is_written_over_their_file(tmp_path: Path) -> None:
    """As `cp` of another run does, while the run is served."""
    path = tmp_path / "weights.safetensors"
    save_tensors(path, {"one": torch.ones(100_000)}, {})
    assert Forked(look_at_what_was_written_over, path).status() == 0


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("stop_at", [1, 2, 7, 20])
def test_stopped_at_any_step_it_ends_with_the_same_weights(folder: Path, tmp_path: Path, stop_at: int) -> None:
    run = Run.start(folder / "run.toml", tmp_path / "run")
    run.prepare()

    def stop(progress: Progress) -> None:
        if progress.step == "train" and progress.done == stop_at:
            raise StoppedError

    with pytest.raises(StoppedError):
        run.train(stop)
    assert not (tmp_path / "run" / "models" / "tags" / "weights.safetensors").exists()
    run.train()
    assert weights(tmp_path / "run") == weights(folder / "unbroken")
    curves = [read_metrics(one / "models" / "tags") for one in (tmp_path / "run", folder / "unbroken")]
    assert [line["validation"] for line in curves[0]] == [line["validation"] for line in curves[1]]


def test_large_tables_train_on_rows_of_the_batch_and_resume_alike(folder: Path, tmp_path: Path) -> None:
    """Row-wise Adagrad and sampled softmax: both are for tables of more than large_table_rows."""
    training = {"large_table_rows": 4, "sampled_tags": 6, "large_table_rate": 0.3}
    config = changed(load_config(folder / "run.toml"), training=training)
    unbroken, stopped = (Run.start(config, tmp_path / name, base=folder) for name in ("unbroken", "stopped"))
    for run in (unbroken, stopped):
        run.prepare()
    unbroken.train()

    def stop(progress: Progress) -> None:
        if progress.step == "train" and progress.done == 11:
            raise StoppedError

    with pytest.raises(StoppedError):
        stopped.train(stop)
    stopped.train()
    assert weights(tmp_path / "unbroken") == weights(tmp_path / "stopped")
    scores = unbroken.evaluate()["tags"]["scores"]
    assert scores["model"]["prec@3"]["mean"] > scores["popularity"]["prec@3"]["mean"] + 0.2


def test_killed_again_and_again_a_run_ends_like_an_unbroken_one(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["run", folder / "run.toml", "--out", out]
    for sign in (
        "log/source.json",
        "prepared/users/plan.json",
        "models/tags/checkpoint.safetensors",
        "profiles/tags/weights.json",
    ):
        _kill_when(words, out / sign)
    assert Forked(processes.penchant, *words).status() == 0
    assert weights(out) == weights(folder / "unbroken")
    assert Run.open(out).interests().metrics["scores"] == Run.open(folder / "unbroken").interests().metrics["scores"]
    kept = sorted(path.name for path in (out / "profiles" / "tags").glob("*.parquet"))
    assert kept == sorted(path.name for path in (folder / "unbroken" / "profiles" / "tags").glob("*.parquet"))
    assert not list(out.rglob("*.part"))


def test_killed_ten_times_at_any_moment_a_run_ends_like_an_unbroken_one(folder: Path, tmp_path: Path) -> None:
    out, dice = tmp_path / "run", random.Random(3)  # noqa: S311
    words = ["run", folder / "run.toml", "--out", out]
    for _ in range(10):
        process = Forked(processes.penchant, *words)
        time.sleep(dice.uniform(0.05, 1.5))
        process.kill()
    assert Forked(processes.penchant, *words).status() == 0
    assert weights(out) == weights(folder / "unbroken")
    assert Run.open(out).interests().metrics["scores"] == Run.open(folder / "unbroken").interests().metrics["scores"]
    assert not list(out.rglob("*.part"))


def _kill_when(words: list[object], sign: Path) -> None:
    """Start the command and kill -9 it as soon as a file is there."""
    process = Forked(processes.penchant, *words)
    until(lambda: sign.exists() or not process.runs)
    process.kill()
    assert process.status() == -signal.SIGKILL, process.err


def test_another_seed_gives_other_weights(folder: Path, tmp_path: Path) -> None:
    config = changed(load_config(folder / "run.toml"), training={"seed": 1})
    run = Run.start(config, tmp_path / "run", base=folder)
    run.prepare()
    run.train()
    assert weights(tmp_path / "run") != weights(folder / "unbroken")


def test_weights_of_another_vocabulary_are_refused(folder: Path, tmp_path: Path) -> None:
    path = folder / "unbroken" / "models" / "tags" / "weights.safetensors"
    kept = path.read_bytes()
    tensors, said = load_tensors(path)
    try:
        save_tensors(path, tensors, {**said, "vocabularies": '{"tags": "0123456789abcdef"}'})
        with pytest.raises(StaleVocabularyError, match=r"0123456789abcdef.*but this run has"):
            _ = Run.open(folder / "unbroken").interests().model
        save_tensors(path, tensors, {**said, "model": said["model"].replace('"heads":2', '"heads":3')})
        with pytest.raises(CheckpointError, match=r"another model config: heads was 3, is 2; give the run"):
            _ = Run.open(folder / "unbroken").interests().model
    finally:
        path.write_bytes(kept)


def test_weights_whose_tensors_are_called_otherwise_are_refused(folder: Path, tmp_path: Path) -> None:
    """As an earlier version wrote them."""
    path = folder / "unbroken" / "models" / "tags" / "weights.safetensors"
    kept = path.read_bytes()
    tensors, said = load_tensors(path)
    try:
        save_tensors(path, {f"old.{name}": tensor for name, tensor in tensors.items()}, said)
        with pytest.raises(
            CheckpointError,
            match=r"models/tags/weights\.safetensors does not fit this version .*Missing.*models/tags and train again",
        ):
            _ = Run.open(folder / "unbroken").interests().model
    finally:
        path.write_bytes(kept)


def test_a_damaged_weights_file_is_refused(folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "weights.safetensors"
    damaged.write_bytes((folder / "unbroken" / "models" / "tags" / "weights.safetensors").read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"weights.safetensors is damaged"):
        load_tensors(damaged)
