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

from penchant.models.base import Extra, ModelConfig
from penchant.models.rankers.promise import Listed, RankBatch, Ranker, RankerSizes
from penchant.schema import PAD

_ODD = (-0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15)
"""The multipliers of SplitMix64, as signed numbers of 64 bits."""


class PairsConfig(ModelConfig):
    """fields: the user's fields that are read, all of the run if not given; item_fields: those of the items, all that
    they have if not given, "item" among them; past: of how many of the user's latest clicks the values are paired with
    the candidate's, like those of a user's field, 0 for none; bits: the table has 2^bits rows."""

    name: Literal["pairs"] = "pairs"
    fields: list[str] | None = None
    item_fields: list[str] | None = None
    past: Annotated[int, Limits(ge=0)] = 10
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
        candidate = list(self._candidate(batch.candidates))
        logit_BKQ = self.bias.expand(*batch.candidates.ids.shape, -1)
        for key_BKN, x_BKN in candidate:
            logit_BKQ = logit_BKQ + torch.einsum("bknq,bkn->bkq", self._weights(key_BKN), x_BKN)
        for key_BH, x_BH in self._user(batch):
            logit_BKQ = logit_BKQ + torch.einsum("bhq,bh->bq", self._weights(key_BH), x_BH)[:, None]
            for key_BKN, x_BKN in candidate:
                pair_BHKN = _mixed(key_BH[:, :, None, None]) + key_BKN[:, None]
                x_BHKN = x_BH[:, :, None, None] * x_BKN[:, None]
                logit_BKQ = logit_BKQ + torch.einsum("bhknq,bhkn->bkq", self._weights(pair_BHKN), x_BHKN)
        return logit_BKQ, {}

    def _weights(self, key: Tensor) -> Tensor:
        """The weights of some keys for each task, [.., Q]. The gradient is added up row by row, without sorting."""
        rows = _mixed(key) & (len(self.weight) - 1)
        return self.weight.index_select(0, rows.flatten()).view(*rows.shape, self.weight.shape[1])

    def _user(self, batch: RankBatch) -> Iterator[tuple[Tensor, Tensor]]:
        """key_BH and x_BH of each user field, and of the past in each item field."""
        for place, name in enumerate(self.sizes.user):
            ids_BH, x_BH = batch.user.ids[name], batch.user.weights[name]
            yield _keys(ids_BH, 1, place), x_BH if name in self.sizes.numbers else functional.normalize(x_BH, dim=1)
        for place, name in enumerate(self.sizes.items if self.past else ()):
            ids_BH = batch.past.values[name].flatten(1)
            yield _keys(ids_BH, 2, place), functional.normalize((ids_BH != PAD).float(), dim=1)

    def _candidate(self, candidates: Listed) -> Iterator[tuple[Tensor, Tensor]]:
        """key_BKN and x_BKN of each item field."""
        for place, name in enumerate(self.sizes.items):
            ids_BKN = candidates.values[name]
            yield _keys(ids_BKN, 3, place), functional.normalize((ids_BKN != PAD).float(), dim=2)


def _keys(ids: Tensor, side: int, place: int) -> Tensor:
    """A number for each value that no other value of any field has, whatever the field is called."""
    return ids + ((side << 56) + (place << 40))


def _mixed(key: Tensor) -> Tensor:
    """A hash of each number, 64 bits (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014)."""
    key = key + _ODD[0]
    key = (key ^ (key >> 30)) * _ODD[1]
    key = (key ^ (key >> 27)) * _ODD[2]
    return key ^ (key >> 31)
