"""A cache of what takes long to work out: the values that were asked for last."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Keeps the `most` values that were asked for last.

    Values are made one at a time, so two threads that ask for the same key wait for one value. Any number of threads
    may use a cache.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        """Return the value of a key, None where the cache does not have it."""
        return self._values.get(key)

    def of(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key; `make` works it out where the cache does not have it."""
        with self._lock:
            if key not in self._values:
                self._values[key] = make()
                while len(self._values) > self._most:
                    self._values.popitem(last=False)
            self._values.move_to_end(key)
            return self._values[key]
