"""What the page Quality shows of each set of data: numbers as the report has them, with their charts."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penchant.dashboard.quality import interests as quality_charts
from penchant.dashboard.quality import lookalikes as quality_lookalike
from penchant.dashboard.shell.charts import Chart
from penchant.report.lookalikes.words import main_metrics
from penchant.report.numbers import DataSet, GroupNumbers, LookalikeGroup, LookalikeSet, Numbers, Ran
from penchant.report.page import best_scores, differing
from penchant.report.words import named


@dataclass(frozen=True)
class Line:
    """One run of a table. at: when it was evaluated, UTC seconds, or the text of the run where that is no time;
    version, commit: of the code that did."""

    run: str
    configuration: str
    seed: int | str
    at: float | str
    version: str
    commit: str


@dataclass(frozen=True)
class Settings:
    """The settings of configurations. differ: keys in which they differ; same: all other keys; usual: the value that
    most of them have."""

    differ: list[str]
    same: list[str]
    usual: dict[str, Any]


@dataclass(frozen=True)
class ProfilesPart:
    """Tag profiles on one set of data. id, title: unique on the page; best: the highest mean of each metric."""

    id: str
    title: str
    data: DataSet
    lines: list[Line]
    settings: Settings
    best: dict[str, float]
    scores: list[Chart]
    learning: list[Chart]
    calibration: list[Chart]


@dataclass(frozen=True)
class LookalikePart:
    """Look-alike audiences on one set of data. id, title: unique on the page; main: the metrics of its tables; best:
    the highest mean of each metric of the reference."""

    id: str
    title: str
    data: LookalikeSet
    lines: list[Line]
    settings: Settings
    main: list[str]
    best: dict[str, float]
    scores: list[Chart]
    classes: list[Chart]
    reached: list[Chart]
    training: list[Chart]


def profiles_parts(numbers: Numbers) -> list[ProfilesPart]:
    sets = numbers.data_sets
    several = len(sets) > 1
    return [
        _profiles(data, f"tags-{at}", f"Tag profiles: {name}" if several else "Tag profiles")
        for at, (data, name) in enumerate(zip(sets, named(sets), strict=True))
    ]


def _title(what: str, place: int, of: int) -> str:
    return f"{what} on data set {place + 1} of {of}" if of > 1 else what


def _profiles(data: DataSet, part: str, title: str) -> ProfilesPart:
    return ProfilesPart(
        id=part,
        title=title,
        data=data,
        lines=_lines(data.groups),
        settings=_settings(data.groups),
        best=best_scores([*data.groups, *data.baselines]),
        scores=quality_charts.score_charts(data, part),
        learning=quality_charts.learning_charts(data, part),
        calibration=quality_charts.calibration_charts(data, part),
    )


def lookalike_parts(numbers: Numbers) -> list[LookalikePart]:
    what, sets = "Look-alike audiences", numbers.lookalike
    return [_lookalike(data, f"audiences-{at}", _title(what, at, len(sets))) for at, data in enumerate(sets)]


def _lookalike(data: LookalikeSet, part: str, title: str) -> LookalikePart:
    group = data.groups[0]
    return LookalikePart(
        id=part,
        title=title,
        data=data,
        lines=_lines(data.groups),
        settings=_settings(data.groups),
        main=main_metrics(group.metrics),
        best=best_scores(group.scorers),
        scores=quality_lookalike.score_charts(data, part) + quality_lookalike.difference_charts(data, part),
        classes=quality_lookalike.class_charts(group, part),
        reached=quality_lookalike.reached_charts(data, part),
        training=quality_lookalike.training_charts(data, part),
    )


def _lines(groups: Sequence[GroupNumbers | LookalikeGroup]) -> list[Line]:
    return [_line(run, group.name) for group in groups for run in group.runs]


def _line(run: Ran, configuration: str) -> Line:
    return Line(Path(run.folder).name, configuration, run.seed, moment(run.at), run.version, run.commit)


def moment(said: str) -> float | str:
    """Turn a time that is written in a run into UTC seconds; a text that is no time stays as it is.

    >>> moment("1970-01-01T00:01:00+00:00"), moment("unknown")
    (60.0, 'unknown')
    """
    try:
        at = datetime.datetime.fromisoformat(said)
    except ValueError:
        return said
    return at.replace(tzinfo=at.tzinfo or datetime.UTC).timestamp()


def _settings(groups: Sequence[GroupNumbers | LookalikeGroup]) -> Settings:
    usual, differ = differing(groups)
    return Settings(differ, [key for key in usual if key not in differ], usual)
