"""From the facts of look-alike runs to the numbers of their part of the report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from penchant.errors import ReportError
from penchant.report.groups import Settings, common_settings, short_key
from penchant.report.lookalikes.facts import PROTOCOL, RALM, STEP, LookalikeFacts
from penchant.report.lookalikes.groups import Alike, group_lookalike
from penchant.report.lookalikes.verdict import verdict
from penchant.report.lookalikes.words import MAIN, SCORERS, diversity_metrics, title
from penchant.report.numbers import (
    LookalikeGroup,
    LookalikeSet,
    Point,
    Ran,
    ScorerNumbers,
    Study,
    TrainingCurve,
)
from penchant.report.published import RALM_BEST, RALM_ROWS
from penchant.report.study import ordered, series

CLUSTERS = "model.clusters"
"""The key of the paper's Figure 6."""


def gather_lookalike(runs: Sequence[LookalikeFacts]) -> list[LookalikeSet]:
    """All numbers; runs on different data are kept apart."""
    data: dict[str, list[LookalikeFacts]] = {}
    for run in runs:
        data.setdefault(run.data, []).append(run)
    return [_set(group_lookalike(same)) for same in data.values()]


def _set(groups: Sequence[Alike]) -> LookalikeSet:
    reference, first = groups[0], groups[0].runs[0]
    numbers = [_group(group) for group in groups]
    metric, found = _deciding(reference), _studies(groups, numbers)
    there = [one for one in numbers[0].scorers if metric in one.scores]
    order = [one.name for one in sorted(there, key=lambda one: one.scores[metric].mean)]
    said = first.metrics
    bounds = asdict(said.bounds) if said.bounds else {}
    clusters = [study for study in found if study.key == CLUSTERS]
    return LookalikeSet(
        log=first.log,
        counts=dict(said.counts),
        bounds=bounds,
        later_per_seed=dict(said.expected.later_per_seed),
        metric=metric,
        reference=reference.name,
        groups=numbers,
        verdict=list(verdict(reference, numbers[0], metric, bounds=bounds, clusters=clusters)),
        order=order,
        studies=found,
        protocol={name: first.config[name] for name in PROTOCOL if name in first.config},
        missing=_missing(numbers[0], clusters),
    )


def _deciding(group: Alike) -> str:
    """AUC, or what comes closest to it. Raises ReportError where the reference has none of the main metrics."""
    there = group.scores(group.reference)
    for metric in MAIN:
        if metric in there:
            return metric
    folder = group.runs[0].folder
    raise ReportError(
        f"{title(group.reference)} has none of {', '.join(MAIN)} in every run of {group.name}, such as {folder}; run "
        f"`penchant {STEP}` again for all of them"
    )


def _group(group: Alike) -> LookalikeGroup:
    known = [name for name in SCORERS if name in group.scorers]
    names = known + [name for name in group.scorers if name not in SCORERS]
    return LookalikeGroup(
        name=group.name,
        reference=group.reference,
        runs=[_ran(run) for run in group.runs],
        settings=dict(group.settings),
        scorers=[_scorer(group, name) for name in names],
        merge_minus=group.differ("merge", "youtube"),
        training=[curve for run in group.runs for curve in _training(run)],
        chosen=dict(Counter(run.metrics.chosen.name for run in group.runs if run.metrics.chosen)),
    )


def _scorer(group: Alike, name: str) -> ScorerNumbers:
    paper = RALM_ROWS.get(name) if group.reference == RALM else None
    return ScorerNumbers(name, group.scores(name), group.own_minus(name), paper, group.reached(name))


def _ran(run: LookalikeFacts) -> Ran:
    made = run.metrics.made
    return Ran(str(run.folder), run.seed, made.version, made.commit, made.at)


def _training(run: LookalikeFacts) -> list[TrainingCurve]:
    return [
        TrainingCurve(model, run.seed, [_finite(one.loss) for one in lines], [_finite(one.validation) for one in lines])
        for model, lines in run.metrics.training.items()
        if lines
    ]


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _studies(groups: Sequence[Alike], numbers: Sequence[LookalikeGroup]) -> list[Study]:
    """The reference's AUC where configurations differ in one key alone, that of Figure 6 first."""
    kinds: dict[str, Settings] = {group.name: group.settings for group in groups}
    scores = {one.name: _own(one) for one in numbers}
    keys = sorted(common_settings(list(kinds.values())), key=lambda key: key != CLUSTERS)
    return [_study(key, members, scores) for key in keys for members in series(key, kinds)]


def _study(key: str, members: Mapping[Any, str], scores: Mapping[str, ScorerNumbers]) -> Study:
    shared = [name for name in MAIN if all(name in scores[group].scores for group in members.values())][:1]
    points = [
        Point(value, members[value], {name: scores[members[value]].scores[name] for name in shared})
        for value in ordered(members)
    ]
    label = "clusters (k)" if key == CLUSTERS else short_key(key, [key]).replace("_", " ")
    return Study(key, label, RALM_BEST.get(key), points)


def _own(group: LookalikeGroup) -> ScorerNumbers:
    return next(one for one in group.scorers if one.name == group.reference)


def _missing(group: LookalikeGroup, clusters: Sequence[Study]) -> dict[str, str]:
    there = {one.name for one in group.scorers}
    models = {curve.model for curve in group.training}
    missing = {}
    if not any(one.own_minus for one in group.scorers):
        missing["differences"] = "the runs hold no paired difference of the reference and another"
    if not any(one.reached for one in group.scorers):
        missing["curves"] = "no audience of the whole crowd was measured"
    if not {"merge", "youtube"} <= there and not {"users", "users, concatenated"} <= models:
        missing["merge"] = "the runs did not measure both ways to merge fields"
    if not clusters:
        missing["clusters"] = f"no two configurations differ in {CLUSTERS} alone"
    if not any(diversity_metrics(one.scores) for one in group.scorers):
        missing["diversity"] = "no list of candidates per user was measured"
    return missing
