"""Pieces that several models are made of."""

import torch
from torch import Tensor, nn

from penchant.features.shards import Batch
from penchant.schema import PAD


def table(rows: int, width: int) -> nn.Embedding:
    """A table of vectors, uniform within ±1/√width, row PAD zero and never updated."""
    vectors = nn.Embedding(rows, width, padding_idx=PAD)
    nn.init.uniform_(vectors.weight, -(width**-0.5), width**-0.5)
    with torch.no_grad():
        vectors.weight[PAD] = 0.0
    return vectors


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
    """One attention unit of UTPM with A heads: weigh values by how well they answer the heads' queries.

    s_ia = q_a · relu(t_i W_a + b), α_a = softmax over the valid i, pooled_a = Σ_i α_ia t_i (UTPM Eq. 1, 2). The bias is
    shared by the heads, as printed. Queries come from outside, because units may share them.
    """

    def __init__(self, width: int, query: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, heads * query, bias=False)
        self.bias = nn.Parameter(torch.zeros(query))

    def forward(
        self, values_BHE: Tensor, mask_BH: Tensor, query_AT: Tensor, prior_BAH: Tensor
    ) -> tuple[Tensor, Tensor]:
        """pooled_BAE and the weights_BAH; values may have heads of their own, [B, A, H, E]. prior is added to s."""
        own = values_BHE.ndim == 4
        keys = self._keys(values_BHE, own)
        scores_BAH = torch.einsum("baht,at->bah" if own else "bhat,at->bah", keys, query_AT) + prior_BAH
        weights_BAH = masked_softmax(scores_BAH, mask_BH[:, None])
        pooled_BAE = torch.einsum("bah,bahe->bae" if own else "bah,bhe->bae", weights_BAH, values_BHE)
        return pooled_BAE, weights_BAH

    def _keys(self, values: Tensor, own: bool) -> Tensor:
        if own:
            weight_ATE = self.project.weight.view(self.heads, -1, values.shape[-1])
            return torch.relu(torch.einsum("bahe,ate->baht", values, weight_ATE) + self.bias)
        return torch.relu(self.project(values).unflatten(-1, (self.heads, -1)) + self.bias)


class Cross(nn.Module):
    """All products of two entries of x, each pair with a learned weight: c_ij = (v_i · v_j) x_i x_j (UTPM Eq. 3).

    c is [B, P], P = D(D-1)/2, pairs i < j row by row: (1,2), (1,3), …, (2,3), …. It is filled one row of the triangle
    at a time, so nothing larger than c is ever built.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, width: int, cross_width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(width, cross_width) * cross_width**-0.5)
        rows, columns = torch.triu_indices(width, width, offset=1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, x_BD: Tensor) -> Tensor:
        weight_DD = self.vectors @ self.vectors.T
        products = [x_BD[:, i, None] * x_BD[:, i + 1 :] for i in range(x_BD.shape[1] - 1)]
        return torch.cat(products, 1) * weight_DD[self.rows, self.columns]


class Tower(nn.Module):
    """Two fully connected layers: u = W_2 relu(W_1 z + b_1) + b_2; the last is linear, so that u may be negative."""

    def __init__(self, width: int, hidden: int, user: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, hidden)
        self.out = nn.Linear(hidden, user)
        for layer in (self.hidden, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, z: Tensor) -> Tensor:
        return self.out(torch.relu(self.hidden(z)))
