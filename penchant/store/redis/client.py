"""The connection of the Redis store: checked when it opens, with errors that say what to do."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from penchant.errors import StoreError
from penchant.store.redis.soundness import LOADING, REPLICA, AskedRedis, Known, agreed, refuse_to_lose

TIMEOUT_S = 5.0
"""How long to wait for an answer."""

CHECK_S = 1.0
"""How long a Redis is believed to be sound."""

ADVICE: tuple[tuple[type[redis.RedisError], str], ...] = (
    (redis.exceptions.OutOfMemoryError, "it is out of memory; raise its maxmemory"),
    (redis.ReadOnlyError, REPLICA),
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

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, connected: Callable[[Any], None] | None = None
    ) -> None:
        """connected: is called with each new connection, and makes it ready. Raises StoreError for an address that
        cannot be read; nothing is connected yet."""
        self.raw, self._timeout_s = _client(url, timeout_s, connected), timeout_s
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
    """A Redis that keeps what it acknowledges. That is seen to at each new connection, because another Redis may answer
    there by then, and again after CHECK_S, because settings can be changed at any time."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Raises StoreError where it cannot be reached, would lose data, or holds the data of another version."""
        super().__init__(url, timeout_s=timeout_s, connected=self._connected)
        self._known: Known | None = None
        self._checked = float("-inf")
        try:
            with self.errors():
                pass
        except StoreError:
            self.raw.close()
            raise

    @property
    def run(self) -> str:
        """The id of the process of Redis that was asked last."""
        return self._known.run if self._known else ""

    @contextmanager
    def errors(self) -> Iterator[None]:
        with super().errors():
            if not 0 <= time.monotonic() - self._checked < CHECK_S:
                self._check_again()
            yield

    def _connected(self, connection: Any) -> None:
        """Before anything is asked of a new connection."""
        connection.on_connect()
        try:
            self._check(connection)
        except StoreError:
            connection.disconnect()
            raise

    def _check_again(self) -> None:
        pool = self.raw.connection_pool
        connection = pool.get_connection()  # which checks it, if it is new
        try:
            self._check(connection)
        except redis.ConnectionError:  # Redis was started again
            connection.disconnect()
            connection.connect()  # which checks it
        finally:
            pool.release(connection)

    def _check(self, connection: Any) -> None:
        asked = AskedRedis(connection, self.place)
        info = asked.info()
        refuse_to_lose(asked, info)
        self._known = agreed(asked, info, self._known)
        self._checked = time.monotonic()


def _client(url: str, timeout_s: float, connected: Callable[[Any], None] | None) -> redis.Redis:
    """The library takes an address without a host, as one with a "#" in the password is, for this machine's."""
    try:
        if urlsplit(url).hostname:
            return redis.Redis.from_url(
                url,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=Retry(ConstantBackoff(0.1), 1),
                redis_connect_func=connected,
            )
    except ValueError:
        pass  # its text may hold a part of the password
    raise StoreError(
        "the address of Redis cannot be read; write redis://:PASSWORD@HOST:PORT/DATABASE, and in a password "
        "%23 for #, %2F for /, %40 for @"
    )
