"""UTPM, the user tag profiling model: attention within fields and across them, several heads, a cross layer.

Source: Yan et al., "Learning to Build User-tag Profile in Recommendation System", CIKM 2020, section 4, Eq. 1-3.
Read in full. Where the paper is silent: heads are concatenated, because it says that more heads make the cross layer
dearer; the attention bias is shared by the heads, as printed; padding is masked and an empty field left out; the L2
norm is on the linear part only; the fully connected layers are 2U relu and U linear; without a cross layer x is not
normalised; tags as input and as label have tables of their own. An addition of ours, off by default: `weights`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field as Limits
from torch import Tensor, nn
from torch.nn import functional

from penchant.features.shards import Batch
from penchant.models.base import CatalogEntry, Sizes, Width
from penchant.models.interests.promise import Attention, Interests, TowerConfig
from penchant.models.parts.crosses import Afm, AutoInt, Cross, Dcn, Nfm
from penchant.models.parts.layers import Activation, Attend, ByField, Precision, Tower, attend, hide_values, table
from penchant.models.parts.mentions import mentions
from penchant.schema import PAD


class UtpmConfig(TowerConfig):
    """heads: A; shared_query: one query per head for all units, or each unit its own; query: T; cross: "none", or "cf",
    the paper's cross layer, or one of those it is compared with; cross_width: C. activation: of the attention units and
    of the first fully connected layer. precision: of that layer's products; "bfloat16" takes a fifth off a step at the
    paper's industrial shape, where the processor or GPU has it. weights: attention also sees how often each value was
    clicked: a learned multiple of log(weight), one per head and field, is added to its score (not in the paper)."""

    name: Literal["utpm"] = "utpm"
    heads: Annotated[int, Limits(ge=1, le=64)] = 2
    shared_query: bool = True
    query: Width = 8
    cross: Literal["none", "cf", "afm", "nfm", "dcn", "autoint"] = "cf"
    cross_width: Width = 4
    activation: Activation = "relu"
    precision: Precision = "float32"
    weights: bool = False


class Utpm(Interests):
    """Every row of the paper's Tables 2-4 but YouTube is a config of this one (configs/paper/rows/)."""

    def __init__(self, config: UtpmConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        names = list(sizes.fields)
        scale = config.initial_scale
        self.value = ByField({name: table(rows, config.embedding, scale) for name, rows in sizes.fields.items()})
        shape = (config.embedding, config.query, config.heads, config.activation)
        units = [Attend(*shape) for _ in range(len(names) + 1)]
        self.within = ByField(dict(zip(names, units[:-1], strict=True)))
        self.across = units[-1]
        queries = 1 if config.shared_query else len(units)
        self.query = nn.Parameter(torch.randn(queries, config.heads, config.query) * config.query**-0.5)
        self.echo = nn.Parameter(torch.zeros(len(names), config.heads)) if config.weights else None
        width = config.heads * config.embedding
        self.cross = _cross(config, width, len(names))
        crossed = self.cross.width if self.cross else 0
        hidden, last = config.hidden or 2 * config.user, (config.activation, config.precision)
        self.tower = Tower(width + crossed, hidden, config.user, *last)
        self.tag = table(sizes.tags, config.user, scale)

    def read(self, batch: Batch) -> tuple[Tensor, Attention]:
        batch = hide_values(batch, self.config.dropout) if self.training else batch
        fields_ABME, filled_BM, values = self._within(batch)
        x_ABE, fields_ABM = self.across(fields_ABME, filled_BM, self._query(len(self.within.names)))
        x_BD, attention = x_ABE.transpose(0, 1).flatten(1), Attention(values, fields_ABM.transpose(0, 1))
        match self.cross:
            case None:
                return self.tower(x_BD), attention
            case AutoInt():
                crossed = self.cross(fields_ABME.permute(1, 2, 0, 3).flatten(2), filled_BM)
            case _:
                crossed = self.cross(x_BD)
        return self.tower(torch.cat([functional.normalize(x_BD), crossed], 1)), attention

    def _within(self, batch: Batch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Each field as a vector per head, [A, B, M, E]; which fields have a value, [B, M]; the weights of values.

        All fields go through the softmax and the sums together, because at small widths it is the calls that cost.
        """
        names = self.within.names
        ids_BMH = _side_by_side([batch.ids[name] for name in names])
        mask_BMH = ids_BMH != PAD
        given = mentions(list(self.value), ids_BMH)
        parts_RE = given.rows_RE.split([1, *given.counts])[1:]
        units = enumerate(zip(self.within, parts_RE, strict=True))
        scores = [one.scores(part_RE, self._query(unit)) for unit, (one, part_RE) in units]
        scores_AR = torch.cat([scores[0].new_zeros(len(scores[0]), 1), *scores], 1)
        pooled_ANE, weights_ANH = attend(given, scores_AR, self._prior(batch, names), mask_BMH.flatten(0, 1))
        weights_BAMH = weights_ANH.unflatten(1, mask_BMH.shape[:2]).transpose(0, 1)
        values = {name: weights_BAMH[:, :, unit, : batch.ids[name].shape[1]] for unit, name in enumerate(names)}
        return pooled_ANE.unflatten(1, mask_BMH.shape[:2]), mask_BMH.any(2), values

    def _query(self, unit: int) -> Tensor:
        return self.query[0 if self.config.shared_query else unit]

    def _prior(self, batch: Batch, names: Sequence[str]) -> Tensor | float:
        """What is added to the scores before the softmax, [A, B·M, H]."""
        if self.echo is None:
            return 0.0
        weights_BMH = _side_by_side([batch.weights[name] for name in names])
        log_BMH = torch.log(weights_BMH.clamp(min=torch.finfo(weights_BMH.dtype).tiny))
        return (self.echo.T[:, None, :, None] * log_BMH).flatten(1, 2)


def _side_by_side(fields: Sequence[Tensor]) -> Tensor:
    """[B, M, H] of M fields [B, H_m]: the shorter ones filled up with zeros."""
    longest = max(field_BH.shape[1] for field_BH in fields)
    return torch.stack([functional.pad(field_BH, (0, longest - field_BH.shape[1])) for field_BH in fields], 1)


def _cross(config: UtpmConfig, width: int, fields: int) -> Cross | Afm | Nfm | Dcn | AutoInt | None:
    match config.cross:
        case "none":
            return None
        case "cf":
            return Cross(width, config.cross_width)
        case "afm":
            return Afm(width, config.cross_width, config.query)
        case "nfm":
            return Nfm(width, config.cross_width)
        case "dcn":
            return Dcn(width)
        case "autoint":
            return AutoInt(fields, width, config.heads)


ENTRY = CatalogEntry("interests", UtpmConfig, Utpm)
