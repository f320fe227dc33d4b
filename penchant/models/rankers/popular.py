"""Popularity as a ranker: how often an item was clicked of the times that it was shown, the same for everybody."""

from collections.abc import Iterable

import torch
from torch import Tensor

from penchant.models.base import Extra
from penchant.models.rankers.promise import RankBatch, Ranker, RankerSizes
from penchant.schema import ITEM

PRIOR_SHOWN = 20.0
"""An item counts as if it had been shown so many times more, and clicked as often as items are on average: one that was
shown once and clicked is not the best of all."""


class Popular(Ranker):
    """Nothing is trained: the rates are counted. What was never shown has the average rate."""

    past = 0

    def __init__(self, sizes: RankerSizes, logit_VQ: Tensor) -> None:
        super().__init__()
        self.sizes = sizes
        self.logit_VQ: Tensor
        self.register_buffer("logit_VQ", logit_VQ)

    @classmethod
    def count(cls, shown: Iterable[tuple[Tensor, Tensor]], sizes: RankerSizes) -> "Popular":
        """From ids_L of items shown to training users and label_LQ, NaN where a task has no label."""
        shown_VQ, yes_VQ = torch.zeros(2, sizes.items[ITEM], len(sizes.tasks), dtype=torch.float64)
        for ids_L, label_LQ in shown:
            shown_VQ.index_add_(0, ids_L, (~label_LQ.isnan()).double())
            yes_VQ.index_add_(0, ids_L, label_LQ.nan_to_num().double())
        # One yes and one no of nowhere keep the average from 0 and 1.
        mean_Q = (yes_VQ.sum(0) + 1) / (shown_VQ.sum(0) + 2)
        rate_VQ = (yes_VQ + PRIOR_SHOWN * mean_Q) / (shown_VQ + PRIOR_SHOWN)
        return cls(sizes, rate_VQ.logit().float())

    def read(self, batch: RankBatch) -> tuple[Tensor, Extra]:
        return self.logit_VQ[batch.candidates.ids_BK], {}
