"""Guards the promise of a look-alike: what it answers is of the right shape, and no infinity."""

from dataclasses import dataclass

import numpy as np

from penchant.errors import PromiseError
from penchant.models.base import contract_of
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness, LookAlike

_TEST = contract_of("lookalikes")


class Guarded(LookAlike):
    """A look-alike as it is asked by a run."""

    def __init__(self, name: str, lookalike: LookAlike) -> None:
        """name: that of its section."""
        self.name, self.lookalike, self.top = name, lookalike, lookalike.top

    def liken(self, candidate: Candidate, crowd: Crowd) -> Likeness:
        """Raises PromiseError where it gives no likeness."""
        likeness = self.lookalike.liken(candidate, crowd)
        if not isinstance(likeness, Likeness):
            given = type(likeness).__name__
            raise PromiseError(
                f"`liken` of the look-alike {self.name!r} has to give a Likeness, but gave {given}; {_TEST}"
            )
        return _GuardedLikeness(self.name, likeness)


@dataclass(frozen=True)
class _GuardedLikeness(Likeness):
    name: str
    likeness: Likeness

    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        """Raises PromiseError where these are not a number or NaN for each row."""
        score_B = self.likeness.scores(rows_B)
        if not isinstance(score_B, np.ndarray) or score_B.shape != rows_B.shape:
            given = f"shape {score_B.shape}" if isinstance(score_B, np.ndarray) else type(score_B).__name__
            raise PromiseError(
                f"the look-alike {self.name!r} has to give scores of shape {rows_B.shape}, but gave {given}; {_TEST}"
            )
        if np.isinf(score_B).any():
            raise PromiseError(
                f"the look-alike {self.name!r} gives scores that are infinite, for {int(np.isinf(score_B).sum()):,} of "
                f"{len(score_B):,} users; NaN says that nothing can be said; {_TEST}"
            )
        return score_B
