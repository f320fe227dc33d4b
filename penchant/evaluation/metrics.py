"""Metrics of rankings, and what a mean of them is worth.

top_BK are the best K tags (or items) of each user, best first; truth holds the distinct known ones that each user
clicked; size is how many distinct ones that were in all, with those outside the vocabulary, which nobody can hit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from penchant.features.ragged import Ragged
from penchant.schema import PAD

STUDENT_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""The 97.5 % point by degrees of freedom."""

NORMAL = 1.959964
"""The 97.5 % point of the normal distribution."""


def hits(top_BK: np.ndarray, truth: Ragged) -> np.ndarray:
    """[B, K] bool: whether each ranked tag is true.

    >>> hits(np.array([[5, 3], [4, 2]]), Ragged(np.array([0, 2, 3]), np.array([3, 9, 4]))).tolist()
    [[False, True], [True, False]]
    """
    span = int(max(top_BK.max(initial=0), truth.values.max(initial=0))) + 1
    owner = np.repeat(np.arange(len(truth)), truth.lengths)
    true = np.sort(owner * span + truth.values)
    asked = np.arange(len(top_BK))[:, None] * span + top_BK
    place = np.searchsorted(true, asked).clip(max=max(0, len(true) - 1))
    return true[place] == asked if len(true) else np.zeros(top_BK.shape, bool)


def precision(hit_BK: np.ndarray, size_B: np.ndarray, k: int) -> np.ndarray:
    """Prec@K = |top-K ∩ C| / min(K, |C|) (UTPM Eq. 5).

    >>> precision(np.array([[False, True, False]]), np.array([2]), 3)
    array([0.5])
    """
    return hit_BK[:, :k].sum(1) / np.minimum(k, size_B)


def recall(hit_BK: np.ndarray, size_B: np.ndarray, k: int) -> np.ndarray:
    """Recall@K = |top-K ∩ C| / |C|.

    >>> recall(np.array([[True, True, False]]), np.array([8]), 3)
    array([0.25])
    """
    return hit_BK[:, :k].sum(1) / size_B


def ndcg(hit_BK: np.ndarray, size_B: np.ndarray, k: int) -> np.ndarray:
    """NDCG@K with the ideal of min(K, |C|) hits first.

    >>> ndcg(np.array([[False, True]]), np.array([1]), 2).round(6)
    array([0.63093])
    """
    discount_K = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount_K)
    return hit_BK[:, :k] @ discount_K[: hit_BK.shape[1]] / ideal[np.minimum(k, size_B) - 1]


def coverage(seen: np.ndarray, vocabulary: int) -> float:
    """The share of the vocabulary that stands in anyone's list; `seen` are the ranked ids, PAD for none."""
    return len(np.unique(seen[seen != PAD])) / vocabulary


def evenness(shown_I: np.ndarray) -> float:
    """1 - Gini of how often each item is shown: 1 where all are equally often, 1 / I where one has everything.

    NaN where nothing is shown at all.

    >>> evenness(np.array([2, 2, 2])), evenness(np.array([0, 0, 0, 9])), evenness(np.array([1, 3]))
    (1.0, 0.25, 0.75)
    """
    count = len(shown_I)
    if not shown_I.sum():
        return float("nan")
    uneven = (2 * np.arange(1, count + 1) - count - 1) @ np.sort(shown_I)
    return 1 - float(uneven / (count * shown_I.sum()))


@dataclass(frozen=True)
class Duels:
    """Every true entry against every false one of its group: sorted once, after which weights cost little.

    owner_P, group_P: of the true entries; owner_N: of the false ones, by group and score, lowest first; start_G: where
    the false ones of each group start, and where the last one's end; below_P, level_P: where those start and end that
    score the same as the true entry.
    """

    owner_P: np.ndarray
    group_P: np.ndarray
    owner_N: np.ndarray
    start_G: np.ndarray
    below_P: np.ndarray
    level_P: np.ndarray

    @classmethod
    def of(
        cls, scores_L: np.ndarray, true_L: np.ndarray, *, owner_L: np.ndarray, group_L: np.ndarray, groups: int
    ) -> "Duels":
        """Scores may be NaN: those stand below all others, level with each other. group_L: from 0 to groups - 1."""
        distinct, rank_L = np.unique(np.where(np.isnan(scores_L), -np.inf, scores_L), return_inverse=True)
        key_L = group_L.astype(np.int64) * len(distinct) + rank_L
        key_P, key_N = key_L[true_L], key_L[~true_L]
        order_N = np.argsort(key_N, kind="stable")
        key_N = key_N[order_N]
        return cls(
            owner_P=owner_L[true_L],
            group_P=group_L[true_L],
            owner_N=owner_L[~true_L][order_N],
            start_G=np.searchsorted(key_N, np.arange(groups + 1) * len(distinct)),
            below_P=np.searchsorted(key_N, key_P),
            level_P=np.searchsorted(key_N, key_P, side="right"),
        )

    def won(self, weight_U: np.ndarray) -> np.ndarray:
        """[G]: AUC of each group, where an entry counts as often as its owner's weight says; NaN without a duel."""
        weight_P, groups = weight_U[self.owner_P], len(self.start_G) - 1
        before = np.concatenate([[0.0], np.cumsum(weight_U[self.owner_N], dtype=np.float64)])
        start_G = before[self.start_G]
        twice_P = before[self.below_P] + before[self.level_P] - 2 * start_G[self.group_P]
        won_G = np.bincount(self.group_P, weight_P * twice_P, minlength=groups)
        duels_G = np.bincount(self.group_P, weight_P, minlength=groups) * np.diff(start_G)
        return np.divide(won_G, 2 * duels_G, out=np.full(groups, np.nan), where=duels_G > 0)


def auc(scores_L: np.ndarray, true_L: np.ndarray) -> float:
    """The share of pairs of a true and a false entry in which the true one scores higher; level pairs count half.

    NaN scores stand below all others, level with each other. NaN where all entries are true, or none.

    >>> auc(np.array([0.9, 0.4, 0.4, np.nan]), np.array([True, False, True, False]))
    0.875
    """
    nobody_L = np.zeros(len(scores_L), np.int64)
    return float(Duels.of(scores_L, true_L, owner_L=nobody_L, group_L=nobody_L, groups=1).won(np.ones(1))[0])


def resamples(owners: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """Weights of a bootstrap over owners: how often each was drawn, [owners], for each of `count` draws.

    >>> [int(weight.sum()) for weight in resamples(5, 2, seed=0)]
    [5, 5]
    """
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield np.bincount(rng.integers(owners, size=owners), minlength=owners).astype(np.float64)


@dataclass(frozen=True)
class Estimate:
    """A mean and what its spread is read from: `values`, one per user or item, or the mean of each resample; no values
    where the spread is not known.

    Estimates of two scorers are paired by position: `minus` takes the difference of each value.
    """

    mean: float
    values: np.ndarray
    resampled: bool = False

    @classmethod
    def over(cls, values: np.ndarray) -> "Estimate":
        """The mean of values that are independent of each other."""
        return cls(float(values.mean()), values)

    @classmethod
    def bare(cls, mean: float) -> "Estimate":
        """Without spread."""
        return cls(mean, np.zeros(0))

    @property
    def half(self) -> float | None:
        """Half the width of the 95 % interval (normal); resamples that could not answer are left out."""
        if not self.resampled:
            return interval(self.values)[1] if len(self.values) else None
        known = self.values[np.isfinite(self.values)]
        return NORMAL * float(known.std(ddof=1)) if len(known) > 1 else None

    def minus(self, other: "Estimate") -> "Estimate":
        return Estimate(self.mean - other.mean, self.values - other.values, self.resampled)

    def as_json(self) -> dict[str, float]:
        return {"mean": self.mean} if self.half is None else {"mean": self.mean, "half": self.half}


def interval(values: np.ndarray) -> tuple[float, float]:
    """Mean over users and half the width of its 95 % interval (normal, which is fair from a few dozen users up).

    >>> interval(np.array([0.0, 1.0, 1.0, 0.0]))
    (0.5, 0.5657...)
    """
    spread = float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), NORMAL * spread


def over_seeds(means: Sequence[float]) -> tuple[float, float]:
    """Mean over runs with different seeds and half the width of its 95 % interval (Student's t, 2 to 10 runs).

    >>> over_seeds([0.70, 0.72, 0.71])
    (0.71, 0.0248...)
    """
    values = np.asarray(means)
    return float(values.mean()), STUDENT_T[len(values) - 1] * float(values.std(ddof=1)) / sqrt(len(values))
