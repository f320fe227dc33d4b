"""What goes on in the background of a process: steps that are done again and again, and outlast a store being away."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from penchant.errors import StoreError

LONGEST_WAIT_S = 5.0

log = logging.getLogger("penchant.loops")


class Loop:
    """Calls `step` in a thread of its own until it is stopped; `idle_s` passes after a step that had nothing to do.

    Where the store cannot be reached it tries again, less and less often. Any other error ends it, and `failed` is
    told: a process that has lost a part must not look alive.
    """

    def __init__(self, name: str, step: Callable[[], bool], *, idle_s: float, failed: Callable[[], None]) -> None:
        self.name, self._step, self._idle_s, self._failed = name, step, idle_s, failed
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> "Loop":
        self._thread.start()
        return self

    def end(self) -> None:
        """Begin no other step."""
        self._stopping.set()

    def stop(self, *, within_s: float = 30.0) -> None:
        """Let the step that goes on end, and begin no other."""
        self.end()
        self._thread.join(within_s)

    def _run(self) -> None:
        wait_s = self._idle_s
        try:
            while not self._stopping.wait(wait_s):
                wait_s = self._next_wait(wait_s)
        except BaseException:
            log.exception("%s has failed", self.name)
            self._failed()
            raise

    def _next_wait(self, waited_s: float) -> float:
        try:
            return 0.0 if self._step() else self._idle_s
        except StoreError as error:
            log.warning("%s waits for the store: %s", self.name, error)
            return min(LONGEST_WAIT_S, max(2 * waited_s, 0.1))
