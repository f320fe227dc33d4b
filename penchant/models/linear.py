"""A linear path beside a model: from log counts of tags to tags, of low rank, as more entries of the same vectors.

Not in the UTPM paper. Ridge regression from a user's tag counts is hard to beat where logs are small; this puts it, cut
to its best `rank` dimensions, into the inner product, so that model and regression together are still one vector per
user and one per tag. Source of the cut: Izenman, "Reduced-rank regression for the multivariate linear model", Journal
of Multivariate Analysis 5, 1975; with the ridge penalty of Mukherjee and Zhu, Statistical Analysis and Data Mining 4,
2011.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from penchant.features.shards import Batch
from penchant.models.base import Attention, Interests
from penchant.schema import PAD


class LinearPath(nn.Module):
    """preference = Σ over fields f and values i of log(1 + weight_i) · into_f[i] · tag + bias_tag, in closed form.

    into: per field [V, R], row PAD zero; tag: [V, R]; bias: [V]. They are buffers: gradients leave them alone.
    """

    tag: Tensor
    bias: Tensor

    def __init__(self, fields: Sequence[str], tags: int, rank: int) -> None:
        super().__init__()
        self.fields = list(fields)
        for field in self.fields:
            self.register_buffer(f"into_{field}", torch.zeros(tags, rank))
        self.register_buffer("tag", torch.zeros(tags, rank))
        self.register_buffer("bias", torch.zeros(tags))

    def users(self, batch: Batch) -> Tensor:
        """[B, R + 1]; the last entry is 1, for the bias."""
        parts = [self._project(batch.ids[field], batch.weights[field], field) for field in self.fields]
        return nn.functional.pad(torch.stack(parts).sum(0), (0, 1), value=1.0)

    def tags(self) -> Tensor:
        """[V, R + 1]."""
        return torch.cat([self.tag, self.bias[:, None]], 1)

    def _project(self, ids_BH: Tensor, weights_BH: Tensor, field: str) -> Tensor:
        share_BH = torch.log1p(weights_BH) * (ids_BH != PAD)
        into_VR = self.get_buffer(f"into_{field}")
        return torch.bmm(share_BH[:, None], nn.functional.embedding(ids_BH, into_VR))[:, 0]


class WithLinearPath(Interests):
    """A model and a linear path as one: their vectors side by side, the model's share set by `gain`."""

    def __init__(self, model: Interests, path: LinearPath, gain: float) -> None:
        super().__init__()
        self.model, self.path, self.gain = model, path, gain
        self.tag = model.tag
        fields = dict.fromkeys([*model.sizes.fields, *path.fields])
        self.sizes = type(model.sizes)(
            {name: model.sizes.fields.get(name, model.sizes.tags) for name in fields}, model.sizes.tags
        )

    def read(self, batch: Batch) -> tuple[Tensor, Attention]:
        """The attention is the model's own, zero if it has no share; fields of the linear path alone get none."""
        user_BU, own = self.model.read(batch)
        share, heads = float(self.gain != 0), own.fields.shape[1]
        nothing = {name: torch.zeros(len(batch), heads, batch.ids[name].shape[1]) for name in self.sizes.fields}
        values = {name: share * own.values[name] if name in own.values else nothing[name] for name in nothing}
        fields = torch.zeros(len(batch), heads, len(self.sizes.fields))
        fields[:, :, : own.fields.shape[2]] = share * own.fields
        return torch.cat([self.gain * user_BU, self.path.users(batch)], 1), Attention(values, fields)

    def tags(self) -> Tensor:
        return torch.cat([self.model.tags(), self.path.tags()], 1)
