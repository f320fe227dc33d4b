"""Which store an address means."""

from penchant.errors import StoreError
from penchant.store.base import Store
from penchant.store.memory import MemoryStore
from penchant.store.sqlite.store import SqliteStore

KNOWN = "memory:, sqlite:PATH, redis://HOST:PORT/DATABASE, rediss://HOST:PORT/DATABASE"


def open_store(url: str) -> Store:
    """The store at an address; one in a file is created where there is none.

    Raises StoreError for an address that means nothing, and where the store cannot be opened.
    """
    scheme, _, place = url.partition(":")
    match scheme:
        case "memory" if url == "memory:":
            return MemoryStore()
        case "sqlite" if place:
            return SqliteStore(place)
        case "redis" | "rediss":
            return _redis(url)
    raise StoreError(f"{scheme + ':'!r} is no store, or says too little; known are {KNOWN}")


def _redis(url: str) -> Store:
    try:
        from penchant.store.redis.store import RedisStore  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StoreError(
            f'{error.name} is not installed, which this store needs: pip install "penchant[redis]"'
        ) from error
    return RedisStore(url)
