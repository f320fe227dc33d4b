"""Seeds in clusters: k-means of all of them, and new seeds that join the nearest centroid in the meantime."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

import faiss
import numpy as np

from penchant.errors import DataError

ITERATIONS = 20

BLOCK = 4096
"""Seeds at a time: their vectors stay in the cache."""


@dataclass(frozen=True)
class Clusters:
    """J groups of seeds, `most` at most.

    total_JX: sums of the members' vectors, float64, so that a mean of millions is exact; size_J: members; start_JX:
    where each centroid was when all seeds were clustered last, or when its cluster was opened since; squares: sum of
    the squared lengths of all members; began: members when all were clustered last.
    """

    total_JX: np.ndarray
    size_J: np.ndarray
    start_JX: np.ndarray
    squares: float
    began: int
    most: int

    @property
    def centroids(self) -> np.ndarray:
        """centroid_JX: means of the members' vectors, float32."""
        return (self.total_JX / self.size_J[:, None]).astype(np.float32)

    @property
    def members(self) -> int:
        return int(self.size_J.sum())


@dataclass(frozen=True)
class Drift:
    """How far clusters are from those that all seeds were clustered into last; 0 right afterwards, without a unit.

    moved: root of the mean, over members, of the squared way their centroid has gone, relative to the root mean square
    distance of members from the mean of all; added: the share of members who joined since.
    """

    moved: float
    added: float


def cluster(averaged_NX: np.ndarray, compared_NG: np.ndarray, most: int, seed: int) -> Clusters:
    """All seeds, clustered from scratch by k-means of `compared_NG`; a centroid is the mean of rows of `averaged_NX`.

    A DataError where a vector is not finite.
    """
    return grouped(averaged_NX, kmeans(compared_NG, most, seed), most)


def grouped(averaged_NX: np.ndarray, labels_N: np.ndarray, most: int) -> Clusters:
    """Make clusters of seeds whose cluster numbers are given; labels leave out no number."""
    refuse_nan(averaged_NX)
    width = averaged_NX.shape[1]
    empty = Clusters(np.zeros((0, width)), np.zeros(0, np.int64), np.zeros((0, width), np.float32), 0.0, 0, most)
    return replace(_joined(empty, averaged_NX, labels_N), began=len(labels_N))


def add(clusters: Clusters, averaged_NX: np.ndarray, place: Callable[[np.ndarray], np.ndarray]) -> Clusters:
    """Clusters after new seeds, in the order given, have each joined the one whose centroid is nearest.

    place: takes rows of `averaged_NX`, and centroids, to where they are compared. While there are fewer than `most`
    clusters, a seed that is equal to no centroid opens one. Centroids move in steps: a part of the batch, never more
    than there are members, is compared with them as they stood before it. So one batch may end a little different
    from the same seeds one by one; sizes and the mean of all do not differ. A DataError where a vector is not finite.
    """
    refuse_nan(averaged_NX)
    opening_N = _number(averaged_NX, clusters.most, clusters.centroids)
    clusters = _joined(clusters, averaged_NX[: len(opening_N)], opening_N)
    start = len(opening_N)
    while start < len(averaged_NX):
        part_NX = averaged_NX[start : start + min(BLOCK, clusters.members)]
        clusters = _joined(clusters, part_NX, nearest(place(clusters.centroids), place(part_NX)))
        start += len(part_NX)
    return clusters


def drift(clusters: Clusters) -> Drift:
    """See `Drift`; there must be members. Where all seeds are equal nothing can have moved."""
    members, share_J1 = clusters.members, (clusters.size_J / clusters.size_J.sum())[:, None]
    way = float((share_J1 * (clusters.total_JX / clusters.size_J[:, None] - clusters.start_JX) ** 2).sum())
    spread = clusters.squares / members - float(((clusters.total_JX.sum(0) / members) ** 2).sum())
    return Drift(sqrt(way / spread) if spread > 0 else 0.0, 1 - clusters.began / members)


def nearest(centroid_JG: np.ndarray, points_NG: np.ndarray) -> np.ndarray:
    """labels_N: whose centroid is nearest to each point; of several, the first."""
    return ((centroid_JG**2).sum(1) - 2 * (points_NG @ centroid_JG.T)).argmin(1)


def kmeans(points_NG: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """labels_N: the cluster of each point, numbered from 0 without gaps, `clusters` at most.

    k-means++ on the points as they are, then Lloyd's steps until nothing moves; the same points and seed give the same
    labels. Where there are no more distinct points than clusters, each is a cluster of its own. A DataError where a
    point is not finite.

    >>> kmeans(np.array([[0, 0], [9, 9], [0, 0]], np.float32), clusters=2, seed=0)
    array([0, 1, 0])
    """
    points_NG = np.ascontiguousarray(points_NG, np.float32)
    refuse_nan(points_NG)
    few_N = _number(points_NG, clusters)
    if len(few_N) == len(points_NG):
        return few_N
    search = faiss.Kmeans(
        points_NG.shape[1],
        clusters,
        niter=ITERATIONS,
        seed=seed,
        init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
        min_points_per_centroid=1,
        max_points_per_centroid=np.iinfo(np.int32).max,  # no sampling
    )
    search.train(points_NG)
    _, nearest_N1 = search.index.search(points_NG, 1)
    return np.unique(nearest_N1[:, 0], return_inverse=True)[1]


def refuse_nan(vectors_NX: np.ndarray) -> None:
    """A DataError that names the first row with a value that is not finite."""
    finite_N = np.isfinite(vectors_NX).all(1)
    if not finite_N.all():
        row = int(np.argmin(finite_N))
        raise DataError(f"vector {row} of {len(vectors_NX)} is not finite; train again what made the vectors")


def _number(points_NG: np.ndarray, most: int, known_JG: np.ndarray | None = None) -> np.ndarray:
    """labels of the points before the first that would need number `most`; equal points share a number.

    known_JG: points that have the first numbers, none if not given.
    """
    known_JG = points_NG[:0] if known_JG is None else known_JG
    numbers: dict[bytes, int] = {}
    for number, point_G in enumerate(known_JG):
        numbers.setdefault(_key(point_G), number)
    labels, free = [], len(known_JG)
    for point_G in points_NG:
        number = numbers.setdefault(_key(point_G), free)
        if number == most:
            break
        free = max(free, number + 1)
        labels.append(number)
    return np.array(labels, np.int64)


def _key(point_G: np.ndarray) -> bytes:
    """The same for points that are equal, also where one has -0 and the other 0."""
    return (point_G + np.float32(0)).tobytes()


def _joined(clusters: Clusters, averaged_NX: np.ndarray, labels_N: np.ndarray) -> Clusters:
    """With more members; labels may go on where the clusters end, but leave out no number."""
    count = int(labels_N.max(initial=-1)) + 1
    more = max(0, count - len(clusters.size_J))
    size_J = _with_rows(clusters.size_J, more) + np.bincount(labels_N, minlength=len(clusters.size_J))
    total_JX = _with_rows(clusters.total_JX, more)
    squares = clusters.squares
    for start in range(0, len(labels_N), BLOCK):
        part_NX = averaged_NX[start : start + BLOCK].astype(np.float64)
        one_JN = np.equal.outer(np.arange(len(size_J)), labels_N[start : start + BLOCK]).astype(np.float64)
        total_JX += one_JN @ part_NX
        squares += float((part_NX**2).sum())
    opened_JX = (total_JX / size_J[:, None])[len(clusters.start_JX) :]
    return replace(
        clusters,
        total_JX=total_JX,
        size_J=size_J,
        start_JX=np.concatenate([clusters.start_JX, opened_JX]),
        squares=squares,
    )


def _with_rows(array: np.ndarray, more: int) -> np.ndarray:
    """A copy with more rows, of zeros."""
    return np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)])
