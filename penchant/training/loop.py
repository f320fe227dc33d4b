"""The one loop that trains every interest model: seeded, resumable at any step, stopped by validation users."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field as Limits
from torch import Tensor
from torch.optim import Optimizer

from penchant.config import Config
from penchant.features.shards import Batch, Shard, batch_of
from penchant.files import remove
from penchant.models.base import Interests, Positive
from penchant.progress import Progress, Report, quiet
from penchant.training.checkpoint import (
    Identity,
    Position,
    load_checkpoint,
    load_tensors,
    refuse_other,
    save_checkpoint,
    save_tensors,
)
from penchant.training.losses import LabelBatch, Loss, joint, sampled_softmax, separate, softmax
from penchant.training.optimizers import LargeTables, make_optimizers

Validate = Callable[[Interests], float]


class TrainingConfig(Config):
    """How a model is trained.

    batch: samples per step; rate: Adam's learning rate; patience: epochs without a better validation score before the
    end. Tables of more than large_table_rows rows are trained only in the rows of a batch, with row-wise Adagrad at
    large_table_rate, or with "adam", which needs three times the memory, at rate. Softmax over more tags than that is
    sampled, against sampled_tags per batch. checkpoint_s: seconds between checkpoints.
    """

    loss: Loss = "softmax"
    epochs: Positive = 20
    batch: Positive = 256
    rate: Annotated[float, Limits(gt=0)] = 1e-3
    weight_decay: Annotated[float, Limits(ge=0)] = 0.0
    patience: Positive = 3
    large_table_rows: Positive = 50_000
    large_table_optimizer: LargeTables = "adagrad"
    large_table_rate: Annotated[float, Limits(gt=0)] = 0.05
    sampled_tags: Positive = 2_000
    checkpoint_s: Annotated[float, Limits(ge=0)] = 60.0
    seed: int = 0


def train(
    model: Interests,
    shards: Sequence[Shard],
    config: TrainingConfig,
    folder: Path,
    *,
    identity: Identity,
    validate: Validate,
    report: Report = quiet,
) -> None:
    """Train `model` in place and leave its best weights in `folder`/weights.safetensors.

    validate: a score of the model on validation users, higher is better. A run that was killed goes on from its last
    checkpoint and ends with the same weights as one that was not.
    """
    if (folder / "weights.safetensors").exists():
        load_weights(folder, model, identity)
        return
    folder.mkdir(parents=True, exist_ok=True)
    _Training(model, shards, config, folder, identity, validate, report).run()


def load_weights(folder: Path, model: Interests, identity: Identity) -> None:
    """Put the trained weights into a model. Raises where they belong to another vocabulary or model."""
    tensors, said = load_tensors(folder / "weights.safetensors")
    refuse_other(folder / "weights.safetensors", said, identity)
    model.load_state_dict(tensors)


def loss_of(model: Interests, batch: Batch, labels: LabelBatch, config: TrainingConfig) -> Tensor:
    """The loss of one batch, by the name in the config."""
    user_BU = model.users(batch)
    total = user_BU.new_zeros(())
    if config.loss == "separate":
        total = total + separate(user_BU, model.tag, labels)
    if "joint" in config.loss:
        total = total + joint(user_BU, model.tag, labels)
    if "softmax" in config.loss:
        if model.tag.num_embeddings > config.large_table_rows:
            total = total + sampled_softmax(user_BU, model.tag, labels, config.sampled_tags)
        else:
            total = total + softmax(user_BU, model.tag, labels)
    return total


@dataclass(frozen=True)
class Step:
    """One batch of an epoch: some rows of one shard."""

    shard: int
    rows: Tensor


def plan_epoch(sizes: Sequence[int], batch: int, seed: int, epoch: int) -> list[Step]:
    """The batches of an epoch: shards in random order, rows of a shard in random order; decided by seed and epoch."""
    generator = torch.Generator().manual_seed(_mix(seed, epoch))
    steps = []
    for shard in torch.randperm(len(sizes), generator=generator).tolist():
        rows = torch.randperm(sizes[shard], generator=generator)
        steps += [Step(shard, part) for part in rows.split(batch) if len(part)]
    return steps


def labels_of(shard: Shard, rows: Tensor) -> LabelBatch:
    """Label items of some samples, cut to the most that one of them has."""
    tags_BKN = shard.arrays["label.tags"][rows]
    used = max(1, int((tags_BKN[..., 0] != 0).sum(1).max()))
    return LabelBatch(tags_BKN[:, :used].long(), shard.arrays["label.clicked"][rows][:, :used])


@dataclass
class _Training:
    """What one training run holds while it runs; see `train`."""

    model: Interests
    shards: Sequence[Shard]
    config: TrainingConfig
    folder: Path
    identity: Identity
    validate: Validate
    report: Report

    def __post_init__(self) -> None:
        self.fields = list(self.model.sizes.fields)
        self.device = next(self.model.parameters()).device
        self.optimizers: list[Optimizer] = make_optimizers(
            self.model,
            rate=self.config.rate,
            weight_decay=self.config.weight_decay,
            large_table_rows=self.config.large_table_rows,
            large_table_optimizer=self.config.large_table_optimizer,
            large_table_rate=self.config.large_table_rate,
        )
        self.saved_at = time.monotonic()

    def run(self) -> None:
        checkpoint = self.folder / "checkpoint.safetensors"
        position = Position()
        if checkpoint.exists():
            position = load_checkpoint(checkpoint, self.model, self.optimizers, self.identity)
        _forget_after(self.folder / "metrics.jsonl", position)
        while position.epoch < self.config.epochs and position.epoch - position.best_epoch <= self.config.patience:
            position = self._epoch(position)
            save_checkpoint(checkpoint, self.model, self.optimizers, position, self.identity)
        best, _ = load_tensors(self.folder / "best.safetensors")
        self.model.load_state_dict(best)
        said = {part: getattr(self.identity, part) for part in ("model", "vocabularies", "training")}
        save_tensors(self.folder / "weights.safetensors", best, said)
        remove(checkpoint)
        remove(self.folder / "best.safetensors")

    def _epoch(self, position: Position) -> Position:
        steps = plan_epoch([len(shard) for shard in self.shards], self.config.batch, self.config.seed, position.epoch)
        self.model.train()
        began, samples, losses = time.monotonic(), 0, []
        for number in range(position.step, len(steps)):
            torch.manual_seed(_mix(self.config.seed, position.epoch, number))
            losses.append(self._step(steps[number]))
            samples += len(steps[number].rows)
            self._tell(position, number + 1, len(steps), samples / (time.monotonic() - began))
            if time.monotonic() - self.saved_at >= self.config.checkpoint_s and number + 1 < len(steps):
                save_checkpoint(
                    self.folder / "checkpoint.safetensors",
                    self.model,
                    self.optimizers,
                    replace(position, step=number + 1),
                    self.identity,
                )
                self.saved_at = time.monotonic()
        taken_s = time.monotonic() - began
        return self._validate(position, {"loss": sum(losses) / len(losses), "samples_per_s": samples / taken_s})

    def _step(self, step: Step) -> float:
        shard = self.shards[step.shard]
        batch = batch_of(shard, self.fields, step.rows).to(self.device)
        loss = loss_of(self.model, batch, labels_of(shard, step.rows).to(self.device), self.config)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return float(loss.detach())

    def _validate(self, position: Position, measured: dict[str, float]) -> Position:
        self.model.eval()
        score = self.validate(self.model)
        line = {"epoch": position.epoch, "validation": score, **measured}
        with open(self.folder / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        after = replace(position, epoch=position.epoch + 1, step=0)
        if score > position.best:
            save_tensors(self.folder / "best.safetensors", self.model.state_dict(), {})
            after = replace(after, best=score, best_epoch=position.epoch)
        return after

    def _tell(self, position: Position, done: int, steps: int, rate: float) -> None:
        best = f", best validation {position.best:.4f}" if position.best_epoch >= 0 else ""
        detail = f"epoch {position.epoch + 1}, {rate:,.0f} samples/s{best}"
        self.report(Progress("train", position.epoch * steps + done, self.config.epochs * steps, detail))


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The learning curve: a line per epoch with its loss, validation score and samples per second."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def _forget_after(metrics: Path, position: Position) -> None:
    """Drop what a killed run wrote after its last checkpoint, because it will be written again."""
    if metrics.exists():
        lines = metrics.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["epoch"] < position.epoch]
        metrics.write_text("".join(line + "\n" for line in kept), encoding="utf-8")


def _mix(*parts: int) -> int:
    """One seed from several numbers; neighbours give unrelated seeds."""
    mixed = 0x9E3779B97F4A7C15
    for part in parts:
        mixed = ((mixed ^ (part + 0x632BE59BD9B4E019)) * 0xFF51AFD7ED558CCD) % 2**64
        mixed ^= mixed >> 33
    return mixed % 2**63
