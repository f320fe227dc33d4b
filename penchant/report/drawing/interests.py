"""The drawings of a report, small ones that fit a phone: learning curves, differences, calibration, studies."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from penchant.evaluation.calibration import Bin
from penchant.report.drawing.canvas import (
    ASIDE,
    HEIGHT,
    ROW,
    TALL,
    Plot,
    blank,
    drawn,
    label_lines,
    rows_of_differences,
    short,
    span,
    style_of,
)
from penchant.report.drawing.svg import MUTED, look
from penchant.report.numbers import BaselineNumbers, GroupNumbers, Level, Study
from penchant.report.words import nice


def learning_curves(groups: Sequence[GroupNumbers], levels: Sequence[Level], name: str) -> list[Plot]:
    """The validation score of all groups beside the levels, then the loss of those with the same loss."""
    trained = [group for group in groups if any(curve.loss for curve in group.curves)]
    losses = dict.fromkeys(str(group.settings["training.loss"]) for group in trained)
    plots = [_curves(groups, trained, "validation", "Validation NDCG@10", f"{name}-validation", levels)]
    for number, loss in enumerate(losses):
        chosen = [group for group in trained if group.settings["training.loss"] == loss]
        plots.append(_curves(groups, chosen, "loss", f"Training loss ({loss})", f"{name}-loss-{number}"))
    return plots


def _curves(
    groups: Sequence[GroupNumbers],
    chosen: Sequence[GroupNumbers],
    part: str,
    title: str,
    name: str,
    levels: Sequence[Level] = (),
) -> Plot:
    with look():
        axes = blank(title, "epoch", "", TALL if levels else HEIGHT)
        for group in chosen:
            style = style_of(groups.index(group))
            for curve in group.curves:
                values = [float("nan") if value is None else value for value in getattr(curve, part)]
                axes.plot(range(1, len(values) + 1), values, linewidth=1.1, markersize=2.6, **style)
        for level in levels:
            axes.axhline(level.score, color=MUTED, linewidth=0.7, linestyle=ASIDE, zorder=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        label_lines(axes, [(level.name, level.score) for level in levels])
    caption = f"Dashed: NDCG@10 of {levels[0].of}, not of the validation users." if levels else ""
    return drawn(axes, name, f"{title} by epoch", caption)


def forest(
    groups: Sequence[GroupNumbers], baselines: Sequence[BaselineNumbers], reference: str, metric: str, name: str
) -> Plot:
    """Differences to the reference group, a row each: thick over users, thin over seeds."""
    rows = [
        (group.name, group.minus_reference[metric], str(style_of(number)["color"]))
        for number, group in enumerate(groups)
        if group.name != reference
    ]
    rows += [(one.name, one.minus_reference[metric], MUTED) for one in baselines]
    with look():
        axes = blank(f"{nice(metric)} minus that of {short(reference, 32)}", "", "", ROW * len(rows) + 0.75)
        rows_of_differences(axes, rows)
    return drawn(axes, name, f"Differences in {nice(metric)} to {reference}")


def click_calibration(groups: Sequence[GroupNumbers], name: str) -> list[Plot]:
    """Predicted click probability against the share clicked: one drawing for items, one for tags."""
    plots = []
    for of, title in (("item", "Items shown (joint)"), ("tag", "Tags of items shown (separate)")):
        chosen = [group for group in groups if any(one.clicks_of == of for one in group.calibration)]
        if chosen:
            plots.append(_clicks(groups, chosen, title, f"{name}-{of}"))
    return plots


def _clicks(groups: Sequence[GroupNumbers], chosen: Sequence[GroupNumbers], title: str, name: str) -> Plot:
    with look():
        axes = blank(title, "predicted click probability", "share clicked", TALL)
        bins = [some for group in chosen for one in group.calibration for some in one.clicks]
        low = min(min(some.predicted, some.observed) for some in bins)
        high = max(max(some.predicted, some.observed) for some in bins)
        room = 0.04 * (high - low) or 0.04
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=ASIDE)
        for group in chosen:
            for one in group.calibration:
                _bins(axes, [some.predicted for some in one.clicks], one.clicks, groups.index(group))
        axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    caption = "On the dashed line, what was predicted came true."
    return drawn(axes, name, f"Calibration of click probabilities, {title}", caption)


def tag_calibration(groups: Sequence[GroupNumbers], name: str) -> Plot:
    """Rank of the preference against the share of pairs clicked later."""
    with look():
        axes = blank("Tags clicked later", "preference: share of all pairs below it", "share clicked later", TALL)
        for group in groups:
            for one in group.calibration:
                _bins(axes, _places(one.tags), one.tags, groups.index(group))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(bottom=0)
    caption = "Of all pairs of a test user and a tag, from the lowest preference to the highest."
    return drawn(axes, name, "Share of tags clicked later by rank of the preference", caption)


def _bins(axes: Axes, places: Sequence[float], bins: Sequence[Bin], number: int) -> None:
    observed = [one.observed for one in bins]
    axes.plot(places, observed, linewidth=1.1, markersize=2.8, **style_of(number))


def _places(bins: Sequence[Bin]) -> list[float]:
    """The middle of each bin among all pairs, from 0 to 1."""
    total, below, places = sum(one.count for one in bins), 0, []
    for one in bins:
        places.append((below + one.count / 2) / total)
        below += one.count
    return places


def study_plot(study: Study, name: str, mark: str = "the paper's best") -> Plot:
    """The scores of a study against its key; the paper's value marked, which `mark` calls by its name."""
    values = [point.value for point in study.points]
    scale = _scale(values)
    places = [float(value) for value in values] if scale != "named" else [float(at) for at in range(len(values))]
    metrics = list(study.points[0].scores)
    with look():
        axes = blank("", study.label, "")
        for number, metric in enumerate(metrics):
            scores = [point.scores[metric] for point in study.points]
            means, halves = [one.mean for one in scores], [one.half or 0.0 for one in scores]
            style = {**style_of(number), "linestyle": "none" if scale == "named" else "-"}
            beside = _beside(places, scale, number - (len(metrics) - 1) / 2)
            axes.errorbar(beside, means, halves, linewidth=1.2, markersize=4, elinewidth=0.9, capsize=2, **style)
        _x_axis(axes, values, places, scale)
        axes.set_ylim(*span([one for point in study.points for one in point.scores.values()]))
        at = _place(study.best, values, places, scale)
        if at is not None:
            axes.axvline(at, color=MUTED, linewidth=0.9, linestyle=ASIDE, zorder=0)
            axes.set_title(f"dashed: {mark}", loc="right", fontsize=8, color=MUTED)
    caption = "; ".join(point.group for point in study.points)
    return drawn(axes, name, f"{', '.join(map(nice, metrics))} by {study.label}", caption)


def _place(best: Any, values: Sequence[object], places: Sequence[float], scale: str) -> float | None:
    """Where the paper's value lies; None where it is none of these, nor a number between them."""
    if best in values:
        return places[values.index(best)]
    between = scale != "named" and best is not None and min(places) <= best <= max(places)
    return float(best) if between else None


def _scale(values: Sequence[object]) -> str:
    """ "named", "linear", or "log" for numbers that grow by factors."""
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return "named"
    return "log" if min(numbers) > 0 and max(numbers) / min(numbers) >= 4 else "linear"


def _beside(places: Sequence[float], scale: str, off: float) -> list[float]:
    """The places of one metric, a little beside those of the others, so that no interval hides another."""
    if scale == "log":
        ratio = (max(places) / min(places)) ** (0.012 * off)
        return [place * ratio for place in places]
    return [place + 0.012 * off * (max(places) - min(places)) for place in places]


def _x_axis(axes: Axes, values: Sequence[object], places: Sequence[float], scale: str) -> None:
    if scale == "log":
        axes.set_xscale("log", base=2)
    axes.margins(x=0.2 if scale == "named" else 0.1)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(places, [f"{value:g}" if isinstance(value, float) else short(str(value), 14) for value in values])
