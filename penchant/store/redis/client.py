"""The connection of the Redis store: checked when it opens, with errors that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from penchant.errors import StoreError
from penchant.store.redis.scripts import PREFIX, VERSION

TIMEOUT_S = 5.0
"""How long to wait for an answer."""

LOADING = "it is still loading its data; try again in a moment"

ADVICE: tuple[tuple[type[redis.RedisError], str], ...] = (
    (redis.exceptions.OutOfMemoryError, "it is out of memory; raise its maxmemory"),
    (redis.ReadOnlyError, "it is a replica, which cannot be written to; name the primary"),
    (redis.BusyLoadingError, LOADING),
    (redis.AuthenticationError, "it refuses the user or the password in the address; correct them"),
    (redis.exceptions.AuthorizationError, "it refuses the user or the password in the address; correct them"),
    (redis.exceptions.NoPermissionError, "its user may not do this; grant all commands on keys penchant:*"),
    (redis.TimeoutError, "it does not answer within {timeout_s:g} s; see what keeps it, and try again"),
    (redis.ConnectionError, "it cannot be reached; is it running there?"),
)
"""The first that fits counts. timeout_s: how long was waited."""


class RedisConnection:
    """A Redis, whatever it is for. After a lost connection it connects again by itself."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Raises StoreError for an address that cannot be read; nothing is connected yet."""
        self.raw, self._timeout_s = _client(url, timeout_s), timeout_s
        said = self.raw.get_connection_kwargs()
        self.place = f"Redis at {said.get('host', 'localhost')}:{said.get('port', 6379)}"
        self._password = str(said.get("password") or "")

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise StoreError(f"{self.place}: {self._advice(error)}") from None

    def _advice(self, error: redis.RedisError) -> str:
        said = str(error)
        said = said.replace(self._password, "…") if self._password else said
        for kind, advice in ADVICE:
            if isinstance(error, kind):
                return f"{advice.format(timeout_s=self._timeout_s)} ({said})"
        return f"it failed: {said}"


class RedisClient(RedisConnection):
    """A Redis that keeps what it acknowledges."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Raises StoreError where it cannot be reached, would lose data, or holds the data of another version."""
        super().__init__(url, timeout_s=timeout_s)
        try:
            with self.errors():
                self._refuse_to_lose()
                self._agree_on_version()
        except StoreError:
            self.raw.close()
            raise

    def _refuse_to_lose(self) -> None:
        info: Any = self.raw.info("persistence")
        if info["loading"]:  # and until then it says that it keeps no log
            raise StoreError(f"{self.place}: {LOADING}")
        if not info["aof_enabled"]:
            raise StoreError(f"{self.place} would lose data when it stops (aof_enabled is 0); set `appendonly yes`")
        policy = self.raw.info("memory")["maxmemory_policy"]
        if policy != "noeviction":
            raise StoreError(
                f"{self.place} would drop data when memory runs out (maxmemory-policy is {policy}); "
                f"set `maxmemory-policy noeviction`"
            )
        synced = self._setting("appendfsync")
        if synced not in ("always", None):
            raise StoreError(
                f"{self.place} would lose the last seconds of data when it crashes (appendfsync is {synced}); "
                f"set `appendfsync always`"
            )

    def _setting(self, name: str) -> str | None:
        """Return a setting of the server, None where it does not tell any, as hosted servers do."""
        try:
            said: Any = self.raw.config_get(name)
        except redis.ResponseError:
            return None
        return {_text(key): _text(value) for key, value in said.items()}.get(name)

    def _agree_on_version(self) -> None:
        self.raw.set(f"{PREFIX}version", VERSION, nx=True)
        found = _text(self.raw.get(f"{PREFIX}version"))
        if found != VERSION:
            raise StoreError(
                f"{self.place} holds data of another Penchant (store version {found}, this one knows {VERSION}); "
                f"run that one, or name another database"
            )


def _client(url: str, timeout_s: float) -> redis.Redis:
    """The library takes an address without a host, as one with a "#" in the password is, for this machine's."""
    try:
        if urlsplit(url).hostname:
            return redis.Redis.from_url(
                url,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=Retry(ConstantBackoff(0.1), 1),
            )
    except ValueError:
        pass  # its text may hold a part of the password
    raise StoreError(
        "the address of Redis cannot be read; write redis://:PASSWORD@HOST:PORT/DATABASE, and in a password "
        "%23 for #, %2F for /, %40 for @"
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
