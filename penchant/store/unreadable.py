"""What a process found in its store and could not read: counted, and told in its log now and then."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock

TOLD_S = 600.0
"""The log tells of one kind so often at most."""

log = logging.getLogger("penchant.store")


class Unreadable:
    """Counts what could not be read, by kind. Any number of threads may use it. clock: seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self._counts, self._told = Counter[str](), dict[str, float]()

    @property
    def counts(self) -> Mapping[str, int]:
        """How often something of each kind could not be read; what is read again counts again."""
        with self._lock:
            return dict(self._counts)

    def add(self, kind: str, why: str, count: int = 1) -> None:
        """why: what is wrong, without what stands there: that may name people, and logs may not."""
        now = self._clock()
        with self._lock:
            self._counts[kind] += count
            is_told = now - self._told.get(kind, float("-inf")) < TOLD_S
            if not is_told:
                self._told[kind] = now
        if not is_told:
            log.warning("something of the store cannot be read, and counts as not there (%s): %s", kind, why)
