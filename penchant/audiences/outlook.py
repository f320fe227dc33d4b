"""How well audiences of an item should do, by their size."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from penchant.audiences.expected import Expected, ExpectedPrecision
from penchant.choices import MIN_AUDIENCE

USUAL_SIZE = 1_000


@dataclass(frozen=True)
class Outlook:
    """sizes: what to expect of audiences of several sizes, where `best` is the size; asked: what to expect of parts of
    the audience that was asked for, None where that cannot be had."""

    sizes: Sequence[Expected]
    asked: Sequence[Expected] | None


def outlook_of(expected: ExpectedPrecision, *, seeds: int, size: int, reachable: int) -> Outlook | None:
    """Return the outlook of an item. seeds: known ones; None where no audience is large enough to be allowed."""
    if reachable < MIN_AUDIENCE or not seeds:
        return None
    found = [expected.of(seeds=seeds, size=one, reachable=reachable)[-1] for one in _sizes(reachable)]
    fits = MIN_AUDIENCE <= size <= reachable
    return Outlook(found, expected.of(seeds=seeds, size=size, reachable=reachable) if fits else None)


def usual_size(reachable: int) -> int:
    """Return the size of an audience where none was asked for: a tenth of those who can be reached, rounded down to one
    digit and to a multiple of MIN_AUDIENCE, from MIN_AUDIENCE to USUAL_SIZE.

    >>> usual_size(1_000_000), usual_size(442), usual_size(2_345), usual_size(872)
    (1000, 50, 200, 50)
    """
    tenth = max(reachable // 10, 1)
    power = 10 ** floor(log10(tenth))
    rounded = tenth // power * power
    return min(max(rounded - rounded % MIN_AUDIENCE, MIN_AUDIENCE), USUAL_SIZE)


def _sizes(reachable: int) -> list[int]:
    """Return round sizes from MIN_AUDIENCE on, and all who can be reached as the last."""
    steps = [int(factor * 10**power) for power in range(1, 13) for factor in (1, 1.5, 2, 3, 5, 7)]
    return [one for one in steps if MIN_AUDIENCE <= one < reachable] + [reachable]
