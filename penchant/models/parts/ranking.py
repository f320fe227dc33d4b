"""One order for every ranking: the highest score first, and of equal scores the one with the lower number.

Tags are numbered by falling clicks, so of equally good tags the more clicked one stands first. A library's own top-k
promises no such thing: which of equal scores it takes depends on how many there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Top:
    """The first K of each row, best first: their columns, ids_BK, and scores_BK."""

    ids: Tensor
    scores: Tensor


def best(scores_BV: Tensor, most: int) -> Top:
    """The `most` best of each row, or all where there are fewer, exactly in the order of this module.

    Scores may be -inf, which are level with each other, and not NaN.

    >>> best(torch.tensor([[0.5, 0.9, 0.5, 0.5]]), 3).ids.tolist()
    [[1, 0, 2]]
    """
    most = min(most, scores_BV.shape[1])
    found = scores_BV.topk(min(most + 1, scores_BV.shape[1]))
    ids_BK, scores_BK = found.indices[:, :most].clone(), found.values[:, :most]
    # Where the next score equals the last one, any of those that are level may have been taken.
    cut_C = (found.values[:, most:] == scores_BK[:, -1:]).any(1).nonzero()[:, 0]
    if len(cut_C):
        ids_BK[cut_C] = _first_of_the_level(scores_BV[cut_C], ids_BK[cut_C], scores_BK[cut_C])
    ids_BK, by_id_BK = ids_BK.sort(1)
    scores_BK, by_score_BK = scores_BK.gather(1, by_id_BK).sort(dim=1, descending=True, stable=True)
    return Top(ids_BK.gather(1, by_score_BK), scores_BK)


def highest(score_N: np.ndarray, most: int, *, names: Sequence[str] | None = None) -> np.ndarray:
    """The places of the `most` highest scores, highest first; all of them where there are fewer. No score is NaN.

    names: what stands at each place; where it is given, equal scores go by name instead of by place. Takes time in
    proportion to N, and to sort what it gives.

    >>> highest(np.array([1, 3, 2, 3]), 3), highest(np.array([1, 3, 2, 3]), 1, names=["d", "c", "b", "a"])
    (array([1, 3, 2]), array([3]))
    """
    place_K = among_highest(score_N, most, names=names)
    if names is not None:
        place_K = np.array(sorted(place_K.tolist(), key=names.__getitem__), np.int64)
    return place_K[np.argsort(-score_N[place_K], kind="stable")]


def among_highest(score_N: np.ndarray, most: int, *, names: Sequence[str] | None = None) -> np.ndarray:
    """What `highest` gives, by ascending place instead of by score.

    >>> among_highest(np.array([3, 1, 2, 3, 2]), 3)
    array([0, 2, 3])
    """
    count = len(score_N)
    if most >= count:
        return np.arange(count)
    if most == 0:
        return np.zeros(0, np.int64)
    level = np.partition(score_N, count - most)[count - most]
    above, level_N = np.flatnonzero(score_N > level), np.flatnonzero(score_N == level)
    wanted = most - len(above)
    taken = level_N[:wanted].tolist() if names is None else nsmallest(wanted, level_N.tolist(), key=names.__getitem__)
    return np.sort(np.concatenate([above, np.array(taken, np.int64)]))


def order(scores_V: Tensor) -> Tensor:
    """All columns of one row, in the order of this module."""
    return scores_V.sort(descending=True, stable=True).indices


def place_of(scores_V: Tensor, number: int) -> int:
    """Where a column stands in `order`, from 1.

    >>> [place_of(torch.tensor([0.5, 0.9, 0.5]), number) for number in range(3)]
    [2, 1, 3]
    """
    score = scores_V[number]
    return 1 + int((scores_V > score).sum()) + int((scores_V[:number] == score).sum())


def _first_of_the_level(scores_CV: Tensor, ids_CK: Tensor, scores_CK: Tensor) -> Tensor:
    """ids_CK with the lowest numbers of all that are level with the last of each row."""
    level_C1 = scores_CK[:, -1:]
    last_CK = scores_CK == level_C1
    level_CV = scores_CV == level_C1
    first_CV = level_CV & (level_CV.cumsum(1, dtype=torch.int32) <= last_CK.sum(1, keepdim=True))
    ids_CK[last_CK] = first_CV.nonzero()[:, 1]
    return ids_CK
