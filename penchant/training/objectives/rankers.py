"""How a ranker learns."""

import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logit_BKQ: Tensor, label_BKQ: Tensor) -> Tensor:
    """L = Σ_q mean of -[y log σ(z) + (1 - y) log(1 - σ(z))] over the labels of task q that there are; NaN for one that
    is missing. A task without any adds nothing.

    >>> cross_entropy(torch.zeros(1, 2, 1), torch.tensor([[[1.0], [torch.nan]]]))
    tensor(0.6931)
    """
    known_BKQ = ~label_BKQ.isnan()
    wanted_BKQ = label_BKQ.nan_to_num().to(logit_BKQ)
    losses_BKQ = functional.binary_cross_entropy_with_logits(logit_BKQ, wanted_BKQ, reduction="none")
    return ((losses_BKQ * known_BKQ).sum((0, 1)) / known_BKQ.sum((0, 1)).clamp(min=1)).sum()
