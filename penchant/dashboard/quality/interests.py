"""Charts of tag profiles: scores and differences with intervals, learning curves, calibration."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from penchant.dashboard.shell.charts import Axis, Chart, Series, Value
from penchant.evaluation.calibration import Bin
from penchant.report.numbers import Curve, DataSet, Difference, GroupNumbers, Measured, RunCalibration
from penchant.report.words import nice

MOST_LINES = 12
"""Lines of a chart that can still be told apart."""

EPOCH = Axis("epoch", "category")


def score_charts(data: DataSet, part: str) -> list[Chart]:
    """Draw the metric that decides, and its difference to the reference; nothing where there is only the reference.
    part: makes ids unique on the page."""
    alone = len(data.groups) + len(data.baselines) == 1
    return [] if alone else [_scores(data, part), _differences(data, part)]


def _scores(data: DataSet, part: str) -> Chart:
    series = [
        Series("configurations", *measured({one.name: one.scores[data.metric] for one in data.groups})),
        Series("baselines", *measured({one.name: one.scores[data.metric] for one in data.baselines}), aside=True),
    ]
    return Chart(
        f"{part}-score",
        "dots",
        f"{nice(data.metric)} of test users",
        Axis("ranking", "category"),
        Axis(nice(data.metric)),
        [one for one in series if one.points],
    )


def measured(scores: dict[str, Measured]) -> tuple[list[tuple[str, float]], list[tuple[float, float]]]:
    """Return points and their intervals; a point without an interval gets one of length 0."""
    halves = [(one.mean, one.half or 0.0) for one in scores.values()]
    return [(name, one.mean) for name, one in scores.items()], [(mean - half, mean + half) for mean, half in halves]


def _differences(data: DataSet, part: str) -> Chart:
    others = {one.name: one.minus_reference[data.metric] for one in data.groups if one.name != data.reference}
    baselines = {one.name: one.minus_reference[data.metric] for one in data.baselines}
    series = [
        Series("configurations", *differences({data.reference: Difference(0.0, 0.0, None)} | others)),
        Series("baselines", *differences(baselines), aside=True),
    ]
    return Chart(
        f"{part}-difference",
        "dots",
        f"{nice(data.metric)} minus that of {data.reference}",
        Axis("ranking", "category"),
        Axis(f"difference in {nice(data.metric)}"),
        [one for one in series if one.points],
    )


def differences(found: dict[str, Difference]) -> tuple[list[tuple[str, float]], list[tuple[float, float]]]:
    """Return points and the wider of their two intervals, which decides whether a difference is clear."""
    widest = [(one.mean, max(one.half, one.half_seeds or 0.0)) for one in found.values()]
    return [(name, one.mean) for name, one in found.items()], [(mean - half, mean + half) for mean, half in widest]


def learning_charts(data: DataSet, part: str) -> list[Chart]:
    """Draw the validation score by epoch beside levels to compare with, then the loss in a chart per kind of loss,
    because their scales differ."""
    curves = [(group, name, curve) for group in data.groups for name, curve in _by_run(group)]
    trained = [(group, curve) for group, _, curve in curves if curve.loss]
    if not trained:
        return []
    validation = [(name, curve.validation) for _, name, curve in curves]
    chart = by_epoch(f"{part}-validation", "Validation NDCG@10", "NDCG@10", validation)
    last = max(len(curve.validation) for _, curve in trained)
    beside = [
        Series(one.name, [(str(at), one.score) for at in dict.fromkeys((1, last))], aside=True) for one in data.levels
    ]
    charts = [replace(chart, series=[*chart.series, *beside])]
    for number, loss in enumerate(dict.fromkeys(str(group.settings["training.loss"]) for group, _ in trained)):
        # A run whose loss is another one keeps its place, so that runs have the same colour in all charts.
        losses = [
            (name, curve.loss if group.settings.get("training.loss") == loss else []) for group, name, curve in curves
        ]
        charts.append(by_epoch(f"{part}-loss-{number}", f"Training loss ({loss})", "loss", losses))
    return charts


def _by_run(group: GroupNumbers) -> Iterator[tuple[str, Curve]]:
    return zip((Path(run.folder).name for run in group.runs), group.curves, strict=True)


def by_epoch(name: str, title: str, value: str, runs: Sequence[tuple[str, Sequence[float | None]]]) -> Chart:
    """Draw a line for each run. runs: names and values; a run without values draws nothing but keeps its colour."""
    lines = [(run, [(str(at), y) for at, y in enumerate(values, start=1)]) for run, values in runs]
    return Chart(name, "line", f"{title} by epoch{few(runs)}", EPOCH, Axis(value), as_series(lines))


def as_series(lines: Sequence[tuple[str, Sequence[tuple[Value, Value]]]]) -> list[Series]:
    """Return the first MOST_LINES lines, or where none of those has points, the first that have."""
    first = lines[:MOST_LINES]
    chosen = first if any(points for _, points in first) else [line for line in lines if line[1]][:MOST_LINES]
    return [Series(name, points) for name, points in chosen]


def few(lines: Sequence[object]) -> str:
    """Say in a title that not all lines are drawn, "" where they are."""
    return f", {MOST_LINES} of {len(lines)} runs" if len(lines) > MOST_LINES else ""


def calibration_charts(data: DataSet, part: str) -> list[Chart]:
    """Draw predicted click probabilities beside what happened, where the run predicts any; then how many tags were
    clicked later, by preference."""
    found = [(_run_of(group, one), one) for group in data.groups for one in group.calibration]
    titles = {"item": "Clicks on items shown (joint)", "tag": "Clicks on tags of items shown (separate)"}
    charts = []
    for of, title in titles.items():
        bins = [(run, one.clicks if one.clicks_of == of else []) for run, one in found]
        if any(its for _, its in bins):
            charts.append(_clicks(f"{part}-clicks-{of}", f"{title}{few(found)}", bins))
    return charts + ([_tags(f"{part}-tags", [(run, one.tags) for run, one in found])] if found else [])


def _run_of(group: GroupNumbers, one: RunCalibration) -> str:
    return next(Path(run.folder).name for run in group.runs if run.seed == one.seed)


def _clicks(name: str, title: str, runs: Sequence[tuple[str, list[Bin]]]) -> Chart:
    lines = [(run, [(100 * one.predicted, 100 * one.observed) for one in bins]) for run, bins in runs]
    values = [value for _, points in lines for pair in points for value in pair]
    came_true = Series("what was predicted", [(end, end) for end in (min(values), max(values))], aside=True)
    across, up = Axis("predicted click probability (%)"), Axis("share clicked (%)")
    return Chart(name, "line", title, across, up, [*as_series(lines), came_true])


def _tags(name: str, runs: Sequence[tuple[str, list[Bin]]]) -> Chart:
    lines = [
        (run, [(100 * at, 100 * one.observed) for at, one in zip(places(its), its, strict=True)]) for run, its in runs
    ]
    across, up = Axis("preference: share of all pairs below it (%)"), Axis("share clicked later (%)", from_zero=True)
    return Chart(name, "line", f"Tags clicked later{few(runs)}", across, up, as_series(lines))


def places(bins: Sequence[Bin]) -> list[float]:
    """Return the middle of each bin among all pairs, from 0 to 1.

    >>> places([Bin(3, 0.1, 0.0), Bin(1, 0.9, 1.0)])
    [0.375, 0.875]
    """
    total, below, found = sum(one.count for one in bins) or 1, 0, []
    for one in bins:
        found.append((below + one.count / 2) / total)
        below += one.count
    return found
