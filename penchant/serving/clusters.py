"""The clusters of one candidate as processes hand them to each other: bytes that hold arrays and numbers, no code."""

from dataclasses import dataclass

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from penchant.errors import DataError
from penchant.lookalike.clusters import Clusters, Drift, drift


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


def from_bytes(content: bytes) -> LiveClusters:
    """What `to_bytes` made; drift counts on from where the centroids are now. A DataError for anything else."""
    try:
        arrays = load(content)
        seeds, made, fresh, moved, added, *more = arrays["numbers"].tolist()
        clusters = None
        if more:
            squares, began, most = more
            centroid_JX, size_J = arrays["centroids"], arrays["sizes"]
            total_JX = centroid_JX.astype(np.float64) * size_J[:, None]
            clusters = Clusters(total_JX, size_J, centroid_JX, squares, int(began), int(most))
    except (SafetensorError, KeyError, ValueError) as error:
        raise DataError(
            f"{len(content)} bytes of the store are no clusters: {error}; open the candidate again"
        ) from None
    return LiveClusters(clusters, int(seeds), made, fresh, Drift(moved, added))


def grown(clusters: Clusters | None, seeds: int, made: float, fresh: float) -> LiveClusters:
    """With its drift."""
    return LiveClusters(clusters, seeds, made, fresh, drift(clusters) if clusters else Drift(0.0, 0.0))
