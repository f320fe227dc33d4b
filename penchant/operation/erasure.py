"""A user removed from a run folder: log, scores, profiles and audiences at once, the rest at the next `prepare`."""

import re
from pathlib import Path

import polars as pl

from penchant.atwork import at_work, door
from penchant.errors import FolderError, MissingStepError
from penchant.files import aside, remove
from penchant.logs.forgotten import FORGOTTEN, add_forgotten, digest_of
from penchant.logs.ingest import Log
from penchant.logs.users import hash_of
from penchant.profiles.atlas import FOLDER as ATLAS
from penchant.profiles.atlas import erase
from penchant.runfolder import files_of
from penchant.schema import USER

_BUCKET = re.compile(r"\d{5}\.parquet")


def erase_from_run(folder: Path, user: str, at: float) -> dict[str, int]:
    """See to it that `prepare` leaves a user out, then remove the user from the files that name them: rows that were
    removed from the log, scores, profiles, audiences and the atlas. at: now, UTC seconds.

    One at a time, in all threads and processes. Each file is whole before and after; what was stopped is finished by
    the same call. The snapshot of serving is written anew at its next start. Prepared shards and vectors hold the
    user's features until the next `prepare`.

    Raises MissingStepError where there is no log, FolderError where another process is at work on the folder, which the
    user is then on the list of, or where it cannot be written.
    """
    if not (folder / "log" / "found.json").exists():
        raise MissingStepError(f"{folder} holds no whole log; give a run folder, or end its `penchant prepare` first")
    try:
        with door(folder):
            add_forgotten(folder / FORGOTTEN, digest_of(user), at)
            with at_work(folder, "forgets a user"):
                return _erase(folder, user)
    except OSError as error:
        raise FolderError(
            f"{folder} cannot be written ({error.strerror}), so not all of it has forgotten the user; mend that and "
            f"call again"
        ) from error


def _erase(folder: Path, user: str) -> dict[str, int]:
    """By part of the run folder."""
    log = Log.open(folder / "log")
    bucket = f"{hash_of(user) % log.buckets:05}.parquet"
    erased = dict.fromkeys(("log", "prepared", "scores", "profiles", "audiences"), 0)
    for path in files_of(folder, names="rows"):
        # Files of buckets are named after them, and a user is in one.
        if not _BUCKET.fullmatch(path.name) or path.name == bucket:
            erased[path.relative_to(folder).parts[0]] += _drop(path, user)
    erased["atlas"] = erase(folder / ATLAS, user)
    remove(folder / "serving" / "manifest.json")
    return erased


def _drop(path: Path, user: str) -> int:
    """How many rows of the user a Parquet file had."""
    if not path.exists():
        return 0
    rows = pl.read_parquet(path)
    kept = rows.filter(pl.col(USER) != user)
    if len(kept) < len(rows):
        with aside(path) as temporary:
            kept.write_parquet(temporary)
    return len(rows) - len(kept)
