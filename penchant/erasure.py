"""A user removed from a run folder: log, profiles and audiences at once, the rest at the next `prepare`."""

from pathlib import Path

import polars as pl

from penchant.dashboard.atlas import FOLDER as ATLAS
from penchant.dashboard.atlas import erase
from penchant.files import aside, remove
from penchant.logs.forgotten import FORGOTTEN, add_forgotten, digest_of
from penchant.logs.ingest import Log
from penchant.logs.users import hash_of
from penchant.schema import USER


def erase_from_run(folder: Path, user: str, at: float) -> dict[str, int]:
    """Remove a user from the files that name him, and see to it that `prepare` leaves him out: rows that were removed
    from the log, profiles, audiences and the atlas. at: now, UTC seconds.

    Each file is whole before and after; what was stopped is finished by the same call. The snapshot of serving is
    written anew at its next start. Prepared shards and vectors hold his features until the next `prepare`.
    """
    add_forgotten(folder / FORGOTTEN, digest_of(user), at)
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
