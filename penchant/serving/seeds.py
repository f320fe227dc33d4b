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
    """Reads seeds as one model sees them. Vectors of users with live events are kept until the next `refresh`, because
    the same users are seeds of many items."""

    def __init__(self, store: Store, users: Users, most_seeds: int) -> None:
        self.store, self.users, self.most_seeds = store, users, most_seeds
        self.refresh()

    def refresh(self) -> None:
        """Look up which users of the snapshot have live events, and forget what was kept of them."""
        rows = {self.users.served.snapshot.row(user): user for user in self.store.users()}
        rows.pop(-1, None)
        self._live = sorted(rows.items())
        self._rows = np.array([row for row, _ in self._live], np.int64)
        self._vectors = np.zeros((len(self._rows), len(self.users.served.snapshot.prior)), np.float32)
        self._known, self._kept = np.zeros(len(self._rows), bool), np.zeros(len(self._rows), bool)

    def of(self, item: str) -> SeedVectors:
        """The latest `most_seeds` seeds of an item."""
        snapshot = self.users.served.snapshot
        live = self.store.seeds(item, self.most_seeds)
        rows, times = snapshot.seeds(item)
        here = np.array([self.users.row(user) for user in live.users], np.int64)
        old = ~np.isin(rows, np.concatenate([here, self.users.forgotten_rows()]))
        rows, times = rows[old], times[old]
        kept = _latest(np.concatenate([times, live.time_S]), self.most_seeds)
        rows, times, new = rows[kept[: len(rows)]], times[kept[: len(rows)]], kept[len(rows) :]
        users = [user for user, keep in zip(live.users, new.tolist(), strict=True) if keep]
        parts = self._of_rows(rows), self._of_users(users, here[new])
        vectors, known = (np.concatenate(both) for both in zip(*parts, strict=True))
        hashes = np.concatenate([snapshot.hashes(rows), np.array([hash_of(user) for user in users], np.uint64)])
        order = np.argsort(hashes, kind="stable")
        latest = float(np.concatenate([times, live.time_S]).max(initial=-np.inf))
        return SeedVectors(vectors[order][known[order]], len(hashes), frozenset(users), latest)

    def _of_rows(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """vectors and known of users of the snapshot, as they are now."""
        snapshot = self.users.served.snapshot
        vectors, known = snapshot.vectors(rows), snapshot.known(rows)
        place, is_live = self._places(rows)
        vectors[is_live], known[is_live] = self._of_live(place[is_live])
        return vectors, known

    def _of_users(self, users: list[str], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same of users with live events; rows of the snapshot, -1 for those who are not in it."""
        vectors, known = np.zeros((len(users), self._vectors.shape[1]), np.float32), np.zeros(len(users), bool)
        place, is_live = self._places(rows)
        vectors[is_live], known[is_live] = self._of_live(place[is_live])
        new = [user for user, was_live in zip(users, is_live.tolist(), strict=True) if not was_live]
        vectors[~is_live], known[~is_live] = self.users.kept_vectors(new)
        return vectors, known

    def _places(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where rows stand among those who had live events at the last `refresh`, and which do."""
        place = np.searchsorted(self._rows, rows)
        inside = place < len(self._rows)
        inside[inside] = self._rows[place[inside]] == rows[inside]
        return place, inside

    def _of_live(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        missing = np.unique(places[~self._kept[places]])
        if len(missing):
            users = [self._live[place][1] for place in missing.tolist()]
            self._vectors[missing], self._known[missing] = self.users.kept_vectors(users)
            self._kept[missing] = True
        return self._vectors[places], self._known[places]


def _latest(times: np.ndarray, most: int) -> np.ndarray:
    """Which are the `most` latest."""
    kept = np.ones(len(times), bool)
    if len(times) > most:
        kept[np.argsort(times, kind="stable")[: len(times) - most]] = False
    return kept
