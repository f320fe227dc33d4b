"""Sessions: a visitor shows a key once, and is known by a random token from then on."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe
from threading import Lock

from penchant.store.base import Key

LASTS_S = 12 * 3_600.0
"""A session ends this long after the log-in."""

MOST_SESSIONS = 10_000
"""Beyond these, the oldest session ends. Each session needs a key, so strangers cannot end those of others."""


@dataclass(frozen=True)
class _Session:
    key: Key
    ends: float


class Sessions:
    """The sessions of one process; they end with it. clock: seconds that only go forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def begin(self, key: Key) -> str:
        """Return a new token for a visitor who has shown a key. Only the hash of the token is kept."""
        token = token_urlsafe(32)
        with self._lock:
            self._sessions[_hashed(token)] = _Session(key, self._clock() + LASTS_S)
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return token

    def key(self, token: str) -> Key | None:
        """Return the key that was shown, as it was then; None for an unknown token, or one whose session has ended."""
        found = self._sessions.get(_hashed(token))
        return found.key if found is not None and self._clock() < found.ends else None

    def end(self, token: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_hashed(token), None)


def _hashed(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()
