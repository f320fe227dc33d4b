"""Steps in the background that no answer depends on: whatever they raise is logged, and what was there before stays."""

import errno
import logging
from collections.abc import Callable

from polars.exceptions import PanicException

from penchant.errors import StoreError

FAULTS = (Exception, PanicException)
"""Whatever reading a run folder may raise: it is somebody else's, and may hold anything. PanicException, which is no
Exception, is what Polars raises where its own code fails."""

_SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}

log = logging.getLogger("penchant.helping")


class Helping:
    """A step for a `Loop` that never ends it. A fault is logged once, until a step goes well or another fault comes.
    StoreError passes, because the loop waits for the store."""

    def __init__(self, name: str, step: Callable[[], bool]) -> None:
        self.name, self._step, self._said = name, step, ""

    def __call__(self) -> bool:
        said = ""
        try:
            return self._step()
        except StoreError:
            raise
        except FAULTS as error:
            said = told(error)
            if said != self._said:
                log.warning("%s has failed and is tried again: %s", self.name, said)
            return False
        finally:
            self._said = said


def told(error: BaseException) -> str:
    """In one line.

    >>> told(KeyError("said")), told(StoreError("it is down"))
    ("KeyError: 'said'", 'StoreError: it is down')
    """
    return " ".join(f"{type(error).__name__}: {error}".split())


def is_scarce(error: BaseException) -> bool:
    """Whether memory, open files or processes ran out, so that the same may go well later."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _SCARCE)
