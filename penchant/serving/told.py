"""What processes tell each other through the store: items that were put, users who were forgotten."""

from collections.abc import Mapping
from threading import Lock

from penchant.store.base import Store


class Told:
    """All that was said so far, kept up to date by `refresh`; safe to be read from other threads meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, Lock()
        self._items_number = self._forgotten_number = 0
        self.items: dict[str, Mapping[str, list[str]]] = {}
        self.forgotten: dict[str, float] = {}
        self.refresh()

    def refresh(self) -> dict[str, Mapping[str, list[str]]]:
        """Items that were put since the last time, by their fields."""
        with self._lock:
            self._items_number, items = self._store.items(self._items_number)
            self._forgotten_number, forgotten = self._store.forgotten(self._forgotten_number)
            self.items.update(items)
            self.forgotten.update(forgotten)
            return dict(items)
