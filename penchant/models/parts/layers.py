"""Pieces that several models are made of."""

from collections.abc import Iterator, Mapping
from typing import Generic, Literal, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.features.shards import Batch
from penchant.models.parts.mentions import Mentions, pool
from penchant.schema import PAD

Activation = Literal["relu", "tanh", "selu", "sigmoid"]
Precision = Literal["float32", "bfloat16"]

Part = TypeVar("Part", bound=nn.Module)


def activate(values: Tensor, name: Activation) -> Tensor:
    """The activation by its name (the four that UTPM's Figure 4 compares)."""
    match name:
        case "relu":
            return torch.relu(values)
        case "tanh":
            return torch.tanh(values)
        case "selu":
            return functional.selu(values)
        case "sigmoid":
            return torch.sigmoid(values)


def table(rows: int, width: int, scale: float = 1.0) -> nn.Embedding:
    """A table of vectors, uniform within ±scale/√width, row PAD zero and never updated."""
    vectors = nn.Embedding(rows, width, padding_idx=PAD)
    nn.init.uniform_(vectors.weight, -scale * width**-0.5, scale * width**-0.5)
    with torch.no_grad():
        vectors.weight[PAD] = 0.0
    return vectors


class ByField(nn.Module, Generic[Part]):
    """A module for each field, in order. They are numbered within, so a field may be called anything: a name of
    PyTorch's own, such as "type", is no key of a ModuleDict."""

    def __init__(self, parts: Mapping[str, Part]) -> None:
        super().__init__()
        self.names = tuple(parts)
        self.parts = nn.ModuleList(parts.values())

    def __getitem__(self, name: str) -> Part:
        return cast(Part, self.parts[self.names.index(name)])

    def __iter__(self) -> Iterator[Part]:
        """The modules, in the order of `names`."""
        return (cast(Part, part) for part in self.parts)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis where `mask`; all zero, gradient too, where nothing is left."""
    lowest = torch.finfo(scores.dtype).min
    return torch.softmax(scores.masked_fill(~mask, lowest), -1) * mask


def hide_values(batch: Batch, share: float) -> Batch:
    """The batch with about `share` of its values turned to PAD, so that no single one can be relied on (dropout)."""
    if share == 0:
        return batch
    kept = {name: torch.rand(ids_BH.shape, device=ids_BH.device) >= share for name, ids_BH in batch.ids.items()}
    return Batch({name: torch.where(kept[name], ids_BH, PAD) for name, ids_BH in batch.ids.items()}, batch.weights)


class Attend(nn.Module):
    """One attention unit of UTPM with A heads: how well values answer the heads' queries.

    s_ia = q_a · relu(t_i W_a + b), α_a = softmax over the valid i, pooled_a = Σ_i α_ia t_i (UTPM Eq. 1, 2). The bias is
    shared by the heads, as printed. Queries come from outside, because units may share them.
    """

    def __init__(self, width: int, query: int, heads: int, activation: Activation = "relu") -> None:
        super().__init__()
        self.heads, self.activation = heads, activation
        self.project = nn.Linear(width, heads * query, bias=False)
        self.bias = nn.Parameter(torch.zeros(query))

    def scores(self, values_RE: Tensor, query_AT: Tensor) -> Tensor:
        """s of each value for each head, [A, R]."""
        bias_F = self.bias.repeat(self.heads)
        keys_RF = activate(functional.linear(values_RE, self.project.weight, bias_F), self.activation)
        return torch.block_diag(*query_AT) @ keys_RF.T

    def forward(self, values_ABHE: Tensor, mask_BH: Tensor, query_AT: Tensor) -> tuple[Tensor, Tensor]:
        """pooled_ABE and the weights_ABH of values that each head has for itself."""
        weight_ATE = self.project.weight.unflatten(0, (self.heads, -1))
        keys_ANT = activate(values_ABHE.flatten(1, 2) @ weight_ATE.mT + self.bias, self.activation)
        scores_ABH = (keys_ANT @ query_AT[..., None]).view(values_ABHE.shape[:3])
        weights_ABH = masked_softmax(scores_ABH, mask_BH)
        return (weights_ABH[..., None] * values_ABHE).sum(2), weights_ABH


def attend(given: Mentions, scores_AR: Tensor, prior: Tensor | float, mask_NH: Tensor) -> tuple[Tensor, Tensor]:
    """pooled_ANE and the weights_ANH of N lists of values, by the scores of the distinct values.

    prior: what is added to the score of a mention, broadcast to [A, N, H].
    """
    scores_ANH = scores_AR.gather(1, given.places.flatten().expand(len(scores_AR), -1)).unflatten(1, mask_NH.shape)
    weights_ANH = masked_softmax(scores_ANH + prior, mask_NH)
    return pool(given, weights_ANH), weights_ANH


class Tower(nn.Module):
    """Two fully connected layers: u = W_2 relu(W_1 z + b_1) + b_2; the last is linear, so that u may be negative.

    precision: of the products with W_1, forward and backward, which is where a cross layer spends most; weights, sums
    and all else stay in float32.
    """

    def __init__(
        self,
        width: int,
        hidden: int,
        user: int,
        activation: Activation = "relu",
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.activation, self.precision = activation, precision
        self.hidden = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, user)
        for layer in (self.hidden, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, z: Tensor) -> Tensor:
        with torch.autocast(z.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            hidden = self.hidden(z)
        return self.out(activate(hidden.to(z.dtype), self.activation))
