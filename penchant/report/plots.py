"""The drawings of a report, small ones that fit a phone: learning curves, differences, calibration, studies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from penchant.evaluation.calibration import Bin
from penchant.report.compare import nice
from penchant.report.numbers import BaselineNumbers, Difference, GroupNumbers, Measured, Study
from penchant.report.svg import INK, MUTED, PAPER, SERIES, inline, look

WIDTH, HEIGHT, TALL = 4.1, 2.9, 3.4
ROW = 0.42
MARKERS = "os^Dv>P*"
"""In the order of the page's legends."""
DASHES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Plot:
    """A drawing and the line under it."""

    svg: str
    caption: str


def style_of(number: int) -> dict[str, Any]:
    """Colour, dash and marker of a group, by its number on the page: no two of the first 64 are alike."""
    return {
        "color": SERIES[number % len(SERIES)],
        "linestyle": DASHES[number // len(SERIES) % len(DASHES)],
        "marker": MARKERS[marker_of(number)],
    }


def marker_of(number: int) -> int:
    """Which of MARKERS a group has: another one each time the colours start again."""
    return (number + number // len(SERIES)) % len(MARKERS)


def learning_curves(groups: Sequence[GroupNumbers], name: str) -> list[Plot]:
    """The validation score of all groups, then the loss of those with the same loss."""
    losses = dict.fromkeys(str(group.settings["training.loss"]) for group in groups)
    drawn = [_curves(groups, list(groups), "validation", "Validation NDCG@10", f"{name}-validation")]
    for number, loss in enumerate(losses):
        chosen = [group for group in groups if group.settings["training.loss"] == loss]
        drawn.append(_curves(groups, chosen, "loss", f"Training loss ({loss})", f"{name}-loss-{number}"))
    return drawn


def _curves(groups: Sequence[GroupNumbers], chosen: Sequence[GroupNumbers], part: str, title: str, name: str) -> Plot:
    with look():
        axes = _axes(title, "epoch", "")
        for group in chosen:
            style = style_of(groups.index(group))
            for curve in group.curves:
                values = [float("nan") if value is None else value for value in getattr(curve, part)]
                axes.plot(range(1, len(values) + 1), values, linewidth=1.1, markersize=2.6, **style)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    return Plot(inline(_figure(axes), name, f"{title} by epoch"), "")


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
        axes = _axes(f"{nice(metric)} minus that of {_short(reference, 32)}", "", "", ROW * len(rows) + 0.75)
        axes.axvline(0, color=INK, linewidth=0.8)
        for place, (label, difference, colour) in enumerate(rows):
            _whisker(axes, place, difference, colour)
            _write(axes, _short(label, 56), (0, place), (3, 5), ("axes fraction", "data"))
        _settle_forest(axes, [difference for _, difference, _ in rows])
    return Plot(inline(_figure(axes), name, f"Differences in {nice(metric)} to {reference}"), "")


def _settle_forest(axes: Axes, differences: Sequence[Difference]) -> None:
    """No y axis; as wide as the intervals over users ask for, because those over two seeds would hide the rest."""
    low = min(0.0, *(one.mean - one.half for one in differences))
    high = max(0.0, *(one.mean + one.half for one in differences))
    room = 0.2 * (high - low) or 0.01
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(len(differences) - 0.4, -0.9)
    axes.grid(visible=False, axis="y")
    axes.yaxis.set_major_locator(NullLocator())
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.2g}".replace("-", "−") if value else "0"))


def _write(axes: Axes, text: str, at: tuple[float, float], off: tuple[float, float], of: tuple[str, str]) -> None:
    """A label that stays readable where it meets a line."""
    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
    axes.annotate(text, at, off, xycoords=of, textcoords="offset points", fontsize=8.5, color=INK, bbox=box)


def _whisker(axes: Axes, place: int, difference: Difference, colour: str) -> None:
    mean, half = difference.mean, difference.half
    if difference.half_seeds is not None:
        seeds = difference.half_seeds
        axes.plot([mean - seeds, mean + seeds], [place, place], color=colour, linewidth=0.9)
    axes.plot([mean - half, mean + half], [place, place], color=colour, linewidth=2.6)
    axes.plot([mean], [place], color=colour, marker="o", markersize=4.5, markeredgecolor=PAPER, markeredgewidth=0.8)


def click_calibration(groups: Sequence[GroupNumbers], name: str) -> list[Plot]:
    """Predicted click probability against the share clicked: one drawing for items, one for tags."""
    drawn = []
    for of, title in (("item", "Items shown (joint)"), ("tag", "Tags of items shown (separate)")):
        chosen = [group for group in groups if any(one.clicks_of == of for one in group.calibration)]
        if chosen:
            svg = _clicks(groups, chosen, title, f"{name}-{of}")
            drawn.append(Plot(svg, "On the dashed line, what was predicted came true."))
    return drawn


def _clicks(groups: Sequence[GroupNumbers], chosen: Sequence[GroupNumbers], title: str, name: str) -> str:
    with look():
        axes = _axes(title, "predicted click probability", "share clicked", TALL)
        bins = [some for group in chosen for one in group.calibration for some in one.clicks]
        low = min(min(some.predicted, some.observed) for some in bins)
        high = max(max(some.predicted, some.observed) for some in bins)
        room = 0.04 * (high - low) or 0.04
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        for group in chosen:
            for one in group.calibration:
                _bins(axes, [some.predicted for some in one.clicks], one.clicks, groups.index(group))
        axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    return inline(_figure(axes), name, f"Calibration of click probabilities, {title}")


def tag_calibration(groups: Sequence[GroupNumbers], name: str) -> Plot:
    """Rank of the preference against the share of pairs clicked later."""
    with look():
        axes = _axes("Tags clicked later", "preference: share of all pairs below it", "share clicked later", TALL)
        for group in groups:
            for one in group.calibration:
                _bins(axes, _places(one.tags), one.tags, groups.index(group))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(bottom=0)
    caption = "Of all pairs of a test user and a tag, from the lowest preference to the highest."
    return Plot(inline(_figure(axes), name, "Share of tags clicked later by rank of the preference"), caption)


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


def study_plot(study: Study, name: str) -> Plot:
    """The scores of a study against its key; the paper's best value marked."""
    values = [point.value for point in study.points]
    scale = _scale(values)
    places = [float(value) for value in values] if scale != "named" else [float(at) for at in range(len(values))]
    metrics = list(study.points[0].scores)
    with look():
        axes = _axes("", study.label, "")
        for number, metric in enumerate(metrics):
            scores = [point.scores[metric] for point in study.points]
            means, halves = [one.mean for one in scores], [one.half or 0.0 for one in scores]
            style = {**style_of(number), "linestyle": "none" if scale == "named" else "-"}
            beside = _beside(places, scale, number - (len(metrics) - 1) / 2)
            axes.errorbar(beside, means, halves, linewidth=1.2, markersize=4, elinewidth=0.9, capsize=2, **style)
        _x_axis(axes, values, places, scale)
        axes.set_ylim(*_range([one for point in study.points for one in point.scores.values()]))
        if study.best in values:
            at = places[values.index(study.best)]
            axes.axvline(at, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
            axes.set_title("dashed: the paper's best", loc="right", fontsize=8, color=MUTED)
    caption = "; ".join(point.group for point in study.points)
    return Plot(inline(_figure(axes), name, f"{', '.join(map(nice, metrics))} by {study.label}"), caption)


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


def _range(scores: Sequence[Measured]) -> tuple[float, float]:
    """The means with room for a usual interval; very wide ones, over two seeds, run out of the plot."""
    means, halves = [one.mean for one in scores], sorted(one.half or 0.0 for one in scores)
    room = 1.15 * halves[len(halves) // 2] + 0.1 * (max(means) - min(means)) + 1e-3
    return max(0.0, min(means) - room), min(1.02, max(means) + room)


def _x_axis(axes: Axes, values: Sequence[object], places: Sequence[float], scale: str) -> None:
    if scale == "log":
        axes.set_xscale("log", base=2)
    axes.margins(x=0.2 if scale == "named" else 0.1)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(places, [f"{value:g}" if isinstance(value, float) else _short(str(value), 14) for value in values])


def _axes(title: str, x: str, y: str, height: float = HEIGHT) -> Axes:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", pad=8)
    axes.set(xlabel=x, ylabel=y)
    axes.tick_params(length=3)
    return axes


def _figure(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
