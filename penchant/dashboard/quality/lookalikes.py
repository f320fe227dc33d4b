"""Charts of look-alike audiences: scores, differences to RALM, by number of seeds, who is reached, training."""

from collections.abc import Mapping, Sequence

from penchant.dashboard.quality.interests import by_epoch, differences, measured
from penchant.dashboard.shell.charts import Axis, Chart, Series
from penchant.report.lookalikes.words import HIGHEST_FIRST, class_metrics, title
from penchant.report.numbers import LookalikeGroup, LookalikeSet, ScorerNumbers, TrainingCurve
from penchant.report.words import nice

WORTH_DRAWING = 0.02
"""A curve of who is reached tells something only above this share of later clickers."""

REACHED = {"all": "Who is reached: all candidates", "tail": "Who is reached: candidates of the tail"}


def score_charts(data: LookalikeSet, part: str) -> list[Chart]:
    """Draw the metric that decides for every way to find an audience; nothing where only one was measured."""
    scores = {title(one.name): one.scores[data.metric] for one in data.groups[0].scorers if data.metric in one.scores}
    series = [Series(nice(data.metric), *measured(scores))]
    name = f"{nice(data.metric)} by how the audience is found"
    chart = Chart(f"{part}-score", "dots", name, Axis("audience by", "category"), Axis(nice(data.metric)), series)
    return [chart] if len(scores) > 1 else []


def difference_charts(data: LookalikeSet, part: str) -> list[Chart]:
    """Draw the reference minus each other way, over all candidates and over those with few seeds; nothing where no
    difference was measured."""
    scorers = data.groups[0].scorers
    kinds = {data.metric: "all candidates", f"{data.metric}.tail": "candidates of the tail"}
    pairs = {
        metric: {title(one.name): one.own_minus[metric] for one in scorers if metric in one.own_minus}
        for metric in kinds
    }
    series = [Series(kinds[metric], *differences(its)) for metric, its in pairs.items() if its]
    if not series:
        return []
    name = f"{nice(data.metric)} of {title(data.groups[0].reference)} minus that of the others"
    rows, across = Axis("other", "category"), Axis(f"difference in {nice(data.metric)}")
    return [Chart(f"{part}-difference", "dots", name, rows, across, series)]


def class_charts(group: LookalikeGroup, part: str) -> list[Chart]:
    """Draw AUC and a recall for candidates with many, some and few seeds."""
    metrics = class_metrics(group.metrics)
    return [_by_class(group, metric, f"{part}-class-{place}") for place, metric in enumerate(metrics)]


def _by_class(group: LookalikeGroup, metric: str, name: str) -> Chart:
    series = []
    for one in group.scorers:
        its = {kind: one.scores[at] for kind in HIGHEST_FIRST if (at := f"{metric}.{kind}") in one.scores}
        series.append(Series(title(one.name), *measured(its)))
    words = f"{nice(metric)} by the number of seeds that candidates have"
    return Chart(name, "dots", words, Axis("candidates", "category"), Axis(nice(metric)), series)


def reached_charts(data: LookalikeSet, part: str) -> list[Chart]:
    """Draw the share of later clickers among the best users, beside an audience drawn at random."""
    scorers = data.groups[0].scorers
    there = [kind for kind in REACHED if any(one.reached.get(kind) for one in scorers)]
    return [_reached(scorers, kind, f"{part}-reached-{kind}") for kind in there]


def _reached(scorers: Sequence[ScorerNumbers], kind: str, name: str) -> Chart:
    least = start([one.reached.get(kind, []) for one in scorers])
    curves = {one.name: [pair for pair in one.reached.get(kind, []) if pair[0] >= least] for one in scorers}
    series = [Series(title(one), in_per_cent(pairs)) for one, pairs in curves.items()]
    shares = list(dict.fromkeys(share for pairs in curves.values() for share, _ in pairs))
    at_random = Series("drawn at random", in_per_cent([(share, share) for share in sorted(shares)]), aside=True)
    across, up = (
        Axis("share of all users, the best ones (%)", "log"),
        Axis("share of later clickers (%)", from_zero=True),
    )
    return Chart(name, "line", REACHED[kind], across, up, [*series, at_random])


def start(curves: Sequence[Sequence[tuple[float, float]]]) -> float:
    """Return the share of users from which on the drawing tells something: where the best curve has one later clicker
    in 50.

    >>> start([[(0.001, 0.01), (0.01, 0.2)], [(0.001, 0.0), (0.01, 0.1)]])
    0.01
    """
    there = [share for curve in curves for share, part in curve if share > 0 and part >= WORTH_DRAWING]
    return min([0.1, *there])


def in_per_cent(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(100 * share, 100 * part) for share, part in pairs]


def training_charts(data: LookalikeSet, part: str) -> list[Chart]:
    """Draw validation score and loss by epoch, with a line per model and seed: first for users' vectors, then for
    likeness to seeds."""
    phases = {
        "phase-1": (
            "Phase 1, users' vectors",
            "NDCG@10",
            {"users": "attention", "users, concatenated": "concatenation"},
        ),
        "phase-2": ("Phase 2, likeness to seeds", "AUC", {"lookalike": "RALM"}),
    }
    charts = []
    for phase, (words, score, models) in phases.items():
        curves = _curves(data.groups, models)
        validation = [(name, curve.validation) for name, curve in curves]
        losses = [(name, curve.loss) for name, curve in curves]
        if curves:
            charts.append(by_epoch(f"{part}-{phase}-validation", f"{words}: validation {score}", score, validation))
            charts.append(by_epoch(f"{part}-{phase}-loss", f"{words}: training loss", "loss", losses))
    return charts


def _curves(groups: Sequence[LookalikeGroup], models: Mapping[str, str]) -> list[tuple[str, TrainingCurve]]:
    """Return the curves with names that say just enough to tell them apart."""
    found = []
    for group in groups:
        for curve in group.training:
            if curve.model in models:
                parts = [group.name] if len(groups) > 1 else []
                parts += [models[curve.model]] if len(models) > 1 else []
                found.append((", ".join([*parts, f"seed {curve.seed}"]), curve))
    return found
