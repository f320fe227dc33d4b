"""How a process does, and whether its store can be written to."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from penchant.errors import StoreError
from penchant.store.base import Backlog, Store

log = logging.getLogger("penchant.store")


@dataclass(frozen=True)
class Health:
    """How a process does. model: the version that answers; busy: whether events are refused, because too many wait;
    candidates: those that are open; scored: those of them that have clusters; waiting: those whose seeds nobody has
    looked at yet; oldest: when the seeds of the candidate that waits longest were clustered last, UTC seconds, None
    where none was; writable: whether the store could be written to last; unreadable: what could not be read of it, by
    kind."""

    model: str
    backlog: Backlog
    busy: bool
    candidates: int
    scored: int
    waiting: int
    oldest: float | None
    writable: bool
    unreadable: Mapping[str, int]


class WritingWatch:
    """Tries it now and then, so that nobody who asks has to wait. writable: whether the store could be written to when
    it was tried last."""

    def __init__(self, store: Store) -> None:
        self._store, self.writable = store, True

    def step(self) -> bool:
        """Try it, which may take as long as another holds the store. A loop calls this; False says that it may rest."""
        try:
            self._store.ping_writing()
        except StoreError as error:
            if self.writable:
                log.warning("the store cannot be written to: %s", error)
            self.writable = False
        else:
            if not self.writable:
                log.warning("the store can be written to again")
            self.writable = True
        return False
