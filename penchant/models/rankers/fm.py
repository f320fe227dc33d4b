"""A factorisation machine: every value has a vector, and a pair counts as much as its vectors agree.

So what was learned of one pair helps with pairs that were never seen together, where `pairs` knows nothing. Source:
Rendle, "Factorization Machines", ICDM 2010, equation 1, computed in linear time by its lemma 3.1. There a field has one
value or a bag of them; here many values of a field have length 1 together, as in `pairs`.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional

from penchant.models.base import CatalogEntry, Extra, ModelConfig, Positive
from penchant.models.parts.layers import ByField, table
from penchant.models.rankers.promise import RankBatch, Ranker, RankerSizes
from penchant.schema import PAD

START = 0.1
"""Vectors begin this much shorter than those of other models, so that pairs say little before anything is learned."""


class FmConfig(ModelConfig):
    """fields: the user's fields that are read, all of the run if not given; item_fields: those of the items, all that
    they have if not given, "item" among them; past: of how many of the user's latest clicks the values are read, like
    those of a user's field, 0 for none; width: of the vectors."""

    name: Literal["fm"] = "fm"
    fields: list[str] | None = None
    item_fields: list[str] | None = None
    past: Annotated[int, Limits(ge=0)] = 10
    width: Positive = 16


class Fm(Ranker):
    """logit_q = b_q + Σ_j x_j w_jq + Σ_{j<k} x_j x_k ⟨v_jq, v_kq⟩, over all values j, k of the user and the candidate.

    A row of a table holds w_jq and v_jq of each task.
    """

    def __init__(self, config: FmConfig, sizes: RankerSizes) -> None:
        super().__init__()
        self.config, self.sizes, self.past = config, sizes, config.past
        width, past = len(sizes.tasks) * (1 + config.width), sizes.items if config.past else {}
        self.user, self.latest, self.item = (
            ByField({name: table(rows, width, START) for name, rows in fields.items()})
            for fields in (sizes.user, past, sizes.items)
        )
        self.bias = nn.Parameter(torch.zeros(len(sizes.tasks)))

    def read(self, batch: RankBatch) -> tuple[Tensor, Extra]:
        user_BQW, own_BQW = self._summed(self._of_user(batch), len(batch))
        candidate_BKQW, its_BKQW = self._summed(self._of_candidates(batch), *batch.candidates.ids.shape)
        sum_BKQW, squares_BKQW = user_BQW[:, None] + candidate_BKQW, own_BQW[:, None] + its_BKQW
        pairs_BKQ = (sum_BKQW[..., 1:].square() - squares_BKQW[..., 1:]).sum(-1) / 2
        return self.bias + sum_BKQW[..., 0] + pairs_BKQ, {}

    def _summed(self, parts: Iterator[tuple[Tensor, Tensor]], *shape: int) -> tuple[Tensor, Tensor]:
        """Over all values: the sum of x_j times its row, and of the square of that."""
        total = self.bias.new_zeros(*shape, len(self.bias) * (1 + self.config.width))
        squares = torch.zeros_like(total)
        for rows, x in parts:
            weighed = rows * x[..., None]
            total, squares = total + weighed.sum(-2), squares + weighed.square().sum(-2)
        return total.unflatten(-1, (len(self.bias), -1)), squares.unflatten(-1, (len(self.bias), -1))

    def _of_user(self, batch: RankBatch) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows and x_BH of each user field, and of the past in each item field."""
        for name in self.sizes.user:
            ids_BH, x_BH = batch.user.ids[name], batch.user.weights[name]
            yield self.user[name](ids_BH), x_BH if name in self.sizes.numbers else functional.normalize(x_BH, dim=1)
        for name in self.latest.names:
            ids_BH = batch.past.values[name].flatten(1)
            yield self.latest[name](ids_BH), functional.normalize((ids_BH != PAD).float(), dim=1)

    def _of_candidates(self, batch: RankBatch) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows and x_BKN of each item field."""
        for name in self.sizes.items:
            ids_BKN = batch.candidates.values[name]
            yield self.item[name](ids_BKN), functional.normalize((ids_BKN != PAD).float(), dim=2)


ENTRY = CatalogEntry("rankers", FmConfig, Fm)
