"""The one loop that trains every model: seeded, resumable at any step, stopped by who is held out."""

import json
import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic

import torch
from torch import nn
from torch.optim import Optimizer

from penchant.errors import DivergedError
from penchant.files import remove
from penchant.logs.reading import as_written
from penchant.progress import Progress, Report, quiet
from penchant.training.checkpoint import (
    Identity,
    Position,
    load_checkpoint,
    load_tensors,
    load_trained,
    put_tensors,
    save_checkpoint,
    save_tensors,
)
from penchant.training.config import LoopConfig
from penchant.training.objective import Learner, Objective, Part
from penchant.training.steps import mix

WEIGHTS, BEST, CHECKPOINT, METRICS = (
    "weights.safetensors",
    "best.safetensors",
    "checkpoint.safetensors",
    "metrics.jsonl",
)


def train(
    model: Learner,
    objective: Objective[Learner, Part],
    config: LoopConfig,
    folder: Path,
    *,
    identity: Identity,
    report: Report = quiet,
) -> None:
    """Train `model` in place, up to `epochs` or until `patience` of them were no better, and leave its best weights in
    `folder`/weights.safetensors and in the model, which ends in evaluation mode.

    Weights that are there already are loaded. A run that was killed goes on from its last checkpoint and ends with the
    same weights as one that was not.
    """
    if (folder / WEIGHTS).exists():
        load_weights(folder, model, identity)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        _Training(model, objective, config, folder, identity, report).run()
    model.eval()


def load_weights(folder: Path, model: nn.Module, identity: Identity) -> None:
    """Put the trained weights into a model. A CheckpointError where they belong to another vocabulary or model, or to
    another version of it, or are not finite."""
    tensors, _ = load_trained(folder / WEIGHTS, identity)
    put_tensors(model, tensors, folder / WEIGHTS)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The learning curve: a line per epoch with its loss, validation score and samples per second."""
    with as_written(folder / METRICS):
        return [dict(json.loads(line)) for line in (folder / METRICS).read_text(encoding="utf-8").splitlines()]


@dataclass
class _Training(Generic[Learner, Part]):
    """What one training run holds while it runs; see `train`."""

    model: Learner
    objective: Objective[Learner, Part]
    config: LoopConfig
    folder: Path
    identity: Identity
    report: Report
    optimizers: list[Optimizer] = field(init=False)
    saved_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.optimizers = self.config.optimizers(self.model)
        self.saved_at = time.monotonic()

    def run(self) -> None:
        position = self._begin()
        while position.epoch < self.config.epochs and position.epoch - position.best_epoch <= self.config.patience:
            position = self._epoch(position)
            self._save(position)
        best, _ = load_tensors(self.folder / BEST)
        put_tensors(self.model, best, self.folder / BEST)
        said = {part: getattr(self.identity, part) for part in ("model", "vocabularies", "training")}
        save_tensors(self.folder / WEIGHTS, best, said)
        remove(self.folder / CHECKPOINT)
        remove(self.folder / BEST)

    def _begin(self) -> Position:
        """Where training goes on: at the last checkpoint, or at the first step."""
        position, path = Position(), self.folder / CHECKPOINT
        if path.exists():
            position, begun = load_checkpoint(path, self.model, self.optimizers, self.identity)
            self.objective.restore(begun)
        else:
            self.model.eval()
            self.objective.begin(self.model, 0)
        _forget_after(self.folder / METRICS, position)
        return position

    def _epoch(self, position: Position) -> Position:
        """Train the rest of an epoch and judge what came of it: where the next one begins."""
        epoch, losses = position.epoch, list(position.losses)
        steps = self.objective.steps(epoch)
        self.model.train()
        began, samples = time.monotonic(), 0
        for number in range(position.step, len(steps)):
            torch.manual_seed(mix(self.config.seed, epoch, number))
            losses.append(self._step(steps[number]))
            self._refuse_infinite(losses[-1], "loss", epoch)
            samples += len(steps[number])
            self._tell(position, number + 1, len(steps), samples / (time.monotonic() - began))
            if time.monotonic() - self.saved_at >= self.config.checkpoint_s and number + 1 < len(steps):
                self._save(replace(position, step=number + 1, losses=losses))
        taken_s = time.monotonic() - began
        self.model.eval()
        self.objective.begin(self.model, epoch + 1)
        measured = {"loss": sum(losses) / len(losses), "samples_per_s": samples / taken_s}
        return self._judged(position, self.objective.judge(self.model), measured)

    def _refuse_infinite(self, value: float, what: str, epoch: int) -> None:
        if not math.isfinite(value):
            raise DivergedError(
                f"{self.folder}: the {what} is {value} in epoch {epoch + 1}, so training has diverged; lower `rate` in "
                f"the training section of the model, remove this folder, and train again"
            )

    def _step(self, step: Part) -> float:
        loss = self.objective.loss(self.model, step)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return float(loss.detach())

    def _judged(self, position: Position, score: float, measured: dict[str, float]) -> Position:
        """Where the next epoch begins; the weights are kept if no epoch had a higher score.

        measured: what metrics.jsonl tells of the epoch beside its score.
        """
        self._refuse_infinite(score, "validation score", position.epoch)
        line = {"epoch": position.epoch, "validation": score, **measured}
        with open(self.folder / METRICS, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        after = replace(position, epoch=position.epoch + 1, step=0, losses=())
        if score > position.best:
            save_tensors(self.folder / BEST, self.model.state_dict(), {})
            after = replace(after, best=score, best_epoch=position.epoch)
        return after

    def _save(self, position: Position) -> None:
        path, begun = self.folder / CHECKPOINT, self.objective.begun
        save_checkpoint(path, self.model, self.optimizers, begun, position, self.identity)
        self.saved_at = time.monotonic()

    def _tell(self, position: Position, done: int, steps: int, rate: float) -> None:
        best = f", best validation {position.best:.4f}" if position.best_epoch >= 0 else ""
        detail = f"epoch {position.epoch + 1}, {rate:,.0f} {self.objective.samples}/s{best}"
        done, total = position.epoch * steps + done, self.config.epochs * steps
        self.report(Progress(self.objective.name, done, total, detail))


def _forget_after(metrics: Path, position: Position) -> None:
    """Drop what a killed run wrote after its last checkpoint, because it will be written again."""
    if metrics.exists():
        with as_written(metrics):
            lines = metrics.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if line.endswith("}") and json.loads(line)["epoch"] < position.epoch]
        metrics.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
