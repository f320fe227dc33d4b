"""How a graph model learns."""

import torch
from torch import Tensor
from torch.nn import functional

from penchant.models.graphs.promise import Graph


def pairwise_loss(model: Graph, user_B: Tensor, clicked_B: Tensor, drawn_B: Tensor) -> Tensor:
    """L = mean of -log σ(u·i - u·j), i the clicked item and j one drawn against it; and the model's own losses.

    Source: Rendle et al., BPR, UAI 2009, section 4.1 (BPR-OPT).
    """
    user_BU, item_BKU, extra = model.read(user_B, torch.stack([clicked_B, drawn_B], 1))
    score_BK = (item_BKU @ user_BU[..., None])[..., 0]
    loss = functional.softplus(score_BK[:, 1] - score_BK[:, 0]).mean()
    return loss + sum(extra.values())
