"""A store, a clock and clusterers that are stepped by hand, and seeds for them."""

from contextlib import ExitStack
from threading import Event as Flag

import numpy as np

from penchant.errors import StoreError
from penchant.models.lookalikes.seed_clusters import gather
from penchant.serving.candidates.cluster_bytes import from_bytes, shape_of
from penchant.serving.candidates.clusterer import PACE, Clusterer, Pace
from penchant.serving.candidates.clusters import LiveClusters
from penchant.serving.candidates.seeds import SeedReader
from penchant.serving.disclosure.lots import told_name
from penchant.serving.roles.consumer import consume
from penchant.serving.served import Served
from penchant.serving.users import News, Users
from penchant.store.base import KEPT, Event, Seeds, StoreBounds
from penchant.store.memory import MemoryStore
from tests.helpers.processes import HANG_S, until
from tests.serving.worlds import MADE

NEW_ITEM, EVERY_S, MOST = "never clicked before", 300.0, 1_000_000
FANS = [f"u{number:03}" for number in range(0, 60, 3)]

TOLD = told_name("")
"""How the name ends under which is published what may be told to all."""


class GatedStore(MemoryStore):
    """Holds back whoever has read the seeds of an item, until the gate opens; and can be down for one kind of call."""

    def __init__(self, bounds: StoreBounds) -> None:
        super().__init__(bounds=bounds)
        self.gate, self.waits, self.down = Flag(), Flag(), ""
        self.gate.set()
        self.published, self.read = list[set[str]](), 0

    def seeds(self, item: str, most: int) -> Seeds:
        self._refuse("seeds")
        found = super().seeds(item, most)
        self.waits.set()
        assert self.gate.wait(HANG_S)
        return found

    def publish(self, model, clusters, cursor):  # type: ignore[no-untyped-def]  # as in Store
        self._refuse("publish")
        super().publish(model, clusters, cursor)
        if not model.endswith(TOLD):
            self.published.append(set(clusters))

    def candidates(self) -> dict[str, float]:
        self.read += 1
        return super().candidates()

    def candidates_mark(self) -> int:
        self._refuse("candidates")
        return super().candidates_mark()

    def _refuse(self, name: str) -> None:
        if self.down == name:
            self.down = ""
            raise StoreError(f"the store is down: {name}")


class World:
    """A store, a clock, and clusterers that are stepped by hand."""

    def __init__(self, served: Served, stack: ExitStack, bounds: StoreBounds = KEPT) -> None:
        self.store, self.now, self._stack = GatedStore(bounds), MADE, stack
        self.served, self._number = served, 0
        self.users = Users(self.store, News(self.store), served)

    def clusterer(self, every_s: float = EVERY_S, pace: Pace = PACE) -> Clusterer:
        found = Clusterer(self.store, self.users, lambda: self.now, every_s=every_s, pace=pace)
        self._stack.callback(found.close)
        return found

    def click(self, item: str, *users: str) -> None:
        """Appended and consumed, a second apart."""
        for user in users:
            self._number += 1
            event = Event(user, item, MADE - 1_000 + self._number, True, str(self._number))
            self.store.append([event], at=self.now)
        while consume(self.store, [self.users], "one", 1_000, lambda: self.now):
            pass

    def published(self, item: str) -> LiveClusters | None:
        content = self.store.clusters(self.served.name, 0)[1].get(item)
        return None if content is None else from_bytes(content, shape_of(self.served.lookalike.ralm)).live

    def told(self, item: str) -> int:
        """Members of the clusters that are told to all, 0 where nothing is."""
        content = self.store.clusters(told_name(self.served.name), 0)[1][item]
        return int(from_bytes(content, shape_of(self.served.lookalike.ralm)).size_J.sum())

    def settled(self, clusterer: Clusterer, item: str) -> LiveClusters:
        """What is published once the clusterer has nothing to do."""
        until(lambda: not clusterer.once() and clusterer._job is None)
        found = self.published(item)
        assert found is not None
        return found

    def from_scratch(self, item: str) -> tuple[np.ndarray, np.ndarray]:
        """Centroids and sizes of all seeds of an item as they are now."""
        alike = self.served.alike
        assert alike is not None
        seeds = SeedReader(self.store, self.users, MOST).of(item)
        return gather(alike.ralm, seeds.vectors_SX, alike.ralm.config.clusters, alike.seed)


def mean(live: LiveClusters) -> np.ndarray:
    """Of all members' vectors."""
    assert live.clusters is not None
    found: np.ndarray = live.clusters.total_JX.sum(0) / live.clusters.members
    return found


def members(live: LiveClusters) -> int:
    return 0 if live.clusters is None else live.clusters.members


def assert_from_scratch(world: World, live: LiveClusters, item: str) -> None:
    centroid_JX, size_J = world.from_scratch(item)
    assert live.clusters is not None
    np.testing.assert_array_equal(live.clusters.size_J, size_J)
    np.testing.assert_allclose(live.clusters.centroids, centroid_JX, atol=1e-6)


def in_the_background(world: World, clusterer: Clusterer) -> None:
    """Until all seeds have been read, and not been clustered yet."""
    world.store.gate.clear()
    world.store.waits.clear()
    clusterer.once()
    assert world.store.waits.wait(HANG_S)
