"""Where pages take their numbers from."""

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
    """What is made beside the server. problem: why it could not be, "" where it could or may yet be."""

    @property
    def problem(self) -> str: ...

    def now(self) -> Atlas | None:
        """None while it is being made."""

    def step(self) -> bool:
        """For a loop: see to it that it is made."""

    def close(self) -> None:
        """Give up what is not finished."""


class Runs(Protocol):
    """The run that is shown, and those beside it."""

    def names(self) -> list[str]:
        """Of all that are measured, the one that is shown first."""

    def numbers(self, names: Sequence[str]) -> Numbers:
        """Of some of them, in order, compared. ReportError."""


@dataclass(frozen=True)
class Sources:
    """folder: of the run; live: whether events come in, rather than a run that is only looked at; expected: how
    audiences did in the test period, None where that was not measured; started: when the process did, UTC seconds."""

    folder: Path
    live: bool
    service: Service
    measures: Measures
    readings: Readings
    atlas: Background
    runs: Runs
    expected: Callable[[], ExpectedPrecision | None]
    started: float
