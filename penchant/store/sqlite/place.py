"""Where the files of a SQLite database are, and whether they are still the ones that were opened.

SQLite keeps its files open. It does not notice that one of them is moved, deleted or replaced, and what is written
then is written into a file that nobody will ever open again.
"""

import os
import sqlite3
from contextlib import suppress
from typing import NamedTuple

from penchant.errors import StoreError

FileId = tuple[int, int]
"""Device and inode."""

GONE = (
    "it is not there any more, so nothing is written; put it back, or end all processes and start them again to begin "
    "with an empty store"
)
CHANGED = "its files were moved or replaced just now; try again in a moment"
OVERWRITTEN = (
    "it was overwritten in place while it was in use, so what it holds cannot be trusted; end all processes, remove "
    "its -wal and -shm files, put the backup there, and start again"
)


class FilePlace(NamedTuple):
    """The database and the two files beside it, None for one that is not there. bytes: how long the database is."""

    database: FileId | None
    log: FileId | None
    shared: FileId | None
    bytes: int

    @property
    def files(self) -> tuple[FileId | None, ...]:
        return self[:3]


NOWHERE = FilePlace(None, None, None, 0)


def place_of(path: str) -> FilePlace:
    """StoreError where that cannot be seen."""
    database = _seen(path)
    log, shared = (_id(_seen(beside)) for beside in _beside(path))
    return FilePlace(_id(database), log, shared, database.st_size if database else 0)


def _beside(path: str) -> tuple[str, str]:
    """SQLite follows links, and puts its files beside the file itself."""
    real = os.path.realpath(path)
    return f"{real}-wal", f"{real}-shm"


def _seen(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be seen ({error.strerror}); is its folder there, and may you read it?"
        ) from None


def _id(seen: os.stat_result | None) -> FileId | None:
    return (seen.st_dev, seen.st_ino) if seen else None


def is_there(path: str, database: FileId | None) -> bool:
    """Whether a database is where it was; for readers, who need not ask for more."""
    return _id(_seen(path)) == database


def is_whole(connection: sqlite3.Connection, size: int) -> bool:
    """Whether a database that has become shorter was vacuumed. SQLite knows how many pages it wrote then; who copies
    over a file tells it nothing."""
    pages, width = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return bool(pages * width == size)


def remove_left_behind(path: str, place: FilePlace) -> None:
    """Remove the two files beside a database that was moved away, if they are still there."""
    for beside, known in zip(_beside(path), (place.log, place.shared), strict=True):
        if known is not None and _id(_seen(beside)) == known:
            with suppress(FileNotFoundError):  # another process has just removed it
                os.remove(beside)
