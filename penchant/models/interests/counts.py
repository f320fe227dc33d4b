"""Baselines that count: what everybody clicks, and what the user clicked, with late clicks counting more or not."""

import numpy as np
import torch
from torch import Tensor

from penchant.features.shards import Batch
from penchant.models.base import Sizes
from penchant.models.interests.promise import Preferences
from penchant.schema import RESERVED

POPULAR_LAST = 1e-9
"""What popularity counts beside a user's own clicks: it only orders tags that are level."""


class Popularity(Preferences):
    """The same for everybody: clicks by training users, as a share of the most clicked tag's."""

    reads_own = True
    popularity: Tensor
    """[V], in [0, 1]; -inf for PAD and UNKNOWN."""

    def __init__(self, counts: np.ndarray) -> None:
        """counts: clicks by training users on each tag of the vocabulary, PAD and UNKNOWN left out."""
        super().__init__()
        self.sizes = Sizes({}, RESERVED + len(counts))
        clicks = torch.from_numpy(counts.astype(np.float32))
        self.register_buffer("popularity", torch.cat([torch.full((RESERVED,), -torch.inf), clicks / clicks.max()]))

    def preferences(self, batch: Batch) -> Tensor:
        """Return [B, V]."""
        return self.popularity.expand(len(batch), -1)


class OwnCounts(Popularity):
    """The user's own clicks per tag, equal counts by popularity."""

    fact = "counts"
    """Which fact of own tags counts; see `features.own.FACTS`."""

    def preferences(self, batch: Batch) -> Tensor:
        """Return [B, V], float64, because popularity must not be lost beside many clicks."""
        assert batch.own is not None
        own = batch.own.fact(self.fact).double()
        counts_BV = own.new_zeros(len(batch), self.sizes.tags).scatter_add_(1, batch.own.ids_BH, own)
        return self.popularity * POPULAR_LAST + counts_BV


class FadedCounts(OwnCounts):
    """The same, but late clicks count more."""

    fact = "faded"


def counting_baselines(counts: np.ndarray) -> dict[str, Preferences]:
    """Return every baseline that needs no fit, by name. counts: as in `Popularity`."""
    return {
        "popularity": Popularity(counts),
        "own counts": OwnCounts(counts),
        "own counts, faded": FadedCounts(counts),
    }
