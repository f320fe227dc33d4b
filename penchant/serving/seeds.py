"""The seeds of a candidate now, those of the snapshot and live ones together, with their vectors."""

from dataclasses import dataclass

import numpy as np

from penchant.logs.users import hash_of
from penchant.serving.users import Users
from penchant.store.base import Store


@dataclass(frozen=True)
class SeedVectors:
    """Seeds of one candidate. vectors_SX: of those of whom something is known, in the order of their users' hashes, so
    that k-means begins alike wherever seeds come from; seeds: how many there are, the unknown among them; users: those
    with a live click; latest: of all clicks, UTC seconds, -inf where there is none."""

    vectors_SX: np.ndarray
    seeds: int
    users: frozenset[str]
    latest: float


class SeedReader:
    """Reads seeds as one model sees them."""

    def __init__(self, store: Store, users: Users, most_seeds: int) -> None:
        self.store, self.users, self.most_seeds = store, users, most_seeds
        self.refresh()

    def refresh(self) -> None:
        """Look up which users of the snapshot have live events, and who was forgotten."""
        snapshot = self.users.served.snapshot
        rows = np.array([snapshot.row(user) for user in self.store.users()], np.int64)
        self._live_rows = np.unique(rows[rows >= 0])

    def of(self, item: str) -> SeedVectors:
        """The latest `most_seeds` seeds of an item."""
        snapshot = self.users.served.snapshot
        live = self.store.seeds(item, self.most_seeds)
        rows, times = snapshot.seeds(item)
        here = np.array([self.users.row(user) for user in live.users], np.int64)
        old = ~np.isin(rows, np.concatenate([here, self.users.forgotten_rows()]))
        rows, times = rows[old], times[old]
        kept = _latest(np.concatenate([times, live.time_S]), self.most_seeds)
        rows, times = rows[kept[: len(rows)]], times[kept[: len(rows)]]
        users = [user for user, keep in zip(live.users, kept[len(kept) - len(live.users) :], strict=True) if keep]
        old_vectors, old_known = self._of_rows(rows)
        new_vectors, new_known = self.users.kept_vectors(users)
        hashes = np.concatenate([snapshot.hashes(rows), np.array([hash_of(user) for user in users], np.uint64)])
        vectors, known = np.concatenate([old_vectors, new_vectors]), np.concatenate([old_known, new_known])
        order = np.argsort(hashes, kind="stable")
        latest = max([*times.tolist(), *live.time_S.tolist()], default=float("-inf"))
        return SeedVectors(vectors[order][known[order]], len(hashes), frozenset(users), latest)

    def _of_rows(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """vectors and known of users of the snapshot, as they are now."""
        snapshot = self.users.served.snapshot
        vectors, known = snapshot.vectors(rows), snapshot.known(rows)
        changed = np.flatnonzero(np.isin(rows, self._live_rows))
        if len(changed):
            users = [snapshot.user(row) for row in rows[changed].tolist()]
            vectors[changed], known[changed] = self.users.kept_vectors(users)
        return vectors, known


def _latest(times: np.ndarray, most: int) -> np.ndarray:
    """Which are the `most` latest."""
    kept = np.ones(len(times), bool)
    if len(times) > most:
        kept[np.argsort(times, kind="stable")[: len(times) - most]] = False
    return kept
