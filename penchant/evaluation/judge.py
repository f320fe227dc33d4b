"""NDCG@10 user by user: what models and their parts are chosen by. It is less noisy than Prec@1."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from penchant.evaluation.metrics import hits, ndcg
from penchant.evaluation.protocol import ModelScorer, evaluate
from penchant.features.ragged import Ragged
from penchant.features.shards import Shard
from penchant.models.base import Interests
from penchant.ranking import best
from penchant.schema import RESERVED

K = 10


@dataclass(frozen=True)
class Ndcg:
    """valid: shards of validation users; tags: rows of the table of tags."""

    valid: Sequence[Shard]
    tags: int

    def rankings(self, scores_BV: Tensor, truth: Ragged, size_B: np.ndarray) -> np.ndarray:
        """Of each row; see `models.base.Judge`."""
        top = best(scores_BV, min(K, scores_BV.shape[1] - RESERVED))
        return ndcg(hits(scores_BV, top, truth), size_B, K)

    def model(self, model: Interests) -> np.ndarray:
        """Of each validation user."""
        return evaluate(ModelScorer(model), self.valid, [K], self.tags).users[f"ndcg@{K}"].to_numpy()

    def mean(self, model: Interests) -> float:
        """Of all validation users: what training stops by."""
        return float(self.model(model).mean())
