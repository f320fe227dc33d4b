"""One SQLite file, used by several threads and processes: connections, transactions, and errors a person can read."""

import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from penchant.errors import StoreError
from penchant.store.sqlite.tables import migrate

TIMEOUT_S = 5.0
"""How long to wait for another writer."""

MOST_IDLE = 8
"""Connections that are kept for the next calls. Each keeps its cache; those of a burst are closed as they come back."""

SETTINGS = (
    "PRAGMA wal_autocheckpoint = 10000",  # pages: of those written again and again, fewer go to the file itself
    "PRAGMA cache_size = -32768",  # KiB
)

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
    """Connections are lent to one call at a time, so readers never wait; writers of one process queue for a lock."""

    def __init__(self, path: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Create the file, or bring it to this version. Raises StoreError where that cannot be."""
        self.path, self._timeout_s = path, timeout_s
        self._idle: deque[sqlite3.Connection] = deque()
        self._writing, self._closed = Lock(), False
        try:
            with self._errors(), self._lent() as connection:
                _write_ahead(connection, path, timeout_s)
                migrate(connection, path)
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
            connection.execute("PRAGMA synchronous = FULL" if durable else "PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"the store {self.path} is closed; open it again")
        connection = sqlite3.connect(self.path, timeout=self._timeout_s, isolation_level=None, check_same_thread=False)
        for setting in SETTINGS:
            connection.execute(setting)
        return connection

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._closed or len(self._idle) >= MOST_IDLE:
            connection.close()
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
