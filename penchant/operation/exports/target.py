"""Where an export goes to: read from what a person writes after --to, before anything else is looked at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from penchant.choices import Form
from penchant.errors import ConfigError

Kind = Literal["parquet", "folder", "csv", "duckdb", "delta", "redis"]

PASSWORD = "PENCHANT_REDIS_PASSWORD"  # noqa: S105
"""The environment variable that holds the password of a Redis that is exported to."""

KNOWN = (
    "NAME.parquet, NAME/ (a folder of Parquet files), NAME.csv, NAME.csv.gz, NAME.duckdb, delta:FOLDER, "
    "redis://HOST:PORT/DATABASE"
)

_ENDINGS: tuple[tuple[str, Kind], ...] = (
    (".parquet", "parquet"),
    (".csv", "csv"),
    (".csv.gz", "csv"),
    (".duckdb", "duckdb"),
)


@dataclass(frozen=True)
class ExportTarget:
    """place: a path, or the address of a Redis."""

    kind: Kind
    place: str

    @property
    def path(self) -> Path:
        return Path(self.place)


def read_target(said: str) -> ExportTarget:
    """What a person means. ConfigError where it says no format, and for places that are none of this machine.

    >>> read_target("out/profiles.csv.gz").kind, read_target("out/").kind, read_target("delta:lake/profiles").place
    ('csv', 'folder', 'lake/profiles')
    """
    scheme, colon, rest = said.partition(":")
    if scheme in ("redis", "rediss") and rest.startswith("//"):
        return ExportTarget("redis", said)
    if scheme == "delta" and rest and "://" not in rest:
        return ExportTarget("delta", rest)
    if said and not (colon and "://" in said) and scheme != "delta":
        if said.endswith("/") or not Path(said).suffix:
            return ExportTarget("folder", said)
        for ending, kind in _ENDINGS:
            if said.endswith(ending):
                return ExportTarget(kind, said)
    raise ConfigError(f"the target {without_password(said)!r} says no format that is known; write {KNOWN}")


def refuse_misfit(target: ExportTarget, form: Form | None, ttl_s: int | None) -> None:
    """ConfigError for an option that the target has no use for."""
    if target.kind == "redis" and form is not None:
        raise ConfigError(f"form is {form!r}, but Redis has one layout (docs/exports.md); leave it out")
    if target.kind != "redis" and ttl_s is not None:
        raise ConfigError(f"ttl is {ttl_s}, but {target.place} does not forget by itself; leave it out")


def refuse_password(said: str) -> None:
    """ConfigError for an address with a password: what stands on a command line, everybody on the machine can read."""
    if read_target(said).kind == "redis" and without_password(said) != said:
        raise ConfigError(
            f"the address of Redis holds a password, which the list of processes would show; put the password into "
            f"the environment variable {PASSWORD} instead"
        )


def with_password(said: str, password: str | None) -> str:
    """The same target with a password in its address, if it is a Redis and there is a password.

    >>> with_password("redis://me@db:6379/0", "p@ss")
    'redis://me:p%40ss@db:6379/0'
    """
    if read_target(said).kind != "redis" or not password:
        return said
    scheme, _, rest = without_password(said).partition("://")
    user, _, host = rest.rpartition("@")
    return f"{scheme}://{user}:{quote(password, safe='')}@{host}"


def without_password(said: str) -> str:
    """An address as it may be shown.

    >>> without_password("redis://me:secret@db:6379/0")
    'redis://me@db:6379/0'
    """
    scheme, slashes, rest = said.partition("://")
    before, at, after = rest.rpartition("@")
    user, colon, _ = before.partition(":")
    return f"{scheme}{slashes}{user}{at if user else ''}{after}" if colon else said
