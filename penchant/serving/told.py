"""What was said of items, kept in as little memory as it was said in: a process keeps it of all items, for good."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

Fields = Mapping[str, Sequence[str]]
"""What was said of an item: field → values."""


class Told(Mapping[str, Fields]):
    """By item, its fields as they were said last. They are read anew each time: lists of texts take ten times as much.

    One thread may add and drop while others read.
    """

    def __init__(self) -> None:
        self._said: dict[str, bytes] = {}

    def add(self, items: Mapping[str, Fields]) -> None:
        """Take over what is said of items now."""
        for item, fields in items.items():
            said = memoryview(orjson.dumps(fields))  # which keeps the kilobyte that it began with
            self._said[item] = bytes(said)

    def drop(self, items: Iterable[str]) -> None:
        """Nothing is said of these any more."""
        for item in items:
            self._said.pop(item, None)

    def __getitem__(self, item: str) -> Fields:
        found: Fields = orjson.loads(self._said[item])
        return found

    def __contains__(self, item: object) -> bool:
        return item in self._said

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._said))

    def __len__(self) -> int:
        return len(self._said)
