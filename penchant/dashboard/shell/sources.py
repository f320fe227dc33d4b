"""What pages read: the service, the counters of the process, the atlas of tags, and the runs beside this one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from penchant.audiences.expected import ExpectedPrecision
from penchant.dashboard.shell.readings import Readings
from penchant.profiles.atlas import Atlas
from penchant.report.numbers import Numbers
from penchant.serving.measures import Measures
from penchant.serving.service import Service


class Background(Protocol):
    """The atlas, which another process makes. problem: why it could not be made, "" where it was or may yet be."""

    @property
    def problem(self) -> str: ...

    def now(self) -> Atlas | None:
        """Return the latest atlas, None while the first one is being made."""

    def step(self) -> bool:
        """Have it made where it is missing. A loop calls it."""

    def close(self) -> None:
        """Stop what is not finished."""


class Runs(Protocol):
    """The run that is shown, and those in the same folder."""

    def names(self) -> list[str]:
        """Return the names of all evaluated runs, the one that is shown first."""

    def numbers(self, names: Sequence[str]) -> Numbers:
        """Return the numbers of some of them, in this order, compared with the first. ReportError."""


@dataclass(frozen=True)
class Sources:
    """folder: of the run; live: whether events come in, rather than that the run is only looked at; expected: how
    audiences did in the test period, None where that was not measured; started: when the process began, UTC seconds."""

    folder: Path
    live: bool
    service: Service
    measures: Measures
    readings: Readings
    atlas: Background
    runs: Runs
    expected: Callable[[], ExpectedPrecision | None]
    started: float
