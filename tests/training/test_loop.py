"""What is stopped at any step ends like what was not, for every kind of model: the same weights and the same curve."""

import signal
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.errors import DivergedError
from penchant.progress import Progress
from penchant.training.checkpoint import load_tensors
from penchant.training.loop import WEIGHTS, read_metrics
from tests.training.kinds import KINDS, train_by_steps

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.training.kinds", "torch._dynamo"])
"""They begin with what takes longest to import; optimizers ask for the second."""


def weights(folder: Path) -> dict[str, bytes]:
    """Every weight to the last bit."""
    tensors, _ = load_tensors(folder / "weights.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def curve(folder: Path) -> list[tuple[float, float]]:
    """Loss and validation score of each epoch."""
    return [(line["loss"], line["validation"]) for line in read_metrics(folder)]


def ends_alike(stopped: Path, unbroken: Path) -> bool:
    left = {path.name for path in stopped.iterdir()}
    same = weights(stopped) == weights(unbroken) and curve(stopped) == curve(unbroken)
    return same and left == {"metrics.jsonl", "weights.safetensors"}


class StoppedError(Exception):
    pass


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def unbroken(kind: str, tmp_path: Path) -> tuple[Path, int]:
    """A run that was never stopped, and how many steps it took."""
    told: list[Progress] = []
    KINDS[kind]().train(tmp_path / "unbroken", told.append)
    return tmp_path / "unbroken", len(told)


def test_stopped_at_any_step_it_ends_with_the_same_weights(
    kind: str, unbroken: tuple[Path, int], tmp_path: Path
) -> None:
    """Within an epoch, and before, at and after its end."""
    folder, steps = unbroken
    an_epoch = len(KINDS[kind]().objective.steps(0))
    for stop_at in (1, an_epoch // 2, an_epoch, an_epoch + 1, steps - 1, steps):
        stopped = tmp_path / f"stopped at {stop_at}"

        def stop(progress: Progress, at: int = stop_at) -> None:
            if progress.done == at:
                raise StoppedError

        with pytest.raises(StoppedError):
            KINDS[kind]().train(stopped, stop)
        with open(stopped / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write('{"epoch": 2, "validation": 0.9}\n{"epoch": 3, "val')
        KINDS[kind]().train(stopped)
        assert ends_alike(stopped, folder)


def test_killed_at_random_steps_it_ends_with_the_same_weights(
    kind: str, unbroken: tuple[Path, int], tmp_path: Path
) -> None:
    """With kill -9, while the step after the one drawn is under way; it goes on there, not with its epoch's first."""
    folder, steps = unbroken
    assert len(KINDS[kind]().objective.steps(0)) > 3
    began_at, drawn = 1, np.random.default_rng(0).choice(np.arange(2, steps), 2, replace=False)
    for kill_at in sorted(drawn.tolist()):
        assert kill(kind, tmp_path / "killed", kill_at) in (began_at, began_at + 1)
        began_at = kill_at
    told: list[Progress] = []
    KINDS[kind]().train(tmp_path / "killed", told.append)
    assert told[0].done in (began_at, began_at + 1)
    assert ends_alike(tmp_path / "killed", folder)


def kill(kind: str, folder: Path, kill_at: int) -> int:
    """Train in a process of its own, which is killed once it has done so many steps; the first step that it did."""
    own, other = PROCESSES.Pipe()
    process = PROCESSES.Process(target=train_by_steps, args=(kind, folder, other))
    process.start()
    other.close()
    first = done = int(own.recv())
    while done < kill_at:
        own.send("go on")
        done = int(own.recv())
    own.send("go on")
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return first


def test_the_same_seed_and_epoch_give_the_same_steps_and_losses(kind: str) -> None:
    one, other = KINDS[kind](), KINDS[kind]()
    for small in (one, other):
        small.model.eval()
        small.objective.begin(small.model, 0)
        small.model.train()
    found = []
    for small in (one, other):
        torch.rand(3)
        steps = small.objective.steps(1)
        torch.manual_seed(5)
        loss = small.objective.loss(small.model, steps[0]).detach()
        found.append((len(steps[0]), float(loss)))
    assert found[0] == found[1]
    assert 0 < found[0][0] <= one.config.batch


def test_the_last_progress_is_the_end(kind: str, tmp_path: Path) -> None:
    told: list[Progress] = []
    KINDS[kind]().train(tmp_path / "run", told.append)
    assert {progress.step for progress in told} == {KINDS[kind]().objective.name}
    assert told[-1].done == told[-1].total == len(told)


def test_training_that_diverges_is_told_and_leaves_no_weights(kind: str, tmp_path: Path) -> None:
    small = KINDS[kind]()
    wild = replace(small, config=small.config.model_copy(update={"rate": 1e38}))
    with pytest.raises(DivergedError, match=r"run: the .* is (nan|-?inf) in epoch \d, so training has diverged; lower"):
        wild.train(tmp_path / "run")
    assert not (tmp_path / "run" / WEIGHTS).exists()
