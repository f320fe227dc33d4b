"""Which runs are compared: those that were asked for, exist and can be read; and why the others are not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from penchant.dashboard.shell.sources import Runs
from penchant.errors import ReportError
from penchant.report.numbers import Numbers

MOST_COMPARED = 30
"""Runs on one page; the first look at so many takes some seconds."""

MOST_LISTED = 30
"""Other runs that are listed at a time."""


@dataclass(frozen=True)
class Compared:
    """The runs of one page. names: of the runs in `numbers`, the reference first; absent: asked for and not found;
    past: asked for beyond MOST_COMPARED; left_out: why a run cannot be shown, by its name; apart: why runs that can be
    shown are not shown together, "" where they are."""

    names: list[str]
    numbers: Numbers | None
    absent: list[str]
    past: list[str]
    left_out: dict[str, str]
    apart: str = ""


def compare(runs: Runs, names: Sequence[str], *, most: int = MOST_COMPARED, clashes: int = 3) -> Compared:
    """Return the numbers of as many of these runs as can be compared; a name that is given twice counts once.

    clashes: how many runs may be left out because they clash with others; where more do, only the first run is shown.
    """
    there = set(runs.names())
    asked = list(dict.fromkeys(names))
    known = [name for name in asked if name in there]
    chosen, past = known[:most], known[most:]
    found = Compared(chosen, None, [name for name in asked if name not in there], past, {})
    return _told(runs, found, clashes) if chosen else found


def _told(runs: Runs, asked: Compared, most_clashes: int) -> Compared:
    left_out = _faulty(runs, asked.names) if _problem(runs, asked.names) else {}
    clashes = 0
    while names := [name for name in asked.names if name not in left_out]:
        why = _problem(runs, names)
        if not why:
            return replace(asked, names=names, numbers=runs.numbers(names), left_out=left_out)
        if clashes == most_clashes:
            return replace(asked, names=names[:1], numbers=runs.numbers(names[:1]), left_out=left_out, apart=why)
        clash = names[: _shortest(runs, names)]
        left_out[clash[-1]] = _problem(runs, clash)
        clashes += 1
    return replace(asked, names=[], left_out=left_out)


def _problem(runs: Runs, names: Sequence[str]) -> str:
    """Say why these runs cannot be shown together, "" where they can."""
    try:
        runs.numbers(names)
    except ReportError as error:
        return str(error)
    return ""


def _shortest(runs: Runs, names: Sequence[str]) -> int:
    """Return how many of the first of these runs cannot be shown together, while one less can. Each of them can be
    shown alone."""
    good, bad = 1, len(names)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (good, middle) if _problem(runs, names[:middle]) else (middle, bad)
    return bad


def _faulty(runs: Runs, names: Sequence[str]) -> dict[str, str]:
    """Return the runs that cannot be shown even alone, and why."""
    return {name: why for name in names if (why := _problem(runs, [name]))}


@dataclass(frozen=True)
class RunNames:
    """Runs to choose from. names: those that are shown come first; more: how many others there are; of: how many there
    are in all."""

    names: list[str]
    more: int
    of: int


def listed(names: Sequence[str], shown: Sequence[str], text: str) -> RunNames:
    """List the runs that are shown, then others; where a text is given, only others whose names contain it.

    >>> listed(["a", "b 1", "b 2"], ["a"], "B")
    RunNames(names=['a', 'b 1', 'b 2'], more=0, of=3)
    """
    there = [name for name in shown if name in names]
    others = [name for name in names if name not in there and text.casefold() in name.casefold()]
    return RunNames(there + others[:MOST_LISTED], len(others[MOST_LISTED:]), len(names))
