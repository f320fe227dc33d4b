"""Threads for what blocks: none of those who ask can take them all, and what others ask meanwhile is done once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

from anyio import CapacityLimiter, to_thread

R = TypeVar("R")


class Threads:
    """most: at the same time; share: those of one sender, so that others need not wait for all that one has asked.

    Python runs one thread at a time: the more of them compute, the longer the one that reads and writes connections
    waits for its turn.
    """

    def __init__(self, most: int, share: int) -> None:
        self._all, self._share = CapacityLimiter(most), share
        self._own: dict[str, CapacityLimiter] = {}
        self._asking = Counter[str]()

    async def run(self, sender: str, function: Callable[[], R]) -> R:
        """Do it in a thread. It is not stopped where the other side hangs up."""
        own = self._own.setdefault(sender, CapacityLimiter(self._share))
        self._asking[sender] += 1
        try:
            async with own:
                return await to_thread.run_sync(function, limiter=self._all)
        finally:
            self._asking[sender] -= 1
            if not self._asking[sender]:
                del self._asking[sender], self._own[sender]


class Once(Generic[R]):
    """Does `work` in a thread of its own; who asks while it goes on gets the same result, or the same error."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._work, self._limiter = work, CapacityLimiter(1)
        self._running: asyncio.Task[R] | None = None

    async def ask(self) -> R:
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(to_thread.run_sync(self._work, limiter=self._limiter))
        return await asyncio.shield(self._running)
