"""Users who were forgotten: their rows do not enter a log again. A list of them holds digests, which recognise a user
but name nobody."""

from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import polars as pl

from penchant.errors import ConfigError, DataError
from penchant.files import read_json, write_json
from penchant.logs.users import hash_of, user_hash
from penchant.schema import TIME, USER

FORGOTTEN = "forgotten.json"
"""The list of a run folder."""

_AT = "forgotten at"
"""A column for a moment; the space keeps it apart from any field of the users."""

Forgotten = Mapping[str, float]
"""Digests of users' ids, and when each was forgotten, UTC seconds."""


def digest_of(user: str) -> str:
    """Return the digest by which a list of forgotten users recognises a user.

    >>> digest_of("anna")
    '8c4a844bcc7444d0'
    """
    return f"{hash_of(user):016x}"


def is_digest(text: str) -> bool:
    """Return whether a text is what `digest_of` may return.

    >>> is_digest("8c4a844bcc7444d0"), is_digest("anna")
    (True, False)
    """
    return len(text) == 16 and set(text) <= set("0123456789abcdef")


def read_forgotten(path: Path) -> dict[str, float]:
    """A list that `add_forgotten` wrote. ConfigError where the file is anything else."""
    try:
        return {digest: _moment(digest, at) for digest, at in read_json(path).items()}
    except (OSError, ValueError, AttributeError, OverflowError, DataError) as error:
        said = "it is no JSON" if isinstance(error, DataError) else error
        raise ConfigError(
            f"{path} is no list of forgotten users ({said}); give the forgotten.json of a run folder, or put it back "
            f"from a backup: without it these users come back with their tables"
        ) from None


def _moment(digest: str, at: Any) -> float:
    """When somebody was forgotten, as a list says it. An entry that would forget nobody, or for ever, is refused: who
    it meant would come back, or never could."""
    if not is_digest(digest) or type(at) not in (int, float) or not isfinite(moment := float(at)):
        raise ValueError(f"{digest[:50]!r}: {str(at)[:50]} is no digest of a user and UTC seconds")
    return moment


def add_forgotten(path: Path, digest: str, at: float) -> None:
    """Add a user to the list; after a crash the list is as before or complete."""
    known = read_forgotten(path) if path.exists() else {}
    write_json(path, {**known, digest: max(at, known.get(digest, 0.0))})


def is_listed(users: pl.Series, forgotten: Forgotten) -> pl.Series:
    """Bool of each user: whether the list has them."""
    return user_hash(users).is_in(pl.Series([int(digest, 16) for digest in forgotten], dtype=pl.UInt64).implode())


def without_forgotten(rows: pl.DataFrame, forgotten: Forgotten) -> pl.DataFrame:
    """Return the rows without those of forgotten users. Rows that have a time stay where they are later than the moment
    when their user was forgotten.

    rows: USER, and TIME unless they are users' own fields.
    """
    if not forgotten or rows.is_empty():
        return rows
    users = rows[USER].unique()
    digests = pl.Series([f"{hashed:016x}" for hashed in user_hash(users)], dtype=pl.String)
    at = digests.replace_strict(dict(forgotten), default=None, return_dtype=pl.Float64)
    gone = pl.DataFrame({USER: users, _AT: at}).drop_nulls()
    marked = rows.join(gone, on=USER, how="left", maintain_order="left")
    late = pl.col(TIME) > pl.col(_AT) if TIME in rows.columns else pl.lit(False)
    return marked.filter(pl.col(_AT).is_null() | late).drop(_AT)


def carried(listed: Forgotten, names: Iterable[tuple[str, str]]) -> dict[str, float]:
    """A list for a run that calls users otherwise. names: what the run of the list calls a user, and the other one.

    >>> carried({digest_of("anna"): 10.0}, [("anna", "user 1"), ("berta", "user 2")]) == {digest_of("user 1"): 10.0}
    True
    """
    return {digest_of(new): listed[digest] for old, new in names if (digest := digest_of(old)) in listed}
