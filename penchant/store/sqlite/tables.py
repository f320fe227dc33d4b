"""Tables of the SQLite store, and how a file of an older version becomes one of this version."""

import sqlite3

from penchant.errors import StoreError
from penchant.store.numbers import is_later, next_epoch, whole

APPLICATION = 0x50656E63
"""Marks a file as ours: "Penc"."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE history (
            user TEXT NOT NULL, id TEXT NOT NULL, time REAL NOT NULL, item TEXT NOT NULL, clicked INTEGER NOT NULL,
            PRIMARY KEY (user, id)) WITHOUT ROWID""",
        "CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, events INTEGER NOT NULL, "
        "content BLOB NOT NULL)",
        "CREATE TABLE taken (number INTEGER PRIMARY KEY, consumer TEXT NOT NULL)",
        "CREATE TABLE consumers (consumer TEXT PRIMARY KEY, seen REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE poison (number INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT NOT NULL, reason TEXT NOT NULL, "
        "at REAL NOT NULL)",
        "CREATE TABLE touches (item TEXT NOT NULL, user TEXT NOT NULL, time REAL, PRIMARY KEY (item, user)) "
        "WITHOUT ROWID",
        "CREATE INDEX seeds ON touches (item, time, user) WHERE time IS NOT NULL",
        "CREATE TABLE joins (number INTEGER PRIMARY KEY AUTOINCREMENT, item TEXT NOT NULL, user TEXT NOT NULL)",
        "CREATE TABLE items (item TEXT PRIMARY KEY, fields BLOB NOT NULL, change INTEGER NOT NULL)",
        "CREATE INDEX item_changes ON items (change)",
        "CREATE TABLE candidates (item TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE clusters (model TEXT NOT NULL, item TEXT NOT NULL, content BLOB NOT NULL, "
        "change INTEGER NOT NULL, PRIMARY KEY (model, item))",
        "CREATE INDEX cluster_changes ON clusters (model, change)",
        "CREATE TABLE cursors (model TEXT PRIMARY KEY, cursor TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE vectors (model TEXT NOT NULL, user TEXT NOT NULL, events INTEGER NOT NULL, "
        "content BLOB NOT NULL, PRIMARY KEY (user, model)) WITHOUT ROWID",
        "CREATE TABLE holders (name TEXT PRIMARY KEY, holder TEXT NOT NULL, seen REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE keys (name TEXT PRIMARY KEY, digest TEXT NOT NULL, scope TEXT NOT NULL, label TEXT NOT NULL, "
        "created REAL NOT NULL, per_s REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE forgotten (digest TEXT PRIMARY KEY, at REAL NOT NULL, change INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE INDEX forgotten_changes ON forgotten (change)",
        "CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO numbers VALUES ('backlog', 0), ('aside', 0), ('joins dropped', 0), ('items', 0), ('clusters', 0), "
        "('forgotten', 0), ('pings', 0)",
    ),
    (
        "ALTER TABLE forgotten ADD COLUMN until REAL NOT NULL DEFAULT 0",
        "UPDATE forgotten SET until = at",
        "INSERT INTO numbers SELECT 'forgotten until', coalesce(max(until), 0) FROM forgotten",
        "INSERT INTO numbers SELECT 'items kept', count(*) FROM items",
        "INSERT INTO numbers VALUES ('epoch', 0), ('tidied', 0)",
    ),
)
"""What makes version 1 out of an empty file, version 2 out of version 1, and so on; never changed, only added to."""


WHAT = """SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
    FROM pragma_application_id, pragma_user_version"""
"""Asked at once: another process may make the tables at the same moment."""

Migrations = tuple[tuple[str, ...], ...]


def refuse_empty(connection: sqlite3.Connection, path: str) -> None:
    """StoreError where a file is no store yet, nor a database of something else."""
    if _version(connection, path, MIGRATIONS) == 0:
        raise StoreError(f"{path} is an empty file now; put the store, or a backup of it, in its place")


def migrate(connection: sqlite3.Connection, path: str, migrations: Migrations = MIGRATIONS) -> None:
    """Bring a file to this version in one transaction; an empty one gets its tables.

    Raises StoreError for a file of a later version, and for a database of something else.
    """
    if _version(connection, path, migrations) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in migrations[_version(connection, path, migrations) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, path: str, migrations: Migrations) -> int:
    application, version, tables = connection.execute(WHAT).fetchone()
    if tables and application != APPLICATION:
        raise StoreError(f"{path} is a database of something else than Penchant; name another file")
    if version > len(migrations):
        raise StoreError(
            f"{path} was written by a later Penchant (store version {version}, this one knows {len(migrations)}); "
            f"run that one, or name another file"
        )
    return version


def agree_on_epoch(connection: sqlite3.Connection, known: int) -> int:
    """Return the epoch of a file that was just opened; known: of the file before, 0 where there was none. It begins a
    new one unless it is later than that: a copy of the file before lacks what came after."""
    if not is_later(_epoch(connection), known):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not is_later(_epoch(connection), known):
                connection.execute("UPDATE numbers SET value = ? WHERE name = 'epoch'", (next_epoch(known),))
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    return _epoch(connection)


def _epoch(connection: sqlite3.Connection) -> int:
    return whole(connection.execute("SELECT max(value) FROM numbers WHERE name = 'epoch'").fetchone()[0])
