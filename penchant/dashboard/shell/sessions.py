"""Who is logged in: a key that was shown once, remembered under a random token."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_urlsafe
from threading import Lock

from penchant.store.base import Key

LASTS_S = 12 * 3_600.0
"""So long after the log-in a session ends."""

MOST_SESSIONS = 10_000
"""The oldest goes first; each needs a key, so strangers cannot push anybody out."""


@dataclass(frozen=True)
class _Session:
    key: Key
    ends: float


class Sessions:
    """Of one process; they end with it. clock: seconds that only go forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def begin(self, key: Key) -> str:
        """A new token for who has shown a key; only its hash is kept."""
        token = token_urlsafe(32)
        with self._lock:
            self._sessions[_hashed(token)] = _Session(key, self._clock() + LASTS_S)
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return token

    def key(self, token: str) -> Key | None:
        """The key that was shown, as it was then; None for a token that is not known, or whose session has ended."""
        found = self._sessions.get(_hashed(token))
        return found.key if found is not None and self._clock() < found.ends else None

    def end(self, token: str) -> None:
        with self._lock:
            self._sessions.pop(_hashed(token), None)


def _hashed(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()
