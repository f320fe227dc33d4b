"""Look-alike is learned in turns: the seeds of every candidate are clustered, one epoch is trained, and so on.

Source: Liu et al., RALM, KDD 2019, section 3.3, "iterative training": clusters belong to a transform, and each epoch
moves it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field as Limits
from torch import Tensor
from torch.nn import functional
from torch.optim import Adam

from penchant.config import Config
from penchant.errors import DataError
from penchant.features.cuts.rounds import Round
from penchant.features.ragged import offsets_of
from penchant.models.base import Positive
from penchant.models.lookalikes.promise import Crowd
from penchant.models.lookalikes.ralm import Ralm
from penchant.models.lookalikes.seed_clusters import gather
from penchant.progress import Progress, Report, quiet
from penchant.training.checkpoint import Identity, Position
from penchant.training.course import Course, mix
from penchant.training.loop import load_weights

SCORED_AT_ONCE = 4096
TOLD_EVERY = 1000


class LookalikeTraining(Config):
    """How look-alike is trained.

    batch: labels per step, a user and a candidate each; rate: Adam's learning rate; patience: epochs without a better
    AUC of held candidates before the end. most_seeds_clustered: while training, the latest seeds of a candidate stand
    for all, because before every epoch those of every candidate are clustered again.
    """

    epochs: Positive = 5
    batch: Positive = 256
    rate: Annotated[float, Limits(gt=0)] = 1e-3
    weight_decay: Annotated[float, Limits(ge=0)] = 0.0
    patience: Positive = 3
    most_seeds_clustered: Positive = 2_000
    seed: int = 0


@dataclass(frozen=True)
class Lessons:
    """What look-alike is learned from. Users and seeds of the rounds are rows of the crowd; held: the candidates, by
    name, whose labels choose the best epoch and train nothing: likeness is wanted for items that training never saw,
    and at others the attention does better because it knows them."""

    crowd: Crowd
    rounds: Sequence[Round]
    held: frozenset[str]


def train_lookalike(
    model: Ralm,
    lessons: Lessons,
    config: LookalikeTraining,
    folder: Path,
    *,
    identity: Identity,
    report: Report = quiet,
) -> None:
    """Train `model` in place and leave its best weights in `folder`/weights.safetensors.

    Labels of candidates without seeds are left out. A run that was killed goes on with the epoch it was in, and ends
    with the same weights as one that was not. Raises DataError where clicked or other labels are missing.
    """
    if (folder / "weights.safetensors").exists():
        load_weights(folder, model, identity)
        return
    asked, seeds, names = _asked(lessons.rounds, config.most_seeds_clustered)
    held_L = torch.tensor([name in lessons.held for name in names], dtype=torch.bool)[asked.slot_L]
    learned, held = asked.where(~held_L), asked.where(held_L)
    _refuse_one_sided("training", learned)
    _refuse_one_sided("validation", held)
    folder.mkdir(parents=True, exist_ok=True)
    _Training(model, lessons.crowd, seeds, learned, held, config, report).run(folder, identity)


@dataclass(frozen=True)
class LabelledPairs:
    """Labels of all rounds: slot_L, which candidate of which round; user_L, rows of the crowd; clicked_L, 1 or 0."""

    slot_L: Tensor
    user_L: Tensor
    clicked_L: Tensor

    def __len__(self) -> int:
        return len(self.slot_L)

    def where(self, chosen: Tensor) -> "LabelledPairs":
        """Some of the labels, by position or by mask."""
        return LabelledPairs(self.slot_L[chosen], self.user_L[chosen], self.clicked_L[chosen])


@dataclass(frozen=True)
class Centroids:
    """Centroids of all slots one after the other: centroid_RX and sizes_R, of slot c from starts_C[c] on."""

    centroid_RX: Tensor
    sizes_R: Tensor
    starts_C: Tensor

    def of(self, slot_C: Tensor) -> tuple[Tensor, Tensor]:
        """centroid_CJX and sizes_CJ of some slots, filled up with clusters of size 0."""
        first_C, last_C = self.starts_C[slot_C], self.starts_C[slot_C + 1]
        row_CJ = first_C[:, None] + torch.arange(int((last_C - first_C).max()))
        there_CJ = row_CJ < last_C[:, None]
        row_CJ = torch.where(there_CJ, row_CJ, 0)
        return self.centroid_RX[row_CJ], self.sizes_R[row_CJ] * there_CJ


@dataclass
class _Training:
    """What one training run holds while it runs; see `train_lookalike`."""

    model: Ralm
    crowd: Crowd
    seeds: list[np.ndarray]
    learned: LabelledPairs
    held: LabelledPairs
    config: LookalikeTraining
    report: Report

    def __post_init__(self) -> None:
        self.vector_NX = torch.from_numpy(self.crowd.vectors_NX)
        matrices = [weight for weight in self.model.parameters() if weight.ndim > 1]
        others = [weight for weight in self.model.parameters() if weight.ndim <= 1]
        decay = self.config.weight_decay
        groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = Adam(groups, lr=self.config.rate, decoupled_weight_decay=True, fused=True)
        self.clusters: Centroids | None = None

    def run(self, folder: Path, identity: Identity) -> None:
        self.course = Course(self.model, [self.optimizer], folder, identity)
        self.course.run(self.config.epochs, self.config.patience, self._epoch)
        self.model.eval()

    def _epoch(self, position: Position) -> Position:
        """Validation needs clusters of the transform as it is now, and so does the next epoch: they are the same."""
        clusters = self.clusters or self._cluster(position.epoch)
        torch.manual_seed(mix(self.config.seed, position.epoch))
        self.model.train()
        began, losses = time.monotonic(), []
        batches = torch.randperm(len(self.learned)).split(self.config.batch)
        for number, rows in enumerate(batches):
            losses.append(self._step(self.learned.where(rows), clusters))
            self._tell(position, number + 1, len(batches), time.monotonic() - began)
        taken_s = time.monotonic() - began
        self.clusters = self._cluster(position.epoch + 1)
        score = _auc(self._scores(self.held, self.clusters), self.held.clicked_L.numpy() > 0)
        measured = {"loss": sum(losses) / len(losses), "samples_per_s": len(self.learned) / taken_s}
        return self.course.judge(position, score, measured)

    def _step(self, asked: LabelledPairs, clusters: Centroids) -> float:
        logit_B = self.model.logits(self._score(asked, clusters))
        loss = functional.binary_cross_entropy_with_logits(logit_B, asked.clicked_L)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def _score(self, asked: LabelledPairs, clusters: Centroids) -> Tensor:
        """score_B; each slot is worked out once."""
        slot_C, candidate_B = asked.slot_L.unique(return_inverse=True)
        return self.model.scores(self.vector_NX[asked.user_L], *clusters.of(slot_C), candidate_B)

    @torch.inference_mode()
    def _scores(self, asked: LabelledPairs, clusters: Centroids) -> np.ndarray:
        """score_L."""
        self.model.eval()
        score_L = torch.empty(len(asked))
        for rows in asked.slot_L.argsort(stable=True).split(SCORED_AT_ONCE):
            score_L[rows] = self._score(asked.where(rows), clusters)
        return score_L.numpy()

    def _cluster(self, epoch: int) -> Centroids:
        """The clusters of every slot for the transform as it is now; decided by seed and epoch."""
        self.model.eval()
        centroids, sizes = [], []
        for slot, seeds_S in enumerate(self.seeds):
            seed = mix(self.config.seed, epoch, slot) % 2**31
            centroid_JX, sizes_J = gather(self.model, self.crowd.vectors_NX[seeds_S], self.model.config.clusters, seed)
            centroids.append(centroid_JX)
            sizes.append(sizes_J)
            if slot % TOLD_EVERY == 0:
                detail = f"seeds before epoch {epoch + 1}"
                self.report(Progress("cluster", slot, len(self.seeds), detail))
        starts_C = torch.from_numpy(offsets_of(np.array([len(sizes_J) for sizes_J in sizes])))
        return Centroids(torch.from_numpy(np.concatenate(centroids)), torch.from_numpy(np.concatenate(sizes)), starts_C)

    def _tell(self, position: Position, done: int, steps: int, taken_s: float) -> None:
        best = f", best AUC {position.best:.4f}" if position.best_epoch >= 0 else ""
        rate = len(self.learned) * done / steps / max(taken_s, 1e-9)
        detail = f"epoch {position.epoch + 1}, {rate:,.0f} labels/s{best}"
        self.report(Progress("look-alike", position.epoch * steps + done, self.config.epochs * steps, detail))


def _asked(rounds: Sequence[Round], most_seeds: int) -> tuple[LabelledPairs, list[np.ndarray], list[str]]:
    """All labels of candidates that have seeds, and of each slot the latest seeds and the candidate's name."""
    seeds: list[np.ndarray] = []
    names: list[str] = []
    parts = [(np.zeros(0, np.int64),) * 3]
    for one in rounds:
        has_L = one.seeds.lengths[one.candidate_L] > 0
        candidate_C, slot_L = np.unique(one.candidate_L[has_L], return_inverse=True)
        parts.append((slot_L + len(seeds), one.user_L[has_L], one.clicked_L[has_L]))
        bounds = zip(one.seeds.offsets[candidate_C], one.seeds.offsets[candidate_C + 1], strict=True)
        names += one.names.gather(candidate_C).to_list()
        seeds += [one.seeds.values[max(start, stop - most_seeds) : stop] for start, stop in bounds]
    slot_L, user_L, clicked_L = (np.concatenate(part) for part in zip(*parts, strict=True))
    labels = slot_L, user_L.astype(np.int64), clicked_L.astype(np.float32)
    return LabelledPairs(*(torch.from_numpy(part) for part in labels)), seeds, names


def _refuse_one_sided(name: str, asked: LabelledPairs) -> None:
    clicked = int(asked.clicked_L.sum())
    if clicked in (0, len(asked)):
        raise DataError(
            f"of {len(asked):,} {name} labels of candidates with seeds, {clicked:,} are clicked; look-alike needs both "
            f"kinds: check that clicks and un-clicked pairs fall into the period it learns from"
        )


def _auc(score_L: np.ndarray, clicked_L: np.ndarray) -> float:
    """The chance that a clicked label has a higher score than another one; ties count one half.

    >>> _auc(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]))
    0.875
    """
    _, place_L, count = np.unique(score_L, return_inverse=True, return_counts=True)
    rank_L = (np.cumsum(count) - (count - 1) / 2)[place_L]
    clicked = int(clicked_L.sum())
    pairs = clicked * (len(clicked_L) - clicked)
    return float((rank_L[clicked_L].sum() - clicked * (clicked + 1) / 2) / pairs)
