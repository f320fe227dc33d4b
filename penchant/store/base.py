"""What a store promises: it keeps every acknowledged event and counts it once, whichever process crashes at whatever
moment.

Three stores keep the promise, under one contract test: in memory, SQLite (the default), Redis.
"""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from penchant.choices import Scope
from penchant.errors import BusyError, StoreError
from penchant.store.numbers import Count
from penchant.store.unreadable import Unreadable

LEASE_S = 30.0
"""After so long without a sign of life, what a process had taken is free again, unless a store is told otherwise."""


class Event(NamedTuple):
    """One item shown to one user. time: UTC seconds; id: tells the events of one user apart."""

    user: str
    item: str
    time: float
    clicked: bool
    id: str


def natural_id(item: str, time: float, *, clicked: bool) -> str:
    """Return the id of an event that came without one. The same event, sent twice, has the same id.

    >>> natural_id("42", 10.5, clicked=True)
    '10.5 click 42'
    """
    return f"{time!r} {'click' if clicked else 'shown'} {item}"


class Fate(IntEnum):
    """What became of an event. NEW: it is kept; REPEATED: its user has one of the same id already; FORGOTTEN: its user
    was forgotten, and it happened before that, so it was dropped."""

    NEW = 1
    REPEATED = 0
    FORGOTTEN = -1


@dataclass(frozen=True)
class StoreBounds:
    """How many a store keeps of what never ends: the latest. events: of one user; seeds: of one item; joined: new seeds
    of open candidates that can be followed, and who is further behind reads all seeds again; aside: of what was set
    aside as poison; items: that have fields, and more are refused."""

    events: int = 10_000
    seeds: int = 3_000_000
    joined: int = 1_000_000
    aside: int = 10_000
    items: int = 200_000


KEPT = StoreBounds()
"""By every store that is told nothing else."""


@dataclass(frozen=True)
class Entry:
    """Events that were acknowledged together, as the log holds them. number: of the entry, as the store counts them;
    problem: why the entry cannot be read, and then it has no events; content: what it holds instead, as text."""

    number: str
    events: tuple[Event, ...]
    problem: str | None = None
    content: str = ""


@dataclass(frozen=True)
class Poison:
    """What could not be processed, and is set aside: content, as text; reason; at: when, UTC seconds."""

    content: str
    reason: str
    at: float


@dataclass(frozen=True)
class Backlog:
    """What is acknowledged and not consumed yet. events: how many; since: when the oldest was appended, UTC seconds,
    None where there is none; aside: poison that was set aside, ever."""

    events: int
    since: float | None
    aside: int


class Join(NamedTuple):
    """A user who became a seed of an open candidate; "" where one who was a seed of it was forgotten."""

    item: str
    user: str


@dataclass(frozen=True)
class Joined:
    """New seeds in order. cursor: where to go on; lost: some between the cursor given and the first were dropped."""

    joins: list[Join]
    cursor: str
    lost: bool


@dataclass(frozen=True)
class Seeds:
    """The latest distinct users who clicked an item, the latest click last (the lower id first where two clicked at the
    same time, and the higher id kept where only one of them is); time_S: of each one's latest click, UTC seconds."""

    users: list[str]
    time_S: np.ndarray


@dataclass(frozen=True)
class Key:
    """An API key as it is stored: name: the public part; digest: of the secret, hex; scope; label: what people call it;
    created: UTC seconds; per_s: requests a second."""

    name: str
    digest: str
    scope: Scope
    label: str
    created: float
    per_s: float


@dataclass(frozen=True)
class Erased:
    """How much of one user was removed: events of their history, events still in the log, items that they were a seed
    of or were shown."""

    events: int
    log: int
    items: int


def drawn_mark() -> int:
    """Return a number that nobody had before: see `Store.candidates_mark`. 0 is that of a store that never had any."""
    return 1 + secrets.randbelow(2**62)


def lease_runs(seen: float, now: float, lease_s: float) -> bool:
    """Say whether a lease still runs, from its last sign of life by a clock that only goes forward. A sign of life
    later than now was given before the machine was restarted, which starts that clock again, so it does not count.

    >>> lease_runs(100.0, 115.0, 30.0), lease_runs(100.0, 130.0, 30.0), lease_runs(100.0, 7.0, 30.0)
    (True, False, False)
    """
    return now - lease_s < seen <= now


def refuse_too_many(items: int, most: int) -> None:
    """BusyError where a store would hold fields of more items than it keeps."""
    if items > most:
        raise BusyError(
            f"the store would hold fields of {items:,} items, more than {most:,}; train a run whose table of items has "
            f"them, and serve it with a new store",
            after_s=3_600.0,
        )


def refuse_behind(now: Count, cursor: str, kept: str | None) -> None:
    """StoreError where clusters lack seeds that those which are published have. now: how many joins were counted;
    kept: the cursor of those."""
    if now.is_behind(cursor, kept):
        raise StoreError(
            "another process has published clusters with later seeds, while this one stood still; "
            "follow the new seeds and publish again"
        )


class Store(ABC):
    """Live state, shared by all processes that open the same store; safe to be called from several threads.

    Raises StoreError where the store cannot do what was asked: it is down, full, locked, or would not keep it. The call
    has then done all or nothing, and may be made again. Times are UTC seconds and come from the caller.

    A store may be replaced while it is in use: restored from a backup, emptied, or swapped for a replica that lacks the
    last changes. Numbers of changes and cursors of joins tell (see `Count`): whoever is given a number lower than the
    one that was asked for has to drop what was told before, for all is told again.

    lease_s: after so long without a sign of life, what a process had taken is free again; the same for all processes
    that share the store.
    """

    lease_s: float
    unreadable: Unreadable
    """What this process found in the store and could not read; it is as if it were not there."""

    # Events

    @abstractmethod
    def append(self, events: Sequence[Event], at: float) -> list[Fate]:
        """Make events durable, in the histories of their users and in the log, all of them or none: what became of
        each. Those that are not new change nothing. at: now.
        """

    @abstractmethod
    def histories(self, users: Sequence[str]) -> list[list[Event]]:
        """The events of each user by time, item and id, from the first acknowledged on: the latest that are kept."""

    @abstractmethod
    def users(self) -> Iterable[str]:
        """Yield every user who has a history, in no order; a user who comes or goes meanwhile may be named twice, or
        not at all."""

    @abstractmethod
    def put_vectors(self, model: str, vectors: Mapping[str, tuple[int, bytes]]) -> None:
        """Keep what a model makes of users' histories: how many events it saw of each, and its vector, empty where it
        says nothing. One that saw fewer events than the one that is kept is ignored, and so is one that saw more than
        the user has, who was forgotten meanwhile."""

    @abstractmethod
    def vectors(self, model: str, users: Sequence[str]) -> list[bytes | None]:
        """Return the kept vectors, None for a user who has none."""

    # The log and its consumers

    @abstractmethod
    def take(self, consumer: str, most: int) -> list[Entry]:
        """Entries of the log that nobody else works on, the oldest first, with about `most` events; one at least where
        there is one. They are this consumer's until it settles them or has not taken any for `lease_s`.

        The same consumer gets what it has taken and not settled again, first. An entry that cannot be read comes with
        its `problem`.
        """

    @abstractmethod
    def settle(self, entries: Sequence[Entry], poison: Sequence[Poison] = ()) -> None:
        """In one step: the events of the entries count for their items, the entries leave the log, poison is kept.

        An entry that is no longer in the log changes nothing: it was settled before, perhaps by another consumer, or
        one of its users was forgotten, and what is left of it is in the log under another number. Poison is kept unless
        all entries given are such. An event counts as a seed where it was clicked, and as shown in any case; a user who
        is a new seed of an open candidate is appended to `joined`.
        """

    @abstractmethod
    def backlog(self) -> Backlog:
        """How far consumers are behind."""

    @abstractmethod
    def poison(self, most: int) -> list[Poison]:
        """The latest that was set aside, the latest first."""

    # Items

    @abstractmethod
    def seeds(self, item: str, most: int) -> Seeds:
        """The latest `most` seeds of an item, candidate or not; see `Seeds`."""

    @abstractmethod
    def shown(self, item: str) -> list[str]:
        """Everybody who has an event with an item, in no order."""

    @abstractmethod
    def joined(self, cursor: str, most: int) -> Joined:
        """Who became a seed of an open candidate after a cursor ("" for now), in order; `most` at most. A cursor that
        the store cannot know, because it was replaced since, is lost, and goes on from now."""

    @abstractmethod
    def put_items(self, fields: Mapping[str, Mapping[str, list[str]]]) -> None:
        """Store what items are about: field → values, as in the items' table. The new fields replace all that the item
        had. BusyError where there would be fields of too many items; then nothing changes."""

    @abstractmethod
    def items(self, after: int) -> tuple[int, dict[str, dict[str, list[str]]]]:
        """Items put since change number `after` (0 for all), and the number of the last change."""

    # Candidates and their clusters

    @abstractmethod
    def open_candidates(self, items: Sequence[str], at: float) -> None:
        """Open items to audience extension; those that are open stay as they are."""

    @abstractmethod
    def close_candidates(self, items: Sequence[str]) -> None:
        """Close candidates, and forget their clusters; others are ignored."""

    @abstractmethod
    def candidates(self) -> dict[str, float]:
        """Open candidates, and when each was opened."""

    @abstractmethod
    def candidates_mark(self) -> int:
        """A number that is another one whenever candidates were opened or closed: as long as it is the same, nobody has
        to read them all. It is drawn at random, so that a store that took the place of this one has another, too."""

    @abstractmethod
    def publish(self, model: str, clusters: Mapping[str, bytes], cursor: str) -> None:
        """In one step: clusters of candidates, as one model knows them, and up to where `joined` was followed for them.
        Those of candidates that are not open are ignored. StoreError where the store has a later cursor of the model:
        who stood still, for longer than a lease, does not undo what was published meanwhile."""

    @abstractmethod
    def cursor(self, model: str) -> str | None:
        """Return the cursor that `publish` was given last."""

    @abstractmethod
    def clusters(self, model: str, after: int) -> tuple[int, dict[str, bytes]]:
        """Clusters published for a model since change number `after` (0 for all), and the number of the last change."""

    @abstractmethod
    def drop_models(self, keep: Sequence[str]) -> None:
        """Forget vectors, clusters and cursors of all other models."""

    # Who does what

    @abstractmethod
    def hold(self, name: str, holder: str) -> bool:
        """Take, or keep, a name for `lease_s`; False where another holds it."""

    @abstractmethod
    def release(self, name: str, holder: str) -> None:
        """Give a name back, if it is held by this holder."""

    @abstractmethod
    def holders(self) -> dict[str, str]:
        """Names that are held, and by whom."""

    # Keys

    @abstractmethod
    def put_key(self, key: Key) -> None: ...

    @abstractmethod
    def keys(self) -> list[Key]:
        """All keys, the oldest first."""

    @abstractmethod
    def drop_key(self, name: str) -> bool:
        """Remove a key, and return whether there was one."""

    # Erasure

    @abstractmethod
    def forget(self, user: str, digest: str, at: float) -> Erased:
        """Remove a user from everything above, and remember that under a digest of the id (see `digest_of`): events of
        the user up to `at` that come again are dropped, and so are those up to the user's latest event, which may be
        ahead of `at`."""

    @abstractmethod
    def add_forgotten(self, forgotten: Mapping[str, float]) -> None:
        """Remember users as forgotten, by digest and when, whom another store has forgotten. It removes nothing."""

    @abstractmethod
    def forgotten(self, after: int) -> tuple[int, dict[str, float]]:
        """Digests of users who were forgotten since change number `after` (0 for all), and when each was last; and the
        number of the last change."""

    @abstractmethod
    def tidy(self) -> None:
        """Remove from the store's files what is left in them of forgotten users, as far as that is due and nobody is in
        the way; to be called again and again."""

    # The store itself

    @abstractmethod
    def ping(self) -> None:
        """Raise StoreError where the store cannot be read; nothing is written."""

    @abstractmethod
    def ping_writing(self) -> None:
        """Raise StoreError where the store cannot be written to."""

    @abstractmethod
    def close(self) -> None: ...
