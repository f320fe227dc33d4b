"""How the scores of an item are spread over its seeds and over those who can be reached."""

from dataclasses import dataclass
from math import floor, log10

import numpy as np

from penchant.audiences.spread import Spread, spread_of
from penchant.models.lookalikes.seed_clusters import SeedClusters

BINS = 30


@dataclass(frozen=True)
class Scores:
    """reachable: users of whom something is known and who have no event with the item; others_N: scores of a sample of
    them, rising; seeds_S: scores of a sample of the seeds, rising."""

    reachable: int
    others_N: np.ndarray
    seeds_S: np.ndarray

    @property
    def whole(self) -> bool:
        """Whether all who can be reached were scored."""
        return len(self.others_N) == self.reachable

    @property
    def spread(self) -> Spread | None:
        """How far the scores lie apart; None where there is nobody to be reached."""
        return spread_of(self.seeds_S, self.others_N, SeedClusters.top)

    def begins(self, size: int) -> float:
        """Return the lowest score in an audience of `size`, estimated from the sample. `size` is from 1 to
        `reachable`."""
        place = len(self.others_N) - round(size / self.reachable * len(self.others_N))
        return float(self.others_N[min(max(place, 0), len(self.others_N) - 1)])


@dataclass(frozen=True)
class Bins:
    """edge_T: where each bin begins, and where the last one ends; others_B, seeds_B: the share of scores in each."""

    edge_T: list[float]
    others_B: list[float]
    seeds_B: list[float]


def bins_of(scores: Scores) -> Bins:
    """Count scores in about BINS bins of a round width."""
    both = np.concatenate([scores.others_N, scores.seeds_S])
    low, high = float(both.min()), float(both.max())
    step = _round_step(max(high - low, 1e-6) / BINS)
    first = floor(low / step)
    count = floor(high / step) - first + 1
    edge_T = (first + np.arange(count + 1)) * step
    parts = []
    for some in (scores.others_N, scores.seeds_S):
        place = np.clip(np.floor(some / step).astype(np.int64) - first, 0, count - 1)
        parts.append((np.bincount(place, minlength=count) / max(1, len(some))).tolist())
    return Bins([round(edge, 9) for edge in edge_T.tolist()], *parts)


def _round_step(about: float) -> float:
    """Return 1, 2 or 5 times a power of ten: the least such number that is not below `about`."""
    power = 10.0 ** floor(log10(about))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= about * (1 - 1e-9))
