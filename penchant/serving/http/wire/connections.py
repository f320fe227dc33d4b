"""The open connections of one server: how many there may be, how long each may do nothing, and which one goes first."""

import asyncio
import logging
import resource
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Protocol

from penchant.serving.measures import Measures

MOST_CONNECTIONS = 10_000
"""Of one process, however many files it may open."""

SPARE = 512
"""Files left to the rest of the process: connections to the store, the run folder, the process that draws the atlas.
Where the limit is low, half of it."""

IDLE_S = 75.0
"""So long may a connection do nothing after an answer: longer than proxies keep theirs, so that they close first."""

HEAD_S = 20.0
"""So long may the head of a request take: from the connection, or from its first byte."""

TAKE_S, LEAST_TAKEN = 30.0, 1 << 18
"""In so many seconds so many bytes of an answer have to be taken, while there are that many."""

PATIENCE_S = 5.0
"""So long may an answer wait to be taken where there is no room for a new connection."""

MOST_UNTAKEN = 1 << 27
"""Bytes of answers that wait for those who asked, of all connections together. Each takes its memory twice: whoever
made it holds it until it is taken."""

SWEEP_S = 1.0

SAID_S = 60.0
"""The log speaks of too many connections at most once in so long."""

log = logging.getLogger("penchant.connections")


class Closable(Protocol):
    """A connection."""

    def cut(self) -> None:
        """Close it at once, whatever it has still to send."""

    def refuse(self) -> None:
        """Answer that there is no room, and close it."""

    def untaken(self) -> int:
        """Bytes that wait to be taken by the other side."""


class _Pile(NamedTuple):
    """Bytes of an answer that waited when they were looked at last, and when that was."""

    size: int
    since: float


class Connections:
    """Every connection is in one of three states: it waits for a request, a request of it is being answered, or its
    answer waits to be taken. For one event loop. most: how many there may be; clock: seconds that only go forward."""

    def __init__(self, measures: Measures, most: int, clock: Callable[[], float] = monotonic) -> None:
        self._measures, self._most, self._clock = measures, most, clock
        self._all: set[Closable] = set()
        self._waiting: dict[Closable, float] = {}  # until when; who has waited longest stands first
        self._piles: dict[Closable, _Pile] = {}  # who was looked at longest ago stands first
        self._piled = 0
        self._sweeps = False
        self._said, self._unsaid = float("-inf"), 0

    def opened(self, one: Closable) -> None:
        """Take in a new one. Where there are too many, the one that has waited longest goes; where no other waits, one
        that does not take its answer; where all others are at work, the new one is refused."""
        self._all.add(one)
        self.waits(one, HEAD_S)
        self._sweep_later()
        self._measures.connections(len(self._all))
        if len(self._all) > self._most:
            self._say()
            self._make_room(one)

    def waits(self, one: Closable, most_s: float) -> None:
        """It waits for a request from now on, for so long at most; unless its last answer has still to be taken."""
        self._waiting.pop(one, None)
        if one in self._all and one not in self._piles:
            self._waiting[one] = self._clock() + most_s

    def is_waiting(self, one: Closable) -> bool:
        return one in self._waiting

    def works(self, one: Closable) -> None:
        """A request of it is being answered."""
        self._waiting.pop(one, None)

    def piles_up(self, one: Closable) -> None:
        """More of its answers waits than the other side takes. Where that is too much of all, the oldest goes."""
        self._waiting.pop(one, None)
        self._look_at(one)
        while self._piled > MOST_UNTAKEN:
            self._close(next(iter(self._piles)), "unread")

    def flows(self, one: Closable) -> None:
        """What waited was taken."""
        self._piled -= self._piles.pop(one, _Pile(0, 0.0)).size

    def gone(self, one: Closable) -> None:
        """It is closed, whoever closed it."""
        self._all.discard(one)
        self._waiting.pop(one, None)
        self.flows(one)
        self._measures.connections(len(self._all))

    def closed(self, why: str) -> None:
        """Count one that a connection closed by itself."""
        self._measures.closed(why)

    def sweep(self) -> None:
        """Close those whose time is over."""
        now = self._clock()
        for one in [one for one, until in self._waiting.items() if until <= now]:
            self._close(one, "idle")
        for one in [one for one, pile in self._piles.items() if pile.since + TAKE_S <= now]:
            if self._takes(one):
                self._look_at(one)
            else:
                self._close(one, "unread")

    def _make_room(self, new: Closable) -> None:
        longest, unread = next(iter(self._waiting)), next(iter(self._piles), None)
        if longest is not new:
            self._close(longest, "crowded")
        elif unread and self._piles[unread].since + PATIENCE_S <= self._clock() and not self._takes(unread):
            self._close(unread, "unread")
        else:
            self._waiting.pop(new)
            self._measures.closed("refused")
            new.refuse()

    def _takes(self, one: Closable) -> bool:
        """Whether enough of its answer was taken since it was looked at."""
        return self._piles[one].size - one.untaken() >= LEAST_TAKEN

    def _look_at(self, one: Closable) -> None:
        """Note how much of its answer waits now."""
        self.flows(one)
        self._piles[one] = _Pile(one.untaken(), self._clock())
        self._piled += self._piles[one].size

    def _close(self, one: Closable, why: str) -> None:
        self._waiting.pop(one, None)
        self.flows(one)
        self._measures.closed(why)
        one.cut()

    def _sweep_later(self) -> None:
        """Sweep as long as there is any; not more than once a second."""
        if not self._sweeps:
            self._sweeps = True
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep_again)

    def _sweep_again(self) -> None:
        self._sweeps = False
        self.sweep()
        if self._all:
            self._sweep_later()

    def _say(self) -> None:
        self._unsaid += 1
        if self._clock() - self._said >= SAID_S:
            log.warning(
                "%d connections are open, as many as this process may have; since this was said last, %d were closed "
                "that had waited longest, or refused",
                self._most,
                self._unsaid,
            )
            self._said, self._unsaid = self._clock(), 0


def room() -> int:
    """How many connections this process may have, once it may open as many files as the system lets it."""
    limit, hard = (
        MOST_CONNECTIONS + SPARE if one == resource.RLIM_INFINITY else one
        for one in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    wanted = min(hard, MOST_CONNECTIONS + SPARE)
    if limit < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            limit = wanted
        except (ValueError, OSError) as error:  # macOS has another limit beside this one
            log.warning("this process may open %d files, and not %d: %s", limit, wanted, error)
    return min(MOST_CONNECTIONS, max(limit - SPARE, limit // 2))
