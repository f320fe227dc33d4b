"""Numbers by which a store tells what is new, and by which a store that was replaced is told from the one before.

A number holds the epoch of a store, and how many changes it has counted. Whoever follows a store keeps the last number
told. Where the store was restored from a backup, emptied or swapped for another since, that number is of another epoch,
or ahead of what the store has counted: then everything is told again, under a lower number.
"""

import time
from dataclasses import dataclass

SPAN = 1 << 40
"""More changes than a store ever counts."""

DIGITS = 20
"""No number of a store has so many."""

FIRST = 1 << 53
"""Epochs fall, a microsecond at a time, so a number of a later epoch is lower than all numbers before."""


def whole(said: object) -> int:
    """A number as a store keeps it; 0 for what is none, because anybody may have written to the store.

    >>> whole(7), whole(b"-7"), whole(b"7.5"), whole(None), whole(b"9" * 20)
    (7, -7, 0, 0, 0)
    """
    if isinstance(said, bytes):
        text = said.decode("ascii", "replace")
        return int(text) if text.removeprefix("-").isdecimal() and len(text) < DIGITS else 0
    return said if type(said) is int else 0


def next_epoch(before: int = 0) -> int:
    """The epoch of a store that begins now, lower than the one before, if there was one (0 for none)."""
    now = FIRST - time.time_ns() // 1000
    return min(now, before - 1) if before else now


def is_later(epoch: int, before: int) -> bool:
    """Whether an epoch follows another; 0 stands for none.

    >>> is_later(4, 5), is_later(5, 5), is_later(7, 5), is_later(0, 5), is_later(7, 0)
    (True, False, False, False, True)
    """
    return epoch != 0 and (before == 0 or epoch < before)


@dataclass(frozen=True)
class Count:
    """How many changes of one kind a store has counted in its epoch."""

    epoch: int
    last: int

    @property
    def number(self) -> int:
        """What is told as the number of the last change."""
        return self.epoch * SPAN + self.last

    def told(self, number: int) -> int | None:
        """How many changes had been counted when a number was told, None where another store told it. A number without
        an epoch is a bare count.

        >>> now = Count(epoch=5, last=7)
        >>> now.told(Count(5, 3).number), now.told(3), now.told(Count(6, 3).number), now.told(Count(5, 8).number)
        (3, 3, None, None)
        """
        epoch, count = divmod(number, SPAN)
        return count if epoch in (0, self.epoch) and count <= self.last else None

    def reached(self, cursor: str) -> int | None:
        """The same for the cursor of joins, "" for now."""
        if not cursor:
            return self.last
        return self.told(int(cursor)) if cursor.isdecimal() and cursor.isascii() else None

    def is_behind(self, cursor: str, kept: str | None) -> bool:
        """Whether a cursor of joins is not as far as one that is kept here; one that another store told never is.

        >>> now = Count(epoch=5, last=7)
        >>> now.is_behind("3", "4"), now.is_behind("4", "4"), now.is_behind("3", None), now.is_behind("3", "8")
        (True, False, False, False)
        """
        reached, known = self.reached(cursor), self.reached(kept) if kept else None
        return known is not None and (reached is None or reached < known)
