"""The dashboard of one run folder: what its pages read, beside what a running service knows."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from penchant.audiences.expected import ExpectedPrecision
from penchant.dashboard.shell.http import Dashboard
from penchant.dashboard.shell.readings import Readings
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.site import site
from penchant.errors import PenchantError, ReportError
from penchant.evaluation.choice import Choice
from penchant.kinds.answers import ModelRun
from penchant.operation.atlases import AtlasInBackground
from penchant.report.build import gather
from penchant.report.facts import Evaluated, read_facts
from penchant.report.numbers import Numbers
from penchant.runfolder import files_of, read_config
from penchant.serving.cache import Cache
from penchant.serving.http.routes import Routes
from penchant.serving.keys import Keys
from penchant.serving.measures import Measures
from penchant.serving.service import Service

MOST_SHOWN = 50
"""Candidates that are opened for a run that is only looked at."""

MOST_KEPT = 8
"""Comparisons of runs that are kept: 170 kB for each run that is compared."""


def add_dashboard(routes: Routes, sources: Sources, keys: Keys | None) -> None:
    """Add its pages to those of the API. keys: None where everybody may do everything."""
    about = {"run": Path(os.path.abspath(sources.folder)).name, "live": sources.live}
    Dashboard(routes, keys, site(sources), about=about)


def open_sources(folder: Path, service: Service, measures: Measures, *, live: bool) -> Sources:
    """What pages read. live: whether events come in."""
    return Sources(
        folder=folder,
        live=live,
        service=service,
        measures=measures,
        readings=Readings(service.store, measures, clock=service.clock),
        atlas=AtlasInBackground(folder),
        runs=RunsBeside(folder),
        expected=partial(_expected, folder),
        started=service.clock(),
    )


def open_most_clicked(service: Service) -> None:
    """Open some items of a run that is only looked at, so that the page Look-alike has candidates to show."""
    service.open(service.most_clicked(MOST_SHOWN))


@dataclass(frozen=True)
class RunsBeside:
    """A run folder and those beside it. Comparisons are kept, and so is the reason why one could not be made."""

    folder: Path
    _kept: Cache[Numbers | str] = field(default_factory=lambda: Cache(MOST_KEPT))

    @property
    def place(self) -> Path:
        """Of this one, with a name and a parent even where it is given as "."."""
        return Path(os.path.abspath(self.folder))

    def names(self) -> list[str]:
        """Of all of which anything is measured, this one first."""
        own = self.place
        found = [run.name for run in own.parent.iterdir() if _is_measured(run)]
        return sorted(found, key=lambda name: (name != own.name, name))

    def numbers(self, names: Sequence[str]) -> Numbers:
        """Of some of these, compared with the first. ReportError, which says what is wrong with which of them."""
        there = set(self.names())
        folders = [self.place.parent / name for name in names if name in there]
        try:
            state = tuple((str(folder), *map(_changed, files_of(folder, compared=True))) for folder in folders)
        except OSError as error:  # a folder that is removed while it is listed
            raise ReportError(str(error)) from error
        found = self._kept.of(state, lambda: _numbers(folders))
        if isinstance(found, str):
            raise ReportError(found)
        return found


def _is_measured(run: Path) -> bool:
    """Whether anything of a run is; not of one that is being removed."""
    try:
        return any(path.suffix == ".json" for path in (run / "scores").iterdir())
    except OSError:
        return False


def _changed(path: Path) -> tuple[str, int]:
    """When, in nanoseconds; 0 for a file that is not there any more."""
    try:
        return path.name, path.stat().st_mtime_ns
    except OSError:
        return path.name, 0


def _numbers(folders: Sequence[Path]) -> Numbers | str:
    """What is the matter, where it cannot be told."""
    try:
        return gather([_facts(folder) for folder in folders])
    except (PenchantError, OSError) as error:
        return str(error)
    except (LookupError, TypeError, ValueError) as error:
        # Not every value that a report takes from a run is checked where it is read.
        names = ", ".join(folder.name for folder in folders)
        return (
            f"{names}: a file is not what this version writes ({type(error).__name__}: {error}); evaluate the run again"
        )


def _facts(folder: Path) -> Evaluated:
    config, _ = read_config(folder)
    return read_facts(folder, config)


def _expected(folder: Path) -> ExpectedPrecision | None:
    """Of the live scorer; None where none is, or it was not measured."""
    run = ModelRun.open(folder)
    if run.config.reference is None or not run.scores_of(run.config.reference).exists():
        return None
    metrics = run.lookalikes.metrics
    live = Choice.read(metrics, folder).live
    return None if live is None else ExpectedPrecision.read(metrics, live)
