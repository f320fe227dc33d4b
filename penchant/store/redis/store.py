"""The store in a Redis: for several processes and machines. One server, not a Redis Cluster.

Everything is done by scripts inside the server, in one step each. Redis measures leases by its wall clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from math import inf
from typing import Any

import numpy as np
import orjson

from penchant.logs.forgotten import digest_of
from penchant.store.base import (
    KEPT,
    LEASE_S,
    Backlog,
    Entry,
    Erased,
    Event,
    Fate,
    Joined,
    Key,
    Poison,
    Seeds,
    Store,
    StoreBounds,
    drawn_mark,
    refuse_behind,
    refuse_too_many,
)
from penchant.store.entries import speaks_of, unpack
from penchant.store.numbers import Count, whole
from penchant.store.redis.client import TIMEOUT_S, RedisClient
from penchant.store.redis.rewriting import EVERY_S, Rewriting
from penchant.store.redis.scripts import forgetting, keeping, log
from penchant.store.redis.scripts.words import PREFIX
from penchant.store.rows import StoreRows, list_of, number_of, parsed, row_of
from penchant.store.unreadable import Unreadable

FATES = {ord(digit): fate for digit, fate in zip("012", (Fate.REPEATED, Fate.NEW, Fate.FORGOTTEN), strict=True)}
"""As the script that appends tells them."""

KEY, POISON = ([field.name for field in fields(kind)] for kind in (Key, Poison))

AT_ONCE = 1000
"""So many are read in one answer where there may be many: Redis serves nobody else meanwhile."""


class RedisStore(Store):
    """See `Store`."""

    def __init__(
        self,
        url: str,
        *,
        bounds: StoreBounds = KEPT,
        lease_s: float = LEASE_S,
        timeout_s: float = TIMEOUT_S,
        rewrite_s: float = EVERY_S,
    ) -> None:
        """url: redis:// or rediss://; timeout_s: to wait for an answer; rewrite_s: how often, at most, the append-only
        file is written anew. Raises StoreError: see `RedisClient`."""
        self._client = RedisClient(url, timeout_s=timeout_s)
        self._bounds, self.lease_s = bounds, lease_s
        self.unreadable = Unreadable()
        self._rows = StoreRows(self.unreadable)
        self._latest = -1e300  # up to when anybody was forgotten, as far as is known here
        self._rewriting = Rewriting(self._client, rewrite_s)
        self._raw: Any = self._client.raw
        register = self._raw.register_script
        self._append, self._take = register(log.APPEND), register(log.TAKE)
        self._settle, self._forget = register(log.SETTLE), register(forgetting.FORGET)
        self._put_items, self._publish = register(keeping.PUT_ITEMS), register(keeping.PUBLISH)
        self._close, self._drop_models = register(keeping.CLOSE), register(keeping.DROP_MODELS)
        self._hold, self._release = register(keeping.HOLD), register(keeping.RELEASE)
        self._add_forgotten, self._joins = register(forgetting.ADD_FORGOTTEN), register(log.JOINS)
        self._holders, self._put_vectors = register(keeping.HOLDERS), register(keeping.PUT_VECTORS)

    # Events

    def append(self, events: Sequence[Event], at: float) -> list[Fate]:
        if not events:
            return []
        said: list[Any] = []
        for user, item, time, clicked, id in events:  # noqa: A001
            said += user, id, orjson.dumps((item, time, clicked)), orjson.dumps((user, item, time, clicked, id))
        with self._client.errors():
            found = self._append(args=[at, *self._early(events), *said])
            while isinstance(found, list):  # somebody was forgotten later than was known here
                self._latest = float(found[0])
                found = self._append(args=[at, *self._early(events), *said])
            fates = [FATES[digit] for digit in found]
            for user in {event.user for event in events if hash(event.id) % max(1, self._bounds.events // 200) == 0}:
                self._bound_history(user)
        return fates

    def _early(self, events: Sequence[Event]) -> list[Any]:
        """What the script that appends has to know of events that may be of users who were forgotten later: few, since
        most events are later than all that was forgotten."""
        early = [(place, event) for place, event in enumerate(events) if event.time <= self._latest]
        said = [part for place, event in early for part in (place, digest_of(event.user), event.time)]
        return [self._latest, len(early), *said]

    def _bound_history(self, user: str) -> None:
        """Remove the oldest events over the bound. Reading leaves them out anyhow, so callers do this only now and
        then."""
        if self._raw.hlen(_key("history", user)) > self._bounds.events:
            events = self._history(user, self._raw.hgetall(_key("history", user)))
            self._raw.hdel(_key("history", user), *(event.id for event in events[: -self._bounds.events]))

    def histories(self, users: Sequence[str]) -> list[list[Event]]:
        with self._client.errors():
            if len(users) == 1:
                found = [self._raw.hgetall(_key("history", users[0]))]
            else:
                questions = self._raw.pipeline(transaction=False)
                for user in users:
                    questions.hgetall(_key("history", user))
                found = questions.execute()
        return [self._history(user, values)[-self._bounds.events :] for user, values in zip(users, found, strict=True)]

    def _history(self, user: str, found: dict[bytes, bytes]) -> list[Event]:
        """Events by time, item and id, from id → item, time, clicked."""
        values = parsed(b"[" + b",".join(found.values()) + b"]")
        if not isinstance(values, list) or len(values) != len(found):
            values = map(parsed, found.values())
        rows = [_row(self._rows.text(own), value) for own, value in zip(found, values, strict=True)]
        return self._rows.history(user, rows)

    def users(self) -> Iterable[str]:
        begin = len(_key("history", ""))
        place = -1
        while place:
            with self._client.errors():
                place, keys = self._raw.scan(max(0, place), match=_key("history", "*"), count=AT_ONCE)
            yield from (self._rows.text(key)[begin:] for key in keys)

    def put_vectors(self, model: str, vectors: Mapping[str, tuple[int, bytes]]) -> None:
        said = [part for user, (events, content) in vectors.items() for part in (user, events, content)]
        with self._client.errors():
            self._put_vectors(args=[model, *said])

    def vectors(self, model: str, users: Sequence[str]) -> list[bytes | None]:
        if not users:
            return []
        with self._client.errors():
            found = self._raw.hmget(_key("vectors", model), users)
        return self._rows.vectors(said.partition(b":")[2] if said and b":" in said else None for said in found)

    # The log and its consumers

    def take(self, consumer: str, most: int) -> list[Entry]:
        with self._client.errors():
            said = self._take(args=[consumer, max(1, most), int(self.lease_s * 1000)])
        return [_entry(number, content) for number, content in _pairs(said)]

    def settle(self, entries: Sequence[Entry], poison: Sequence[Poison] = ()) -> None:
        kept = self._bounds
        said: list[Any] = [kept.joined, kept.seeds, kept.aside, len(poison), *(orjson.dumps(one) for one in poison)]
        for entry in entries:
            said += entry.number, len(entry.events)
            for event in entry.events:
                said += event.item, event.user, event.time if event.clicked else ""
        with self._client.errors():
            self._settle(args=said)

    def backlog(self) -> Backlog:
        with self._client.errors():
            events, aside = self._raw.hmget(_key("numbers"), ["backlog", "aside"])
            oldest = self._raw.xrange(_key("log"), count=1)
        since = self._rows.time(number_of(oldest[0][1].get(b"at"))) if oldest else None
        return Backlog(whole(events), since, whole(aside))

    def poison(self, most: int) -> list[Poison]:
        if most < 1:
            return []
        with self._client.errors():
            found = self._raw.lrange(_key("poison"), -most, -1)[::-1]
        return self._rows.poison([row_of(said, POISON) for said in found])

    # Items

    def seeds(self, item: str, most: int) -> Seeds:
        most = min(most, self._bounds.seeds)
        if most < 1:
            return Seeds([], np.zeros(0))
        with self._client.errors():
            found = self._raw.zrange(_key("seeds", item), -most, -1, withscores=True)
        return self._rows.seeds([(self._rows.text(user), at) for user, at in found])

    def shown(self, item: str) -> list[str]:
        with self._client.errors():
            return list({self._rows.text(user) for user in self._raw.sscan_iter(_key("shown", item), count=AT_ONCE)})

    def joined(self, cursor: str, most: int) -> Joined:
        with self._client.errors():
            now = self._count("joins")
            after = now.reached(cursor)
            if after is None:
                return Joined([], str(now.number), lost=True)
            before, said = self._joins(args=[after, most])
        joins = self._rows.joins([list_of(one) for one in said if one])  # those of users who were forgotten are empty
        return Joined(joins, str(Count(now.epoch, before + len(said)).number), lost=after < before)

    def _count(self, name: str) -> Count:
        """A number that tells changes."""
        return Count(*map(whole, self._raw.hmget(_key("numbers"), ["epoch", name])))

    def put_items(self, fields: Mapping[str, Mapping[str, list[str]]]) -> None:
        said = [part for item, values in fields.items() for part in (item, orjson.dumps(values))]
        with self._client.errors():
            held = self._put_items(args=[self._bounds.items, *said])
        refuse_too_many(held, self._bounds.items)

    def items(self, after: int) -> tuple[int, dict[str, dict[str, list[str]]]]:
        last, found = self._changed("items", "items", after)
        return last, self._rows.items(list(found.items()))

    def _changed(self, number: str, name: str, after: int) -> tuple[int, dict[str, bytes]]:
        """Return the number of the last change, and what has changed since another number. The number is read first, so
        that a change meanwhile is given twice rather than never."""
        found: dict[str, bytes] = {}
        with self._client.errors():
            now = self._count(number)
            names = self._raw.zrange(_key(f"{name}:changes"), f"({now.told(after) or 0}", "+inf", byscore=True)
            for start in range(0, len(names), AT_ONCE):
                part = names[start : start + AT_ONCE]
                values = self._raw.hmget(_key(name), part)
                found |= {
                    self._rows.text(key): value for key, value in zip(part, values, strict=True) if value is not None
                }
        return now.number, found

    # Candidates and their clusters

    def open_candidates(self, items: Sequence[str], at: float) -> None:
        with self._client.errors():
            changes = self._raw.pipeline()
            for item in items:
                changes.hsetnx(_key("open"), item, at)
            changes.hset(_key("numbers"), "candidates", drawn_mark())
            changes.execute()

    def close_candidates(self, items: Sequence[str]) -> None:
        with self._client.errors():
            changes = self._raw.pipeline()
            self._close(args=items, client=changes)
            changes.hset(_key("numbers"), "candidates", drawn_mark())
            changes.execute()

    def candidates(self) -> dict[str, float]:
        with self._client.errors():
            found = self._raw.hgetall(_key("open"))
        return self._rows.candidates([(self._rows.text(item), number_of(at)) for item, at in found.items()])

    def candidates_mark(self) -> int:
        with self._client.errors():
            return whole(self._raw.hget(_key("numbers"), "candidates"))

    def publish(self, model: str, clusters: Mapping[str, bytes], cursor: str) -> None:
        said = [each for item, content in clusters.items() for each in (item, content)]
        with self._client.errors():
            while True:
                kept = self._raw.hget(_key("cursors"), model)
                refuse_behind(self._count("joins"), cursor, self._cursor(kept))
                if self._publish(args=[model, cursor, kept or "", *said]) == 1:
                    return

    def cursor(self, model: str) -> str | None:
        with self._client.errors():
            return self._cursor(self._raw.hget(_key("cursors"), model))

    def _cursor(self, said: bytes | None) -> str | None:
        return None if said is None else self._rows.text(said)

    def clusters(self, model: str, after: int) -> tuple[int, dict[str, bytes]]:
        return self._changed("clusters", f"clusters:{model}", after)

    def drop_models(self, keep: Sequence[str]) -> None:
        with self._client.errors():
            self._drop_models(args=keep)

    # Who does what

    def hold(self, name: str, holder: str) -> bool:
        with self._client.errors():
            return self._hold(args=[name, holder, int(self.lease_s * 1000)]) == 1

    def release(self, name: str, holder: str) -> None:
        with self._client.errors():
            self._release(args=[name, holder])

    def holders(self) -> dict[str, str]:
        with self._client.errors():
            return {self._rows.text(name): self._rows.text(holder) for name, holder in _pairs(self._holders())}

    # Keys

    def put_key(self, key: Key) -> None:
        with self._client.errors():
            self._raw.hset(_key("keys"), key.name, orjson.dumps(key))

    def keys(self) -> list[Key]:
        with self._client.errors():
            return self._rows.keys([row_of(said, KEY) for said in self._raw.hvals(_key("keys"))])

    def drop_key(self, name: str) -> bool:
        with self._client.errors():
            return self._raw.hdel(_key("keys"), name) == 1

    # Erasure

    def forget(self, user: str, digest: str, at: float) -> Erased:
        with self._client.errors():
            unreadable, items = self._in_log(user)
            looked, joins = self._in_joins(user)
            poison = [
                said for said in self._raw.lrange(_key("poison"), 0, -1) if speaks_of(self._rows.text(said), user)
            ]
            begins = orjson.dumps([user])[:-1] + b","
            # Who has fewer events than are kept has touched no other items than those of the history and of the log.
            for most, more in (self._bounds.events - 1, set[str]), (inf, lambda: self._touched(user)):
                said: list[Any] = [user, begins, digest, at, looked, self._bounds.joined, most]
                for part in unreadable, joins, poison, [*items, *more()]:
                    said += len(part), *part
                if (found := self._forget(args=said)) is not None:
                    break
            return Erased(*found)

    def _in_log(self, user: str) -> tuple[list[str], set[str]]:
        """Return the unreadable entries that name a user, and the items of the user's events in all other entries."""
        unreadable, items = [], set()
        for number, values in self._logged():
            content = values.get(b"content", b" ".join(part for pair in values.items() for part in pair))
            if speaks_of(content.decode("utf-8", "replace"), user):
                entry = _entry(number, content)
                unreadable += [entry.number] if entry.problem else []
                items |= {event.item for event in entry.events if event.user == user}
        return unreadable, items

    def _in_joins(self, user: str) -> tuple[int, list[int]]:
        """Numbers of the last join, and of those of a user."""
        last, said, found = 0, [b""], list[int]()
        while said:
            before, said = self._joins(args=[last, AT_ONCE])
            found += [place for place, one in enumerate(said, before + 1) if one and list_of(one)[1:] == [user]]
            last = before + len(said)
        return last, found

    def _logged(self) -> Iterable[tuple[bytes, dict[bytes, bytes]]]:
        after = b"-"
        while rows := self._raw.xrange(_key("log"), after, count=AT_ONCE):
            yield from rows
            after = b"(" + rows[-1][0]

    def _touched(self, user: str) -> set[str]:
        """Items that a user was shown or is a seed of; read after the log, so that an event that leaves it meanwhile is
        found here."""
        found, place = set(), -1
        while place:
            place, items = self._raw.sscan(_key("touched"), max(0, place), count=AT_ONCE)
            questions = self._raw.pipeline(transaction=False)
            for item in items:
                questions.sismember(_key("shown", self._rows.text(item)), user)
            found |= {self._rows.text(item) for item, said in zip(items, questions.execute(), strict=True) if said}
        return found

    def add_forgotten(self, forgotten: Mapping[str, float]) -> None:
        with self._client.errors():
            self._add_forgotten(args=[part for pair in forgotten.items() for part in pair])

    def forgotten(self, after: int) -> tuple[int, dict[str, float]]:
        last, found = self._changed("forgotten", "forgotten", after)
        return last, self._rows.forgotten([(digest, number_of(at)) for digest, at in found.items()])

    def tidy(self) -> None:
        with self._client.errors():
            self._rewriting.step()

    # The store itself

    def ping(self) -> None:
        with self._client.errors():
            self._raw.get(_key("version"))  # PING itself is refused where the disk of Redis is full

    def ping_writing(self) -> None:
        with self._client.errors():
            self._raw.set(_key("ping"), 1)

    def close(self) -> None:
        self._raw.close()


def _key(*parts: str) -> str:
    return PREFIX + ":".join(parts)


def _pairs(said: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
    return zip(said[::2], said[1::2], strict=True)


def _entry(number: bytes, content: bytes) -> Entry:
    """An entry of the log, which has one event a line."""
    return unpack(number.decode(), b"[" + content.replace(b"\n", b",") + b"]")


def _row(own: str, value: Any) -> Sequence[Any]:
    """Time, item, id and whether it was clicked, of one event; nothing where it is none."""
    if not isinstance(value, list) or len(value) != 3:
        return ()
    item, at, clicked = value
    return at, item, own, clicked
