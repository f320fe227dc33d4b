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

MOST_SESSIONS, MOST_OF_KEY = 10_000, 1_000
"""Of all keys, and of one. Beyond these, the oldest session ends: of that key, or where there are too many of all, of
the key that has most. So nobody can end the sessions of others by logging in again and again."""


@dataclass(frozen=True)
class _Session:
    key: Key
    ends: float


class Sessions:
    """The sessions of one process; they end with it. clock: seconds that only go forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, Lock()
        self._sessions: dict[str, _Session] = {}
        self._of_key: dict[str, OrderedDict[str, None]] = {}  # the oldest first

    def begin(self, key: Key) -> str:
        """Return a new token for a visitor who has shown a key. Only the hash of the token is kept."""
        token = token_urlsafe(32)
        with self._lock:
            hashed, own = _hashed(token), self._of_key.setdefault(key.name, OrderedDict())
            self._sessions[hashed], own[hashed] = _Session(key, self._clock() + LASTS_S), None
            if len(own) > MOST_OF_KEY:
                self._end(next(iter(own)))
            if len(self._sessions) > MOST_SESSIONS:
                most = max(self._of_key, key=lambda name: len(self._of_key[name]))
                self._end(next(iter(self._of_key[most])))
        return token

    def key(self, token: str) -> Key | None:
        """Return the key that was shown, as it was then; None for an unknown token, or one whose session has ended."""
        found = self._sessions.get(_hashed(token))
        return found.key if found is not None and self._clock() < found.ends else None

    def end(self, token: str) -> None:
        """End a session."""
        with self._lock:
            self._end(_hashed(token))

    def _end(self, hashed: str) -> None:
        found = self._sessions.pop(hashed, None)
        if found is not None:
            own = self._of_key[found.key.name]
            del own[hashed]
            if not own:
                del self._of_key[found.key.name]


def _hashed(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()
