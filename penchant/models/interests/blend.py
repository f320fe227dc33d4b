"""What counting knows and what is learned, as one preference: own tags, ridge regression, and a deep model beside them.

Not in the UTPM paper. A user's own counts, popularity and ridge regression are hard to beat where logs are small, so
each of them is a path of this model: popularity is the linear path's intercept, own counts are the copy path, ridge
regression is the linear path, and a deep interest model may stand beside them. How much each says is learned from
training users (training/blend.py). Source of the cut to a low rank: Izenman, "Reduced-rank regression for the
multivariate linear model", Journal of Multivariate Analysis 5, 1975; with the ridge penalty of Mukherjee and Zhu,
Statistical Analysis and Data Mining 4, 2011.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import torch
from pydantic import Field as Limits
from torch import Tensor, nn

from penchant.features.own import FADES, Own
from penchant.features.shards import Batch
from penchant.models.base import CatalogEntry, ModelConfig, Sizes, Width
from penchant.models.interests.promise import Attention, Interests
from penchant.models.interests.utpm import UtpmConfig
from penchant.models.interests.youtube import YouTubeConfig
from penchant.schema import PAD, RESERVED

CLICKS = "own clicks"
OWN_BLOCKS = {
    CLICKS: "counts",
    "own clicks, faded": "faded",
    "own clicks, fading fast": "faded/7",
    "own clicks, fading slowly": "faded*2",
}
"""Blocks of the linear path that hold a fact of the user's own tags, and which; others are called like their field."""

OWN_PATH, REST_PATH, DEEP_PATH, EVERYBODY = "own clicks on it", "all else known", "deep model", "everybody"
"""What adds to a preference: the user's clicks on the tag, by the copy path and the linear one; the rest of the linear
path, as far as the user differs from others; the deep model, likewise; and what is the same for all."""

CROSSED = ("clicked", "log clicks", "share", "newness", *(f"log {name}" for name in FADES))
"""What the copy path knows of an own tag: each alone, times the tag's popularity, times the length of the history."""


LEAST_SHARE = 0.02
"""A deep model that has no more of how preferences spread than this is no evidence for any of them."""


class BlendConfig(ModelConfig):
    """Own tags, ridge regression, and a deep model beside them, joined by what training users show.

    deep: the model beside the closed form, none if not given; it is trained first, by `training`; rank: the width of
    the linear path's vectors.
    """

    name: Literal["blend"] = "blend"
    deep: Annotated[UtpmConfig | YouTubeConfig, Limits(discriminator="name")] | None = None
    rank: Width = 128


class CopyPath(nn.Module):
    """What a user's own tags add to their own preference: a weighted sum of what counting knows of each.

    weight: [3 · CROSSED]; rarity: [V], the standardised log popularity of tags; length: mean and spread of the
    log of a history's clicks. Buffers: gradients leave them alone.
    """

    weight: Tensor
    rarity: Tensor
    length: Tensor

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(3 * len(CROSSED)))
        self.register_buffer("rarity", torch.zeros(tags))
        self.register_buffer("length", torch.tensor([0.0, 1.0]))

    def features(self, own: Own) -> Tensor:
        """[B, H, 3 · CROSSED], zero on PAD."""
        there_BH = (own.ids_BH != PAD).float()
        clicks_BH = own.fact("counts")
        total_B1 = clicks_BH.sum(1, keepdim=True)
        alone = [
            there_BH,
            clicks_BH.log1p(),
            clicks_BH / total_B1.clamp(min=1),
            there_BH / (1 + own.fact("age")),
            *(own.fact(name).log1p() for name in FADES),
        ]
        alone_BHK = torch.stack(alone, 2)
        long_B11 = ((total_B1.log1p() - self.length[0]) / self.length[1])[..., None]
        popular_BH1 = nn.functional.embedding(own.ids_BH, self.rarity[:, None])
        return torch.cat([alone_BHK, alone_BHK * popular_BH1, alone_BHK * long_B11], 2)

    def forward(self, own: Own) -> Tensor:
        """[B, H]: what is added to each own tag."""
        return self.features(own) @ self.weight


class LinearPath(nn.Module):
    """preference = Σ over blocks b and values i of x_b[i] · into_b[i] · tag + bias_tag, cut to rank R, in closed form.

    x is log(1 + weight) of each known value of a block, divided by the length of x over the block (`unit`) or as it is.
    into: per block [rows, R]; tag: [V, R]; bias: [V]. Buffers: gradients leave them alone.
    """

    tag: Tensor
    bias: Tensor

    def __init__(self, blocks: dict[str, int], tags: int, rank: int, *, unit: bool = True) -> None:
        """blocks: rows of each, values with higher ids have no weight."""
        super().__init__()
        self.blocks, self.unit = dict(blocks), unit
        for number, rows in enumerate(blocks.values()):
            # Numbered, because a field may be called like anything that a module has already.
            self.register_buffer(f"into_{number}", torch.zeros(rows, rank))
        self.register_buffer("tag", torch.zeros(tags, rank))
        self.register_buffer("bias", torch.zeros(tags))

    def users(self, batch: Batch) -> Tensor:
        """[B, R + 1]; the last entry is 1, for the bias."""
        user_BR = self.tag.new_zeros(len(batch), self.tag.shape[1])
        for ids_BH, x_BH, into in self._read(batch):
            user_BR = user_BR + nn.functional.embedding_bag(ids_BH, into, per_sample_weights=x_BH, mode="sum")
        return nn.functional.pad(user_BR, (0, 1), value=1.0)

    def terms(self, batch: Batch, tag: int) -> dict[str, tuple[Tensor, Tensor]]:
        """By block, ids_BH and what each of them adds to the preference for one tag."""
        read = zip(self.blocks, self._read(batch), strict=True)
        return {block: (ids_BH, x_BH * (into @ self.tag[tag])[ids_BH]) for block, (ids_BH, x_BH, into) in read}

    def _read(self, batch: Batch) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """ids_BH and x_BH of each block, both zero where nothing is known, and its table."""
        for number, (block, rows) in enumerate(self.blocks.items()):
            ids_BH, x_BH = values_of(batch, block, unit=self.unit)
            known_BH = (x_BH != 0) & (ids_BH < rows)
            yield ids_BH * known_BH, x_BH * known_BH, self.get_buffer(f"into_{number}")

    def tags(self) -> Tensor:
        """[V, R + 1]."""
        return torch.cat([self.tag, self.bias[:, None]], 1)


def values_of(batch: Batch, block: str, *, unit: bool) -> tuple[Tensor, Tensor]:
    """ids_BH and x_BH of one block, zero where nothing is known; see `LinearPath`."""
    if block in OWN_BLOCKS:
        assert batch.own is not None
        ids_BH, weight_BH = batch.own.ids_BH, batch.own.fact(OWN_BLOCKS[block])
    else:
        ids_BH, weight_BH = batch.ids[block], batch.weights[block]
    x_BH = torch.log1p(weight_BH) * (ids_BH >= RESERVED)
    return ids_BH, x_BH / x_BH.norm(dim=1, keepdim=True).clamp(min=1e-9) if unit else x_BH


class Blend(Interests):
    """All paths as one: the inner product of vectors side by side, plus what own tags add.

    deep: None where there is none; gain: what its score is multiplied by, 0 where it earns nothing; share: its part of
    how preferences spread, above LEAST_SHARE where its attention is evidence.
    """

    def __init__(
        self,
        linear: LinearPath,
        copy: CopyPath,
        deep: Interests | None,
        gain: float,
        sizes: Sizes,
        share: float = 1.0,
    ) -> None:
        """sizes: of all fields that any path reads."""
        super().__init__()
        self.linear, self.copy, self.deep, self.gain, self.sizes = linear, copy, deep, gain, sizes
        self.share = share
        self.tag = deep.tag if deep else nn.Embedding(sizes.tags, 0)
        self.requires_grad_(False)

    reads_own = True

    def read(self, batch: Batch) -> tuple[Tensor, Attention]:
        """The attention is the deep model's own, zero where it is no evidence and for fields that it does not read."""
        path_BU = self.linear.users(batch)
        if self.deep is None or self.gain == 0:
            return nn.functional.pad(path_BU, (self.tag.embedding_dim, 0)), _no_attention(batch, self.sizes)
        deep_BU, own = self.deep.read(batch)
        user_BU = torch.cat([self.gain * deep_BU, path_BU], 1)
        nothing = _no_attention(batch, self.sizes, own.fields.shape[1])
        if self.share <= LEAST_SHARE:
            return user_BU, nothing
        number = {name: place for place, name in enumerate(self.sizes.fields)}
        fields_BAM = nothing.fields
        for place, name in enumerate(own.values):
            fields_BAM[:, :, number[name]] = own.fields[:, :, place]
        return user_BU, Attention({**nothing.values, **own.values}, fields_BAM)

    def tags(self) -> Tensor:
        return torch.cat([self.tag.weight, self.linear.tags()], 1)

    @property
    def tells_unseen(self) -> bool:
        return bool(self.linear.blocks) or self.gain != 0

    def own(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """ids_BH of the user's own tags, and what is added to each."""
        assert batch.own is not None
        return batch.own.ids_BH, self.copy(batch.own)

    def paths(self, batch: Batch, tag: int, usual_U: Tensor | None = None) -> dict[str, Tensor]:
        """[B] for each path: what it adds to the preference for one tag; together they are the preference.

        usual_U: users' vectors on average, what they say of the tag is everybody's; without it, the intercept is.
        """
        user_BU, tag_U = self.users(batch), self.tags()[tag]
        usual_U = nn.functional.one_hot(torch.tensor(len(tag_U) - 1), len(tag_U)) if usual_U is None else usual_U
        width, apart_BU = self.tag.weight.shape[1], user_BU - usual_U
        ids_BH, adds_BH = self.own(batch)
        linear = [(ids, adds) for field, ids, adds in self.terms(batch, tag) if field is None]
        own_B = sum(((adds * (ids == tag)).sum(1) for ids, adds in linear), start=torch.zeros(len(batch)))
        return {
            OWN_PATH: (adds_BH * (ids_BH == tag)).sum(1) + own_B,
            REST_PATH: apart_BU[:, width:] @ tag_U[width:] - own_B,
            **({DEEP_PATH: apart_BU[:, :width] @ tag_U[:width]} if self.deep else {}),
            EVERYBODY: (usual_U * tag_U).sum().expand(len(batch)),
        }

    def terms(self, batch: Batch, tag: int) -> list[tuple[str | None, Tensor, Tensor]]:
        """The linear path, value by value."""
        return [
            (None if block in OWN_BLOCKS else block, ids_BH, adds_BH)
            for block, (ids_BH, adds_BH) in self.linear.terms(batch, tag).items()
        ]

    def with_deep(self, deep: Interests, gain: float, share: float = 1.0) -> "Blend":
        """The same closed form with a deep model beside it; gain, share: see above."""
        names = dict.fromkeys([*deep.sizes.fields, *self.sizes.fields])
        rows = {name: deep.sizes.fields.get(name) or self.sizes.fields[name] for name in names}
        numbers = tuple(dict.fromkeys([*deep.sizes.numbers, *self.sizes.numbers]))
        of_tags = tuple(dict.fromkeys([*deep.sizes.tag_fields, *self.sizes.tag_fields]))
        return Blend(self.linear, self.copy, deep, gain, Sizes(rows, self.sizes.tags, of_tags, numbers), share)


def _no_attention(batch: Batch, sizes: Sizes, heads: int = 1) -> Attention:
    values = {name: torch.zeros(len(batch), heads, batch.ids[name].shape[1]) for name in sizes.fields}
    return Attention(values, torch.zeros(len(batch), heads, len(sizes.fields)))


ENTRY = CatalogEntry("interests", BlendConfig, Blend)
