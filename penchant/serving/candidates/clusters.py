"""The clusters of one candidate: as they are followed, and as they are published."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from penchant.models.parts.clusters import Clusters, Drift, drift


@dataclass(frozen=True)
class LiveClusters:
    """clusters of a candidate's known seeds, None where there are none; seeds: all of them; made: when all seeds were
    clustered last; fresh: when the latest seed joined; drift: since `made`. Times are UTC seconds."""

    clusters: Clusters | None
    seeds: int
    made: float
    fresh: float
    drift: Drift


@dataclass(frozen=True)
class PublishedClusters:
    """The same, as it was published: centroid_JX, size_J, of no rows where there are no known seeds; others as in
    `LiveClusters`, `began` and `squares` as in `Clusters`."""

    centroid_JX: np.ndarray
    size_J: np.ndarray
    seeds: int
    made: float
    fresh: float
    drift: Drift
    squares: float = 0.0
    began: int = 0
    most: int = 0

    @property
    def clusters(self) -> Clusters | None:
        """To go on with; drift counts on from where the centroids are now."""
        if not len(self.size_J):
            return None
        total_JX = self.centroid_JX.astype(np.float64) * self.size_J[:, None]
        return Clusters(total_JX, self.size_J, self.centroid_JX, self.squares, self.began, self.most)

    @property
    def live(self) -> LiveClusters:
        return LiveClusters(self.clusters, self.seeds, self.made, self.fresh, self.drift)


def grown(clusters: Clusters | None, seeds: int, made: float, fresh: float) -> LiveClusters:
    """With its drift."""
    return LiveClusters(clusters, seeds, made, fresh, drift(clusters) if clusters else Drift(0.0, 0.0))


@dataclass(frozen=True)
class Clustered:
    """When all seeds of an open candidate were clustered: the latest and the earliest time; fresh: when the latest seed
    of any clicked or joined. UTC seconds, None where there is none."""

    latest: float | None
    earliest: float | None
    fresh: float | None


def clustered(live: Iterable[PublishedClusters]) -> Clustered:
    """Return when candidates were clustered; those without known seeds do not count."""
    filled = [one for one in live if len(one.size_J)]
    if not filled:
        return Clustered(None, None, None)
    made = [one.made for one in filled]
    fresh = max(one.fresh for one in filled)
    return Clustered(max(made), min(made), fresh if fresh > 0 else None)
