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


@dataclass(frozen=True)
class SeedUsers:
    """Who the seeds of one candidate are. row_S: of the snapshot, of those without a live click, and time_S: of their
    latest; users, own_row_L: those with a live click, and their rows of the snapshot, -1 for who is not in it;
    live_L: when they clicked last; latest: of all clicks, UTC seconds, -inf where there is none."""

    row_S: np.ndarray
    time_S: np.ndarray
    users: list[str]
    own_row_L: np.ndarray
    live_L: np.ndarray
    latest: float

    def __len__(self) -> int:
        return len(self.row_S) + len(self.users)


def seed_users(store: Store, users: Users, item: str, most: int) -> SeedUsers:
    """The latest `most` seeds of an item, candidate or not; who clicked it live counts by that click."""
    live = store.seeds(item, most)
    row_S, time_S = users.served.snapshot.seeds(item)
    own_row_L = np.array([users.row(user) for user in live.users], np.int64)
    old_S = ~np.isin(row_S, np.concatenate([own_row_L, users.forgotten_rows()]))
    row_S, time_S = row_S[old_S], time_S[old_S]
    kept = _latest(np.concatenate([time_S, live.time_S]), most)
    kept_S, kept_L = kept[: len(row_S)], kept[len(row_S) :]
    names = [user for user, keep in zip(live.users, kept_L.tolist(), strict=True) if keep]
    latest = float(np.concatenate([time_S[kept_S], live.time_S]).max(initial=-np.inf))
    return SeedUsers(row_S[kept_S], time_S[kept_S], names, own_row_L[kept_L], live.time_S[kept_L], latest)


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
        found, snapshot = seed_users(self.store, self.users, item, self.most_seeds), self.users.served.snapshot
        parts = self._of_rows(found.row_S), self._of_users(found.users, found.own_row_L)
        vectors, known = (np.concatenate(both) for both in zip(*parts, strict=True))
        live_hashes = np.array([hash_of(user) for user in found.users], np.uint64)
        hashes = np.concatenate([snapshot.hashes(found.row_S), live_hashes])
        order = np.argsort(hashes, kind="stable")
        return SeedVectors(vectors[order][known[order]], len(found), frozenset(found.users), found.latest)

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
