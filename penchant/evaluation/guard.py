"""Guards the promises of models where they are examined: scores of the right shape, and numbers."""

from typing import Literal

from torch import Tensor

from penchant.errors import PromiseError
from penchant.models.base import Promise, contract_of


def guarded(who: str, scores: object, shape: tuple[int, ...], promise: Promise | Literal["preferences"]) -> Tensor:
    """What a model gave, scores or vectors, on the CPU. Raises PromiseError where it is NaN or infinite, of another
    shape, or nothing of the kind; -inf says that something is no candidate.

    who: the model as people know it; promise: that it makes.

    >>> import torch
    >>> guarded("the model 'tags'", torch.tensor([[0.5, torch.nan]]), (1, 2), "interests")
    Traceback (most recent call last):
    penchant.errors.PromiseError: the model 'tags' gives NaN or infinity in 1 of 2 places, ...
    """
    test = contract_of(promise)
    if not isinstance(scores, Tensor) or scores.shape != shape:
        given = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores).__name__
        raise PromiseError(f"{who} has to give numbers of shape {shape}, but gave {given}; {test}")
    wrong = int((scores.isnan() | scores.isposinf()).sum())
    if wrong:
        raise PromiseError(
            f"{who} gives NaN or infinity in {wrong:,} of {scores.numel():,} places, which rank nothing; "
            f"if its training went astray, lower its training.rate and train it again; {test}"
        )
    return scores.cpu()
