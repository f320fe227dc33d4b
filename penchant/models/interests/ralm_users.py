"""RALM's first phase: the fields of a user, merged by attention or side by side, become one universal vector.

Source: Liu et al., "Real-time Attention Based Look-alike Model for Recommender System", KDD 2019, section 3.2 and Eq.
6-8. The text was read as readers transcribe it. W_1 is k×m, because the printed k×n does not fit. Where the paper is
silent: the layer of each field is linear; a field without a value is left out; missing numbers are told from zeros.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from penchant.features.shards import Batch
from penchant.models.base import CatalogEntry, Sizes, Width
from penchant.models.interests.promise import Attention, Interests, TowerConfig
from penchant.models.parts.layers import ByField, Tower, hide_values, masked_softmax, table
from penchant.models.parts.mentions import mentions, pool
from penchant.schema import PAD, RESERVED


class RalmUsersConfig(TowerConfig):
    """merge: how fields become one vector: "attention" weighs them, user by user, "concat" sets them side by side;
    width: m, of the vector that each field becomes, U if not given; units: k, of the attention, m if not given."""

    name: Literal["ralm-users"] = "ralm-users"
    merge: Literal["attention", "concat"] = "attention"
    width: Width | None = None
    units: Width | None = None


class Merge(nn.Module):
    """S = tanh(W_1 Hᵀ), a = softmax(w_2ᵀ S), M = Σ_i a_i h_i (RALM Eq. 6-8)."""

    def __init__(self, width: int, units: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, units, bias=False)
        self.weigh = nn.Linear(units, 1, bias=False)

    def forward(self, fields_BME: Tensor, filled_BM: Tensor) -> tuple[Tensor, Tensor]:
        """merged_BE and the weights_BM of the fields that have a value."""
        scores_BM = self.weigh(torch.tanh(self.project(fields_BME)))[..., 0]
        weights_BM = masked_softmax(scores_BM, filled_BM)
        return torch.bmm(weights_BM[:, None], fields_BME)[:, 0], weights_BM


class RalmUsers(Interests):
    """Reads numbers too: all of them together are one field, as wide as the others."""

    reads_numbers = True

    def __init__(self, config: RalmUsersConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        width, scale = config.width or config.user, config.initial_scale
        lists = {name: rows for name, rows in sizes.fields.items() if name not in sizes.numbers}
        self.value = ByField({name: table(rows, config.embedding, scale) for name, rows in lists.items()})
        self.widen = ByField({name: nn.Linear(config.embedding, width) for name in lists})
        self.number = nn.Linear(2 * len(sizes.numbers), width) if sizes.numbers else None
        fields = len(lists) + (self.number is not None)
        self.merge = Merge(width, config.units or width) if config.merge == "attention" else None
        merged = width if self.merge else fields * width
        self.tower = Tower(merged, config.hidden or 2 * config.user, config.user)
        self.tag = table(sizes.tags, config.user, scale)

    def read(self, batch: Batch) -> tuple[Tensor, Attention]:
        """Every value of a field weighs the same, and so does every number of those that are known."""
        batch = hide_values(batch, self.config.dropout) if self.training else batch
        parts = [self._list(name, batch) for name in self.value.names]
        if self.number is not None:
            parts.append(self._numbers(batch))
        filled_BM = torch.stack([filled_B for _, filled_B in parts], 1)
        fields_BME = torch.stack([field_BE for field_BE, _ in parts], 1) * filled_BM[..., None]
        if self.merge is not None:
            merged, weights_BM = self.merge(fields_BME, filled_BM)
        else:
            merged, weights_BM = fields_BME.flatten(1), _even(filled_BM)
        return self.tower(merged), self._attention(batch, weights_BM)

    def _list(self, name: str, batch: Batch) -> tuple[Tensor, Tensor]:
        """A field's vector, from the mean of its values, [B, m], and who has any."""
        ids_BH = batch.ids[name]
        count_B = (ids_BH != PAD).sum(1)
        sum_BE = pool(mentions([self.value[name]], ids_BH[:, None]))[0]
        return self.widen[name](sum_BE / count_B.clamp(min=1)[:, None]), count_B > 0

    def _numbers(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The vector of all numbers, [B, m], and who has any: 0 where one is missing, and beside it which are known."""
        known = [batch.ids[name] >= RESERVED for name in self.sizes.numbers]
        weights = [batch.weights[name] for name in self.sizes.numbers]
        numbers = [(weights_BH * known_BH).sum(1) for weights_BH, known_BH in zip(weights, known, strict=True)]
        known_BM = torch.stack([known_BH.any(1) for known_BH in known], 1)
        assert self.number is not None
        return self.number(torch.cat([torch.stack(numbers, 1), known_BM.to(numbers[0])], 1)), known_BM.any(1)

    def _attention(self, batch: Batch, weights_BM: Tensor) -> Attention:
        """The weight of the numbers' vector is shared out among those that are known."""
        least = {name: RESERVED if name in self.sizes.numbers else PAD + 1 for name in self.sizes.fields}
        values = {name: _even(batch.ids[name] >= lowest)[:, None] for name, lowest in least.items()}
        shares = dict(zip(self.value.names, weights_BM.T, strict=False))
        if self.number is not None:
            known_BM = torch.stack([values[name].sum((1, 2)) > 0 for name in self.sizes.numbers], 1)
            shares |= dict(zip(self.sizes.numbers, (_even(known_BM) * weights_BM[:, -1:]).T, strict=True))
        return Attention(values, torch.stack([shares[name] for name in self.sizes.fields], 1)[:, None])


def _even(mask: Tensor) -> Tensor:
    """The same weight for all that the mask leaves in the last axis; they sum to 1."""
    return mask / mask.sum(-1, keepdim=True).clamp(min=1)


ENTRY = CatalogEntry("interests", RalmUsersConfig, RalmUsers)
