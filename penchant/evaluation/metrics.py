"""Metrics of rankings.

hit_BK are the hits of the best K tags (or items) of each user, best first, as `hits` counts them; size is how many
distinct ones the user clicked, with those outside the vocabulary, which nobody can hit. All metrics are linear in hits.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from penchant.features.ragged import Ragged
from penchant.models.parts.ranking import Top
from penchant.schema import PAD


def hits(scores_BV: Tensor, top: Top, truth: Ragged) -> np.ndarray:
    """[B, K]: the chance that each place of `top` holds a true one, were equal scores put in any order.

    A place among m equal scores of which h are true is h / m of a hit, m and h counted over the whole row: so a metric
    is its expectation over all orders of equal scores, and a scorer without an opinion gets what chance gives. A place
    with a score of -inf is empty, and no hit. truth: the true columns of each row.

    >>> from penchant.models.parts.ranking import best
    >>> scores_BV = torch.tensor([[0.1, 0.9, 0.9, 0.5], [0.3, 0.3, 0.3, 0.3]])
    >>> hits(scores_BV, best(scores_BV, 3), Ragged(np.array([0, 2, 3]), np.array([2, 0, 3]))).tolist()
    [[0.5, 0.5, 0.0], [0.25, 0.25, 0.25]]
    """
    users, places = top.ids.shape
    true_BV = torch.from_numpy(mark(truth, scores_BV.shape[1]))
    true_BK, scores_BK = true_BV.gather(1, top.ids).numpy(), top.scores.numpy()
    first_BK = np.ones(scores_BK.shape, bool)
    first_BK[:, 1:] = scores_BK[:, 1:] != scores_BK[:, :-1]
    group_BK = np.cumsum(first_BK.ravel()).reshape(users, places) - 1
    level_G = np.bincount(group_BK.ravel())
    true_G = np.bincount(group_BK.ravel(), weights=true_BK.ravel())
    # The last of the equal scores may stand behind the list.
    last_BV, last_B = scores_BV == top.scores[:, -1:], group_BK[:, -1]
    level_G[last_B], true_G[last_B] = last_BV.sum(1).numpy(), (last_BV & true_BV).sum(1).numpy()
    return np.where(np.isneginf(scores_BK), 0.0, (true_G / level_G)[group_BK])


def mark(lists: Ragged, width: int) -> np.ndarray:
    """Ragged lists as a dense matrix [n, width], true where a value is in the list."""
    dense = np.zeros((len(lists), width), bool)
    dense[np.repeat(np.arange(len(lists)), lists.lengths), lists.values] = True
    return dense


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
