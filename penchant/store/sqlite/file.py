"""One SQLite file, used by several threads and processes: connections, transactions, and errors a person can read."""

import random
import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Lock
from urllib.parse import quote

from penchant.errors import StoreError
from penchant.store.sqlite.place import (
    CHANGED,
    GONE,
    NOWHERE,
    OVERWRITTEN,
    FilePlace,
    is_there,
    is_whole,
    place_of,
    remove_left_behind,
)
from penchant.store.sqlite.tables import agree_on_epoch, migrate, refuse_empty

TIMEOUT_S = 5.0
"""How long to wait for another writer."""

MOST_IDLE = 8
"""Connections that are kept for the next calls. Each keeps its cache; those of a burst are closed as they come back."""

SETTINGS = (
    "PRAGMA wal_autocheckpoint = 10000",  # pages: of those written again and again, fewer go to the file itself
    "PRAGMA cache_size = -32768",  # KiB
    "PRAGMA secure_delete = ON",  # of what is removed nothing stays in free space
)

NO_TEXT = "Could not decode to UTF-8"
"""What SQLite's driver says of a text that is none. It is read with marks in place of what is wrong from then on, so
the same call goes well the next time: to do so always would make each reading slower."""

WRITE_BACK_MS = 200
"""How long others wait, at most, for the write-ahead log to be emptied."""

_LOCKED = "another writer has had it locked for too long; try again, or end that process"

ADVICE = {
    sqlite3.SQLITE_FULL: "the disk is full, nothing more can be written; free some space",
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_NOTADB: "this is no SQLite database; name another file",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; restore a backup",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; is its folder there, and may you write to it?",
    sqlite3.SQLITE_READONLY: "cannot be written to; change its permissions, or name another file",
}
"""By SQLite's primary code."""


class SqliteFile:
    """Connections are lent to one call at a time, so readers never wait; writers of one process queue for a lock.

    Each call first sees whether the files are the ones that were opened. Where they are not, nothing is lent until all
    connections to them are back; they are closed, and the file that is there now is opened, if it is a store.
    """

    def __init__(self, path: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Create the file, or bring it to this version. Raises StoreError where that cannot be."""
        self.path, self._timeout_s = path, timeout_s
        self._idle: deque[sqlite3.Connection] = deque()
        self._all: set[sqlite3.Connection] = set()
        self._writing, self._opening, self._closed = Lock(), Lock(), False
        self._place, self._longest, self._epoch = NOWHERE, 0, 0
        self._refusal: str | None = None
        self._is_lenient = False
        try:
            with self._errors():
                self._open("rwc")
        except StoreError:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection; each statement sees what is committed when it begins."""
        with self._errors(), self._lent() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end of the block, rolled back if it raises.

        durable: on the disk before the block ends. Otherwise a power cut may undo it, together with whatever came
        after, until the next transaction that is durable.
        """
        with self._errors(), self._turn(), self._lent() as connection:
            self._see_all(connection)
            connection.execute("PRAGMA synchronous = FULL" if durable else "PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            self._see_all(connection)  # what was written into a file that was moved meanwhile is not acknowledged

    def empty_log(self) -> bool:
        """Copy the write-ahead log into the file, and cut it to nothing; False where somebody is in the way."""
        with self._errors(), self._turn(), self._lent() as connection:
            self._see_all(connection)
            return self._write_back(connection)

    def close(self) -> None:
        self._closed = True
        self._end_idle()

    # Opening and closing

    def _open(self, mode: str) -> None:
        """Open the file that is there now. mode: of SQLite, "rwc" to create one where there is none."""
        before = place_of(self.path)
        if before.database and not (before.log and before.shared):
            self._refuse_others()
        connection = self._connect(mode)
        try:
            if mode == "rw":
                refuse_empty(connection, self.path)
            _write_ahead(connection, self.path, self._timeout_s)
            migrate(connection, self.path)
            self._epoch = agree_on_epoch(connection, self._epoch)
            place = place_of(self.path)
            if before.database not in (place.database, None):
                raise StoreError(f"{self.path}: {CHANGED}")
        except BaseException:
            self._end(connection)
            raise
        self._place, self._longest, self._refusal = place, place.bytes, None
        self._idle.append(connection)

    def _refuse_others(self) -> None:
        """Raise where somebody has the file open though its write-ahead log is not there: it was removed under them,
        and who opens the file now would spoil what they have not written back. They let go by themselves."""
        until = time.monotonic() + self._timeout_s
        while not self._is_nobody_there():
            now = place_of(self.path)
            if now.log and now.shared:  # somebody found nobody there, and has opened it
                return
            if time.monotonic() > until:
                raise self._locked()
            # Two who ask at the same moment find each other, so they ask again at different ones.
            time.sleep(random.uniform(0.005, 0.03))  # noqa: S311

    def _is_nobody_there(self) -> bool:
        with closing(self._raw("rw", 0.0)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            try:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError as error:  # anything else is told when it is opened for work
                return error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY
        return True

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = self._raw(mode, self._timeout_s)
        self._all.add(connection)
        for setting in SETTINGS:
            connection.execute(setting)
        return connection

    def _raw(self, mode: str, timeout_s: float) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{quote(self.path)}?mode={mode}",
            uri=True,
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )

    def _end(self, connection: sqlite3.Connection) -> None:
        connection.close()
        self._all.discard(connection)

    def _end_idle(self) -> None:
        with suppress(IndexError):  # another thread may take the last one
            while True:
                self._end(self._idle.pop())

    def _write_back(self, connection: sqlite3.Connection) -> bool:
        connection.execute(f"PRAGMA busy_timeout = {WRITE_BACK_MS}")
        try:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(self._timeout_s * 1000)}")
        return not busy

    # Seeing to it that the files are those that were opened

    def _see(self) -> FilePlace:
        """Where the file is that is open now, and is the one that is there."""
        if self._closed:
            raise StoreError(f"the store {self.path} is closed; open it again")
        if self._is_there():
            return self._place
        with self._opening:
            if not self._is_there():
                self._leave()
                self._open("rw")
            return self._place

    def _is_there(self) -> bool:
        return self._refusal is None and is_there(self.path, self._place.database)

    def _leave(self) -> None:
        """Close what was opened. What was acknowledged goes where it belongs, into the file that was moved; its
        write-ahead log, if it was left behind, must not be taken for that of another file."""
        there = place_of(self.path)
        if self._refusal == OVERWRITTEN and there.database == self._place.database:
            raise StoreError(f"{self.path}: {OVERWRITTEN}")
        if len(self._all) > len(self._idle):
            raise StoreError(f"{self.path}: {CHANGED if there.database else GONE}")
        if self._idle:
            with suppress(sqlite3.Error):  # the disk may be gone with the file
                self._write_back(self._idle[0])
            if there.database != self._place.database:
                remove_left_behind(self.path, self._place)
        self._end_idle()
        if there.database is None:
            raise StoreError(f"{self.path}: {GONE}")

    def _see_all(self, connection: sqlite3.Connection) -> None:
        """For writers: all three files have to be those that were opened, and none overwritten."""
        now = place_of(self.path)
        if now.files != self._place.files:
            self._refusal = CHANGED if now.database else GONE
        elif now.bytes < self._longest:
            self._refusal = None if is_whole(connection, now.bytes) else OVERWRITTEN
        self._longest = now.bytes if self._refusal is None else self._longest
        if self._refusal is not None:
            raise StoreError(f"{self.path}: {self._refusal}")

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        place = self._see()
        try:
            connection = self._idle.pop()
        except IndexError:
            if place_of(self.path).files != place.files:
                self._refusal = CHANGED
                raise StoreError(f"{self.path}: {CHANGED}") from None
            connection = self._connect("rw")
        if self._is_lenient:
            connection.text_factory = _text
        try:
            yield connection
        finally:
            if self._closed or self._place is not place or len(self._idle) >= MOST_IDLE:
                self._end(connection)
            else:
                self._idle.append(connection)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=self._timeout_s):
            raise self._locked()
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._told(error) from error

    def _told(self, error: sqlite3.Error) -> StoreError:
        self._is_lenient |= NO_TEXT in str(error)
        said = ADVICE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, f"the store failed: {error}")
        return StoreError(f"{self.path}: {said}")

    def _locked(self) -> StoreError:
        return StoreError(f"{self.path}: {ADVICE[sqlite3.SQLITE_BUSY]}")


def _write_ahead(connection: sqlite3.Connection, path: str, timeout_s: float) -> None:
    """Readers and the writer do not wait for each other. While another process changes this, SQLite does not wait."""
    until = time.monotonic() + timeout_s
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise StoreError(f"{path} cannot have a write-ahead log (it has {mode!r}); put it in a file on a local disk")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
