"""RALM learns in turns: the seeds of every candidate are clustered, one epoch is trained, and so on.

Source: Liu et al., RALM, KDD 2019, section 3.3, "iterative training": clusters belong to a transform, and each epoch
moves it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from penchant.errors import DataError
from penchant.features.cuts.rounds import Round
from penchant.features.ragged import offsets_of
from penchant.models.base import Positive
from penchant.models.lookalikes.promise import Crowd
from penchant.models.lookalikes.ralm import Ralm
from penchant.models.lookalikes.seed_clusters import gather
from penchant.progress import Progress, Report, quiet
from penchant.training.config import LoopConfig
from penchant.training.objective import Objective
from penchant.training.steps import mix

SCORED_AT_ONCE = 4096
TOLD_EVERY = 1000

Auc = Callable[[np.ndarray, np.ndarray], float]
"""score_L and clicked_L → the share of pairs of a clicked and another label in which the clicked one scores higher."""


class LookalikeTraining(LoopConfig):
    """How a look-alike is trained. A sample is a label, a user and a candidate; validation is the AUC of candidates
    that are held out.

    most_seeds_clustered: while training, the latest seeds of a candidate stand for all, because before every epoch
    those of every candidate are clustered again.
    """

    epochs: Positive = 5
    most_seeds_clustered: Positive = 2_000


@dataclass(frozen=True)
class Lessons:
    """What look-alike is learned from. Users and seeds of the rounds are rows of the crowd; held: the candidates, by
    name, whose labels choose the best epoch and train nothing: likeness is wanted for items that training never saw,
    and at others the attention does better because it knows them."""

    crowd: Crowd
    rounds: Sequence[Round]
    held: frozenset[str]


@dataclass(frozen=True)
class LabelledPairs:
    """A user and a candidate each, of all rounds: slot_L, which candidate of which round; user_L, rows of the crowd;
    clicked_L, 1 or 0."""

    slot_L: Tensor
    user_L: Tensor
    clicked_L: Tensor

    def __len__(self) -> int:
        return len(self.slot_L)

    def where(self, chosen: Tensor) -> "LabelledPairs":
        """Some of them, by position or by mask."""
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


class LookalikeObjective(Objective[Ralm, Tensor]):
    """A step is a tensor of positions in the labels that train; labels of candidates without seeds are left out."""

    name, samples = "look-alike", "labels"

    def __init__(self, lessons: Lessons, config: LookalikeTraining, auc: Auc, report: Report = quiet) -> None:
        """auc: of the held candidates' labels, all together; report: is told how clustering goes.

        Raises DataError where clicked or other labels are missing.
        """
        self.config, self.auc, self.report = config, auc, report
        pairs, self.seeds, names = _pairs(lessons.rounds, config.most_seeds_clustered)
        held_L = torch.tensor([name in lessons.held for name in names], dtype=torch.bool)[pairs.slot_L]
        self.learned, self.held = pairs.where(~held_L), pairs.where(held_L)
        _refuse_one_sided("training", self.learned)
        _refuse_one_sided("validation", self.held)
        self.vectors_NX = lessons.crowd.vectors_NX
        self.clusters: Centroids | None = None

    def begin(self, model: Ralm, epoch: int) -> None:
        """Cluster the seeds of every slot for the transform as it is now."""
        centroids, sizes = [], []
        for slot, seeds_S in enumerate(self.seeds):
            seed = mix(self.config.seed, epoch, slot) % 2**31
            centroid_JX, sizes_J = gather(model, self.vectors_NX[seeds_S], model.config.clusters, seed)
            centroids.append(centroid_JX)
            sizes.append(sizes_J)
            if slot % TOLD_EVERY == 0:
                self.report(Progress("cluster", slot, len(self.seeds), f"seeds before epoch {epoch + 1}"))
        starts_C = offsets_of(np.array([len(sizes_J) for sizes_J in sizes]))
        parts = np.concatenate(centroids), np.concatenate(sizes), starts_C
        self.clusters = Centroids(*(torch.from_numpy(part) for part in parts))

    @property
    def begun(self) -> Mapping[str, Tensor]:
        return vars(self._clusters)

    def restore(self, begun: Mapping[str, Tensor]) -> None:
        self.clusters = Centroids(**begun)

    def steps(self, epoch: int) -> Sequence[Tensor]:
        """Labels in random order, decided by seed and epoch."""
        generator = torch.Generator().manual_seed(mix(self.config.seed, epoch))
        return torch.randperm(len(self.learned), generator=generator).split(self.config.batch)

    def loss(self, model: Ralm, step: Tensor) -> Tensor:
        """The mean cross entropy (RALM Eq. 11)."""
        pairs = self.learned.where(step)
        return functional.binary_cross_entropy_with_logits(model.logits(self._score(model, pairs)), pairs.clicked_L)

    @torch.inference_mode()
    def judge(self, model: Ralm) -> float:
        """AUC of the labels of held candidates."""
        score_L = torch.empty(len(self.held))
        for rows in self.held.slot_L.argsort(stable=True).split(SCORED_AT_ONCE):
            score_L[rows] = self._score(model, self.held.where(rows))
        return self.auc(score_L.numpy(), self.held.clicked_L.numpy() > 0)

    def _score(self, model: Ralm, pairs: LabelledPairs) -> Tensor:
        """score_B; each slot is worked out once."""
        slot_C, candidate_B = pairs.slot_L.unique(return_inverse=True)
        user_BX = torch.from_numpy(self.vectors_NX)[pairs.user_L]
        return model.scores(user_BX, *self._clusters.of(slot_C), candidate_B)

    @property
    def _clusters(self) -> Centroids:
        assert self.clusters, "there are no clusters before `begin`"
        return self.clusters


def _pairs(rounds: Sequence[Round], most_seeds: int) -> tuple[LabelledPairs, list[np.ndarray], list[str]]:
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
    found = slot_L, user_L.astype(np.int64), clicked_L.astype(np.float32)
    return LabelledPairs(*(torch.from_numpy(part) for part in found)), seeds, names


def _refuse_one_sided(name: str, pairs: LabelledPairs) -> None:
    clicked = int(pairs.clicked_L.sum())
    if clicked in (0, len(pairs)):
        raise DataError(
            f"of {len(pairs):,} {name} labels of candidates with seeds, {clicked:,} are clicked; look-alike needs "
            f"both kinds: check that clicks and un-clicked pairs fall into the period it learns from"
        )
