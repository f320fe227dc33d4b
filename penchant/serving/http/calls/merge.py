"""Requests that come while others are worked on wait for each other, and are worked on together."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Merger(Generic[T, R]):
    """Does `work` for one list of items at a time, in a thread of `pool`; for those who ask in one event loop.

    work: results, one per item, in their order. Who asks while nothing is worked on waits for nobody; who asks
    meanwhile is in the next list, of `most` items at most: one of each sender in turn, and of one sender first come
    first served. So nobody waits for all that another has asked. What `work` raises reaches everybody in the list.
    """

    def __init__(self, work: Callable[[list[T]], list[R]], most: int, pool: Executor) -> None:
        self._work, self._most, self._pool = work, most, pool
        self._waiting: dict[str, deque[tuple[T, asyncio.Future[R]]]] = {}  # whose turn it is stands first
        self._busy = False

    async def ask(self, item: T, sender: str = "") -> R:
        """The result for this item. An item whose asker has gone is worked on all the same."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        self._waiting.setdefault(sender, deque()).append((item, answer))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._begin)
        return await answer

    def _begin(self) -> None:
        """Work for those who wait, among them all whose requests were read in the same round of the loop."""
        part = self._next()
        done = asyncio.get_running_loop().run_in_executor(self._pool, self._work, [item for item, _ in part])
        done.add_done_callback(lambda found: self._end(part, found))

    def _next(self) -> list[tuple[T, "asyncio.Future[R]"]]:
        part: list[tuple[T, asyncio.Future[R]]] = []
        while self._waiting and len(part) < self._most:
            sender = next(iter(self._waiting))
            own = self._waiting.pop(sender)
            part.append(own.popleft())
            if own:
                self._waiting[sender] = own
        return part

    def _end(self, part: list[tuple[T, asyncio.Future[R]]], found: "asyncio.Future[list[R]]") -> None:
        error = found.exception()
        for place, (_, answer) in enumerate(part):
            if answer.done():
                continue
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(found.result()[place])
        self._busy = bool(self._waiting)
        if self._busy:
            self._begin()
