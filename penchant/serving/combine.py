"""Calls from many threads become one: whoever comes first works for all who wait ("flat combining")."""

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Combiner(Generic[T, R]):
    """Does `work` for one list of items at a time, in the threads that ask; it has no thread of its own.

    work: results, one per item, in their order; it must not ask this combiner itself. most: items of one list. Who
    asks while nobody works starts at once, alone; those who ask meanwhile wait, and are served together, the first
    `most` of them in the order in which they came, by the first. So everybody works once at most, and nobody is passed.

    >>> Combiner(lambda items: [2 * item for item in items], most=16).ask(21)
    42
    """

    def __init__(self, work: Callable[[list[T]], list[R]], most: int) -> None:
        assert most > 0
        self._work, self._most = work, most
        self._waiting: deque[_Ticket[T, R]] = deque()
        self._busy = False
        self._gate = Lock()

    def ask(self, item: T) -> R:
        """The result for this item. What `work` raises reaches everybody in the list, as the same object."""
        ticket: _Ticket[T, R] = _Ticket(item)
        with self._gate:
            self._waiting.append(ticket)
            leads, self._busy = not self._busy, True
        if not leads:
            self._wait(ticket)
        if not ticket.served:
            self._serve()
        if ticket.problem is not None:
            raise ticket.problem
        return ticket.results[0]

    def _wait(self, ticket: "_Ticket[T, R]") -> None:
        """Until the ticket is served, or it is its turn to serve; an interrupt (Ctrl-C) leaves the others unharmed."""
        try:
            ticket.wake.acquire()
        except BaseException:
            with self._gate:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                turn = ticket.turn
            if turn:
                self._pass_on()
            raise

    def _serve(self) -> None:
        """Work for those who have waited longest, the caller among them, and let the next in line go on."""
        with self._gate:
            tickets = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        try:
            results = self._work([ticket.item for ticket in tickets])
            assert len(results) == len(tickets), f"{len(results)} results for {len(tickets)} items"
            for ticket, result in zip(tickets, results, strict=True):
                ticket.results.append(result)
        except BaseException as problem:  # raised by `ask`, of everybody in the list
            for ticket in tickets:
                ticket.problem = problem
        self._pass_on()
        for ticket in tickets:
            ticket.served = True
            ticket.wake.release()

    def _pass_on(self) -> None:
        with self._gate:
            self._busy = bool(self._waiting)
            if self._busy:
                self._waiting[0].turn = True
                self._waiting[0].wake.release()


class _Ticket(Generic[T, R]):
    """One who asks. wake: held until there is something to do or to take; turn: it was told to serve."""

    __slots__ = ("item", "problem", "results", "served", "turn", "wake")

    def __init__(self, item: T) -> None:
        self.item, self.results = item, list[R]()
        self.problem: BaseException | None = None
        self.served = self.turn = False
        self.wake = Lock()
        self.wake.acquire()
