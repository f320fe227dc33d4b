"""Which runs are compared: those that were asked for, are there and can be read; and what the others lack."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from penchant.dashboard.shell.sources import Runs
from penchant.errors import ReportError
from penchant.report.numbers import Numbers

MOST_COMPARED = 30
"""Runs on one page: a first look at so many takes some seconds."""

MOST_LISTED = 30
"""Runs beside these that are listed at a time."""


@dataclass(frozen=True)
class Compared:
    """names: of the runs in numbers, the reference first. absent: asked for and not there; past: asked for beyond the
    most that fit; left_out: why a run cannot be shown, by its name; apart: why those that can be shown are not shown
    together, "" where they are."""

    names: list[str]
    numbers: Numbers | None
    absent: list[str]
    past: list[str]
    left_out: dict[str, str]
    apart: str = ""


def compare(runs: Runs, names: Sequence[str], *, most: int = MOST_COMPARED, clashes: int = 3) -> Compared:
    """The numbers of these runs, or of as many of them as can be told; each name counts once.

    clashes: so many runs may be left out because of others, one after the other; where there are more, only the first
    run is shown.
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
    """Why these cannot be shown together, "" where they can."""
    try:
        runs.numbers(names)
    except ReportError as error:
        return str(error)
    return ""


def _shortest(runs: Runs, names: Sequence[str]) -> int:
    """How many of the first of these cannot be shown together, whereas one less can; each of them can be alone."""
    good, bad = 1, len(names)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (good, middle) if _problem(runs, names[:middle]) else (middle, bad)
    return bad


def _faulty(runs: Runs, names: Sequence[str]) -> dict[str, str]:
    """Runs that cannot even be shown alone, and why."""
    return {name: why for name in names if (why := _problem(runs, [name]))}


@dataclass(frozen=True)
class Listed:
    """names: to choose from, those that are shown first; more: how many others there are; of: all together."""

    names: list[str]
    more: int
    of: int


def listed(names: Sequence[str], shown: Sequence[str], text: str) -> Listed:
    """Runs beside those that are shown, where a text is given those whose names hold it.

    >>> listed(["a", "b 1", "b 2"], ["a"], "B")
    Listed(names=['a', 'b 1', 'b 2'], more=0, of=3)
    """
    there = [name for name in shown if name in names]
    others = [name for name in names if name not in there and text.casefold() in name.casefold()]
    return Listed(there + others[:MOST_LISTED], len(others[MOST_LISTED:]), len(names))
