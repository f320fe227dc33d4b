"""The one loop that trains every interest model: seeded, resumable at any step, stopped by validation users."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field as Limits
from torch import Tensor, nn
from torch.optim import Optimizer

from penchant.config import Config
from penchant.errors import CheckpointError
from penchant.features.shards import Batch, Shard, batch_of
from penchant.models.base import Positive
from penchant.models.interests.promise import Interests
from penchant.progress import Progress, Report, quiet
from penchant.training.checkpoint import Identity, Position, load_tensors, put_tensors, refuse_other
from penchant.training.course import Course, mix
from penchant.training.losses import LabelBatch, Loss, contrast, joint, sampled_softmax, separate, softmax
from penchant.training.optimizers import LargeTables, make_optimizers

Validate = Callable[[Interests], float]


class TrainingConfig(Config):
    """How a model is trained.

    batch: samples per step; rate: Adam's learning rate; patience: epochs without a better validation score before the
    end. Tables of more than large_table_rows rows are trained only in the rows of a batch, with row-wise Adagrad at
    large_table_rate, or with "adam", which needs three times the memory, at rate. Softmax over more tags than that is
    sampled, against sampled_tags per batch. Loss "contrast" sets each click against negatives_per_positive draws of its
    own, log-uniform by rank of frequency; correct_sampling takes the log of its probability off each score, which the
    paper does not. checkpoint_s: seconds between checkpoints.
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
    negatives_per_positive: Positive = 10
    correct_sampling: bool = False
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


def load_weights(folder: Path, model: nn.Module, identity: Identity) -> None:
    """Put the trained weights into a model. A CheckpointError where they belong to another vocabulary or model, or to
    another version of it, or are not finite."""
    tensors, said = load_tensors(folder / "weights.safetensors")
    refuse_other(folder / "weights.safetensors", said, identity)
    broken = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(
            f"{folder / 'weights.safetensors'}: {broken[0]!r} holds what is not finite; remove the folder, lower the "
            f"rate if it was trained so, and train again"
        )
    put_tensors(model, tensors, folder / "weights.safetensors")


def loss_of(model: Interests, batch: Batch, labels: LabelBatch, config: TrainingConfig) -> Tensor:
    """The loss of one batch, by the name in the config."""
    user_BU = model.users(batch)
    total = user_BU.new_zeros(())
    if config.loss == "separate":
        total = total + separate(user_BU, model.tag, labels)
    if "joint" in config.loss:
        total = total + joint(user_BU, model.tag, labels)
    if config.loss == "contrast":
        drawn, correct = config.negatives_per_positive, config.correct_sampling
        total = total + contrast(user_BU, model.tag, labels, drawn, correct=correct)
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
    generator = torch.Generator().manual_seed(mix(seed, epoch))
    steps = []
    for shard in torch.randperm(len(sizes), generator=generator).tolist():
        rows = torch.randperm(sizes[shard], generator=generator)
        steps += [Step(shard, part) for part in rows.split(batch) if len(part)]
    return steps


def labels_of(shard: Shard, rows: Tensor) -> LabelBatch:
    """Label items of some samples, cut to the most that one of them has."""
    tags_BKN, clicked_BK = shard.labels(rows)
    used = max(1, int((tags_BKN[..., 0] != 0).sum(1).max()))
    return LabelBatch(tags_BKN[:, :used].long(), clicked_BK[:, :used])


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
        self.course = Course(self.model, self.optimizers, self.folder, self.identity)
        self.saved_at = time.monotonic()

    def run(self) -> None:
        self.course.run(self.config.epochs, self.config.patience, self._epoch)

    def _epoch(self, position: Position) -> Position:
        steps = plan_epoch([len(shard) for shard in self.shards], self.config.batch, self.config.seed, position.epoch)
        self.model.train()
        began, samples, losses = time.monotonic(), 0, []
        for number in range(position.step, len(steps)):
            torch.manual_seed(mix(self.config.seed, position.epoch, number))
            losses.append(self._step(steps[number]))
            samples += len(steps[number].rows)
            self._tell(position, number + 1, len(steps), samples / (time.monotonic() - began))
            if time.monotonic() - self.saved_at >= self.config.checkpoint_s and number + 1 < len(steps):
                self.course.save(replace(position, step=number + 1))
                self.saved_at = time.monotonic()
        taken_s = time.monotonic() - began
        self.model.eval()
        measured = {"loss": sum(losses) / len(losses), "samples_per_s": samples / taken_s}
        return self.course.judge(position, self.validate(self.model), measured)

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

    def _tell(self, position: Position, done: int, steps: int, rate: float) -> None:
        best = f", best validation {position.best:.4f}" if position.best_epoch >= 0 else ""
        detail = f"epoch {position.epoch + 1}, {rate:,.0f} samples/s{best}"
        self.report(Progress("train", position.epoch * steps + done, self.config.epochs * steps, detail))


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The learning curve: a line per epoch with its loss, validation score and samples per second."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
