"""How scores of a candidate are spread, whom its audience may hold, and how well that should do."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

import numpy as np

from penchant.audiences.best import MIN_AUDIENCE
from penchant.audiences.expected import Expected, ExpectedPrecision
from penchant.audiences.spread import Spread, spread_of
from penchant.models.lookalikes.seed_clusters import SeedClusters, packed, transformed
from penchant.models.parts.cluster_scores import score
from penchant.serving.candidates.audience import reach
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.view import View

MOST_SCORED = 20_000
BINS = 30
USUAL_SIZE = 1_000


@dataclass(frozen=True)
class Scores:
    """reachable: users of whom something is known and who have not met the item; others_N, seeds_S: scores of a sample
    of them, and of seeds, rising."""

    reachable: int
    others_N: np.ndarray
    seeds_S: np.ndarray

    @property
    def whole(self) -> bool:
        """Whether all who can be reached were scored."""
        return len(self.others_N) == self.reachable

    @property
    def spread(self) -> Spread | None:
        """None where there is nobody to be reached."""
        return spread_of(self.seeds_S, self.others_N, SeedClusters.top)

    def begins(self, size: int) -> float:
        """The score from which an audience of `size` begins, about; it has at least one member, and is reachable."""
        place = len(self.others_N) - round(size / self.reachable * len(self.others_N))
        return float(self.others_N[min(max(place, 0), len(self.others_N) - 1)])


def scores_of(
    view: View, item: str, published: PublishedClusters, seeds_SX: np.ndarray, *, most: int = MOST_SCORED
) -> Scores:
    """Of a candidate that has clusters; seeds_SX: universal vectors of some of its seeds; most: others scored."""
    alike, clusters = view.served.alike, published.clusters
    assert alike is not None
    assert clusters is not None
    found, snapshot = reach(view.store, view.users, item), view.served.snapshot
    chosen = np.unique(np.linspace(0, len(found) - 1, min(len(found), most)).round().astype(np.int64))
    live = len(found.users)
    sample_NX = np.concatenate(
        [found.vectors_LX[chosen[chosen < live]], snapshot.vectors(found.row_S[chosen[chosen >= live] - live])]
    )
    ready = packed(alike.ralm, clusters)
    others_N, seeds_S = (np.sort(score(ready, *transformed(alike.ralm, some))) for some in (sample_NX, seeds_SX))
    return Scores(len(found), others_N, seeds_S)


@dataclass(frozen=True)
class Histogram:
    """edge_T: where bins begin, and where the last one ends; others_B, seeds_B: the shares in each bin."""

    edge_T: list[float]
    others_B: list[float]
    seeds_B: list[float]


def histogram(scores: Scores) -> Histogram:
    """About BINS bins of a round width."""
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
    return Histogram([round(edge, 9) for edge in edge_T.tolist()], *parts)


def _round_step(about: float) -> float:
    """1, 2 or 5 times a power of ten, the least that is not below."""
    power = 10.0 ** floor(log10(about))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= about * (1 - 1e-9))


def usual_size(reachable: int) -> int:
    """The audience that is shown where none was asked for: a tenth of those who can be reached, of one digit, within
    MIN_AUDIENCE and USUAL_SIZE.

    >>> usual_size(1_000_000), usual_size(442), usual_size(2_345)
    (1000, 50, 200)
    """
    tenth = max(reachable // 10, 1)
    power = 10 ** floor(log10(tenth))
    return min(max(tenth // power * power, MIN_AUDIENCE), USUAL_SIZE)


@dataclass(frozen=True)
class Outlook:
    """How audiences of several sizes should do, all of each: `best` is the size. asked: of the size that was asked for,
    by parts of it, None where it cannot be had."""

    sizes: Sequence[Expected]
    asked: Sequence[Expected] | None


def outlook(expected: ExpectedPrecision, *, seeds: int, size: int, reachable: int) -> Outlook | None:
    """seeds: known ones. None where nobody can be reached without being singled out."""
    if reachable < MIN_AUDIENCE or not seeds:
        return None
    found = [expected.of(seeds=seeds, size=one, reachable=reachable)[-1] for one in _sizes(reachable)]
    fits = MIN_AUDIENCE <= size <= reachable
    return Outlook(found, expected.of(seeds=seeds, size=size, reachable=reachable) if fits else None)


def _sizes(reachable: int) -> list[int]:
    """Round ones from MIN_AUDIENCE on, and all who can be reached."""
    steps = [int(factor * 10**power) for power in range(1, 13) for factor in (1, 1.5, 2, 3, 5, 7)]
    return [one for one in steps if MIN_AUDIENCE <= one < reachable] + [reachable]
