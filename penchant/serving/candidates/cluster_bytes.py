"""The clusters of one candidate as processes hand them to each other: bytes that hold arrays and numbers, no code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from penchant.errors import DataError
from penchant.models.lookalikes.ralm import Ralm
from penchant.models.parts.clusters import Drift
from penchant.serving.candidates.clusters import LiveClusters, PublishedClusters
from penchant.serving.users import LONGEST
from penchant.store.base import Store

EMPTY, FILLED = 5, 8
"""Numbers of an entry without clusters, and of one with."""

LATEST = 1e11
"""Seconds; no time lies so far ahead, or so far back."""

MOST_SEEDS = 2.0**53
"""Larger numbers are not told apart."""

ROUNDING = 1e-3
"""By so much may centroids, which are float32, seem longer than their members."""


@dataclass(frozen=True)
class ClusterShape:
    """What all clusters of one model have in common. width: X, of centroids; most: clusters of one candidate."""

    width: int
    most: int


def shape_of(ralm: Ralm) -> ClusterShape:
    """Return the shape of the clusters that a model scores."""
    config = ralm.config
    return ClusterShape(config.width if config.detach else ralm.shared.in_features, config.clusters)


class ClusterReader:
    """Reads what was published for one model, whose clusters have a shape. An entry that cannot be read is as one that
    is not there."""

    def __init__(self, store: Store, shape: ClusterShape) -> None:
        self._unreadable, self._shape = store.unreadable, shape

    def readable(self, contents: Mapping[str, bytes]) -> dict[str, PublishedClusters]:
        """Return the clusters of those candidates whose entry can be read; the others are counted."""
        found = {}
        for item, content in contents.items():
            try:
                found[item] = from_bytes(content, self._shape)
            except DataError as error:
                self._unreadable.add("cluster entry", str(error))
        return found


def to_bytes(live: LiveClusters) -> bytes:
    """Centroids as float32: a mean of millions is exact to seven digits."""
    found = live.clusters
    numbers = [live.seeds, live.made, live.fresh, live.drift.moved, live.drift.added]
    if found is None:
        return save({"numbers": np.array(numbers, np.float64)})
    numbers += [found.squares, found.began, found.most]
    sizes = found.size_J.astype(np.int64)
    return save({"numbers": np.array(numbers, np.float64), "centroids": found.centroids, "sizes": sizes})


def from_bytes(content: bytes, shape: ClusterShape) -> PublishedClusters:
    """What `to_bytes` made of clusters of this shape. A DataError for anything else, which says what is wrong and
    nothing that stands there."""
    try:
        arrays = load(content)
        numbers = arrays.pop("numbers")
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{len(content)} bytes are no clusters ({type(error).__name__})") from None
    for is_so, why in _promises(numbers, arrays, shape):
        if not is_so:
            raise DataError(f"{len(content)} bytes are no clusters of this model: {why}")
    seeds, made, fresh, moved, added, *more = numbers.tolist()
    common = int(seeds), made, fresh, Drift(moved, added)
    if not more:
        return PublishedClusters(np.zeros((0, 0), np.float32), np.zeros(0, np.int64), *common)
    squares, began, most = more
    return PublishedClusters(arrays["centroids"], arrays["sizes"], *common, squares, int(began), int(most))


def _promises(numbers: np.ndarray, arrays: Mapping[str, np.ndarray], shape: ClusterShape) -> Iterator[tuple[bool, str]]:
    """Yield what holds of every entry, and what is wrong where it does not; each is looked at only once those before it
    hold."""
    known = numbers.dtype == np.float64 and numbers.shape in ((EMPTY,), (FILLED,))
    yield known, f"numbers are {numbers.dtype} of the shape {numbers.shape}"
    seeds, made, fresh, moved, added, *more = numbers.tolist()
    yield 0 <= seeds <= MOST_SEEDS and seeds.is_integer(), "the number of seeds is none"
    yield abs(made) < LATEST and (fresh == -inf or abs(fresh) < LATEST), "times are out of range"
    yield 0 <= moved < inf and 0 <= added <= 1, "drift is out of range"
    yield arrays.keys() == ({"centroids", "sizes"} if more else set()), "there are other arrays"
    if more:
        yield from _promises_of_clusters(arrays["centroids"], arrays["sizes"], (seeds, *more), shape)


def _promises_of_clusters(
    centroid_JX: np.ndarray, size_J: np.ndarray, numbers: tuple[float, ...], shape: ClusterShape
) -> Iterator[tuple[bool, str]]:
    """numbers: seeds, squares, began, most."""
    seeds, squares, began, most = numbers
    yield size_J.dtype == np.int64 and size_J.ndim == 1, f"sizes are {size_J.dtype} of the shape {size_J.shape}"
    yield 1 <= len(size_J) <= shape.most and most == shape.most, f"there are {len(size_J)} clusters of {most:g}"
    fits = centroid_JX.dtype == np.float32 and centroid_JX.shape == (len(size_J), shape.width)
    yield fits, f"centroids are {centroid_JX.dtype} of the shape {centroid_JX.shape}"
    members = sum(size_J.tolist())
    yield min(size_J.tolist()) >= 1 and members <= seeds, "sizes do not match the number of seeds"
    yield 1 <= began <= members and began.is_integer(), "the number of members at the beginning is out of range"
    yield bool((np.abs(centroid_JX) < LONGEST).all()), "centroids are not finite, or far too long"
    least = float(((centroid_JX.astype(np.float64) ** 2).sum(1) * size_J).sum())
    yield least * (1 - ROUNDING) - ROUNDING <= squares < inf, "centroids are longer than their members can be"
