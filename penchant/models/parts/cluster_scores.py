"""How alike users are to the seeds of a candidate, and what each cluster of seeds gives to that (RALM, eq. 2)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

EPSILON = 1e-8
"""Shorter vectors count as this long: a user of zeros is like nobody."""

BLOCK = 4096
"""Users at a time: their products stay in the cache."""


@dataclass(frozen=True)
class Packed:
    """What the scores for a candidate need, worked out once.

    products_KG: the centroids E_s, one per row, and with local attention their queries E_sᵀ W_l below; gram_JJ:
    E_sᵀ E_s, which gives the length of E_local; global_J1: α times the weights of E_global over its length; beta: β, 0
    without local attention.
    """

    products_KG: Tensor
    gram_JJ: Tensor
    global_J1: Tensor
    beta: float


def pack(
    seed_JG: np.ndarray, global_J: np.ndarray, local_GG: np.ndarray | None = None, *, alpha: float, beta: float
) -> Packed:
    """seed_JG: E_s, one centroid per row, one at least; global_J: the weights of E_global; local_GG: W_l, not given
    where there is no local attention."""
    seeds, weight_J1 = torch.tensor(seed_JG), torch.tensor(global_J)[:, None]
    length = (seeds * weight_J1).sum(0).norm().clamp(min=EPSILON)
    queries = [] if local_GG is None else [seeds @ torch.tensor(local_GG)]
    beta = 0.0 if local_GG is None else beta
    return Packed(torch.cat([seeds, *queries]), seeds @ seeds.T, alpha * weight_J1 / length, beta)


@torch.inference_mode()
def score(packed: Packed, user_NG: np.ndarray, norm_N: np.ndarray) -> np.ndarray:
    """score_N = α cos(E_u, E_global) + β cos(E_u, E_local), float32, of transformed users with these lengths."""
    score_N = torch.empty(len(user_NG))
    for rows, part_JB, norm_B in _parts(packed, user_NG, norm_N):
        torch.div(part_JB.sum(0), norm_B, out=score_N[rows])
    return score_N.numpy()


@torch.inference_mode()
def contributions(packed: Packed, user_NG: np.ndarray, norm_N: np.ndarray) -> np.ndarray:
    """[N, J]: what each cluster gives to each user's score; a row adds up to it."""
    share_NJ = torch.empty(len(user_NG), len(packed.gram_JJ))
    for rows, part_JB, norm_B in _parts(packed, user_NG, norm_N):
        torch.div(part_JB.T, norm_B[:, None], out=share_NJ[rows])
    return share_NJ.numpy()


def _parts(packed: Packed, user_NG: np.ndarray, norm_N: np.ndarray) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """By blocks of users: which, what each cluster adds to the cosines times α and β and the user's length, and that.

    E_global and E_local are sums of centroids, so their inner products with E_u are sums of those of the centroids. A
    cosine does not see how long E_local is, so the softmax of Eq. 9 needs no denominator.
    """
    users, norms_N = torch.from_numpy(user_NG), torch.from_numpy(norm_N).clamp(min=EPSILON)
    clusters, width = len(packed.gram_JJ), min(BLOCK, len(users))
    product_KB, part_JB = torch.empty(len(packed.products_KG), width), torch.empty(clusters, width)
    for start in range(0, len(users), BLOCK):
        rows = slice(start, min(start + BLOCK, len(users)))
        if len(users) - start < width:
            product_KB, part_JB = (room[:, : len(users) - start].contiguous() for room in (product_KB, part_JB))
        torch.mm(packed.products_KG, users[rows].T, out=product_KB)
        inner_JB = product_KB[:clusters]
        if packed.beta:
            weight_JB = product_KB[clusters:].tanh_().exp_()
            square_B = torch.mm(packed.gram_JJ, weight_JB, out=part_JB).mul_(weight_JB).sum(0)
            over_B = square_B.clamp_(min=EPSILON**2).rsqrt_().mul_(packed.beta)
            torch.addcmul(packed.global_J1, weight_JB, over_B, out=part_JB).mul_(inner_JB)
        else:
            torch.mul(packed.global_J1, inner_JB, out=part_JB)
        yield rows, part_JB, norms_N[rows]
