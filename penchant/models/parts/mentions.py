"""Ids of some tables as they are mentioned in a batch: each row is read once, and so is its gradient.

A batch of a feed names popular values again and again. What depends on a value alone is worked out once per distinct
value, sums over mentions are read straight from the distinct rows, and nothing of size [B, H, E] is ever built.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.schema import PAD


@dataclass(frozen=True)
class Mentions:
    """Ids of M tables, of which R are distinct, L of them not PAD.

    rows_RE: the distinct rows, table by table and by rising id; before them one for PAD, zero, whatever its table.
    counts: distinct rows of each table. places: the row of each id, shaped as the ids. order_L: where in `places`,
    flat, each row is mentioned, row by row; starts_R: where each row begins in it.
    """

    rows_RE: Tensor
    counts: list[int]
    places: Tensor
    order_L: Tensor
    starts_R: Tensor


def mentions(tables: Sequence[nn.Embedding], ids_BMH: Tensor) -> Mentions:
    """Look up ids, [.., M, H], of M tables. The gradient of a table is sparse, each row once, if `table.sparse`."""
    offsets = list(accumulate((table.num_embeddings for table in tables), initial=0))
    sorted_L, order_L = _apart(ids_BMH, offsets[:-1]).flatten().sort(stable=True)
    first_L = sorted_L != functional.pad(sorted_L[:-1], (1, 0), value=PAD)
    places = torch.empty_like(order_L).scatter_(0, order_L, first_L.cumsum(0)).view(ids_BMH.shape)
    starts_R = first_L.nonzero()[:, 0]
    named_R = sorted_L[starts_R]
    counts = _count(named_R, offsets[1:-1])
    sparse, weights = [table.sparse for table in tables], [table.weight for table in tables]
    rows_RE: Tensor = _Rows.apply(named_R, counts, offsets, sparse, *weights)
    pads = int(starts_R[0]) if len(starts_R) else len(sorted_L)
    return Mentions(rows_RE, counts, places, order_L[pads:], functional.pad(starts_R - pads, (1, 0)))


def _apart(ids_BMH: Tensor, offsets: list[int]) -> Tensor:
    """Ids that no two tables share, but for PAD."""
    if len(offsets) == 1:
        return ids_BMH
    return ids_BMH + torch.tensor(offsets, device=ids_BMH.device)[:, None] * (ids_BMH != PAD)


def _count(named_R: Tensor, ends: list[int]) -> list[int]:
    """How many of the rising ids are below each end, but not below the one before; the last: all others."""
    ends_M = torch.tensor(ends, dtype=named_R.dtype, device=named_R.device)
    below = torch.searchsorted(named_R, ends_M).tolist() if ends else []
    return [end - start for start, end in pairwise([0, *below, len(named_R)])]


def pool(given: Mentions, weights_GBH: Tensor | None = None) -> Tensor:
    """Σ_h weight_gbh · row of the h-th id of b, for G sets of weights, [G, B, E]; without any the sum, [1, B, E].

    b counts over all axes of the ids but the last. The weight of PAD has no gradient.
    """
    return _Pool.apply(given.rows_RE, weights_GBH, given)


def match(given: Mentions, vectors_BE: Tensor) -> Tensor:
    """The inner product of vector b with the row of each id of b, [B, H]; zero for PAD."""
    return _Match.apply(given.rows_RE, vectors_BE, given)


def _sum_of_bags(rows_RE: Tensor, places_BH: Tensor, weights_GBH: Tensor | None) -> Tensor:
    if weights_GBH is None:
        return functional.embedding_bag(places_BH, rows_RE, mode="sum")[None]
    bags, weights = places_BH.expand_as(weights_GBH).flatten(0, 1), weights_GBH.reshape(-1, places_BH.shape[1])
    pooled = functional.embedding_bag(bags, rows_RE, mode="sum", per_sample_weights=weights)
    return pooled.view(*weights_GBH.shape[:2], -1)


def _by_row(given: Mentions, vectors_NE: Tensor, weights_GBH: Tensor | None) -> Tensor:
    """Σ over sets g and mentions bh of a row: weight_gbh · vector_gb, [R, E]: the sum of `pool` read by rows.

    With owner and weight of each mention in the order of rows, this is one more sum over bags.
    """
    owner_L = given.order_L // given.places.shape[-1]
    if weights_GBH is None:
        return functional.embedding_bag(owner_L, vectors_NE, given.starts_R, mode="sum")
    sets, users = weights_GBH.shape[:2]
    owner_LG = owner_L[:, None] + torch.arange(0, sets * users, users, device=owner_L.device)
    weights_LG = weights_GBH.flatten(1)[:, given.order_L].T.flatten()
    return functional.embedding_bag(
        owner_LG.flatten(), vectors_NE, given.starts_R * sets, mode="sum", per_sample_weights=weights_LG
    )


class _Rows(torch.autograd.Function):
    """Distinct rows of some tables; before them a row of zeros for PAD, which has no gradient."""

    @staticmethod
    def forward(
        ctx: Any, named_R: Tensor, counts: list[int], offsets: list[int], sparse: list[bool], *tables_VE: Tensor
    ) -> Tensor:
        parts = [ids - offset for ids, offset in zip(named_R.split(counts), offsets, strict=False)]
        ctx.save_for_backward(*parts)
        ctx.counts, ctx.sparse, ctx.shapes = counts, sparse, [table.shape for table in tables_VE]
        rows = [functional.embedding(ids, table) for ids, table in zip(parts, tables_VE, strict=True)]
        return torch.cat([tables_VE[0].new_zeros(1, tables_VE[0].shape[1]), *rows])

    @staticmethod
    def backward(ctx: Any, slope_RE: Tensor) -> tuple[Tensor | None, ...]:
        parts = zip(ctx.saved_tensors, slope_RE[1:].split(ctx.counts), ctx.shapes, ctx.sparse, strict=True)
        return None, None, None, None, *(_slope_of_table(*part) for part in parts)


def _slope_of_table(ids_R: Tensor, slope_RE: Tensor, shape: torch.Size, sparse: bool) -> Tensor:
    if sparse:
        return torch.sparse_coo_tensor(ids_R[None], slope_RE, shape, is_coalesced=True, check_invariants=False)
    return slope_RE.new_zeros(shape).index_copy_(0, ids_R, slope_RE)


class _Pool(torch.autograd.Function):
    """Weighted sums of rows.

    PyTorch's own gradient of a sum over bags sorts again, and adds up an order of magnitude slower than it reads.
    """

    @staticmethod
    def forward(ctx: Any, rows_RE: Tensor, weights_GBH: Tensor | None, given: Mentions) -> Tensor:
        ctx.save_for_backward(rows_RE, weights_GBH)
        ctx.given = given
        return _sum_of_bags(rows_RE, given.places.flatten(0, -2), weights_GBH)

    @staticmethod
    def backward(ctx: Any, slope_GBE: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (rows_RE, weights_GBH), slope_NE = ctx.saved_tensors, slope_GBE.flatten(0, 1)
        if weights_GBH is None:
            return _by_row(ctx.given, slope_NE, None), None, None
        with torch.enable_grad():
            weights_GBH = weights_GBH.detach().requires_grad_()
            slope_RE = _by_row(ctx.given, slope_NE, weights_GBH)
        # Σ_r row_r · slope_r is Σ weight · (row · slope): its gradient is that of the weights.
        (slope_GBH,) = torch.autograd.grad(slope_RE, weights_GBH, rows_RE)
        return slope_RE.detach(), slope_GBH, None


class _Match(torch.autograd.Function):
    """Inner products of users with the rows they mention; the gradients are sums over bags."""

    @staticmethod
    def forward(ctx: Any, rows_RE: Tensor, vectors_BE: Tensor, given: Mentions) -> Tensor:
        ctx.save_for_backward(rows_RE, vectors_BE)
        ctx.given = given
        values_BHE = functional.embedding(given.places.flatten(0, -2), rows_RE)
        return torch.bmm(values_BHE, vectors_BE[..., None])[..., 0]

    @staticmethod
    def backward(ctx: Any, slope_BH: Tensor) -> tuple[Tensor, Tensor, None]:
        rows_RE, vectors_BE = ctx.saved_tensors
        slope_GBH = slope_BH[None]
        slope_BE = _sum_of_bags(rows_RE, ctx.given.places.flatten(0, -2), slope_GBH)[0]
        return _by_row(ctx.given, vectors_BE, slope_GBH), slope_BE, None
