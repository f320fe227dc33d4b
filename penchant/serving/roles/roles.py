"""The work that processes share out among themselves: to consume events, and to cluster seeds."""

import logging
from collections.abc import Callable
from contextlib import suppress

from penchant.errors import StoreError
from penchant.serving.candidates.clusterer import Clusterer
from penchant.serving.disclosure.lots import told_name
from penchant.serving.roles.consumer import consume
from penchant.serving.roles.loops import Loop
from penchant.serving.users import Users
from penchant.serving.versions import Models
from penchant.store.base import Store

MOST_CONSUMED = 2_000
"""Events of one step: so long does a new seed wait for those before it."""

CLUSTER = "cluster"
GRACE_S = 30.0
"""After another model is complete, the one before is kept for those who have not changed over yet."""

log = logging.getLogger("penchant.roles")


def consuming(store: Store, models: Models, name: str, clock: Callable[[], float]) -> Callable[[], bool]:
    """The step of a consumer."""
    return lambda: consume(store, models.alike, name, MOST_CONSUMED, clock) > 0


class Clustering:
    """Clusters for every model, while this process holds the right to; others stand by.

    clock: UTC seconds; monotonic: seconds that only go forward.
    """

    def __init__(
        self,
        store: Store,
        models: Models,
        name: str,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        every_s: float,
        failed: Callable[[], None],
    ) -> None:
        self.store, self.models, self.name, self.clock, self.monotonic = store, models, name, clock, monotonic
        self.every_s, self._failed = every_s, failed
        self._held_at = float("-inf")
        self._workers: dict[str, _Worker] = {}
        self._complete: tuple[str, float] | None = None

    def step(self) -> bool:
        """Hold the right, and see to it that there is a worker per model."""
        now = self.monotonic()
        if now - self._held_at > self.store.lease_s / 6:
            if not self.store.hold(CLUSTER, self.name):
                self.stop()
                return False
            self._held_at = now
        wanted = {users.served.name: users for users in self.models.alike}
        for name in self._workers.keys() - wanted.keys():
            self._workers.pop(name).stop()
        for name, users in wanted.items():
            if name not in self._workers:
                self._workers[name] = _Worker(self.store, users, self.clock, self.every_s, self._failed)
        self._drop_old(now)
        return False

    def end(self) -> None:
        """Begin nothing else."""
        for worker in list(self._workers.values()):
            worker.end()

    def stop(self) -> None:
        """Give the right back, so that another need not wait for it."""
        self.end()
        for worker in self._workers.values():
            worker.stop()
        self._workers = {}
        if self._held_at > float("-inf"):
            self._held_at = float("-inf")
            with suppress(StoreError):
                self.store.release(CLUSTER, self.name)

    def _drop_old(self, now: float) -> None:
        """Some time after the newest model has clusters of all candidates, forget the others."""
        newest = self.models.all[-1].served.name
        worker = self._workers.get(newest)
        if worker is not None and not worker.complete:
            return
        complete, at = self._complete or ("", now)
        if complete != newest:
            self._complete = newest, now
        elif GRACE_S < now - at < float("inf"):
            self.store.drop_models([newest, told_name(newest)])
            self._complete = newest, float("-inf")


class _Worker:
    """One model's clusterer in a loop; it begins there too, because that may take long."""

    def __init__(
        self, store: Store, users: Users, clock: Callable[[], float], every_s: float, failed: Callable[[], None]
    ) -> None:
        self._make = lambda: Clusterer(store, users, clock, every_s=every_s)
        self._clusterer: Clusterer | None = None
        self._loop = Loop(f"cluster {users.served.name}", self._step, idle_s=0.05, failed=failed).start()

    @property
    def complete(self) -> bool:
        return self._clusterer is not None and self._clusterer.waiting == 0

    def end(self) -> None:
        self._loop.end()

    def stop(self) -> None:
        self._loop.stop()
        if self._clusterer is not None:
            self._clusterer.close()

    def _step(self) -> bool:
        if self._clusterer is None:
            self._clusterer = self._make()
        return self._clusterer.once()
