"""Which candidates are open, read from the store only when some were opened or closed."""

from collections.abc import Mapping
from threading import Lock

from penchant.store.base import Store


class OpenCandidates:
    """Any number of threads may use it. items: those that were open when `now` was asked last, and since when, UTC
    seconds; a mapping that never changes, another one after a change."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, Lock()
        self._mark: int | None = None
        self.items: Mapping[str, float] = {}

    def now(self) -> Mapping[str, float]:
        """Return the candidates that are open now. Raises StoreError."""
        with self._lock:
            mark = self._store.candidates_mark()  # before all are read: a change meanwhile has them read again
            if mark != self._mark:
                self.items, self._mark = self._store.candidates(), mark
            return self.items
