"""Popularity as a graph model: every user has the same vector, an item's is how often it was clicked."""

import numpy as np
import torch
from torch import Tensor

from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.schema import PAD


class PopularGraph(Graph):
    """Nothing is trained: the clicks are counted."""

    def __init__(self, sizes: GraphSizes, clicks_V: np.ndarray) -> None:
        """clicks_V: by training users, by id of the item (`Vocabulary.counts_by_id`)."""
        super().__init__()
        self.sizes = sizes
        self.user_VU: Tensor
        self.item_VU: Tensor
        share_V = torch.from_numpy(clicks_V / max(1, clicks_V.max())).float()
        self.register_buffer("user_VU", torch.ones(sizes.users, 1))
        self.register_buffer("item_VU", share_V[:, None])
        self.user_VU[PAD] = 0.0

    def vectors(self) -> tuple[Tensor, Tensor]:
        return self.user_VU, self.item_VU
