"""The two metrics that choose models and their parts: NDCG@10, which is less noisy than Prec@1, and Prec@10.

NDCG@10 measures the order of the first places, Prec@10 which tags are among them. Parts that NDCG@10 alone chooses do
better in the first places and worse in the last ones, where popularity is hard to beat.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from penchant.evaluation.metrics import hits, ndcg, precision
from penchant.evaluation.protocols.interests import evaluate
from penchant.features.ragged import Ragged
from penchant.features.shards import Shard
from penchant.models.interests.promise import Preferences
from penchant.models.parts.ranking import best
from penchant.schema import RESERVED

K = 10


@dataclass(frozen=True)
class Ndcg:
    """valid: shards of validation users; tags: rows of the table of tags."""

    valid: Sequence[Shard]
    tags: int

    def rankings(self, scores_BV: Tensor, truth: Ragged, size_B: np.ndarray) -> np.ndarray:
        """See `models.interests.promise.Judge`."""
        top = best(scores_BV, min(K, scores_BV.shape[1] - RESERVED))
        hit_BK = hits(scores_BV, top, truth)
        return np.stack([ndcg(hit_BK, size_B, K), precision(hit_BK, size_B, K)], 1)

    def model(self, model: Preferences) -> np.ndarray:
        """NDCG@10 of each validation user."""
        return evaluate(model, self.valid, [K], self.tags).users[f"ndcg@{K}"].to_numpy()

    def mean(self, model: Preferences) -> float:
        """Return the mean over all validation users, by which training stops."""
        return float(self.model(model).mean())
