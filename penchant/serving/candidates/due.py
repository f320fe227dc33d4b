"""Who is due when: a queue of which each item has one place."""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import count

SPARE = 64
"""Places that may be out of date, besides as many as there are items."""

_Place = tuple[float, int, str]


class DueQueue:
    """Items by when they are due, the earliest first; of those that are due at the same time, who came first. Taking
    one of a million costs as much as taking one of a few.

    >>> queue = DueQueue()
    >>> for item, at in [("b", 20.0), ("a", 10.0), ("c", 30.0), ("a", 25.0)]:
    ...     queue.put(item, at)
    >>> queue.take(now=25.0, most=9), len(queue)
    (['b', 'a'], 1)
    """

    def __init__(self) -> None:
        self._heap: list[_Place] = []
        self._places: dict[str, _Place] = {}
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._places)

    def put(self, item: str, at: float) -> None:
        """Give an item its place, instead of the one that it had."""
        place = at, next(self._numbers), item
        self._places[item] = place
        heappush(self._heap, place)
        if len(self._heap) > 2 * len(self._places) + SPARE:
            self._heap = list(self._places.values())
            heapify(self._heap)

    def drop(self, item: str) -> None:
        """Let go of an item, if it is here."""
        self._places.pop(item, None)

    def take(self, now: float, most: int) -> list[str]:
        """Remove those that are due by now, `most` at most, and return them."""
        return [item for _, item in zip(range(most), self._due(now), strict=False)]

    def _due(self, now: float) -> Iterator[str]:
        while self._heap and self._heap[0][0] <= now:
            place = heappop(self._heap)
            if self._places.get(place[2]) is place:
                del self._places[place[2]]
                yield place[2]
