"""What is known of a running process besides its rates: what its store says, its name and its versions."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from platform import python_version
from threading import Lock

from penchant.dashboard.shell.readings import LEAST_S
from penchant.errors import StoreError
from penchant.serving.measures import Measures
from penchant.serving.roles.health import Health
from penchant.serving.service import Service
from penchant.version import __version__

FEW = 5
"""Entries that were set aside and are shown."""

KINDS = {"MemoryStore": "memory, gone when this process ends", "SqliteStore": "SQLite", "RedisStore": "Redis"}


@dataclass(frozen=True)
class Aside:
    """An entry that was set aside. reason: why; at: when, UTC seconds. Its content is left out, because it may name
    people."""

    reason: str
    at: float


@dataclass(frozen=True)
class Said:
    """What the store said. at: when, UTC seconds; holders: which process plays each part that only one may play; aside:
    the latest FEW entries that were set aside."""

    at: float
    health: Health
    holders: Mapping[str, str]
    aside: Sequence[Aside]


@dataclass(frozen=True)
class Program:
    """This process. name: how its name in the store begins; store: the kind of store; versions: of Penchant and what it
    is built on."""

    name: str
    store: str
    versions: Mapping[str, str]


class StoreWatch:
    """Asks the store at most once in LEAST_S, however many people look."""

    def __init__(self, service: Service, measures: Measures, monotonic: Callable[[], float]) -> None:
        self._service, self._measures, self._monotonic = service, measures, monotonic
        self._said: Said | None = None
        self._asked = float("-inf")
        self._away: float | None = None
        self._lock = Lock()

    def now(self) -> tuple[Said | None, float | None]:
        """Return what the store said last, None where it never answered; and for how many seconds it has not answered,
        None where it does. While another thread asks, what was known before."""
        if self._monotonic() - self._asked >= LEAST_S and self._lock.acquire(blocking=self._asked == float("-inf")):
            try:
                self._ask()
            finally:
                self._asked = self._monotonic()
                self._lock.release()
        away = self._away
        return self._said, None if away is None else self._monotonic() - away

    def _ask(self) -> None:
        try:
            health, holders = self._service.health(), self._service.holders()
            aside = [Aside(one.reason, one.at) for one in self._service.set_aside(FEW)]
        except StoreError:
            self._measures.store_failed()
            self._away = self._monotonic() if self._away is None else self._away
            return
        self._said, self._away = Said(self._service.clock(), health, holders, aside), None


def program(service: Service) -> Program:
    """Return what is known of this process."""
    kind = service.store_kind()
    versions = {"Penchant": __version__, "Python": python_version(), "PyTorch": version("torch")}
    return Program(f"{socket.gethostname()}-{os.getpid()}", KINDS.get(kind, kind), versions)
