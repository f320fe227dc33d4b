"""Logistic regression on pairs of a value of the user and a value of the candidate: the ranker to beat.

Every pair has a weight of its own, and so has every single value of the user and of the candidate. Weights lie in a
table of fixed size, in the row that a hash of the pair chooses, so memory does not grow with the number of pairs.
Source: Chapelle, Manavoglu, Rosales, "Simple and Scalable Response Prediction for Display Advertising", ACM TIST 2014
(conjunctions of two features, the hashing trick). There a field has one value, here it has many, with weights.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional

from penchant.models.base import CatalogEntry, Extra, ModelConfig
from penchant.models.rankers.promise import Listed, RankBatch, Ranker, RankerSizes
from penchant.schema import PAD

_ODD = (-0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15)
"""The multipliers of SplitMix64, as signed numbers of 64 bits."""


class PairsConfig(ModelConfig):
    """fields: the user's fields that are read, all of the run if not given; item_fields: those of the items, all that
    they have if not given, "item" among them; past: of how many of the user's latest clicks the values are paired with
    the candidate's, like those of a user's field, 0 for none; bits: the table has 2^bits rows. An item that is shown
    costs as much as there are pairs, so few fields train fast."""

    name: Literal["pairs"] = "pairs"
    fields: list[str] | None = None
    item_fields: list[str] | None = None
    past: Annotated[int, Limits(ge=0)] = 0
    bits: Annotated[int, Limits(ge=4, le=28)] = 18


class Pairs(Ranker):
    """logit_q = b_q + Σ_u x_u w_uq + Σ_i x_i w_iq + Σ_ui x_u x_i w_uiq, over values u of the user and i of the
    candidate.

    The x of a user's field, of the values of the past in an item field, and of a candidate's field have length 1 each,
    so that many values do not shout; numbers stay as they are. Weights begin at zero.
    """

    def __init__(self, config: PairsConfig, sizes: RankerSizes) -> None:
        super().__init__()
        self.config, self.sizes, self.past = config, sizes, config.past
        self.weight = nn.Parameter(torch.zeros(2**config.bits, len(sizes.tasks)))
        self.bias = nn.Parameter(torch.zeros(len(sizes.tasks)))

    def read(self, batch: RankBatch) -> tuple[Tensor, Extra]:
        """All pairs are looked up at once, because the slope of each look-up is as large as the table."""
        row_BKP, x_BKP = (torch.cat(parts, 2) for parts in zip(*self._terms(batch), strict=True))
        weight_BKPQ = self.weight.index_select(0, row_BKP.flatten()).view(*row_BKP.shape, self.weight.shape[1])
        return self.bias + torch.einsum("bkpq,bkp->bkq", weight_BKPQ, x_BKP), {}

    def _terms(self, batch: RankBatch) -> Iterator[tuple[Tensor, Tensor]]:
        """row_BKP and x_BKP of single values and of pairs, whose row is the sum of theirs: P for each candidate."""
        candidate = list(self._candidate(batch.candidates))
        yield from candidate
        for row_BH, x_BH in self._user(batch):
            row_BKH, x_BKH = (one[:, None].expand(-1, batch.candidates.ids.shape[1], -1) for one in (row_BH, x_BH))
            yield row_BKH, x_BKH
            for row_BKN, x_BKN in candidate:
                pair_BKHN = (row_BKH[..., None] + row_BKN[:, :, None]) & (len(self.weight) - 1)
                yield pair_BKHN.flatten(2), (x_BKH[..., None] * x_BKN[:, :, None]).flatten(2)

    def _user(self, batch: RankBatch) -> Iterator[tuple[Tensor, Tensor]]:
        """row_BH and x_BH of each user field, and of the past in each item field."""
        for place, name in enumerate(self.sizes.user):
            ids_BH, x_BH = batch.user.ids[name], batch.user.weights[name]
            yield (
                self.rows(ids_BH, 1, place),
                x_BH if name in self.sizes.numbers else functional.normalize(x_BH, dim=1),
            )
        for place, name in enumerate(self.sizes.items if self.past else ()):
            ids_BH = batch.past.values[name].flatten(1)
            yield self.rows(ids_BH, 2, place), functional.normalize((ids_BH != PAD).float(), dim=1)

    def _candidate(self, candidates: Listed) -> Iterator[tuple[Tensor, Tensor]]:
        """row_BKN and x_BKN of each item field."""
        for place, name in enumerate(self.sizes.items):
            ids_BKN = candidates.values[name]
            yield self.rows(ids_BKN, 3, place), functional.normalize((ids_BKN != PAD).float(), dim=2)

    def rows(self, ids: Tensor, side: int, place: int) -> Tensor:
        """The rows of single values, int32, drawn by a hash of what no other value of any field has, whatever the field
        is called."""
        return (_mixed(ids + ((side << 56) + (place << 40))) & (len(self.weight) - 1)).int()


def _mixed(key: Tensor) -> Tensor:
    """A hash of each number, 64 bits (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014)."""
    key = key + _ODD[0]
    key = (key ^ (key >> 30)) * _ODD[1]
    key = (key ^ (key >> 27)) * _ODD[2]
    return key ^ (key >> 31)


ENTRY = CatalogEntry("rankers", PairsConfig, Pairs)
