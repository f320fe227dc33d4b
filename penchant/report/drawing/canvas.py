"""What the drawings of a report have in common: their size, the marks of their series, axes, rows of differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from penchant.report.drawing.svg import INK, MUTED, PAPER, SERIES, inline
from penchant.report.numbers import Difference, Measured

WIDTH, HEIGHT, TALL = 4.1, 2.9, 3.4
ROW = 0.42
MARKERS = "os^Dv>P*"
"""In the order of the page's legends."""
DASHES = ("-", "--", ":", "-.")
ASIDE: Any = (0, (4, 3))
"""The dashes of lines that are no series: chance, the paper's best."""
LETTERS = 0.045
"""Height of a small line of text, as a share of the axes."""


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


def blank(title: str, x: str, y: str, height: float = HEIGHT) -> Axes:
    """Axes of the usual width, in a figure of their own."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", pad=8)
    axes.set(xlabel=x, ylabel=y)
    axes.tick_params(length=3)
    return axes


def drawn(axes: Axes, name: str, description: str, caption: str = "") -> Plot:
    """The figure of these axes, done. name: its own on the page; description: for those who do not see it."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return Plot(inline(figure, name, description), caption)


def short(text: str, most: int) -> str:
    """The text, cut to `most` letters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def span(scores: Sequence[Measured]) -> tuple[float, float]:
    """The means with room for a usual interval; very wide ones, over two seeds, run out of the plot."""
    means, halves = [one.mean for one in scores], sorted(one.half or 0.0 for one in scores)
    room = 1.15 * halves[len(halves) // 2] + 0.1 * (max(means) - min(means)) + 1e-3
    return max(0.0, min(means) - room), min(1.02, max(means) + room)


def label_lines(axes: Axes, lines: Sequence[tuple[str, float]]) -> None:
    """The names of horizontal lines, right of the axes: as high as they are, or as far apart as letters need."""
    low, high = axes.get_ylim()
    apart, at = LETTERS * (high - low), -float("inf")
    for name, height in sorted(lines, key=lambda line: line[1]):
        at = max(height, at + apart)
        axes.annotate(
            short(name, 32),
            (1, height),
            (1.02, at),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            fontsize=6.5,
            color=MUTED,
            va="center",
            annotation_clip=False,
        )
    axes.set_ylim(low, high)


def rows_of_differences(axes: Axes, rows: Sequence[tuple[str, Difference, str]]) -> None:
    """A row for each label, difference and colour: thick over users, thin over seeds; zero marked."""
    axes.axvline(0, color=INK, linewidth=0.8)
    for place, (label, difference, colour) in enumerate(rows):
        _whisker(axes, place, difference, colour)
        _write(axes, short(label, 56), (0, place), (3, 5), ("axes fraction", "data"))
    _settle_rows(axes, [difference for _, difference, _ in rows])


def _settle_rows(axes: Axes, differences: Sequence[Difference]) -> None:
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
