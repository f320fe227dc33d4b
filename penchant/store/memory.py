"""A store in the memory of one process: for tests, and to try things out. It ends with the process."""

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import inf
from threading import RLock

import numpy as np

from penchant.logs.forgotten import digest_of
from penchant.store.base import (
    KEPT,
    LEASE_S,
    Backlog,
    Entry,
    Erased,
    Event,
    Fate,
    Join,
    Joined,
    Key,
    Poison,
    Seeds,
    Store,
    StoreBounds,
    drawn_mark,
    lease_runs,
    refuse_behind,
    refuse_too_many,
)
from penchant.store.entries import speaks_of
from penchant.store.numbers import Count, next_epoch
from penchant.store.unreadable import Unreadable


class MemoryStore(Store):
    """Dicts under one lock. clock: seconds that only go forward."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        bounds: StoreBounds = KEPT,
        lease_s: float = LEASE_S,
    ) -> None:
        self._clock, self._lock, self._bounds, self.lease_s = clock, RLock(), bounds, lease_s
        self.unreadable = Unreadable()
        self._epoch = next_epoch()
        self._histories: dict[str, dict[str, Event]] = {}
        self._log: dict[int, tuple[float, tuple[Event, ...]]] = {}
        self._appended = 0
        self._taken: dict[int, str] = {}
        self._seen: dict[str, float] = {}
        self._aside, self._poison = 0, list[Poison]()
        self._touches: dict[str, dict[str, float | None]] = defaultdict(dict)
        self._joins, self._joined, self._joins_dropped = list[tuple[int, Join]](), 0, 0
        self._items, self._item_changes = dict[str, tuple[int, dict[str, list[str]]]](), 0
        self._open, self._open_mark = dict[str, float](), 0
        self._clusters: dict[str, dict[str, tuple[int, bytes]]] = defaultdict(dict)
        self._cluster_changes = 0
        self._cursors: dict[str, str] = {}
        self._vectors: dict[str, dict[str, tuple[int, bytes]]] = defaultdict(dict)
        self._holders: dict[str, tuple[str, float]] = {}
        self._keys: dict[str, Key] = {}
        self._forgotten, self._forgotten_changes = dict[str, tuple[int, float]](), 0
        self._until: dict[str, float] = {}

    # Events

    def append(self, events: Sequence[Event], at: float) -> list[Fate]:
        with self._lock:
            fates = [self._remember(event) for event in events]
            kept = tuple(event for event, fate in zip(events, fates, strict=True) if fate is Fate.NEW)
            for user in {event.user for event in kept}:
                self._bound(user)
            if kept:
                self._write(at, kept)
        return fates

    def _remember(self, event: Event) -> Fate:
        if self._until and event.time <= self._until.get(digest_of(event.user), -inf):
            return Fate.FORGOTTEN
        history = self._histories.setdefault(event.user, {})
        if event.id in history:
            return Fate.REPEATED
        history[event.id] = event
        return Fate.NEW

    def _bound(self, user: str) -> None:
        history = self._histories[user]
        if len(history) > self._bounds.events:
            latest = _by_time(history.values())[-self._bounds.events :]
            self._histories[user] = {event.id: event for event in latest}

    def _write(self, at: float, events: tuple[Event, ...]) -> None:
        self._appended += 1
        self._log[self._appended] = at, events

    def histories(self, users: Sequence[str]) -> list[list[Event]]:
        with self._lock:
            return [_by_time(self._histories.get(user, {}).values()) for user in users]

    def users(self) -> Iterable[str]:
        with self._lock:
            return list(self._histories)

    def put_vectors(self, model: str, vectors: Mapping[str, tuple[int, bytes]]) -> None:
        with self._lock:
            kept = self._vectors[model]
            for user, (events, content) in vectors.items():
                seen, there = kept.get(user, (0, b""))[0], len(self._histories.get(user, ()))
                if seen <= events <= there and there:
                    kept[user] = events, content

    def vectors(self, model: str, users: Sequence[str]) -> list[bytes | None]:
        with self._lock:
            kept = self._vectors.get(model, {})
            return [kept[user][1] if user in kept else None for user in users]

    # The log and its consumers

    def take(self, consumer: str, most: int) -> list[Entry]:
        with self._lock:
            now, found, events = self._clock(), list[int](), 0
            own = [number for number in self._log if self._taken.get(number) == consumer]
            for number in chain(own, (number for number in self._log if self._is_free(number, now))):
                if events >= most:
                    break
                found.append(number)
                events += len(self._log[number][1])
            self._taken |= dict.fromkeys(found, consumer)
            self._seen[consumer] = now
            return [Entry(str(number), self._log[number][1]) for number in found]

    def _is_free(self, number: int, now: float) -> bool:
        consumer = self._taken.get(number)
        return consumer is None or not lease_runs(self._seen[consumer], now, self.lease_s)

    def settle(self, entries: Sequence[Entry], poison: Sequence[Poison] = ()) -> None:
        with self._lock:
            left = [entry for entry in entries if self._log.pop(int(entry.number), None)]
            for entry in left:
                self._taken.pop(int(entry.number), None)
                for event in entry.events:
                    self._touch(event)
            if left or not entries:
                self._poison = [*self._poison, *poison][-self._bounds.aside :]
                self._aside += len(poison)

    def _touch(self, event: Event) -> None:
        touches = self._touches[event.item]
        before = touches.setdefault(event.user, None)
        if event.clicked:
            touches[event.user] = event.time if before is None else max(before, event.time)
            if before is None and event.item in self._open:
                self._join(Join(event.item, event.user))

    def _join(self, join: Join) -> None:
        self._joined += 1
        self._joins.append((self._joined, join))
        most = self._bounds.joined
        if self._joined - self._joins_dropped > most + most // 100:
            self._joins_dropped = self._joined - most
            self._joins = self._joins[bisect_right(self._joins, self._joins_dropped, key=lambda pair: pair[0]) :]

    def backlog(self) -> Backlog:
        with self._lock:
            since = next((at for at, _ in self._log.values()), None)
            return Backlog(sum(len(events) for _, events in self._log.values()), since, self._aside)

    def poison(self, most: int) -> list[Poison]:
        with self._lock:
            return self._poison[::-1][:most]

    # Items

    def seeds(self, item: str, most: int) -> Seeds:
        with self._lock:
            found = [(at, user) for user, at in self._touches.get(item, {}).items() if at is not None]
        most = min(most, self._bounds.seeds, len(found))
        found = sorted(found)[len(found) - most :]
        return Seeds([user for _, user in found], np.array([at for at, _ in found], np.float64))

    def shown(self, item: str) -> list[str]:
        with self._lock:
            return list(self._touches.get(item, ()))

    def joined(self, cursor: str, most: int) -> Joined:
        with self._lock:
            after = Count(self._epoch, self._joined).reached(cursor)
            if after is None:
                return Joined([], str(Count(self._epoch, self._joined).number), lost=True)
            first = bisect_right(self._joins, after, key=lambda pair: pair[0])
            found = self._joins[first : first + most]
            last = found[-1][0] if found else max(after, self._joins_dropped)
            cursor = str(Count(self._epoch, last).number)
            return Joined([join for _, join in found], cursor, lost=after < self._joins_dropped)

    def put_items(self, fields: Mapping[str, Mapping[str, list[str]]]) -> None:
        with self._lock:
            refuse_too_many(len(self._items.keys() | fields.keys()), self._bounds.items)
            self._item_changes += 1
            for item, values in fields.items():
                self._items[item] = self._item_changes, {field: list(said) for field, said in values.items()}

    def items(self, after: int) -> tuple[int, dict[str, dict[str, list[str]]]]:
        with self._lock:
            now = Count(self._epoch, self._item_changes)
            after = now.told(after) or 0
            return now.number, {item: fields for item, (number, fields) in self._items.items() if number > after}

    # Candidates and their clusters

    def open_candidates(self, items: Sequence[str], at: float) -> None:
        with self._lock:
            self._open = dict.fromkeys(items, at) | self._open
            self._open_mark = drawn_mark()

    def close_candidates(self, items: Sequence[str]) -> None:
        with self._lock:
            for item in items:
                self._open.pop(item, None)
                for clusters in self._clusters.values():
                    clusters.pop(item, None)
            self._open_mark = drawn_mark()

    def candidates(self) -> dict[str, float]:
        with self._lock:
            return dict(self._open)

    def candidates_mark(self) -> int:
        with self._lock:
            return self._open_mark

    def publish(self, model: str, clusters: Mapping[str, bytes], cursor: str) -> None:
        with self._lock:
            refuse_behind(Count(self._epoch, self._joined), cursor, self._cursors.get(model))
            self._cluster_changes += 1
            for item, content in clusters.items():
                if item in self._open:
                    self._clusters[model][item] = self._cluster_changes, content
            self._cursors[model] = cursor

    def cursor(self, model: str) -> str | None:
        with self._lock:
            return self._cursors.get(model)

    def clusters(self, model: str, after: int) -> tuple[int, dict[str, bytes]]:
        with self._lock:
            now, known = Count(self._epoch, self._cluster_changes), self._clusters.get(model, {})
            after = now.told(after) or 0
            return now.number, {item: content for item, (number, content) in known.items() if number > after}

    def drop_models(self, keep: Sequence[str]) -> None:
        with self._lock:
            for kept in (self._clusters, self._vectors, self._cursors):
                for model in kept.keys() - set(keep):
                    del kept[model]

    # Who does what

    def hold(self, name: str, holder: str) -> bool:
        with self._lock:
            if self.holders().get(name, holder) != holder:
                return False
            self._holders[name] = holder, self._clock()
            return True

    def release(self, name: str, holder: str) -> None:
        with self._lock:
            if self.holders().get(name) == holder:
                del self._holders[name]

    def holders(self) -> dict[str, str]:
        with self._lock:
            now = self._clock()
            return {
                name: holder for name, (holder, seen) in self._holders.items() if lease_runs(seen, now, self.lease_s)
            }

    # Keys

    def put_key(self, key: Key) -> None:
        with self._lock:
            self._keys[key.name] = key

    def keys(self) -> list[Key]:
        with self._lock:
            return sorted(self._keys.values(), key=lambda key: (key.created, key.name))

    def drop_key(self, name: str) -> bool:
        with self._lock:
            return self._keys.pop(name, None) is not None

    # Erasure

    def forget(self, user: str, digest: str, at: float) -> Erased:
        with self._lock:
            history = self._histories.pop(user, {})
            until = max([at, *(event.time for event in history.values())])
            for vectors in self._vectors.values():
                vectors.pop(user, None)
            log = sum(self._forget_in_log(number, user) for number in list(self._log))
            touched = {item: touches.pop(user) for item, touches in self._touches.items() if user in touches}
            self._joins = [(number, join) for number, join in self._joins if join.user != user]
            for item in [item for item, clicked in touched.items() if clicked is not None and item in self._open]:
                self._join(Join(item, ""))
            self._poison = [said for said in self._poison if not speaks_of(f"{said.content}\n{said.reason}", user)]
            self._add_forgotten(digest, at, until)
            return Erased(len(history), log, len(touched))

    def _add_forgotten(self, digest: str, at: float, until: float) -> None:
        self._forgotten_changes += 1
        self._forgotten[digest] = self._forgotten_changes, max(at, self._forgotten.get(digest, (0, at))[1])
        self._until[digest] = max(until, self._until.get(digest, until))

    def _forget_in_log(self, number: int, user: str) -> int:
        at, events = self._log[number]
        kept = tuple(event for event in events if event.user != user)
        if len(kept) < len(events):
            del self._log[number]
            self._taken.pop(number, None)
            if kept:
                self._write(at, kept)
        return len(events) - len(kept)

    def add_forgotten(self, forgotten: Mapping[str, float]) -> None:
        with self._lock:
            for digest, at in forgotten.items():
                self._add_forgotten(digest, at, at)

    def forgotten(self, after: int) -> tuple[int, dict[str, float]]:
        with self._lock:
            now = Count(self._epoch, self._forgotten_changes)
            after = now.told(after) or 0
            return now.number, {digest: at for digest, (number, at) in self._forgotten.items() if number > after}

    def tidy(self) -> None:
        """Do nothing: there are no files."""

    # The store itself

    def ping(self) -> None:
        """Do nothing: memory can always be read."""

    def ping_writing(self) -> None:
        """Do nothing: memory can always be written to."""

    def close(self) -> None:
        """Do nothing: there is no connection to close."""


def _by_time(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.time, event.item, event.id))
