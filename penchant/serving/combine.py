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
        try:
            self._queue(ticket)
            if not ticket.turn:
                ticket.wake.acquire()
        except BaseException:  # Ctrl-C, which must not leave the others waiting
            self._withdraw(ticket)
            raise
        if ticket.turn:
            self._serve()
        if ticket.problem is not None:
            raise ticket.problem
        return ticket.results[0]

    def _queue(self, ticket: "_Ticket[T, R]") -> None:
        with self._gate:
            if not self._busy:
                self._busy = ticket.turn = True
            self._waiting.append(ticket)

    def _withdraw(self, ticket: "_Ticket[T, R]") -> None:
        with self._gate:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            turn = ticket.turn
        if turn:
            self._pass_on()

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
            if not ticket.turn:
                ticket.wake.release()

    def _pass_on(self) -> None:
        with self._gate:
            self._busy = bool(self._waiting)
            if self._busy:
                self._waiting[0].turn = True
                self._waiting[0].wake.release()


class _Ticket(Generic[T, R]):
    """One who asks. turn: it is for him to serve; wake: held until it is, or until he is served."""

    __slots__ = ("item", "problem", "results", "turn", "wake")

    def __init__(self, item: T) -> None:
        self.item, self.results = item, list[R]()
        self.problem: BaseException | None = None
        self.turn = False
        self.wake = Lock()
        self.wake.acquire()
