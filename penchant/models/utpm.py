"""UTPM, the user tag profiling model: attention within fields and across them, several heads, a cross layer.

Source: Yan et al., "Learning to Build User-tag Profile in Recommendation System", CIKM 2020, section 4, Eq. 1-3.
Read in full. Where the paper is silent: heads are concatenated, because it says that more heads make the cross layer
dearer; the attention bias is shared by the heads, as printed; padding is masked and an empty field left out; the L2
norm is on the linear part only; the fully connected layers are 2U relu and U linear; without a cross layer x is not
normalised; tags as input and as label have tables of their own. An addition of ours, off by default: `weights`.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.features.shards import Batch
from penchant.models.base import Attention, Interests, Positive, Sizes, TowerConfig
from penchant.models.layers import Attend, Cross, Tower, hide_values, table
from penchant.schema import PAD


class UtpmConfig(TowerConfig):
    """heads: A; shared_query: one query per head for all units, or each unit its own; query: T; cross: "none", or "cf",
    the paper's cross layer; cross_width: C. weights: attention also sees how often each value was clicked: a learned
    multiple of log(weight), one per head and field, is added to its score (not in the paper)."""

    name: Literal["utpm"] = "utpm"
    heads: Positive = 2
    shared_query: bool = True
    query: Positive = 8
    cross: Literal["none", "cf"] = "cf"
    cross_width: Positive = 4
    weights: bool = False


class Utpm(Interests):
    """Variants of the paper's tables are configs: AF-1head, AF-1head-unshared, AF-2head, AF-2head+CF."""

    def __init__(self, config: UtpmConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        names = list(sizes.fields)
        self.value = nn.ModuleDict({name: table(rows, config.embedding) for name, rows in sizes.fields.items()})
        units = [Attend(config.embedding, config.query, config.heads) for _ in range(len(names) + 1)]
        self.within = nn.ModuleDict(dict(zip(names, units[:-1], strict=True)))
        self.across = units[-1]
        queries = 1 if config.shared_query else len(units)
        self.query = nn.Parameter(torch.randn(queries, config.heads, config.query) * config.query**-0.5)
        self.echo = nn.Parameter(torch.zeros(len(names), config.heads)) if config.weights else None
        width = config.heads * config.embedding
        self.cross = Cross(width, config.cross_width) if config.cross == "cf" else None
        crossed = width * (width - 1) // 2 if self.cross else 0
        self.tower = Tower(width + crossed, config.hidden or 2 * config.user, config.user)
        self.tag = table(sizes.tags, config.user)

    def read(self, batch: Batch) -> tuple[Tensor, Attention]:
        x_BD, attention = self._attend(hide_values(batch, self.config.dropout) if self.training else batch)
        if self.cross is None:
            return self.tower(x_BD), attention
        return self.tower(torch.cat([functional.normalize(x_BD), self.cross(x_BD)], 1)), attention

    def _attend(self, batch: Batch) -> tuple[Tensor, Attention]:
        """x_BD, the heads side by side, and the weights that made it."""
        pooled, weights, filled = [], {}, []
        for unit, (name, attend) in enumerate(self.within.items()):
            ids_BH = batch.ids[name]
            mask_BH = ids_BH != PAD
            pooled_BAE, weights[name] = attend(
                self.value[name](ids_BH), mask_BH, self._query(unit), self._prior(unit, batch.weights[name])
            )
            pooled.append(pooled_BAE)
            filled.append(mask_BH.any(1))
        fields_BAME = torch.stack(pooled, 2)
        nothing = fields_BAME.new_zeros(1)
        x_BAE, fields_BAM = self.across(fields_BAME, torch.stack(filled, 1), self._query(len(pooled)), nothing)
        return x_BAE.flatten(1), Attention(weights, fields_BAM)

    def _query(self, unit: int) -> Tensor:
        return self.query[0 if self.config.shared_query else unit]

    def _prior(self, unit: int, weights_BH: Tensor) -> Tensor:
        """What is added to the scores before the softmax, broadcast to [B, A, H]."""
        if self.echo is None:
            return weights_BH.new_zeros(1)
        log_BH = torch.log(weights_BH.clamp(min=torch.finfo(weights_BH.dtype).tiny))
        return self.echo[unit][:, None] * log_BH[:, None]
