"""Metrics of ranked tags, one number per user, and what a mean of them is worth.

top_BK are the best K tags of each user, best first; truth holds the distinct known tags that each user clicked; size is
how many distinct tags that were in all, with those outside the vocabulary, which nobody can hit.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from penchant.features.ragged import Ragged
from penchant.schema import PAD

STUDENT_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""The 97.5 % point by degrees of freedom."""


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


def interval(values: np.ndarray) -> tuple[float, float]:
    """Mean over users and half the width of its 95 % interval (normal, which is fair from a few dozen users up).

    >>> interval(np.array([0.0, 1.0, 1.0, 0.0]))
    (0.5, 0.5657...)
    """
    spread = float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), 1.959964 * spread


def over_seeds(means: Sequence[float]) -> tuple[float, float]:
    """Mean over runs with different seeds and half the width of its 95 % interval (Student's t, 2 to 10 runs).

    >>> over_seeds([0.70, 0.72, 0.71])
    (0.71, 0.0248...)
    """
    values = np.asarray(means)
    return float(values.mean()), STUDENT_T[len(values) - 1] * float(values.std(ddof=1)) / sqrt(len(values))
