"""The store in one SQLite file: for several processes on one machine; needs no server."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson

from penchant.errors import StoreError
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
    lease_runs,
    refuse_behind,
    refuse_too_many,
)
from penchant.store.numbers import Count
from penchant.store.rows import StoreRows
from penchant.store.sqlite import events as sqlite_events
from penchant.store.sqlite.events import change, count, last_join, number
from penchant.store.sqlite.file import NO_TEXT, TIMEOUT_S, SqliteFile
from penchant.store.unreadable import Unreadable

PUT_VECTOR = """INSERT INTO vectors (model, user, events, content)
    SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM history WHERE user = ?2 LIMIT 1 OFFSET max(0, ?3 - 1))
    ON CONFLICT DO UPDATE SET events = excluded.events, content = excluded.content WHERE excluded.events >= events"""

PUBLISH = "REPLACE INTO clusters SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM candidates WHERE item = ?)"

MARK_CANDIDATES = "REPLACE INTO numbers VALUES ('candidates', ?)"


P = ParamSpec("P")
R = TypeVar("R")


def _once_more(method: Callable[Concatenate["SqliteStore", P], R]) -> Callable[Concatenate["SqliteStore", P], R]:
    """Do again what met a text that is none: nothing of it was done, and from now on such texts can be read."""

    @wraps(method)
    def call(self: "SqliteStore", /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(self, *args, **kwargs)
        except StoreError as error:
            if NO_TEXT not in str(error):
                raise
            return method(self, *args, **kwargs)

    return call


class SqliteStore(Store):
    """Acknowledged events are on the disk, even after a power failure, which may undo the work of consumers; they then
    do it again. clock: seconds that only go forward, the same for all processes of the machine."""

    def __init__(
        self,
        path: str | Path,
        clock: Callable[[], float] = time.monotonic,
        *,
        bounds: StoreBounds = KEPT,
        lease_s: float = LEASE_S,
        timeout_s: float = TIMEOUT_S,
        at_once: int = 1000,
    ) -> None:
        """Create the file if there is none. Raises StoreError: see `SqliteFile`.

        timeout_s: how long to wait for others who write; at_once: users that are read at a time, because a long reading
        would keep the write-ahead log from being emptied.
        """
        self._file, self._clock = SqliteFile(str(path), timeout_s=timeout_s), clock
        self._bounds, self._at_once, self.lease_s = bounds, at_once, lease_s
        self.unreadable = Unreadable()
        self._rows = StoreRows(self.unreadable)

    # Events

    @_once_more
    def append(self, events: Sequence[Event], at: float) -> list[Fate]:
        with self._file.writing() as connection:
            return sqlite_events.append(connection, events, at, self._bounds.events)

    @_once_more
    def histories(self, users: Sequence[str]) -> list[list[Event]]:
        question = "SELECT time, item, id, clicked FROM history WHERE user = ?"
        with self._file.reading() as connection:
            rows = [(user, connection.execute(question, (user,)).fetchall()) for user in users]
        return [self._rows.history(user, found)[-self._bounds.events :] for user, found in rows]

    def users(self) -> Iterable[str]:
        last: Any = ""
        while True:
            found = self._users_after(last)
            if not found or found[-1][0] == last:  # it is no UTF-8, and so greater than what is read of it
                return
            yield from self._rows.names(found)
            last = found[-1][0]

    @_once_more
    def _users_after(self, last: Any) -> list[tuple[Any]]:
        question = "SELECT DISTINCT user FROM history WHERE user > ? ORDER BY user LIMIT ?"
        with self._file.reading() as connection:
            return connection.execute(question, (last, self._at_once)).fetchall()

    def put_vectors(self, model: str, vectors: Mapping[str, tuple[int, bytes]]) -> None:
        rows = [(model, user, events, content) for user, (events, content) in vectors.items()]
        with self._file.writing(durable=False) as connection:
            connection.executemany(PUT_VECTOR, rows)

    @_once_more
    def vectors(self, model: str, users: Sequence[str]) -> list[bytes | None]:
        question = "SELECT content FROM vectors WHERE user = ? AND model = ?"
        with self._file.reading() as connection:
            rows = [connection.execute(question, (user, model)).fetchone() for user in users]
        return self._rows.vectors(row[0] if row else None for row in rows)

    # The log and its consumers

    @_once_more
    def take(self, consumer: str, most: int) -> list[Entry]:
        now = self._clock()
        with self._file.reading() as connection:
            if not sqlite_events.pick(connection, consumer, 1, now, self.lease_s):
                return []
        with self._file.writing(durable=False) as connection:
            numbers = sqlite_events.pick(connection, consumer, most, now, self.lease_s)
            return sqlite_events.take(connection, numbers, consumer, now)

    @_once_more
    def settle(self, entries: Sequence[Entry], poison: Sequence[Poison] = ()) -> None:
        with self._file.writing(durable=False) as connection:
            sqlite_events.settle(connection, entries, poison, self._bounds)

    @_once_more
    def backlog(self) -> Backlog:
        with self._file.reading() as connection:
            oldest = connection.execute("SELECT at FROM log ORDER BY number LIMIT 1").fetchone()
            events = number(connection, "backlog")
            return Backlog(events, self._rows.time(oldest[0] if oldest else None), number(connection, "aside"))

    @_once_more
    def poison(self, most: int) -> list[Poison]:
        with self._file.reading() as connection:
            question = "SELECT content, reason, at FROM poison ORDER BY number DESC LIMIT ?"
            return self._rows.poison(connection.execute(question, (most,)).fetchall())

    # Items

    @_once_more
    def seeds(self, item: str, most: int) -> Seeds:
        question = (
            "SELECT user, time FROM touches WHERE item = ? AND time IS NOT NULL ORDER BY time DESC, user DESC LIMIT ?"
        )
        with self._file.reading() as connection:
            rows = connection.execute(question, (item, min(most, self._bounds.seeds))).fetchall()[::-1]
        return self._rows.seeds(rows)

    @_once_more
    def shown(self, item: str) -> list[str]:
        with self._file.reading() as connection:
            return self._rows.names(connection.execute("SELECT user FROM touches WHERE item = ?", (item,)).fetchall())

    @_once_more
    def joined(self, cursor: str, most: int) -> Joined:
        with self._file.reading() as connection:
            now = Count(number(connection, "epoch"), last_join(connection))
            after = now.reached(cursor)
            if after is None:
                return Joined([], str(now.number), lost=True)
            question = "SELECT number, item, user FROM joins WHERE number > ? ORDER BY number LIMIT ?"
            rows = connection.execute(question, (after, most)).fetchall()
            dropped = number(connection, "joins dropped")
        last = Count(now.epoch, rows[-1][0] if rows else max(after, dropped))
        joins = self._rows.joins([row[1:] for row in rows])
        return Joined(joins, str(last.number), lost=after < dropped)

    def put_items(self, fields: Mapping[str, Mapping[str, list[str]]]) -> None:
        with self._file.writing() as connection:
            question = "SELECT 1 FROM items WHERE item = ?"
            new = sum(connection.execute(question, (item,)).fetchone() is None for item in fields)
            refuse_too_many(change(connection, "items kept", new), self._bounds.items)
            now = change(connection, "items")
            rows = [(item, orjson.dumps(values), now) for item, values in fields.items()]
            connection.executemany("REPLACE INTO items VALUES (?, ?, ?)", rows)

    @_once_more
    def items(self, after: int) -> tuple[int, dict[str, dict[str, list[str]]]]:
        with self._file.reading() as connection:
            now = count(connection, "items")
            question = "SELECT item, fields FROM items WHERE change > ?"
            rows = connection.execute(question, (now.told(after) or 0,)).fetchall()
        return now.number, self._rows.items(rows)

    # Candidates and their clusters

    def open_candidates(self, items: Sequence[str], at: float) -> None:
        with self._file.writing() as connection:
            rows = [(item, at) for item in items]
            connection.executemany("INSERT OR IGNORE INTO candidates VALUES (?, ?)", rows)
            connection.execute(MARK_CANDIDATES, (drawn_mark(),))

    def close_candidates(self, items: Sequence[str]) -> None:
        with self._file.writing() as connection:
            for table in "candidates", "clusters":
                connection.executemany(f"DELETE FROM {table} WHERE item = ?", [(item,) for item in items])  # noqa: S608
            connection.execute(MARK_CANDIDATES, (drawn_mark(),))

    @_once_more
    def candidates(self) -> dict[str, float]:
        with self._file.reading() as connection:
            return self._rows.candidates(connection.execute("SELECT item, at FROM candidates").fetchall())

    def candidates_mark(self) -> int:
        with self._file.reading() as connection:
            row = connection.execute("SELECT value FROM numbers WHERE name = 'candidates'").fetchone()
        return row[0] if row else 0

    @_once_more
    def publish(self, model: str, clusters: Mapping[str, bytes], cursor: str) -> None:
        with self._file.writing(durable=False) as connection:
            joined = Count(number(connection, "epoch"), last_join(connection))
            refuse_behind(joined, cursor, self._cursor(connection, model))
            now = change(connection, "clusters")
            rows = [(model, item, content, now, item) for item, content in clusters.items()]
            connection.executemany(PUBLISH, rows)
            connection.execute("REPLACE INTO cursors VALUES (?, ?)", (model, cursor))

    @_once_more
    def cursor(self, model: str) -> str | None:
        with self._file.reading() as connection:
            return self._cursor(connection, model)

    def _cursor(self, connection: Connection, model: str) -> str | None:
        row = connection.execute("SELECT cursor FROM cursors WHERE model = ?", (model,)).fetchone()
        return self._rows.name(row[0] if row else None)

    @_once_more
    def clusters(self, model: str, after: int) -> tuple[int, dict[str, bytes]]:
        with self._file.reading() as connection:
            now = count(connection, "clusters")
            question = "SELECT item, content FROM clusters WHERE model = ? AND change > ?"
            rows = connection.execute(question, (model, now.told(after) or 0)).fetchall()
            return now.number, self._rows.clusters(rows)

    @_once_more
    def drop_models(self, keep: Sequence[str]) -> None:
        with self._file.writing() as connection:
            for table in "clusters", "cursors", "vectors":
                models = {model for (model,) in connection.execute(f"SELECT DISTINCT model FROM {table}")}  # noqa: S608
                dropped = [(model,) for model in models - set(keep)]
                connection.executemany(f"DELETE FROM {table} WHERE model = ?", dropped)  # noqa: S608

    # Who does what

    @_once_more
    def hold(self, name: str, holder: str) -> bool:
        if self.holders().get(name, holder) != holder:
            return False
        with self._file.writing(durable=False) as connection:
            if self._held(connection).get(name, holder) != holder:
                return False
            connection.execute("REPLACE INTO holders VALUES (?, ?, ?)", (name, holder, self._clock()))
            return True

    def release(self, name: str, holder: str) -> None:
        with self._file.writing(durable=False) as connection:
            connection.execute("DELETE FROM holders WHERE name = ? AND holder = ?", (name, holder))

    @_once_more
    def holders(self) -> dict[str, str]:
        with self._file.reading() as connection:
            return self._held(connection)

    def _held(self, connection: Connection) -> dict[str, str]:
        rows = connection.execute("SELECT name, holder, seen FROM holders").fetchall()
        now = self._clock()
        return {name: holder for name, holder, seen in self._rows.holders(rows) if lease_runs(seen, now, self.lease_s)}

    # Keys

    def put_key(self, key: Key) -> None:
        with self._file.writing() as connection:
            row = key.name, key.digest, key.scope, key.label, key.created, key.per_s
            connection.execute("REPLACE INTO keys VALUES (?, ?, ?, ?, ?, ?)", row)

    @_once_more
    def keys(self) -> list[Key]:
        with self._file.reading() as connection:
            return self._rows.keys(connection.execute("SELECT * FROM keys").fetchall())

    def drop_key(self, name: str) -> bool:
        with self._file.writing() as connection:
            return connection.execute("DELETE FROM keys WHERE name = ?", (name,)).rowcount > 0

    # Erasure

    @_once_more
    def forget(self, user: str, digest: str, at: float) -> Erased:
        most = self._bounds.events
        with self._file.reading() as connection:
            full, items = sqlite_events.is_full(connection, user, most), sqlite_events.waiting(connection, user)
            items |= sqlite_events.touched(connection, user) if full else set()
        with self._file.writing() as connection:
            if not full and sqlite_events.is_full(connection, user, most):
                items |= sqlite_events.touched(connection, user)
            sqlite_events.add_forgotten(connection, digest, at, max(at, sqlite_events.latest(connection, user)))
            erased = sqlite_events.erase(connection, user, items, self._bounds.joined)
        with suppress(StoreError):  # the user is forgotten; the files are tidied by the next call
            self.tidy()
        return erased

    def add_forgotten(self, forgotten: Mapping[str, float]) -> None:
        with self._file.writing() as connection:
            for digest, at in forgotten.items():
                sqlite_events.add_forgotten(connection, digest, at, at)

    @_once_more
    def forgotten(self, after: int) -> tuple[int, dict[str, float]]:
        with self._file.reading() as connection:
            now = count(connection, "forgotten")
            question = "SELECT digest, at FROM forgotten WHERE change > ?"
            rows = connection.execute(question, (now.told(after) or 0,)).fetchall()
            return now.number, self._rows.forgotten(rows)

    def tidy(self) -> None:
        with self._file.reading() as connection:
            forgotten, tidied = number(connection, "forgotten"), number(connection, "tidied")
        if forgotten > tidied and self._file.empty_log():
            with self._file.writing(durable=False) as connection:
                connection.execute("UPDATE numbers SET value = max(value, ?) WHERE name = 'tidied'", (forgotten,))

    # The store itself

    def ping(self) -> None:
        with self._file.reading() as connection:
            number(connection, "pings")

    def ping_writing(self) -> None:
        with self._file.writing(durable=False) as connection:
            change(connection, "pings")

    def close(self) -> None:
        self._file.close()
