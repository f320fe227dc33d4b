"""The clusters of one candidate as processes hand them to each other: bytes that hold arrays and numbers, no code."""

from dataclasses import dataclass

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from penchant.errors import DataError
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


def to_bytes(live: LiveClusters) -> bytes:
    """Centroids as float32: a mean of millions is exact to seven digits."""
    found = live.clusters
    numbers = [live.seeds, live.made, live.fresh, live.drift.moved, live.drift.added]
    if found is None:
        return save({"numbers": np.array(numbers)})
    numbers += [found.squares, found.began, found.most]
    return save({"numbers": np.array(numbers), "centroids": found.centroids, "sizes": found.size_J.astype(np.int64)})


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


def from_bytes(content: bytes) -> PublishedClusters:
    """What `to_bytes` made. A DataError for anything else."""
    try:
        arrays = load(content)
        seeds, made, fresh, moved, added, *more = arrays["numbers"].tolist()
        numbers = int(seeds), made, fresh, Drift(moved, added)
        if not more:
            return PublishedClusters(np.zeros((0, 0), np.float32), np.zeros(0, np.int64), *numbers)
        squares, began, most = more
        return PublishedClusters(arrays["centroids"], arrays["sizes"], *numbers, squares, int(began), int(most))
    except (SafetensorError, KeyError, ValueError) as error:
        raise DataError(
            f"{len(content)} bytes of the store are no clusters: {error}; close the candidate and open it again"
        ) from None


def grown(clusters: Clusters | None, seeds: int, made: float, fresh: float) -> LiveClusters:
    """With its drift."""
    return LiveClusters(clusters, seeds, made, fresh, drift(clusters) if clusters else Drift(0.0, 0.0))
