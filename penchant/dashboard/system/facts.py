"""What is known of a running process besides its rates: what its store says, its clusters, model, data and versions."""

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from threading import Lock

from penchant.dashboard.shell.readings import LEAST_S
from penchant.errors import StoreError
from penchant.logs.ingest import Log
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.measures import Measures
from penchant.serving.served import Served
from penchant.serving.service import Health, Service
from penchant.version import __version__

FEW = 5
"""Of what was set aside, so much is shown."""

KINDS = {"MemoryStore": "memory, gone when this process ends", "SqliteStore": "SQLite", "RedisStore": "Redis"}


@dataclass(frozen=True)
class Aside:
    """Why something was set aside, and when, UTC seconds. Not what it holds, which may name people."""

    reason: str
    at: float


@dataclass(frozen=True)
class Said:
    """What the store said. at: when, UTC seconds; holders: who plays a part that only one may play; aside: the latest
    FEW."""

    at: float
    health: Health
    holders: Mapping[str, str]
    aside: Sequence[Aside]


@dataclass(frozen=True)
class Clustered:
    """When all seeds of an open candidate were clustered, the latest and the earliest; fresh: when the latest seed of
    any clicked or joined. UTC seconds, None where there is none."""

    latest: float | None
    earliest: float | None
    fresh: float | None


@dataclass(frozen=True)
class Data:
    """The log that the model was trained on, as it is served. made: when that was prepared; ends: its last event, None
    where it has no clock. UTC seconds."""

    users: int
    items: int
    made: float
    ends: float | None


@dataclass(frozen=True)
class Program:
    """name: of this process, with which its parts in the store begin; store: of which kind; versions: of each part."""

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
        """What it said last, None where it never did, and for how many seconds it has been away, None where it is not.
        While somebody else asks, what was known before."""
        if self._monotonic() - self._asked >= LEAST_S and self._lock.acquire(blocking=self._asked == float("-inf")):
            try:
                self._ask()
            finally:
                self._asked = self._monotonic()
                self._lock.release()
        away = self._away
        return self._said, None if away is None else self._monotonic() - away

    def _ask(self) -> None:
        store = self._service.store
        try:
            health, holders = self._service.health(), store.holders()
            aside = [Aside(one.reason, one.at) for one in store.poison(FEW)]
        except StoreError:
            self._measures.store_failed()
            self._away = self._monotonic() if self._away is None else self._away
            return
        self._said, self._away = Said(self._service.clock(), health, holders, aside), None


def clustered(live: Iterable[PublishedClusters]) -> Clustered:
    """Of candidates that have clusters."""
    filled = [one for one in live if len(one.size_J)]
    if not filled:
        return Clustered(None, None, None)
    made = [one.made for one in filled]
    fresh = max(one.fresh for one in filled)
    return Clustered(max(made), min(made), fresh if fresh > 0 else None)


def data_of(served: Served, folder: Path) -> Data:
    """folder: of the run."""
    snapshot = served.snapshot
    ends = None if _has_positions(folder, served.name) else float(snapshot.manifest["last"])
    return Data(len(snapshot), len(snapshot.items), float(snapshot.manifest["made"]), ends)


@cache
def _has_positions(folder: Path, _model: str) -> bool:
    return Log.open(folder / "log").position


def program(service: Service) -> Program:
    """This one."""
    kind = type(service.store).__name__
    versions = {"Penchant": __version__, "Python": python_version(), "PyTorch": version("torch")}
    return Program(f"{socket.gethostname()}-{os.getpid()}", KINDS.get(kind, kind), versions)
