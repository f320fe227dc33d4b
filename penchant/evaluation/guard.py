"""Guards the promises of models where they are examined: scores of the right shape, and numbers."""

from torch import Tensor

from penchant.errors import PromiseError


def guarded(who: str, scores: object, shape: tuple[int, ...], contract: str) -> Tensor:
    """What a model gave, scores or vectors, on the CPU. Raises PromiseError where it is NaN or infinite, of another
    shape, or nothing of the kind; -inf says that something is no candidate.

    who: the model as people know it; contract: the test of `penchant.testing` that it has to pass.

    >>> import torch
    >>> guarded("the model 'tags'", torch.tensor([[0.5, torch.nan]]), (1, 2), "InterestsContract")
    Traceback (most recent call last):
    penchant.errors.PromiseError: the model 'tags' gives NaN or infinity in 1 of 2 places, ...
    """
    test = f"the test {contract} of penchant.testing says what a model promises (docs/write-your-own-model.md)"
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
