"""A user removed from a run folder: log, profiles and audiences at once, the rest at the next `prepare`."""

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
from penchant.schema import USER


def erase_from_run(folder: Path, user: str, at: float) -> dict[str, int]:
    """See to it that `prepare` leaves a user out, then remove the user from the files that name them: rows that were
    removed from the log, profiles, audiences and the atlas. at: now, UTC seconds.

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
    log = Log.open(folder / "log")
    bucket = f"{hash_of(user) % log.buckets:05}.parquet"
    erased = {
        "log": _drop(folder / "log" / "events" / bucket, user) + _drop(folder / "log" / "users.parquet", user),
        "profiles": _drop(folder / "profiles" / bucket, user),
        "audiences": sum(_drop(path, user) for path in sorted((folder / "audiences").glob("*.parquet"))),
        "atlas": erase(folder / ATLAS, user),
    }
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
