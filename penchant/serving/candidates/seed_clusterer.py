"""Clusters of seeds as one model makes them: of all seeds from scratch, and after more of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np

from penchant.errors import StoreError
from penchant.models.lookalikes.seed_clusters import averaged, placed
from penchant.models.parts.clusters import Clusters, add, cluster
from penchant.serving.candidates.clusters import LiveClusters, grown
from penchant.serving.candidates.seeds import SeedReader
from penchant.serving.users import Users
from penchant.store.base import Store

REFRESH_S = 60.0
"""So old may be what is known of who in the snapshot has live events: to look at all of them takes seconds."""


@dataclass(frozen=True)
class FreshClusters:
    """clusters: of all known seeds of a candidate, None where there are none; seeds, users, latest: see
    `SeedVectors`."""

    clusters: Clusters | None
    seeds: int
    users: frozenset[str]
    latest: float


class SeedClusterer:
    """`fresh` is for one thread at a time; others may call the rest meanwhile."""

    def __init__(self, store: Store, users: Users, clock: Callable[[], float]) -> None:
        alike = users.served.lookalike
        self._ralm, self._seed, self._users, self._clock = alike.ralm, alike.seed, users, clock
        self._reader, self._refreshed = SeedReader(store, users, alike.most_seeds), clock()
        self._outdated, self._stopping = Event(), Event()

    def fresh(self, items: Sequence[str], most: int) -> dict[str, FreshClusters]:
        """Read all seeds of some candidates and cluster them, from the first candidate on: as many as have `most` seeds
        together, and one more. Vectors are held for one candidate at a time."""
        self._refresh()
        found, seeds = dict[str, FreshClusters](), 0
        for item in items:
            if seeds > most or self._stopping.is_set():
                break
            found[item] = self._one(item)
            seeds += found[item].seeds
        return found

    def vectors(self, users: Collection[str]) -> dict[str, np.ndarray]:
        """Return what centroids are means of, for those users of whom something is known."""
        asked = list(users)
        vectors_NX, known_N = self._users.kept_vectors(asked)
        averaged_NX = averaged(self._ralm, vectors_NX)
        return {user: row for user, row, is_known in zip(asked, averaged_NX, known_N.tolist(), strict=True) if is_known}

    def joined(self, live: LiveClusters, users: Sequence[str], vectors: Mapping[str, np.ndarray]) -> LiveClusters:
        """Return clusters after some users have become seeds; of those of whom nothing is known, only the number
        counts."""
        rows, clusters = [vectors[user] for user in users if user in vectors], live.clusters
        if rows and clusters is None:
            clusters = self._cluster(np.stack(rows))
        elif rows and clusters is not None:
            clusters = add(clusters, np.stack(rows), self._placed)
        return grown(clusters, live.seeds + len(users), live.made, self._clock())

    def outdate(self) -> None:
        """Have it read anew who has live events: the store is another one, or was followed with gaps."""
        self._outdated.set()

    def stop(self) -> None:
        """Have `fresh` end with the candidate that it is at."""
        self._stopping.set()

    def _refresh(self) -> None:
        now = self._clock()
        if self._outdated.is_set() or not 0 <= now - self._refreshed < REFRESH_S:
            self._outdated.clear()
            try:
                self._reader.refresh()
            except StoreError:
                self._outdated.set()
                raise
            self._refreshed = now

    def _one(self, item: str) -> FreshClusters:
        seeds = self._reader.of(item)
        clusters = self._cluster(averaged(self._ralm, seeds.vectors_SX)) if len(seeds.vectors_SX) else None
        return FreshClusters(clusters, seeds.seeds, seeds.users, seeds.latest)

    def _cluster(self, averaged_NX: np.ndarray) -> Clusters:
        return cluster(averaged_NX, self._placed(averaged_NX), self._ralm.config.clusters, self._seed)

    def _placed(self, averaged_NX: np.ndarray) -> np.ndarray:
        return placed(self._ralm, averaged_NX)
