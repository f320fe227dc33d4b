"""The dashboard of one run folder: what its pages read, beside what a running service knows."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np

from penchant.dashboard.http import Dashboard
from penchant.dashboard.site import site
from penchant.dashboard.sources import Sources
from penchant.evaluation.expected import ExpectedPrecision
from penchant.files import read_json
from penchant.report.build import gather
from penchant.report.facts import Evaluated, read_facts
from penchant.report.numbers import Numbers
from penchant.runfolder import read_config
from penchant.serving.http_routes import Routes
from penchant.serving.keys import Keys
from penchant.serving.measures import Measures
from penchant.serving.service import Service


class AtlasInBackground:  # until atlases.py is there
    problem = "the atlas is being written by someone else"

    def __init__(self, folder: Path) -> None: ...

    def now(self) -> None:
        return None


MOST_SHOWN = 50
"""Candidates of a run that is only looked at."""

MOST_KEPT = 8
"""Comparisons of runs that are kept."""


def add_dashboard(routes: Routes, sources: Sources, keys: Keys | None) -> None:
    """Add its pages to those of the API. keys: None where everybody may do everything."""
    about = {"run": sources.folder.name, "live": sources.live}
    Dashboard(routes, keys, site(sources), about=about)


def open_sources(folder: Path, service: Service, measures: Measures, *, live: bool) -> Sources:
    """What pages read. live: whether events come in."""
    return Sources(
        folder=folder,
        live=live,
        service=service,
        measures=measures,
        atlas=AtlasInBackground(folder),
        runs=RunsBeside(folder),
        expected=partial(_expected, folder),
        started=service.clock(),
    )


def open_most_clicked(service: Service) -> None:
    """Open some items of a run that nobody else opens candidates of: those that were clicked most lately."""
    snapshot = service.view.served.snapshot
    best = np.argsort(-snapshot.recent, kind="stable")[:MOST_SHOWN]
    service.open([snapshot.items[place] for place in best.tolist() if snapshot.recent[place] > 0])


@dataclass(frozen=True)
class RunsBeside:
    """A run folder and those in the same folder; what was compared is kept until one of them is measured again."""

    folder: Path
    _kept: OrderedDict[tuple[object, ...], Numbers] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def names(self) -> list[str]:
        """Of all that are measured, this one first."""
        found = sorted(path.parent for path in self.folder.parent.glob("*/metrics.json"))
        own = self.folder.resolve()
        return [path.name for path in sorted(found, key=lambda path: path.resolve() != own)]

    def numbers(self, names: Sequence[str]) -> Numbers:
        """Of some of these, compared with the first. ReportError, MissingStepError."""
        folders = [self.folder.parent / name for name in names if name in self.names()]
        state = tuple((str(folder), (folder / "metrics.json").stat().st_mtime_ns) for folder in folders)
        with self._lock:
            if state not in self._kept:
                self._kept[state] = gather([_facts(folder) for folder in folders])
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(state)
            return self._kept[state]


def _facts(folder: Path) -> Evaluated:
    config, _ = read_config(folder)
    return read_facts(folder, config.model_dump(mode="json"))


def _expected(folder: Path) -> ExpectedPrecision | None:
    path = folder / "lookalike" / "metrics.json"
    return ExpectedPrecision.read(read_json(path), "ralm") if path.exists() else None
