"""A process whose clocks are set by hand, and what it reads of itself."""

from collections import Counter

from penchant.dashboard.shell.readings import Readings
from penchant.serving.measures import Measures
from penchant.serving.roles.intake import Appended
from penchant.store.base import Event, Fate
from penchant.store.memory import MemoryStore
from penchant.store.sqlite.store import SqliteStore
from tests.serving.worlds import MADE

SCORE, PROFILE = "/v1/lookalike/score", "/v1/users/{user}/profile"


class Watched:
    """A process with a store in memory, whose clocks are set by hand. moment: by the one that only goes forward."""

    def __init__(self, store: MemoryStore | SqliteStore | None = None) -> None:
        self.store, self.measures = store or MemoryStore(), Measures()
        self.at, self.moment = MADE, 5.0
        self.readings = Readings(self.store, self.measures, clock=lambda: self.at, monotonic=lambda: self.moment)

    def wait(self, seconds: float) -> None:
        self.at += seconds
        self.moment += seconds

    def answer(self, route: str, *seconds: float, status: int = 200) -> None:
        for one in seconds:
            self.measures.answered(route, status, one)

    def append(self, *events: Event) -> None:
        fates = Counter(self.store.append(events, self.at))
        self.measures.appended(Appended(fates[Fate.NEW], fates[Fate.REPEATED], fates[Fate.FORGOTTEN], {}), 0)


def event(number: int) -> Event:
    return Event("anna", f"i{number}", MADE, True, str(number))
