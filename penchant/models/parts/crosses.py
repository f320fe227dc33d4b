"""What may stand beside the linear part x of a user: the paper's cross layer, and the four it is compared with.

Source: UTPM, CIKM 2020, Eq. 3 and Table 3. AFM, NFM, DCN and AutoInt are written as their own papers have them, applied
to the D entries of x as to D features. Each gives [B, width].
"""

from typing import Any

import torch
from torch import Tensor, nn

from penchant.models.parts.layers import masked_softmax


def cross_vectors(width: int, cross_width: int) -> nn.Parameter:
    """A hidden vector v_i for every entry of x, [D, C], drawn from N(0, 1/C) so that v_i · v_j is of the order of 1."""
    return nn.Parameter(torch.randn(width, cross_width) * cross_width**-0.5)


class Cross(nn.Module):
    """CF: all products of two entries of x, each pair with a learned weight: c_ij = (v_i · v_j) x_i x_j (UTPM Eq. 3).

    c is [B, P], P = D(D-1)/2, pairs i < j row by row: (1,2), (1,3), …, (2,3), ….
    """

    pairs: Tensor
    squares: Tensor

    def __init__(self, width: int, cross_width: int, *, entries: int = 2**20) -> None:
        """entries: of the matrices that are worked on at a time."""
        super().__init__()
        self.width, self.entries = width * (width - 1) // 2, entries
        self.vectors = cross_vectors(width, cross_width)
        rows, columns = torch.triu_indices(width, width, offset=1)
        squares = torch.zeros(width, width, dtype=torch.long)
        squares[rows, columns] = squares[columns, rows] = torch.arange(self.width)
        self.register_buffer("pairs", rows * width + columns, persistent=False)
        self.register_buffer("squares", squares.flatten(), persistent=False)

    def forward(self, x_BD: Tensor) -> Tensor:
        weight_P = (self.vectors @ self.vectors.T).flatten()[self.pairs]
        products_BP: Tensor = _Pairs.apply(x_BD, self.pairs, self.squares, self.entries)
        return products_BP * weight_P


class _Pairs(torch.autograd.Function):
    """x_i x_j for all i < j. The gradient of x_i is Σ_j s_ij x_j, s being that of the pairs as a symmetric matrix.

    Both go through [D, D] matrices, of some users at a time, so that these stay in the cache.
    """

    @staticmethod
    def forward(ctx: Any, x_BD: Tensor, pairs_P: Tensor, squares: Tensor, entries: int) -> Tensor:
        ctx.save_for_backward(x_BD, squares)
        ctx.users = users = max(1, entries // len(squares))
        products_BP = x_BD.new_empty(len(x_BD), len(pairs_P))
        for x_bD, products_bP in zip(x_BD.split(users), products_BP.split(users), strict=True):
            torch.index_select((x_bD[:, :, None] * x_bD[:, None]).flatten(1), 1, pairs_P, out=products_bP)
        return products_BP

    @staticmethod
    def backward(ctx: Any, slope_BP: Tensor) -> tuple[Tensor, None, None, None]:
        x_BD, squares = ctx.saved_tensors
        slope_BD, users = torch.empty_like(x_BD), ctx.users
        for x_bD, slope_bP, out_bD in zip(*(part.split(users) for part in (x_BD, slope_BP, slope_BD)), strict=True):
            slope_bDD = slope_bP.index_select(1, squares).unflatten(1, (-1, x_BD.shape[1]))
            slope_bDD.diagonal(dim1=1, dim2=2).zero_()
            torch.bmm(x_bD[:, None], slope_bDD, out=out_bD[:, None])
        return slope_BD, None, None, None


class Nfm(nn.Module):
    """Bi-interaction pooling: Σ_{i<j} (v_i ⊙ v_j) x_i x_j = ½((Σ_i x_i v_i)² - Σ_i (x_i v_i)²), [B, C].

    Source: He and Chua, "Neural Factorization Machines", SIGIR 2017, Eq. 4.
    """

    def __init__(self, width: int, cross_width: int) -> None:
        super().__init__()
        self.width = cross_width
        self.vectors = cross_vectors(width, cross_width)

    def forward(self, x_BD: Tensor) -> Tensor:
        return ((x_BD @ self.vectors).square() - x_BD.square() @ self.vectors.square()) / 2


class Afm(nn.Module):
    """Attention over pairs: p_ij = (v_i ⊙ v_j) x_i x_j, a = softmax over i < j of h · relu(W p_ij + b); Σ a_ij p_ij.

    [B, C]. Source: Xiao et al., "Attentional Factorization Machines", IJCAI 2017, Eq. 4, 5; without its last projection
    to a score, because the fully connected layers follow.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, width: int, cross_width: int, attention: int) -> None:
        super().__init__()
        self.width = cross_width
        self.vectors = cross_vectors(width, cross_width)
        self.project = nn.Linear(cross_width, attention)
        self.query = nn.Parameter(torch.randn(attention) * attention**-0.5)
        rows, columns = torch.triu_indices(width, width, offset=1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, x_BD: Tensor) -> Tensor:
        scaled_BDC = x_BD[..., None] * self.vectors
        pairs_BPC = scaled_BDC[:, self.rows] * scaled_BDC[:, self.columns]
        weights_BP = torch.softmax(torch.relu(self.project(pairs_BPC)) @ self.query, 1)
        return torch.bmm(weights_BP[:, None], pairs_BPC)[:, 0]


class Dcn(nn.Module):
    """Cross network: x_{l+1} = x_0 (x_l · w_l) + b_l + x_l, [B, D].

    Source: Wang et al., "Deep & Cross Network", ADKDD 2017, Eq. 3.
    """

    def __init__(self, width: int, layers: int = 2) -> None:
        super().__init__()
        self.width = width
        self.weights = nn.Parameter(torch.randn(layers, width) * width**-0.5)
        self.biases = nn.Parameter(torch.zeros(layers, width))

    def forward(self, x_BD: Tensor) -> Tensor:
        layer_BD = x_BD
        for weight_D, bias_D in zip(self.weights, self.biases, strict=True):
            layer_BD = x_BD * (layer_BD @ weight_D)[:, None] + bias_D + layer_BD
        return layer_BD


class AutoInt(nn.Module):
    """Self-attention among the M fields, each a token g_k of width D: the heads of its within-field attention.

    α_km = softmax_m ⟨W_Q g_k, W_K g_m⟩ per head, g'_k = relu(heads side by side of Σ_m α_km W_V g_m, + W_R g_k); all
    g'_k side by side, [B, M·D]. A field without a value is no key, and its own g' is zero. Source: Song et al.,
    "AutoInt", CIKM 2019, Eq. 5-8, unscaled as printed; one layer, and heads of width D / A, are ours to choose.
    """

    def __init__(self, fields: int, width: int, heads: int) -> None:
        super().__init__()
        self.width, self.heads = fields * width, heads
        self.ask, self.key, self.value, self.rest = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, tokens_BMD: Tensor, filled_BM: Tensor) -> Tensor:
        ask, key, value = (
            part(tokens_BMD).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.ask, self.key, self.value)
        )
        weights_BAMM = masked_softmax(ask @ key.transpose(2, 3), filled_BM[:, None, None])
        mixed_BMD = (weights_BAMM @ value).transpose(1, 2).flatten(2)
        return (torch.relu(mixed_BMD + self.rest(tokens_BMD)) * filled_BM[..., None]).flatten(1)
