"""Say whether the scores of a candidate tell users apart."""

from dataclasses import dataclass

import numpy as np

WITHIN = 0.0025
"""Scores that are no further apart, where the highest there can be is 1, rank by chance."""

EDGE = 0.01
"""The share of seeds, and of others, on each side that are not looked at: a few who stand out tell nothing."""

ROUNDING = 1e-6


@dataclass(frozen=True)
class Spread:
    """Between which scores seeds and others lie, but for the share EDGE of each on each side; top: the highest score
    that there can be, or where scores have no bounds, the one furthest from 0."""

    low: float
    high: float
    top: float

    @property
    def collapsed(self) -> bool:
        return self.high - self.low <= WITHIN * self.top * (1 + ROUNDING)

    @property
    def words(self) -> str:
        """A warning in words; "" where the scores have not collapsed.

        >>> Spread(0.9975, 1.0, 1.0).words[:85]
        'The scores have collapsed: those of seeds and of others are within 0.0025 of each oth'
        """
        if not self.collapsed:
            return ""
        apart = f"{WITHIN}" if self.top == 1 else f"{WITHIN:.2%}"
        digits = ".4f" if self.top == 1 else ".4g"
        return (
            f"The scores have collapsed: those of seeds and of others are within {apart} of each other "
            f"({self.low:{digits}} to {self.high:{digits}}), so who comes first is nearly chance."
        )


def spread_of(seeds_S: np.ndarray, others_N: np.ndarray, top: float | None) -> Spread | None:
    """Return how far the scores of seeds and of others lie apart; None where no other user has a finite score. top: see
    `LookAlike.top`.

    >>> spread_of(np.array([0.9]), np.array([0.5, 0.501]), 1.0).collapsed
    False
    >>> spread_of(np.array([30.01]), np.array([30.0, np.nan, 29.99]), None).collapsed
    True
    """
    seeds_S, others_N = (some[np.isfinite(some)] for some in (seeds_S, others_N))
    if not len(others_N):
        return None
    edges = [np.quantile(some, [EDGE, 1 - EDGE]) for some in (seeds_S, others_N) if len(some)]
    low, high = float(min(edge[0] for edge in edges)), float(max(edge[1] for edge in edges))
    return Spread(low, high, max(abs(low), abs(high)) if top is None else top)
