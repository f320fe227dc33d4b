"""Rankers are asked for every item that was shown to users who are held out: is a yes told from a no, task by task?

AUC and log loss are over all labels of a task; GAUC is the mean of the users' own AUC, each weighing as many labels as
they have (Zhou et al., DIN, KDD 2018, section 5.2, calls it weighted AUC). Intervals come from a bootstrap over users.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import polars as pl
import torch
from pydantic import Field as Limits

from penchant.config import Config
from penchant.errors import DataError
from penchant.evaluation.estimates import Estimate, resamples
from penchant.evaluation.examine import Examination
from penchant.evaluation.guard import guarded
from penchant.evaluation.metrics import Duels, auc
from penchant.features.shards import Shard
from penchant.models.rankers.promise import Ranker, shown_of
from penchant.progress import Progress, Report, quiet
from penchant.schema import USER

IMPRESSIONS, POSITIVES, TASK = "impressions", "positives", "task"
AUC, GAUC, LOGLOSS = "auc", "gauc", "logloss"
LOWER_IS_BETTER = frozenset({LOGLOSS})
SAMPLES_AT_ONCE = 256


class RankerEvaluation(Config):
    """resamples: of the bootstrap over users that gives the intervals; seed: of its draws."""

    resamples: Annotated[int, Limits(ge=2)] = 200
    seed: Annotated[int, Limits(ge=0)] = 0


@dataclass(frozen=True)
class Impressions:
    """All labels in a row. users: distinct ids; user_L: whose label it is, a number below len(users); label_LQ: 1 for a
    yes, 0 for a no, NaN where a task says nothing; tasks: their names, in order."""

    users: pl.Series
    user_L: np.ndarray
    label_LQ: np.ndarray
    tasks: tuple[str, ...]

    @classmethod
    def read(cls, shards: Sequence[Shard], tasks: tuple[str, ...]) -> "Impressions":
        """All items shown in the windows of some shards, in the order of `logits_of`."""
        names, labels = [pl.Series(USER, dtype=pl.String)], [np.zeros((0, len(tasks)), np.float32)]
        for shard in shards:
            row_L, _, label_LQ = shown_of(shard, tasks)
            names.append(shard.users.gather(row_L.numpy()))
            labels.append(label_LQ.numpy())
        everyone = pl.concat(names)
        users = everyone.unique(maintain_order=True)
        place = pl.DataFrame({USER: users}).with_row_index("place")
        user_L = everyone.to_frame(USER).join(place, on=USER, how="left", maintain_order="left")["place"]
        return cls(users, user_L.cast(pl.Int64).to_numpy(), np.concatenate(labels), tasks)

    def of(self, task: int) -> "TaskLabels":
        """The labels of one task.

        Raises DataError where there is no yes or no no among them.
        """
        known_L = ~np.isnan(self.label_LQ[:, task])
        yes_L = self.label_LQ[known_L, task] > 0
        if not yes_L.any() or yes_L.all():
            raise DataError(
                f"of {len(yes_L):,} labels of task {self.tasks[task]!r}, {int(yes_L.sum()):,} say yes; AUC needs both "
                f"kinds: is everything that was shown in the log, or only what was clicked?"
            )
        return TaskLabels(self.users, known_L, self.user_L[known_L], yes_L)


@dataclass(frozen=True)
class RankerAnswer:
    """How a ranker did at one task, by metric."""

    found: Mapping[str, Estimate]

    def estimates(self) -> Mapping[str, Estimate]:
        """Return AUC, GAUC and LOGLOSS, without GAUC where no user has labels of both kinds."""
        return {name: one for name, one in self.found.items() if np.isfinite(one.mean)}


@dataclass(frozen=True)
class TaskLabels:
    """The known labels of one task. known_L: which of all labels they are; user_L, yes_L: of those alone."""

    users: pl.Series
    known_L: np.ndarray
    user_L: np.ndarray
    yes_L: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        """How much each number stands on; "users of one kind" said only yes or only no: GAUC leaves them out."""
        shown_U = np.bincount(self.user_L, minlength=len(self.users))
        yes_U = np.bincount(self.user_L, self.yes_L, minlength=len(self.users))
        both = int(((yes_U > 0) & (yes_U < shown_U)).sum())
        asked = int((shown_U > 0).sum())
        return {
            IMPRESSIONS: len(self.yes_L),
            POSITIVES: int(self.yes_L.sum()),
            "users": asked,
            "users of one kind": asked - both,
        }

    def by_user(self, logit_L: np.ndarray) -> pl.DataFrame:
        """A row per user with labels of this task: USER, IMPRESSIONS, POSITIVES, AUC (NaN where all labels are of one
        kind) and LOGLOSS, the mean over the user's labels. logit_L: of the known labels."""
        count = len(self.users)
        shown_U = np.bincount(self.user_L, minlength=count)
        duels = Duels.of(logit_L, self.yes_L, owner_L=self.user_L, group_L=self.user_L, groups=count)
        loss_U = np.bincount(self.user_L, log_loss(logit_L, self.yes_L), minlength=count)
        frame = pl.DataFrame(
            {
                USER: self.users,
                IMPRESSIONS: shown_U,
                POSITIVES: np.bincount(self.user_L, self.yes_L, minlength=count).astype(np.int64),
                AUC: duels.won(np.ones(count)),
                LOGLOSS: loss_U / np.maximum(shown_U, 1),
            }
        )
        return frame.filter(pl.col(IMPRESSIONS) > 0)

    def measure(self, logit_L: np.ndarray, config: RankerEvaluation) -> RankerAnswer:
        """AUC, GAUC and LOGLOSS, with their values in the same resamples of users whatever the ranker."""
        users = self.by_user(logit_L)
        place_U = np.zeros(len(self.users), np.int64)
        place_U[np.unique(self.user_L)] = np.arange(len(users))
        duels = _pooled(logit_L, self.yes_L, place_U[self.user_L])
        drawn = [_means(users, duels, weight_U) for weight_U in resamples(len(users), config.resamples, config.seed)]
        values, means = np.array(drawn), _means(users, duels, np.ones(len(users)))
        found = {
            name: Estimate(means[number], values[:, number], resampled=True)
            for number, name in enumerate((AUC, GAUC, LOGLOSS))
        }
        return RankerAnswer(found)


def evaluate_rankers(
    contestants: Mapping[str, Ranker],
    shards: Sequence[Shard],
    config: RankerEvaluation,
    *,
    reference: str,
    called: str,
    report: Report = quiet,
) -> tuple[dict[str, Any], pl.DataFrame]:
    """`evaluate_logits` and `values_by_user` of rankers with the same tasks, for all items of the shards.

    called: what people call the reference. Raises PromiseError where a ranker gives what is no number.
    """
    asked = Impressions.read(shards, contestants[reference].sizes.tasks)
    logits = {}
    for number, (name, ranker) in enumerate(contestants.items()):
        report(Progress("rankers", number, len(contestants), name))
        logits[name] = logits_of(ranker, shards)
        who = f"the model {(called if name == reference else name)!r}"
        guarded(who, torch.from_numpy(logits[name]), logits[name].shape, "rankers")
    report(Progress("rankers", len(contestants), len(contestants)))
    return evaluate_logits(logits, asked, config, reference=reference), values_by_user(logits, asked)


def validation(shards: Sequence[Shard], tasks: tuple[str, ...]) -> Callable[[Ranker], float]:
    """`mean_auc` of a ranker for all items of the shards: what training stops by.

    Raises DataError where all labels of a task say yes, or all no.
    """
    asked = Impressions.read(shards, tasks)
    for number in range(len(tasks)):
        asked.of(number)
    return lambda ranker: mean_auc(logits_of(ranker, shards), asked)


@torch.inference_mode()
def logits_of(ranker: Ranker, shards: Sequence[Shard]) -> np.ndarray:
    """logit_LQ, float32, of all items shown in the windows of some shards, sample by sample."""
    ranker.eval()
    device = next((weight.device for weight in ranker.state_dict().values()), torch.device("cpu"))
    parts = [np.zeros((0, len(ranker.sizes.tasks)), np.float32)]
    for shard in shards:
        for start in range(0, len(shard), SAMPLES_AT_ONCE):
            batch = ranker.batch(shard, slice(start, min(start + SAMPLES_AT_ONCE, len(shard)))).to(device)
            parts.append(ranker.logits(batch)[batch.candidates.there].cpu().numpy())
    return np.concatenate(parts)


def evaluate_logits(
    logits_LQ: Mapping[str, np.ndarray], asked: Impressions, config: RankerEvaluation, *, reference: str
) -> dict[str, Any]:
    """What the scores of rankers on one set of labels come to, by task; logits_LQ: by name of the ranker.

    counts: see `TaskLabels.counts`; scores: by ranker and metric the mean and half its 95 % interval; minus: the
    reference's metrics less those of each other, paired by resample. Lower is better for LOGLOSS alone.
    """
    told: dict[str, Any] = {}
    for number, task in enumerate(asked.tasks):
        answers = asked.of(number)
        examined = Examination(
            {name: answers.measure(one[answers.known_L, number], config) for name, one in logits_LQ.items()}
        )
        told[task] = {
            "counts": answers.counts,
            "scores": examined.scores(),
            "minus": {reference: examined.minus(reference)},
        }
    return told


def values_by_user(logits_LQ: Mapping[str, np.ndarray], asked: Impressions) -> pl.DataFrame:
    """`TaskLabels.by_user` of every ranker and task, with columns "scorer" and TASK."""
    frames = []
    for number, task in enumerate(asked.tasks):
        answers = asked.of(number)
        for name, logit_LQ in logits_LQ.items():
            users = answers.by_user(logit_LQ[answers.known_L, number])
            frames.append(users.with_columns(pl.lit(name).alias("scorer"), pl.lit(task).alias(TASK)))
    return pl.concat(frames)


def mean_auc(logit_LQ: np.ndarray, asked: Impressions) -> float:
    """The mean over tasks of AUC."""
    tasks = [(number, asked.of(number)) for number in range(len(asked.tasks))]
    return float(np.mean([auc(logit_LQ[answers.known_L, number], answers.yes_L) for number, answers in tasks]))


def log_loss(logit_L: np.ndarray, yes_L: np.ndarray) -> np.ndarray:
    """-log of the probability that each label was given, the logits in float64.

    >>> log_loss(np.array([0.0, 1000.0, 1000.0]), np.array([True, True, False]))
    array([6.93147181e-01, 0.00000000e+00, 1.00000000e+03])
    """
    wide_L = logit_L.astype(np.float64)
    return np.logaddexp(0.0, np.where(yes_L, -wide_L, wide_L))


def _pooled(logit_L: np.ndarray, yes_L: np.ndarray, owner_L: np.ndarray) -> Duels:
    return Duels.of(logit_L, yes_L, owner_L=owner_L, group_L=np.zeros(len(yes_L), np.int64), groups=1)


def _means(users: pl.DataFrame, pooled: Duels, weight_U: np.ndarray) -> list[float]:
    """AUC, GAUC and LOGLOSS where each user counts as often as their weight says; NaN where nothing can be said."""
    auc_U, weight_L = users[AUC].to_numpy(), weight_U * users[IMPRESSIONS].to_numpy()
    both_U = ~np.isnan(auc_U) & (weight_L > 0)
    gauc = np.average(auc_U[both_U], weights=weight_L[both_U]) if both_U.any() else np.nan
    return [float(pooled.won(weight_U)[0]), float(gauc), float(np.average(users[LOGLOSS], weights=weight_L))]
