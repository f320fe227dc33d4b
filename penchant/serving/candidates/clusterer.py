"""The clusters of all open candidates, as one model sees them: new seeds at once, all seeds again now and then."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from penchant.models.lookalikes.seed_clusters import averaged, placed
from penchant.models.parts.clusters import Clusters, add, cluster
from penchant.serving.candidates.clusters import LiveClusters, from_bytes, grown, to_bytes
from penchant.serving.candidates.seeds import SeedReader, SeedVectors
from penchant.serving.disclosure.lots import Lots
from penchant.serving.users import Users
from penchant.store.base import Store

EVERY_S = 300.0
"""After so long all seeds of a candidate are clustered again."""

REFRESH_S = 60.0
"""So old may be what is known of who in the snapshot has live events: to look at all of them takes seconds."""


@dataclass(frozen=True)
class Pace:
    """How clusters are kept up. added, moved: all seeds of a candidate are clustered again as soon as its clusters have
    drifted so far (see `Drift`), but not within `rest_s` of the last time; joins: new seeds that are followed in one
    round; at_once: candidates that are clustered again before their clusters are published."""

    added: float = 0.5
    moved: float = 0.2
    rest_s: float = 10.0
    joins: int = 5_000
    at_once: int = 64


PACE = Pace()


@dataclass
class _Candidate:
    """opened: when; live: its clusters, None before all seeds were clustered for the first time; busy: whether that is
    being done; since: who joined while it is."""

    opened: float
    live: LiveClusters | None = None
    busy: bool = False
    since: list[str] = field(default_factory=list)


_Found = dict[str, tuple[SeedVectors, Clusters | None]]


class Clusterer:
    """Follows the new seeds of candidates, and publishes their clusters; in a store only one may do so at a time."""

    def __init__(
        self, store: Store, users: Users, clock: Callable[[], float], *, every_s: float = EVERY_S, pace: Pace = PACE
    ) -> None:
        alike = users.served.lookalike
        self.store, self.users, self.clock = store, users, clock
        self.every_s, self.pace = every_s, pace
        self.ralm, self.seed, self.model = alike.ralm, alike.seed, users.served.name
        self._candidates: dict[str, _Candidate] = {}
        self._changed: set[str] = set()
        self._cursor, self._lots = self._resume(), Lots(store, self.model)
        self._reader, self._refreshed = SeedReader(store, users, alike.most_seeds), clock()
        self._pool = ThreadPoolExecutor(1, "clustering")
        self._job: Future[_Found] | None = None

    def once(self) -> bool:
        """One round; whether anything has changed.

        What was clustered is put in place only when all who had joined by then are followed: seeds are read from the
        store as they are, so who joined before that is among them, and is not to join again.
        """
        done = self._job is not None and self._job.done()
        caught_up = self._follow()
        if done and caught_up:
            self._finish()
        self._begin()
        if not self._changed:
            return False
        live = {item: self._candidates[item].live for item in self._changed if item in self._candidates}
        contents = {item: to_bytes(one) for item, one in live.items() if one is not None}
        self.store.publish(self.model, contents, self._cursor)
        told = {item: (self._candidates[item].opened, one) for item, one in live.items() if one is not None}
        self._lots.follow(told, self._cursor)
        self._changed.clear()
        return True

    @property
    def waiting(self) -> int:
        """Candidates that have no clusters yet."""
        return sum(one.live is None for one in list(self._candidates.values()))  # another thread asks

    def close(self) -> None:
        """Give up what is not finished; whoever comes next does it."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _resume(self) -> str:
        """Go on where this model's clusters were left. A model that is new here first sees all users with live events,
        so that their vectors are there."""
        cursor = self.store.cursor(self.model)
        if cursor is None:
            cursor = self.store.joined("", 0).cursor
            self.users.kept_vectors(list(self.store.users()))
            self.store.publish(self.model, {}, cursor)
        _, published = self.store.clusters(self.model, 0)
        opened = self.store.candidates()
        self._candidates = {
            item: _Candidate(opened[item], from_bytes(content).live)
            for item, content in published.items()
            if item in opened
        }
        return cursor

    def _follow(self) -> bool:
        """Let new seeds join the nearest centroid; whether these were all. Where the store fails nothing happens."""
        found = self.store.joined(self._cursor, self.pace.joins)
        self._match(self.store.candidates())
        if found.lost:
            self._candidates = {item: _Candidate(one.opened) for item, one in self._candidates.items()}
        users: dict[str, list[str]] = {}
        for item, user in found.joins:
            if item in self._candidates and not self._was_seed(item, user):
                users.setdefault(item, []).append(user)
        vectors = self._vectors({user for joined in users.values() for user in joined})
        self._cursor = found.cursor
        self._changed |= {item for item, joined in users.items() if self._join(self._candidates[item], joined, vectors)}
        return len(found.joins) < self.pace.joins

    def _vectors(self, users: Collection[str]) -> dict[str, np.ndarray]:
        """What centroids are means of, for those users of whom something is known."""
        asked = list(users)
        vectors_NX, known_N = self.users.kept_vectors(asked)
        averaged_NX = averaged(self.ralm, vectors_NX)
        return {user: row for user, row, is_known in zip(asked, averaged_NX, known_N.tolist(), strict=True) if is_known}

    def _match(self, open_now: Mapping[str, float]) -> None:
        """Know the candidates that are open, and no others; one that was closed and opened again begins anew."""
        for item, one in list(self._candidates.items()):
            if open_now.get(item) != one.opened:
                del self._candidates[item]
        for item in open_now.keys() - self._candidates.keys():
            self._candidates[item] = _Candidate(open_now[item])

    def _was_seed(self, item: str, user: str) -> bool:
        row = self.users.row(user)
        return row >= 0 and self.users.served.snapshot.is_seed(item, row)

    def _join(self, one: _Candidate, users: list[str], vectors: Mapping[str, np.ndarray]) -> bool:
        if one.busy:
            one.since += users
        if one.live is None:
            return False
        one.live = self._with(one.live, users, vectors)
        return True

    def _with(self, live: LiveClusters, users: list[str], vectors: Mapping[str, np.ndarray]) -> LiveClusters:
        """After some users have become seeds; of those of whom nothing is known, only the number counts."""
        rows, clusters = [vectors[user] for user in users if user in vectors], live.clusters
        if rows and clusters is None:
            clusters = self._cluster(np.stack(rows))
        elif rows and clusters is not None:
            clusters = add(clusters, np.stack(rows), self._placed)
        return grown(clusters, live.seeds + len(users), live.made, self.clock())

    def _begin(self) -> None:
        """Have the most urgent candidates clustered anew in the background: new ones, then those longest ago."""
        if self._job is not None:
            return
        now = self.clock()
        due = [item for item, one in self._candidates.items() if self._due(one.live, now)]
        due.sort(key=lambda item: made(self._candidates[item].live))
        if due:
            first = due[: self.pace.at_once]
            for item in first:
                self._candidates[item].busy, self._candidates[item].since = True, []
            self._job = self._pool.submit(self._all, first)

    def _due(self, live: LiveClusters | None, now: float) -> bool:
        if live is None:
            return True
        drifted = live.drift.added > self.pace.added or live.drift.moved > self.pace.moved
        return not 0 <= now - live.made < (min(self.pace.rest_s, self.every_s) if drifted else self.every_s)

    def _all(self, items: list[str]) -> _Found:
        """In the background: all seeds of some candidates, clustered from scratch."""
        now = self.clock()
        if not 0 <= now - self._refreshed < REFRESH_S:
            self._reader.refresh()
            self._refreshed = now
        found = {}
        for item in items:
            seeds = self._reader.of(item)
            averaged_NX = averaged(self.ralm, seeds.vectors_SX)
            found[item] = seeds, self._cluster(averaged_NX) if len(averaged_NX) else None
        return found

    def _finish(self) -> None:
        """Put in place what was clustered, with those who have joined in the meantime; but where a candidate began
        anew since, its seeds were read too early."""
        assert self._job is not None
        job, self._job = self._job, None
        asked = {item: one for item, one in self._candidates.items() if one.busy}
        for one in asked.values():
            one.busy = False
        for item, (seeds, clusters) in job.result().items():
            if item in asked:
                one = asked[item]
                one.live = grown(clusters, seeds.seeds, self.clock(), seeds.latest)
                late = [user for user in one.since if user not in seeds.users]
                one.live = self._with(one.live, late, self._vectors(late)) if late else one.live
                self._changed.add(item)

    def _cluster(self, averaged_NX: np.ndarray) -> Clusters:
        return cluster(averaged_NX, self._placed(averaged_NX), self.ralm.config.clusters, self.seed)

    def _placed(self, averaged_NX: np.ndarray) -> np.ndarray:
        return placed(self.ralm, averaged_NX)


def made(live: LiveClusters | None) -> float:
    """When all seeds were clustered last, -inf for never."""
    return float("-inf") if live is None else live.made
