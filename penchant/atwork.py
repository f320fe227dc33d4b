"""Who works on a run folder: one at a time, and the second is told who. A lock of the system's, so none outlives its
process."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from penchant.errors import DataError, FolderError
from penchant.files import read_json, write_json

FOLDER = "at-work"
"""Of a run folder: who is at work on it."""

DOOR, LOCK, HOLDER = "door.lock", "run.lock", "holder.json"
POLL_S = 0.01

DOOR_S = 30.0
"""So long is waited at the door. Who stands in it for longer was stopped there, and nobody waits for that."""


@contextmanager
def door(folder: Path) -> Iterator[None]:
    """Where one waits, for a moment: held while somebody begins to work on a folder, or forgets a user. The same thread
    may enter again. Raises FolderError where the folder cannot be written, or somebody else stands there for DOOR_S."""
    with _held(_lock(folder, DOOR), folder, DOOR_S):
        yield


@contextmanager
def at_work(folder: Path, what: str) -> Iterator[None]:
    """Nobody else writes to a run folder meanwhile; the same thread may enter again. what: is done, in a few words.

    Raises FolderError, which says who is at work on it, or that it cannot be written.
    """
    lock = _lock(folder, LOCK)
    if lock.is_locked:
        yield
        return
    with ExitStack() as held:
        with door(folder):
            held.enter_context(_held(lock, folder, 0.0))
            write_json(folder / FOLDER / HOLDER, {"pid": os.getpid(), "host": socket.gethostname(), "what": what})
        yield


def is_at_work(folder: Path) -> bool:
    """Whether somebody else is, or is about to be. False where the folder cannot be written: then nobody can."""
    if not (folder / FOLDER / LOCK).exists():
        return False
    try:
        with _lock(folder, DOOR).acquire(timeout=0), _lock(folder, LOCK).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


@contextmanager
def waiting(path: Path) -> Iterator[None]:
    """Hold a lock once it is free; where the folder cannot be written, nothing has to be held."""
    try:
        lock = FileLock(path).acquire()
    except OSError:
        yield
        return
    with lock:
        yield


def _lock(folder: Path, name: str) -> FileLock:
    """One for all calls of a process, so that a thread that holds it may take it again."""
    return FileLock(folder.resolve() / FOLDER / name, is_singleton=True)


@contextmanager
def _held(lock: FileLock, folder: Path, most_s: float) -> Iterator[None]:
    """most_s: so long is waited for it."""
    try:
        held = lock.acquire(timeout=most_s, poll_interval=POLL_S)
    except Timeout:
        raise FolderError(_told(folder)) from None
    except OSError as error:
        raise FolderError(
            f"{folder} cannot be written ({error.strerror}); make it writable, or give another folder"
        ) from None
    with held:
        yield


def _told(folder: Path) -> str:
    who = _holder(folder)
    name = f"process {who['pid']} on {who['host']}, which {who['what']}," if who else "another process"
    return f"{name} is at work on {folder}; wait until it has ended and call again, or give another folder"


def _holder(folder: Path) -> dict[str, Any] | None:
    try:
        said = read_json(folder / FOLDER / HOLDER)
        return {name: said[name] for name in ("pid", "host", "what")}
    except (OSError, LookupError, TypeError, DataError):
        return None
