"""Which store an address means, and where a store lies when no address is given."""

from pathlib import Path
from urllib.parse import urlsplit

from penchant.errors import ConfigError, StoreError
from penchant.store.base import LEASE_S, Store
from penchant.store.memory import MemoryStore
from penchant.store.sqlite.store import SqliteStore

KNOWN = "memory:, sqlite:PATH, redis://HOST:PORT/DATABASE, rediss://HOST:PORT/DATABASE"


def open_store(url: str, *, lease_s: float = LEASE_S) -> Store:
    """The store at an address; one in a file is created where there is none. lease_s: see `Store`.

    Raises StoreError for an address that means nothing, and where the store cannot be opened.
    """
    scheme, _, place = url.partition(":")
    match scheme:
        case "memory" if url == "memory:":
            return MemoryStore(lease_s=lease_s)
        case "sqlite" if place:
            return SqliteStore(place, lease_s=lease_s)
        case "redis" | "rediss":
            return _redis(url, lease_s)
    raise StoreError(f"{scheme + ':'!r} is no store, or says too little; known are {KNOWN}")


def _redis(url: str, lease_s: float) -> Store:
    try:
        from penchant.store.redis.store import RedisStore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StoreError(
            f'{error.name} is not installed, which this store needs: pip install "penchant[redis]"'
        ) from error
    return RedisStore(url, lease_s=lease_s)


def default_store(folder: Path) -> str:
    """Beside the run folder, so that it outlives a run that is made again.

    >>> default_store(Path("runs/demo"))
    'sqlite:runs/demo.live.sqlite'
    """
    return f"sqlite:{folder.parent / folder.name}.live.sqlite"


def refuse_secrets(url: str) -> None:
    """A ConfigError for a URL with a password: what stands on a command line, everybody on the machine can read."""
    try:
        password = urlsplit(url).password
    except ValueError as error:
        raise ConfigError(
            f"the URL of the store cannot be read: {error}; give sqlite:PATH or redis://HOST:PORT/NUMBER"
        ) from None
    if password:
        raise ConfigError(
            "the URL of the store holds a password, which the list of processes would show; put the URL "
            "into the environment variable PENCHANT_STORE instead"
        )
