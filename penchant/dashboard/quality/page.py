"""The page Quality: how well runs do, beside baselines, the papers and each other."""

import os
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any
from urllib.parse import urlencode

from penchant.dashboard.quality.comparison import MOST_COMPARED, Compared, compare, listed
from penchant.dashboard.quality.parts import lookalike_parts, moment, profiles_parts
from penchant.dashboard.shell.pages import Asked, Page, Route
from penchant.dashboard.shell.sources import Sources
from penchant.evaluation.protocols.rankers import LOWER_IS_BETTER
from penchant.report.lookalikes import words as lookalike_words
from penchant.report.page import calibration_errors, printed, score
from penchant.report.published import ON, RALM_SOURCE, SOURCE
from penchant.report.words import WHOSE, difference, nice, signed

PATH = "/dashboard/quality"

WORDS = {
    "nice": nice,
    "signed": signed,
    "score": score,
    "printed": printed,
    "moment": moment,
    "lower_is_better": LOWER_IS_BETTER,
    "ahead": difference,
    "whose": WHOSE,
    "calibration_errors": calibration_errors,
    "words": lookalike_words,
    "paper_on": ON,
    "source": SOURCE,
    "ralm_source": RALM_SOURCE,
}
"""How the report says it, for templates."""


def routes(sources: Sources) -> list[Route]:
    place = Path(os.path.abspath(sources.folder))

    def quality(asked: Asked) -> Page:
        wanted = [name for name in asked.every("run") if name]
        if asked.part:
            return Page("quality_runs", _to_choose(sources, asked, wanted))
        shown = wanted or [place.name]
        return Page("quality", _to_choose(sources, asked, shown) | _shown(compare(sources.runs, shown), place))

    return [Route(PATH, quality)]


def _to_choose(sources: Sources, asked: Asked, wanted: Sequence[str]) -> dict[str, Any]:
    """Return the runs to choose from; those that are wanted already come first and are ticked."""
    text, names = asked.text("find").strip(), sources.runs.names()
    there = set(names)
    ticked = [name for name in dict.fromkeys(wanted) if name in there]
    return {
        "listed": listed(names, ticked, text),
        "ticked": ticked,
        "find": text,
        "first": {name: url([name, *(one for one in ticked if one != name)]) for name in ticked},
    }


def _shown(found: Compared, place: Path) -> dict[str, Any]:
    numbers = found.numbers
    folders = [quote(f"{place.parent.name}/{name}") for name in found.names or [place.name]]
    return WORDS | {
        "found": found,
        "most": MOST_COMPARED,
        "own": place.name,
        "profiles": profiles_parts(numbers) if numbers else [],
        "looks": lookalike_parts(numbers) if numbers else [],
        "items": numbers.items if numbers else [],
        "unmeasured": [Path(folder).name for folder in numbers.lookalike_unmeasured] if numbers else [],
        "folders": folders,
    }


def url(names: Sequence[str]) -> str:
    """Return the address of a comparison.

    >>> url(["a", "b&c"])
    '/dashboard/quality?run=a&run=b%26c'
    """
    return f"{PATH}?{urlencode([('run', name) for name in names])}"
