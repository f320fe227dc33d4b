"""The clusters of all open candidates, as one model sees them: new seeds at once, all seeds again now and then."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from penchant.serving.candidates.cluster_bytes import ClusterReader, shape_of, to_bytes
from penchant.serving.candidates.clusters import LiveClusters, grown
from penchant.serving.candidates.due import DueQueue
from penchant.serving.candidates.opened import OpenCandidates
from penchant.serving.candidates.seed_clusterer import FreshClusters, SeedClusterer
from penchant.serving.disclosure.lots import Lots
from penchant.serving.users import Users
from penchant.store.base import Store

EVERY_S = 300.0
"""After so long all seeds of a candidate are clustered again."""

CHECK_S = 10.0
"""So often a clusterer looks whether what was published meanwhile can be read."""

USERS_AT_ONCE = 10_000

NEVER = float("-inf")


@dataclass(frozen=True)
class Pace:
    """How clusters are kept up. added, moved: all seeds of a candidate are clustered again as soon as its clusters have
    drifted so far (see `Drift`), but not within `rest_s` of the last time; joins: new seeds that are followed in one
    round; at_once, seeds: candidates that are clustered again before their clusters are published, and how many seeds
    these may have, the last of them aside; late: users who join one candidate while it is clustered, more are not kept,
    and it is clustered once more."""

    added: float = 0.5
    moved: float = 0.2
    rest_s: float = 10.0
    joins: int = 5_000
    at_once: int = 500
    seeds: int = 20_000
    late: int = 100_000


PACE = Pace()


@dataclass
class _Candidate:
    """opened: when; live: its clusters, None before all seeds were clustered for the first time; busy: whether that is
    being done; since: who joined while it is; missed: whether more joined than are kept, or a seed was forgotten; lost:
    seeds who were forgotten since, losing: those who were when it began to be clustered."""

    opened: float
    live: LiveClusters | None = None
    busy: bool = False
    since: list[str] = field(default_factory=list)
    missed: bool = False
    lost: int = 0
    losing: int = 0

    def begin(self) -> None:
        self.busy, self.since, self.missed = True, [], False
        self.losing, self.lost = self.losing + self.lost, 0


class Clusterer:
    """Follows the new seeds of candidates, and publishes their clusters; in a store only one may do so at a time."""

    def __init__(
        self, store: Store, users: Users, clock: Callable[[], float], *, every_s: float = EVERY_S, pace: Pace = PACE
    ) -> None:
        alike = users.served.lookalike
        self.store, self.users, self.clock = store, users, clock
        self.every_s, self.pace = every_s, pace
        self.model = users.served.name
        self._open, self._reader = OpenCandidates(store), ClusterReader(store, shape_of(alike.ralm))
        self._candidates: dict[str, _Candidate] = {}
        self._matched: Mapping[str, float] = {}
        self._due, self._changed, self._lost, self._now = DueQueue(), set[str](), dict[str, int](), clock()
        self._number, self._checked, self._erasures = 0, self._now, 0
        self._cursor = self._resume()
        self._seeds = SeedClusterer(store, users, clock)
        self._lots = Lots(store, self.model, self._reader, self._open)
        self._pool = ThreadPoolExecutor(1, "clustering")
        self._job: Future[dict[str, FreshClusters]] | None = None
        self._asked: dict[str, _Candidate] = {}

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
        if not 0 <= self._now - self._checked < CHECK_S:
            self._check()
        return self._publish()

    @property
    def waiting(self) -> int:
        """Candidates that have no clusters yet."""
        return sum(one.live is None for one in list(self._candidates.values()))  # another thread asks

    def close(self) -> None:
        """Give up what is not finished; whoever comes next does it."""
        self._seeds.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _resume(self) -> str:
        """Go on where this model's clusters were left. A model that is new here first sees all users with live events,
        so that their vectors are there."""
        cursor = self.store.cursor(self.model)
        if cursor is None:
            cursor = self.store.joined("", 0).cursor
            users = iter(self.store.users())
            while part := list(islice(users, USERS_AT_ONCE)):
                self.users.kept_vectors(part)
            self.store.publish(self.model, {}, cursor)
        self._number, contents = self.store.clusters(self.model, 0)
        published = self._reader.readable(contents)
        self._matched = self._open.now()
        for item, opened in self._matched.items():
            self._candidates[item] = _Candidate(opened, published[item].live if item in published else None)
        self._put_all()
        return cursor

    def _follow(self) -> bool:
        """Let new seeds join the nearest centroid; whether these were all. Where the store fails nothing happens."""
        found, open_now = self.store.joined(self._cursor, self.pace.joins), self._open.now()
        self._match(open_now)
        if found.lost:
            self._forget_all()
            self.store.publish(self.model, {}, found.cursor)
        users: dict[str, list[str]] = {}
        for item, user in found.joins:
            if item in self._candidates and not user:
                self._lose(item)
            elif item in self._candidates and not self._was_seed(item, user):
                users.setdefault(item, []).append(user)
        self._lose_of_log()
        vectors = self._seeds.vectors({user for joined in users.values() for user in joined})
        self._cursor = found.cursor
        for item, joined in users.items():
            self._join(item, joined, vectors)
        return len(found.joins) < self.pace.joins

    def _match(self, open_now: Mapping[str, float]) -> None:
        """Know the candidates that are open, and no others; one that was closed and opened again begins anew."""
        if open_now is self._matched:
            return
        for item, one in list(self._candidates.items()):
            if open_now.get(item) != one.opened:
                del self._candidates[item]
                self._due.drop(item)
        for item, opened in open_now.items():
            if item not in self._candidates:
                self._candidates[item] = _Candidate(opened)
                self._due.put(item, NEVER)
        self._matched = open_now

    def _forget_all(self) -> None:
        """Some new seeds are not known, or the store is another one: all begin anew."""
        self._candidates = {item: _Candidate(one.opened) for item, one in self._candidates.items()}
        self._seeds.outdate()
        self._put_all()

    def _lose(self, item: str) -> None:
        """A seed was forgotten, so those that are left are clustered again, as soon as clusters may be."""
        one = self._candidates[item]
        one.missed, one.lost = True, one.lost + 1
        if not one.busy:
            self._put(item)

    def _lose_of_log(self) -> None:
        """The same for seeds of the log, of which the store knows nothing. A user whom the snapshot does not name any
        more may be in any clusters that an earlier process made of the snapshot before."""
        snapshot, news = self.users.served.snapshot, self.users.news
        new, made, items, is_named = news.erasures[self._erasures :], snapshot.manifest["made"], set[str](), True
        self._erasures += len(new)
        for digest in new:
            row = snapshot.row_of_hash(int(digest, 16))
            if row >= 0 and news.forgotten[digest] >= made:
                items.update(item for _, item in snapshot.clicks(row))
            else:
                is_named = False
        if not is_named:
            older = (item for item, one in self._candidates.items() if one.live is not None and one.live.made <= made)
            items.update(older)
        for item in items & self._candidates.keys():
            self._lose(item)

    def _was_seed(self, item: str, user: str) -> bool:
        row = self.users.row(user)
        return row >= 0 and self.users.served.snapshot.is_seed(item, row)

    def _join(self, item: str, users: list[str], vectors: Mapping[str, np.ndarray]) -> None:
        one = self._candidates[item]
        if one.busy:
            one.missed |= len(one.since) + len(users) > self.pace.late
            one.since = [] if one.missed else one.since + users
        if one.live is not None:
            one.live = self._seeds.joined(one.live, users, vectors)
            self._changed.add(item)
            if not one.busy:
                self._put(item)

    def _begin(self) -> None:
        """Have those that are due clustered anew in the background: new ones, then those that are due longest."""
        before, self._now = self._now, self.clock()
        if self._now < before:
            self._put_all()
        if self._job is not None:
            return
        first = self._due.take(self._now, self.pace.at_once)
        if first:
            self._asked = {item: self._candidates[item] for item in first}
            for one in self._asked.values():
                one.begin()
            self._job = self._pool.submit(self._seeds.fresh, first, self.pace.seeds)

    def _put_all(self) -> None:
        """Find out anew who is due when, as after a jump of the clock: what was made later than now is due at once."""
        for item, one in self._candidates.items():
            if not one.busy:
                self._put(item)

    def _put(self, item: str) -> None:
        self._due.put(item, self._due_at(self._candidates[item]))

    def _due_at(self, one: _Candidate) -> float:
        if one.live is None or one.live.made > self.clock():
            return NEVER
        drift = one.live.drift
        is_soon = one.missed or drift.added > self.pace.added or drift.moved > self.pace.moved
        return one.live.made + (min(self.pace.rest_s, self.every_s) if is_soon else self.every_s)

    def _finish(self) -> None:
        """Put in place what was clustered, with those who have joined in the meantime; but where a candidate began
        anew since, its seeds were read too early. What was not come to is due again."""
        assert self._job is not None
        job, self._job = self._job, None
        asked = {item: one for item, one in self._asked.items() if self._candidates.get(item) is one}
        for one in asked.values():
            one.busy = False
        try:
            for item, found in job.result().items():
                if item in asked:
                    self._replace(item, asked[item], found)
        finally:
            for item, one in asked.items():
                one.since = []
                self._put(item)

    def _replace(self, item: str, one: _Candidate, found: FreshClusters) -> None:
        late = [user for user in one.since if user not in found.users]
        vectors = self._seeds.vectors(late) if late else {}
        live = grown(found.clusters, found.seeds, self.clock(), found.latest)
        one.live = self._seeds.joined(live, late, vectors) if late else live
        self._changed.add(item)
        self._lost[item], one.losing = self._lost.get(item, 0) + one.losing, 0

    def _check(self) -> None:
        """Look at what was published since the last time: an entry that cannot be read is made anew, and so is all
        where the store has become another one."""
        before, (self._number, contents) = self._number, self.store.clusters(self.model, self._number)
        self._checked = self._now
        if self._number < before:
            self._forget_all()
            return
        for item in contents.keys() - self._reader.readable(contents).keys() & self._candidates.keys():
            self._changed.add(item)

    def _publish(self) -> bool:
        live = {item: self._candidates[item].live for item in self._changed if item in self._candidates}
        contents = {item: to_bytes(one) for item, one in live.items() if one is not None}
        if contents:
            # What is told comes first: where this process dies in between, the next one begins before it.
            told = {item: (self._candidates[item].opened, one) for item, one in live.items() if one is not None}
            self._lots.follow(told, self._cursor, self._lost)
            self._lost.clear()
            self.store.publish(self.model, contents, self._cursor)
        is_new = bool(self._changed)
        self._changed.clear()
        return is_new
