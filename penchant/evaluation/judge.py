"""What models and their parts are chosen by: NDCG@10, less noisy than Prec@1, and Prec@10 beside it.

The first asks for the order of the first places, the second who is among them. Parts chosen by the first alone are
better there and worse among the last places, where popularity is hard to beat (EXPERIMENTS.md, KuaiRand).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from penchant.evaluation.metrics import hits, ndcg, precision
from penchant.evaluation.protocols.interests import ModelScorer, evaluate
from penchant.features.ragged import Ragged
from penchant.features.shards import Shard
from penchant.models.interests.promise import Interests
from penchant.ranking import best
from penchant.schema import RESERVED

K = 10


@dataclass(frozen=True)
class Ndcg:
    """valid: shards of validation users; tags: rows of the table of tags."""

    valid: Sequence[Shard]
    tags: int

    def rankings(self, scores_BV: Tensor, truth: Ragged, size_B: np.ndarray) -> np.ndarray:
        """See `models.base.Judge`."""
        top = best(scores_BV, min(K, scores_BV.shape[1] - RESERVED))
        hit_BK = hits(scores_BV, top, truth)
        return np.stack([ndcg(hit_BK, size_B, K), precision(hit_BK, size_B, K)], 1)

    def model(self, model: Interests) -> np.ndarray:
        """NDCG@10 of each validation user."""
        return evaluate(ModelScorer(model), self.valid, [K], self.tags).users[f"ndcg@{K}"].to_numpy()

    def mean(self, model: Interests) -> float:
        """Of all validation users: what training stops by."""
        return float(self.model(model).mean())
