"""What is known of users now: clicks of the snapshot and those that came in since, and their universal vectors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import orjson
import torch

from penchant.features.live import NO_WORTHS, Worths, known
from penchant.logs.forgotten import digest_of, is_digest
from penchant.serving.served import Served
from penchant.serving.snapshot import Snapshot
from penchant.store.base import Event, Store

LONGEST = 1e9
"""No part of a vector is so large; sums of squares of smaller ones are finite in float32."""

Clicks = list[tuple[float, str]]
"""Time and item."""

Fields = Mapping[str, Sequence[str]]
"""What was said of an item: field → values."""


@dataclass(frozen=True)
class People:
    """Some users as they are now. clicks: of each; worths: of those of their clicks that are no plain ones; events: how
    many each has since the snapshot; row_B: rows of the snapshot, -1 for those who are not in it; own: the name under
    which their own fields are read, "" for users who were forgotten, because memory holds what the table of users said
    of them until the next start."""

    users: Sequence[str]
    clicks: list[Clicks]
    worths: list[Worths]
    events: list[int]
    row_B: np.ndarray
    own: list[str]


class Told(Mapping[str, Fields]):
    """What was said of items last, by item its fields, in as little memory as it was said in: a process keeps it
    for good. Fields are read anew each time: lists of texts take ten times as much.

    One thread may add and drop while others read.
    """

    def __init__(self) -> None:
        self._said: dict[str, bytes] = {}

    def add(self, items: Mapping[str, Fields]) -> None:
        """Take over what is said of items now."""
        for item, fields in items.items():
            said = memoryview(orjson.dumps(fields))  # which keeps the kilobyte that it began with
            self._said[item] = bytes(said)

    def drop(self, items: Iterable[str]) -> None:
        """Nothing is said of these any more."""
        for item in items:
            self._said.pop(item, None)

    def __getitem__(self, item: str) -> Fields:
        found: Fields = orjson.loads(self._said[item])
        return found

    def __contains__(self, item: object) -> bool:
        return item in self._said

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._said))

    def __len__(self) -> int:
        return len(self._said)


class News:
    """What processes tell each other through the store: items that were put, and users who were forgotten.

    `refresh` keeps it up to date; other threads may read it meanwhile. items: their fields; forgotten: the digest of
    each user, and when; erasures: the same digests in the order in which they were told, one again that was told
    again. A store that has become another one, such as a backup, tells all again: items that it does not
    have are then as the log says, but who was forgotten stays so.
    """

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, Lock()
        self._items_number = self._forgotten_number = 0
        self.items = Told()
        self.forgotten: dict[str, float] = {}
        self.erasures: list[str] = []
        self.refresh()

    def refresh(self) -> dict[str, Fields | None]:
        """Take over what is new, and return the items among it, None for those that nothing is said of any more."""
        with self._lock:
            before = self._items_number, self._forgotten_number
            self._items_number, told = self._store.items(before[0])
            self._forgotten_number, forgotten = self._store.forgotten(before[1])
            gone = dict.fromkeys(self.items.keys() - told.keys()) if self._items_number < before[0] else {}
            self.items.drop(gone)
            self.items.add(told)
            sound = self._digests(forgotten)
            self.forgotten.update(sound)
            self.erasures.extend(sound)
            return {**gone, **told}

    def _digests(self, forgotten: Mapping[str, float]) -> dict[str, float]:
        sound = {digest: at for digest, at in forgotten.items() if is_digest(digest)}
        if len(sound) < len(forgotten):
            self._store.unreadable.add("forgotten user", "it is no digest", len(forgotten) - len(sound))
        return sound


class Users:
    """Users as one model sees them."""

    def __init__(
        self, store: Store, news: News, served: Served, *, most_kept: int = 200_000, at_once: int = 1_024
    ) -> None:
        """most_kept: vectors of users with live events that a process keeps, each with a hash of the clicks that it was
        made from; at_once: users whom the model reads at a time."""
        self.store, self.news, self.served = store, news, served
        self._most_kept, self._at_once = most_kept, at_once
        self._kept: dict[str, tuple[int, np.ndarray, bool]] = {}
        self._lock = Lock()
        self.put_items(news.items)

    def put_items(self, items: Mapping[str, Fields | None]) -> None:
        """Take over what was said of items, by their fields; None where only the log says something."""
        for item, fields in items.items():
            for features in self.served.features:
                if fields is None:
                    features.items.drop(item)
                else:
                    features.items.put(item, fields)
        if items:
            with self._lock:
                self._kept.clear()

    def now(self, users: Sequence[str]) -> People:
        """All acknowledged clicks of some users."""
        histories = self.store.histories(users)
        row_B = np.array([self.row(user) for user in users], np.int64)
        clicks = [_merged(self.served.snapshot, int(row), events) for row, events in zip(row_B, histories, strict=True)]
        # A live event does not say what was done, so what the log says of the same click stands.
        worths = [self.served.snapshot.worths(row) if row >= 0 else NO_WORTHS for row in row_B.tolist()]
        own = ["" if self.news.forgotten and self._was_forgotten(user) else user for user in users]
        return People(users, clicks, worths, [len(events) for events in histories], row_B, own)

    def row(self, user: str) -> int:
        """Of the snapshot; -1 for a user who is not in it, or was forgotten since it was written."""
        row = self.served.snapshot.row(user)
        if row >= 0 and self.news.forgotten and self._was_forgotten(user):
            return -1
        return row

    def forgotten_rows(self) -> np.ndarray:
        """Rows of the snapshot of users who were forgotten since it was written."""
        made = self.served.snapshot.manifest["made"]
        forgotten = [digest for digest, at in list(self.news.forgotten.items()) if at >= made]
        rows = np.array([self.served.snapshot.row_of_hash(int(digest, 16)) for digest in forgotten], np.int64)
        return rows[rows >= 0]

    def vectors(self, users: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """vectors_BX and known_B, fresh to the last acknowledged event; the prior for those who are not known."""
        return self.vectors_of(self.now(users))

    def vectors_of(self, people: People) -> tuple[np.ndarray, np.ndarray]:
        """See `vectors`. Those without live events come from the snapshot, the others are worked out where new."""
        snapshot = self.served.snapshot
        vectors_BX = np.tile(snapshot.prior, (len(people.users), 1))
        known_B = np.zeros(len(people.users), bool)
        live_B = np.array(people.events, np.int64) > 0
        old = np.flatnonzero(~live_B & (people.row_B >= 0))
        if len(old):
            known_B[old] = snapshot.known(people.row_B[old])
            kept = old[known_B[old]]
            vectors_BX[kept] = snapshot.vectors(people.row_B[kept])
        missing = []
        for place in np.flatnonzero(live_B).tolist():
            found = self._kept.get(people.users[place])
            if found is None or found[0] != _state(people, place):
                missing.append(place)
            else:
                vectors_BX[place], known_B[place] = found[1], found[2]
        for start in range(0, len(missing), self._at_once):
            part = missing[start : start + self._at_once]
            vectors_BX[part], known_B[part] = self._work_out(people, part)
        return vectors_BX, known_B

    def kept_vectors(self, users: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """vectors_BX and known_B as the store keeps them, up to what consumers have seen; those that it has not are
        worked out, and kept."""
        vectors_BX, known_B = (
            np.zeros((len(users), len(self.served.snapshot.prior)), np.float32),
            np.zeros(len(users), bool),
        )
        missing = []
        for start in range(0, len(users), self._at_once):
            part = users[start : start + self._at_once]
            for place, content in enumerate(self.store.vectors(self.served.name, part), start):
                vector_X = None if content is None else self._vector(content)
                if vector_X is None:
                    missing.append(place)
                elif len(vector_X):
                    vectors_BX[place], known_B[place] = vector_X, True
        if missing:
            vectors_BX[missing], known_B[missing] = self.keep([users[place] for place in missing])
        return vectors_BX, known_B

    def _vector(self, content: bytes) -> np.ndarray | None:
        """What `keep` put into the store; None where it is anything else, which is then worked out anew."""
        if len(content) not in (0, self.served.snapshot.prior.nbytes):
            self.store.unreadable.add("vector", f"it has {len(content)} bytes")
            return None
        vector_X = np.frombuffer(content, np.float32)
        if not (np.abs(vector_X) < LONGEST).all():
            self.store.unreadable.add("vector", "it is not finite, or far too long")
            return None
        return vector_X

    def keep(self, users: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Work out vectors_BX and known_B now, and put them into the store."""
        people = self.now(users)
        vectors_BX, known_B = self.vectors_of(people)
        contents = {
            user: (events, vector_X.tobytes() if is_known else b"")
            for user, events, vector_X, is_known in zip(users, people.events, vectors_BX, known_B.tolist(), strict=True)
        }
        self.store.put_vectors(self.served.name, contents)
        return vectors_BX, known_B

    @torch.inference_mode()
    def _work_out(self, people: People, places: list[int]) -> tuple[np.ndarray, np.ndarray]:
        alike = self.served.lookalike
        batch = alike.features.batch(
            [people.own[place] for place in places],
            [people.clicks[place] for place in places],
            [people.worths[place] for place in places],
        )
        known_B = known(batch, alike.users.sizes.numbers)
        vectors_BX = alike.users.users(batch).numpy()
        known_B &= (np.abs(vectors_BX) < LONGEST).all(1)  # clusters must not end of clicks that no model can read
        vectors_BX[~known_B] = self.served.snapshot.prior
        with self._lock:
            for place, vector_X, is_known in zip(places, vectors_BX, known_B.tolist(), strict=True):
                self._kept[people.users[place]] = (_state(people, place), vector_X.copy(), is_known)
            while len(self._kept) > self._most_kept:
                del self._kept[next(iter(self._kept))]
        return vectors_BX, known_B

    def _was_forgotten(self, user: str) -> bool:
        at = self.news.forgotten.get(digest_of(user))
        return at is not None and at >= self.served.snapshot.manifest["made"]


def _state(people: People, place: int) -> int:
    """Of all that a vector is made of."""
    return hash((people.own[place], *people.clicks[place]))


def _merged(snapshot: Snapshot, row: int, events: list[Event]) -> Clicks:
    """Clicks of the snapshot and live ones, in order of time and item, each once. Where the log has no clock, its
    positions stand before all live ones, which have UTC seconds."""
    old = snapshot.clicks(row) if row >= 0 else []
    new = [(event.time, event.item) for event in events if event.clicked]
    return sorted({*old, *new}) if new else old
