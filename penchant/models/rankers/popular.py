"""Popularity as a ranker: how often an item was clicked of the times that it was shown, the same for everybody."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from penchant.features.shards import Shard
from penchant.models.base import Extra
from penchant.models.rankers.promise import Listed, RankBatch, Ranker, RankerSizes, shown_of
from penchant.schema import ITEM

PRIOR_SHOWN = 20.0
"""An item counts as if it had been shown so many times more, and clicked as often as items are on average: one that was
shown once and clicked is not the best of all."""


class PopularRanker(Ranker):
    """Nothing is trained: the rates are counted. What was never shown has the average rate."""

    past = 0

    def __init__(self, sizes: RankerSizes, logit_VQ: Tensor) -> None:
        super().__init__()
        self.sizes = sizes
        self.logit_VQ: Tensor
        self.register_buffer("logit_VQ", logit_VQ)

    @classmethod
    def count(cls, shards: Sequence[Shard], sizes: RankerSizes) -> "PopularRanker":
        """From the items shown to training users."""
        shown_VQ, yes_VQ = torch.zeros(2, sizes.items[ITEM], len(sizes.tasks), dtype=torch.float64)
        for shard in shards:
            _, entry_L, label_LQ = shown_of(shard, sizes.tasks)
            nowhere_L = np.full(len(entry_L), np.inf)
            ids_L = Listed.of(shard.items, [], entry_L[:, None], nowhere_L).ids[:, 0]
            shown_VQ.index_add_(0, ids_L, (~label_LQ.isnan()).double())
            yes_VQ.index_add_(0, ids_L, label_LQ.nan_to_num().double())
        return cls(sizes, _logits(shown_VQ, yes_VQ))

    def read(self, batch: RankBatch) -> tuple[Tensor, Extra]:
        return self.logit_VQ[batch.candidates.ids], {}


def _logits(shown_VQ: Tensor, yes_VQ: Tensor) -> Tensor:
    """Of the smoothed rates, float32."""
    # One yes and one no of nowhere keep the average from 0 and 1.
    mean_Q = (yes_VQ.sum(0) + 1) / (shown_VQ.sum(0) + 2)
    return ((yes_VQ + PRIOR_SHOWN * mean_Q) / (shown_VQ + PRIOR_SHOWN)).logit().float()
