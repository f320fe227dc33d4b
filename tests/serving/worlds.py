"""One planted run with tags and look-alike trained, opened as it is served; once per session."""

from functools import cache
from pathlib import Path

import pytest

from penchant.operation.served import open_served
from penchant.pipeline import Run
from penchant.serving.served import Served
from tests.helpers import lookalike_runs
from tests.helpers.shared import made_once

MADE = 1_800_000_000.0
"""When the snapshot was written, UTC seconds: after all events of the log."""


def trained(temporary: pytest.TempPathFactory) -> Run:
    """The run; leave it as it is, and copy it to spoil it."""

    def make(folder: Path) -> None:
        run = lookalike_runs.copied(lookalike_runs.trained(temporary), folder)
        run.prepare()
        run.train()
        run.evaluate()
        run.build_profiles()

    return _opened(made_once(temporary, "served", make))


@cache
def _opened(folder: Path) -> Run:
    return Run.open(folder)


@cache
def _served(folder: Path) -> Served:
    return open_served(folder, clock=lambda: MADE)


def served(temporary: pytest.TempPathFactory) -> Served:
    """The run as it is served."""
    return _served(trained(temporary).folder)


def served_anew(temporary: pytest.TempPathFactory) -> Served:
    """The same, for those who say something else of its items: models keep that, and others would see it."""
    return open_served(trained(temporary).folder, clock=lambda: MADE)
