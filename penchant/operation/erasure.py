"""A user removed from a run folder: from all files that name them at once, but for what the next `prepare` makes."""

import html
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from penchant.atwork import at_work, door
from penchant.errors import ConfigError, DataError, DiskFullError, FolderError, MissingStepError, PenchantError
from penchant.files import aside, remove
from penchant.logs.check import REASON
from penchant.logs.forgotten import FORGOTTEN, add_forgotten, digest_of
from penchant.logs.ingest import QUOTED, Log
from penchant.logs.reading import as_written, read_table
from penchant.logs.users import hash_of
from penchant.profiles.atlas import FOLDER as ATLAS
from penchant.profiles.atlas import erase
from penchant.runfolder import RunFolder, files_of
from penchant.schema import USER
from penchant.store.entries import speaks_of

PARTS = ("log", "prepared", "scores", "profiles", "audiences", "atlas", "report")
"""What is told of: rows that were removed from each; pages, of a report."""

LOCK_S = 2.0
"""So long is waited for a server that reads its snapshot."""

_BUCKET = re.compile(r"\d{5}\.parquet")
_LEFT_BY_KILLED = ("log", "prepared", "models", "scores", "profiles", "audiences")

_LAST = re.compile(r"(\w+)\W?$")


def erase_from_run(folder: Path, user: str, at: float) -> dict[str, int]:
    """See to it that `prepare` leaves a user out, then remove the user from the files that name them: rows that were
    removed, see PARTS. at: now, UTC seconds.

    One at a time, in all threads and processes. Each file is whole before and after; what was stopped is finished by
    the same call. The snapshot of serving is written anew at its next start. Prepared shards and vectors hold the
    user's features until the next `prepare`; what is made of them meanwhile leaves the user out, see `RunFolder.gone`.

    Raises MissingStepError where there is no log, FolderError where another process is at work on the folder, which the
    user is then on the list of, or where not all of it could be written; it says what is left.
    """
    if not folder.exists():
        raise FolderError(f"{folder} is not there, so it has not forgotten the user; {_AGAIN}")
    if not (folder / "log" / "found.json").exists():
        raise MissingStepError(f"{folder} holds no whole log; give a run folder, or end its `penchant prepare` first")
    try:
        with door(folder):
            add_forgotten(folder / FORGOTTEN, digest_of(user), at)
            with at_work(folder, "forgets a user"):
                erased, left = _erase(folder, user)
    except (OSError, DiskFullError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise FolderError(f"{folder} cannot be written ({said}), so it has not forgotten the user; {_AGAIN}") from error
    except (ConfigError, DataError) as error:  # of the list, or of the log
        raise FolderError(f"{folder} has not forgotten the user: {error}; {_AGAIN}") from error
    if left:
        raise FolderError(f"not all of {folder} has forgotten the user: {'; '.join(left)}; {_AGAIN}")
    return erased


_AGAIN = "mend that and call again, which does the rest"


def drop_gone(run: RunFolder) -> None:
    """Remove rows of users who were forgotten since what a step has just read was prepared."""
    for path in files_of(run.folder, names="rows"):
        if (run.folder / FORGOTTEN).exists() and path.relative_to(run.folder).parts[0] != "log":
            users = read_table(path, USER)[USER].unique()
            _drop(path, pl.col(USER).is_in(users.filter(run.gone(users)).implode()))


def _erase(folder: Path, user: str) -> tuple[dict[str, int], list[str]]:
    """By part of the run folder; and what could not be done, with the reason."""
    erased, left = dict.fromkeys(PARTS, 0), list[str]()
    for what, part, act in _acts(folder, user):
        try:
            erased[part] += act()
        except (OSError, PenchantError, Timeout) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            left.append(f"{what} ({said})")
    return erased, left


def _acts(folder: Path, user: str) -> Iterator[tuple[str, str, Callable[[], int]]]:
    """What has to be written, for people; its part; and what does it and tells how many rows that were."""
    bucket = f"{hash_of(user) % Log.open(folder / 'log').buckets:05}.parquet"
    for path in files_of(folder, names="rows"):
        # Files of buckets are named after them, and a user is in one.
        if not _BUCKET.fullmatch(path.name) or path.name == bucket:
            name = path.relative_to(folder)
            yield str(name), name.parts[0], partial(_drop, path, pl.col(USER) == user)
    for path in files_of(folder, names="texts"):
        act, part = (_drop_texts, "log") if path.suffix == ".parquet" else (_drop_page, "report")
        yield str(path.relative_to(folder)), part, partial(act, path, user)
    yield ATLAS, "atlas", partial(_erase_from_atlas, folder / ATLAS, user)
    yield "serving", "log", partial(_drop_snapshot, folder)
    yield "unfinished files", "log", partial(_sweep, folder)


def _drop(path: Path, unwanted: pl.Expr) -> int:
    """How many rows of a Parquet file were unwanted; they are removed."""
    if not path.exists():
        return 0
    rows = read_table(path, USER)
    kept = rows.filter(~unwanted)
    if len(kept) < len(rows):
        with aside(path) as temporary:
            kept.write_parquet(temporary)
    return len(rows) - len(kept)


def _drop_texts(path: Path, user: str) -> int:
    """The same of rows that quote lines which speak of the user, also where the quote ends within the id."""
    rows = read_table(path, REASON)
    keep = [not (speaks_of(text, user) or _ends_within(text, user)) for text in rows[REASON]]
    if not all(keep):
        with aside(path) as temporary:
            rows.filter(pl.Series(keep, dtype=pl.Boolean)).write_parquet(temporary)
    return len(keep) - sum(keep)


def _ends_within(text: str, user: str) -> bool:
    """
    >>> line = "7," * 29 + "anna"
    >>> _ends_within(f"cannot be parsed: {line[:60]!r}", "anna"), _ends_within("cannot be parsed: 'x an'", "anna")
    (True, False)
    """
    quoted = text.removeprefix("cannot be parsed: ")
    word = _LAST.search(quoted)
    return len(text) > len(quoted) >= QUOTED and word is not None and user.startswith(word[1])


def _drop_page(path: Path, user: str) -> int:
    """Remove a report that speaks of the user; `penchant report` writes it again."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if speaks_of(text, user) or speaks_of(text, html.escape(user)):
        remove(path)
        return 1
    return 0


def _erase_from_atlas(folder: Path, user: str) -> int:
    with as_written(folder / "interested.arrow"):
        return erase(folder, user)


def _drop_snapshot(folder: Path) -> int:
    """Servers have it open, and those that start write it anew."""
    with FileLock(folder / "serving.lock").acquire(timeout=LOCK_S):
        remove(folder / "serving" / "manifest.json")
        remove(folder / "serving")
    return 0


def _sweep(folder: Path) -> int:
    """What killed processes of any machine left half done: nobody else is at work on the folder."""
    remove(folder / "log" / "scattered")
    remove(folder / "log" / "rejected")
    for part in _LEFT_BY_KILLED:
        for path in list((folder / part).rglob("*.part")):
            remove(path)
    return 0
