"""An export as hashes in a Redis, one per user, from which services read what they need to know of one user.

All keys of an export begin with a prefix that holds its version. Readers take the prefix from the key BASE, which is
set when all users are there, so they see the old export or the new one and never a mixture.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

import polars as pl

from penchant.choices import Exportable
from penchant.errors import ConfigError, StoreError
from penchant.operation.exports.table import ExportTable, as_json
from penchant.progress import Report
from penchant.schema import ITEM, USER
from penchant.store.redis.client import RedisConnection

GRACE_S = 60
"""How long the hashes of a replaced export stay, for readers who have just read its prefix."""

HOLD_S = 60
"""After so long without a block, another export may begin where this one was killed."""

AT_ONCE = 1_000
"""Users of one round trip."""


def base_key(what: Exportable, model: str | None) -> str:
    """The key that says where the export is: a hash of its prefix, its version, and the facts about it.

    >>> base_key("profiles", "tags"), base_key("audiences", None)
    ('penchant:export:profiles:tags', 'penchant:export:audiences')
    """
    return ":".join(["penchant:export", what, *([] if model is None else [quote(model, safe="")])])


def write(table: ExportTable, url: str, *, replace: bool, ttl_s: int | None, report: Report) -> None:
    """Write a hash per user. A call that was killed goes on at its block when it is given again, unless
    keys expire.

    ttl_s: seconds after which Redis forgets all of it. Raises ConfigError where an export of other content is there and
    may not be replaced; StoreError where another is being written, or Redis cannot do it.
    """
    link = RedisConnection(url)
    with closing(link.raw), link.errors():
        OnlineExport(link, table, ttl_s).write(report, replace=replace)


class OnlineExport:
    """One export on its way into a Redis."""

    def __init__(self, link: RedisConnection, table: ExportTable, ttl_s: int | None) -> None:
        self._raw: Any = link.raw
        self._place, self._table, self._ttl_s = link.place, table, ttl_s
        self.base, self.identity = base_key(table.what, table.about.get("model")), table.identity
        self._lock, self._progress = f"{self.base}:lock", f"{self.base}:progress"

    def write(self, report: Report, *, replace: bool) -> None:
        """See `write`."""
        current = _texts(self._raw.hgetall(self.base))
        same = current.get("identity") == self.identity
        if current and not same and not replace:
            raise ConfigError(
                f"{self._place} has other {self._table.what} under {self.base}, of {current.get('made')}; give another "
                f"database, or replace them with --replace (replace=True in Python)"
            )
        self._hold()
        version = current["version"] if same and not replace else self._write_all(current.get("version"), report)
        self._tidy(version)
        self._raw.delete(self._lock)

    def _write_all(self, current: str | None, report: Report) -> str:
        """All users, then the key that names them; the version."""
        version, start = self._begun(current)
        prefix = f"{self.base}:{version}:"
        for number, frame in enumerate(self._table.frames(report)):
            if number < start:
                continue
            self._hold()
            self._put(prefix, as_json(frame))
            said = {"identity": self.identity, "version": version, "blocks": number + 1}
            self._raw.hset(self._progress, mapping=said)
        self._switch(version, prefix)
        return version

    def _begun(self, current: str | None) -> tuple[str, int]:
        """The version that an export of the same content was writing when it was killed, and how many blocks of it are
        there; a new version if there is none. With a lifetime all users begin theirs anew."""
        found = _texts(self._raw.hgetall(self._progress))
        if self._ttl_s is None and found.get("identity") == self.identity and found["version"] != current:
            return found["version"], int(found["blocks"])
        return secrets.token_hex(8), 0

    def _hold(self) -> None:
        """Nobody else writes meanwhile but who writes the same."""
        self._raw.set(self._lock, self.identity, nx=True, ex=HOLD_S)
        if self._raw.get(self._lock) != self.identity.encode():
            raise StoreError(
                f"{self._place}: another export writes {self.base}, or was killed within the last {HOLD_S} s; wait "
                f"until it has ended and call again"
            )
        self._raw.expire(self._lock, HOLD_S)

    def _put(self, prefix: str, frame: pl.DataFrame) -> None:
        for part in _hashes(self._table.what, frame).iter_slices(AT_ONCE):
            changes = self._raw.pipeline(transaction=False)
            for user, *fields in part.iter_rows():
                changes.hset(prefix + user, items=fields)
                if self._ttl_s is not None:
                    changes.expire(prefix + user, self._ttl_s)
            changes.execute()

    def _switch(self, version: str, prefix: str) -> None:
        """From one moment to the next."""
        changes = self._raw.pipeline(transaction=True)
        changes.delete(self.base, self._progress)
        told = {**self._table.about, "identity": self.identity, "version": version, "prefix": prefix}
        changes.hset(self.base, mapping=told)
        if self._ttl_s is not None:
            changes.expire(self.base, self._ttl_s)
        changes.execute()

    def _tidy(self, version: str) -> None:
        """Have Redis forget, soon, what belongs to earlier exports, also to those that were killed."""
        keep = (self._lock.encode(), f"{self.base}:{version}:".encode())
        for keys in _scanned(self._raw, f"{self.base}:*"):
            changes = self._raw.pipeline(transaction=False)
            for key in keys:
                if not key.startswith(keep):
                    changes.expire(key, GRACE_S, lt=True)
            changes.execute()


def _hashes(what: Exportable, frame: pl.DataFrame) -> pl.DataFrame:
    """The user, then names and values of fields in turn: of a profile its parts; of an audience the item, and what is
    said of the member."""
    if what == "profiles":
        parts = [name for name in frame.columns if name != USER]
        return frame.select(USER, *(one for name in parts for one in (pl.lit(name).alias(f"{name}?"), pl.col(name))))
    return frame.select(USER, ITEM, pl.struct(pl.exclude(USER, ITEM)).struct.json_encode().alias("member"))


def _scanned(raw: Any, pattern: str) -> Iterable[Sequence[bytes]]:
    place = -1
    while place:
        place, keys = raw.scan(max(0, place), match=pattern, count=AT_ONCE)
        yield keys


def _texts(said: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in said.items()}
