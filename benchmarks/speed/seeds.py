"""Clustering seeds: seconds and inertia of k-means beside other libraries, and what seeds that join later cost.

    OMP_NUM_THREADS=1 python -m benchmarks.speed.seeds [--points 1000000] [--added 100000] [--clusters 20] [--seeds 3]

Points are a mixture: users of 200 kinds, some frequent and some rare, whose vectors overlap, after a ReLU as the
transform has it. All libraries get the same points: k-means++, one run, 20 steps at most; inertia is the mean squared
distance to the nearest of the means of the clusters found. scikit-learn draws several candidates for each first
centroid and keeps the best. Then seeds join the clusters of the first ones in batches; the inertia over all seeds is
that of their clusters, of those before any joined, and of all clustered again.
"""

import argparse
from collections.abc import Callable
from time import perf_counter

import faiss
import numpy as np
import torch
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table
from sklearn.cluster import KMeans, MiniBatchKMeans

from benchmarks.machine import describe_machine
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.models.lookalikes.seed_clusters import placed
from penchant.models.parts.clusters import ITERATIONS, add, cluster, drift, grouped, kmeans, nearest

console = Console(width=140)

KINDS, SPREAD = 200, 0.7
SEEDS_BEFORE = (1_000, 10_000, 100_000)
BATCHES = (1, 100, 10_000)
JOINING = ("seeds before", "per batch", "seeds/s", "moved", "added", "inertia", "before", "again", "seconds again")
SMALL = 500
"""Seeds of an item in the middle."""


def mixture(points: int, width: int, seed: int) -> np.ndarray:
    """The kinds are the same for all seeds."""
    kind_KG = np.random.default_rng(0).normal(size=(KINDS, width)).astype(np.float32)
    rng = np.random.default_rng(seed)
    share_K = 1 / np.arange(1, KINDS + 1)
    points_NG = kind_KG[rng.choice(KINDS, points, p=share_K / share_K.sum())]
    points_NG += SPREAD * rng.standard_normal(points_NG.shape, np.float32)
    return np.maximum(points_NG, 0, out=points_NG)


def inertia(points_NG: np.ndarray, centroid_JG: np.ndarray) -> float:
    """Mean squared distance to the nearest centroid."""
    total = 0.0
    for part_NG in np.array_split(points_NG, max(1, len(points_NG) // 10_000)):
        total += float(((part_NG - centroid_JG[nearest(centroid_JG, part_NG)]) ** 2).sum(dtype=np.float64))
    return total / len(points_NG)


def super_kmeans(points_NG: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """FAISS with its other search; everything else as ours."""
    search = faiss.Kmeans(
        points_NG.shape[1],
        clusters,
        niter=ITERATIONS,
        seed=seed,
        init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
        min_points_per_centroid=1,
        max_points_per_centroid=np.iinfo(np.int32).max,
        use_super_kmeans=True,
    )
    search.train(points_NG)
    return search.index.search(points_NG, 1)[1][:, 0]


def lloyd(points_NG: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    return KMeans(clusters, n_init=1, max_iter=ITERATIONS, random_state=seed, algorithm="lloyd").fit(points_NG).labels_


def mini_batches(points_NG: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    return MiniBatchKMeans(clusters, n_init=1, max_iter=ITERATIONS, random_state=seed).fit(points_NG).labels_


LIBRARIES: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
    "ours: FAISS": kmeans,
    "FAISS, super k-means": super_kmeans,
    "scikit-learn KMeans": lloyd,
    "scikit-learn MiniBatchKMeans": mini_batches,
}


def whole(points: int, clusters: int, width: int, seeds: int) -> Table:
    """Medians of seconds, means of inertia, and the least and the greatest."""
    table = Table("", "seconds", "x ours", "inertia", "from", "to", box=MARKDOWN)
    table.title = f"k-means of {points:,} x {width} into {clusters}, {seeds} seeds"
    points_NG = mixture(points, width, seed=1)
    spent: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    found: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    for seed in range(seeds):
        for name, work in LIBRARIES.items():
            began = perf_counter()
            labels_N = work(points_NG, clusters, seed)
            spent[name].append(perf_counter() - began)
            labels_N = np.unique(labels_N, return_inverse=True)[1]
            found[name].append(inertia(points_NG, grouped(points_NG, labels_N, clusters).centroids))
    for name in LIBRARIES:
        ratio = np.median(np.array(spent[name]) / np.array(spent[next(iter(LIBRARIES))]))
        means = [f"{value:.3f}" for value in (np.mean(found[name]), min(found[name]), max(found[name]))]
        table.add_row(name, f"{np.median(spent[name]):.1f}", f"{ratio:.2f}", *means)
    return table


def small(clusters: int, width: int) -> Table:
    """An epoch of training clusters the seeds of every item."""
    table = Table("", "ms per item", title=f"k-means of {SMALL} seeds, items in a row", box=MARKDOWN)
    items = [mixture(SMALL, width, seed) for seed in range(50)]
    for name, work in LIBRARIES.items():
        work(items[0], clusters, 0)
        began = perf_counter()
        for points_NG in items:
            work(points_NG, clusters, 0)
        table.add_row(name, f"{1e3 * (perf_counter() - began) / len(items):.2f}")
    return table


def joining(added: int, clusters: int, width: int) -> Table:
    """Centroids are means of vectors before the transform, and compared after it; inertia too."""
    torch.manual_seed(0)
    model, table = Ralm(RalmConfig(width=width), width).eval(), Table(*JOINING, box=MARKDOWN)
    table.title = f"{added:,} seeds that join, against all clustered again"

    def place(averaged_NX: np.ndarray) -> np.ndarray:
        return placed(model, averaged_NX)

    for before in SEEDS_BEFORE:
        every_NX = np.concatenate([mixture(before, width, seed=2), mixture(added, width, seed=3)])
        every_NG, began = place(every_NX), perf_counter()
        again = cluster(every_NX, every_NG, clusters, seed=0)
        again_s = perf_counter() - began
        start = cluster(every_NX[:before], every_NG[:before], clusters, seed=0)
        for batch in BATCHES:
            joined, began = start, perf_counter()
            for first in range(before, len(every_NX), batch):
                joined = add(joined, every_NX[first : first + batch], place)
            rate, far = added / (perf_counter() - began), drift(joined)
            cells = [f"{before:,}", f"{batch:,}", f"{rate:,.0f}", f"{far.moved:.4f}", f"{far.added:.2f}"]
            cells += [f"{inertia(every_NG, place(one.centroids)):.4f}" for one in (joined, start, again)]
            table.add_row(*cells, f"{again_s:.2f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--added", type=int, default=100_000)
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=3)
    said = parser.parse_args()
    console.print(f"{describe_machine()}, {torch.get_num_threads()} threads, FAISS {faiss.__version__}")
    console.print(whole(said.points, said.clusters, said.width, said.seeds))
    console.print(small(said.clusters, said.width))
    console.print(joining(said.added, said.clusters, said.width))


if __name__ == "__main__":
    main()
