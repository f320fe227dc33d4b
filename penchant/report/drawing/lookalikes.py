"""The drawings of look-alike audiences: by number of seeds, how many are reached, differences, training."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from penchant.report.drawing.canvas import ASIDE, ROW, TALL, Plot, blank, drawn, rows_of_differences, span, style_of
from penchant.report.drawing.interests import study_plot
from penchant.report.drawing.svg import MUTED, look
from penchant.report.lookalikes.facts import RALM
from penchant.report.lookalikes.words import HIGHEST_FIRST, class_metrics, main_metrics, number_of, title
from penchant.report.numbers import LookalikeGroup, LookalikeSet, ScorerNumbers, TrainingCurve
from penchant.report.words import nice

GUESSING = 0.5
"""AUC of scores that say nothing."""
WORTH_DRAWING = 0.02
PHASE_1 = {"users": "merge", "users, concatenated": "youtube"}
"""Models of phase 1, and the scorers that rank by them alone."""
PHASE_2 = {"lookalike": RALM}


@dataclass(frozen=True)
class LookalikeDrawn:
    """The plots of one set of look-alike audiences."""

    differences: list[Plot]
    classes: list[Plot]
    reached: list[Plot]
    phase_1: list[Plot]
    phase_2: list[Plot]
    studies: list[Plot]


def draw_lookalike(data: LookalikeSet, name: str) -> LookalikeDrawn:
    """All plots of the reference, and the studies; `name` makes their ids unique on the page."""
    group = data.groups[0]
    shown = [study for study in data.studies if study.points[0].scores]
    return LookalikeDrawn(
        differences(group, f"{name}-differences"),
        by_class(group, f"{name}-classes"),
        reached(data, f"{name}-reached"),
        phase_1(group, f"{name}-phase-1"),
        phase_2(group, f"{name}-phase-2"),
        [study_plot(study, f"{name}-study-{at}", "the paper's elbow") for at, study in enumerate(shown)],
    )


def differences(group: LookalikeGroup, name: str) -> list[Plot]:
    """The reference minus each of the others, a drawing for AUC and one for the first precision."""
    there = main_metrics([metric for metric in group.metrics if any(metric in one.own_minus for one in group.scorers)])
    chosen = [metric for metric in there if metric in ("auc", "prec@10")] or there[:1]
    return [_differences(group, metric, f"{name}-{place}") for place, metric in enumerate(chosen)]


def _differences(group: LookalikeGroup, metric: str, name: str) -> Plot:
    names = [one.name for one in group.scorers]
    rows = [
        (title(one.name), one.own_minus[metric], str(style_of(number_of(one.name, names))["color"]))
        for one in group.scorers
        if metric in one.own_minus
    ]
    with look():
        axes = blank(f"{nice(metric)} of {title(group.reference)} minus that of", "", "", ROW * len(rows) + 0.75)
        rows_of_differences(axes, rows)
    return drawn(axes, name, f"Differences in {nice(metric)} of {title(group.reference)} and the others")


def by_class(group: LookalikeGroup, name: str) -> list[Plot]:
    """AUC and a recall for candidates with many, some and few seeds."""
    metrics = class_metrics(group.metrics)
    return [_by_class(group, metric, f"{name}-{place}") for place, metric in enumerate(metrics)]


def _by_class(group: LookalikeGroup, metric: str, name: str) -> Plot:
    names = [one.name for one in group.scorers]
    there = [kind for kind in HIGHEST_FIRST if any(f"{metric}.{kind}" in one.scores for one in group.scorers)]
    with look():
        axes = blank(nice(metric), "", "", TALL)
        for place, one in enumerate(group.scorers):
            off = 0.09 * (place - (len(names) - 1) / 2)
            said = {at: one.scores.get(f"{metric}.{kind}") for at, kind in enumerate(there)}
            known = {at + off: score for at, score in said.items() if score}
            means, halves = [score.mean for score in known.values()], [score.half or 0.0 for score in known.values()]
            style = {**style_of(number_of(one.name, names)), "linestyle": "none"}
            axes.errorbar(list(known), means, halves, markersize=4.5, elinewidth=0.9, capsize=2, **style)
        if metric == "auc":
            axes.axhline(GUESSING, color=MUTED, linewidth=0.9, linestyle=ASIDE, zorder=0)
        scores = [one.scores[at] for one in group.scorers for kind in there if (at := f"{metric}.{kind}") in one.scores]
        axes.set_ylim(*span(scores))
        axes.set_xlim(-0.5, len(there) - 0.5)
        axes.set_xticks(range(len(there)), there)
        axes.grid(visible=False, axis="x")
        for border in range(1, len(there)):
            axes.axvline(border - 0.5, color=MUTED, linewidth=0.4)
    return drawn(axes, name, f"{nice(metric)} by class of candidates")


def reached(data: LookalikeSet, name: str) -> list[Plot]:
    """The share of later clickers among the best share of users: of all candidates, and of each class."""
    scorers = data.groups[0].scorers
    kinds = ("all", *HIGHEST_FIRST)
    there = [kind for kind in kinds if any(one.reached.get(kind) for one in scorers)]
    return [_reached(scorers, kind, f"{name}-{kind}") for kind in there]


def _reached(scorers: Sequence[ScorerNumbers], kind: str, name: str) -> Plot:
    names = [one.name for one in scorers]
    titles = {"all": "All candidates"} | {one: f"Candidates of the {one}" for one in HIGHEST_FIRST}
    least = _start([one.reached.get(kind, []) for one in scorers])
    with look():
        axes = blank(titles[kind], "share of all users, the best ones", "share of later clickers", TALL)
        for one in scorers:
            curve = [(share, part) for share, part in one.reached.get(kind, []) if share >= least]
            axes.plot(
                [share for share, _ in curve],
                [part for _, part in curve],
                linewidth=1.2,
                markersize=2.6,
                **style_of(number_of(one.name, names)),
            )
        _chance(axes, least)
    return drawn(axes, name, f"Share of later clickers by share of users, {titles[kind]}")


def _start(curves: Sequence[Sequence[tuple[float, float]]]) -> float:
    """The share of users from which on a drawing says anything: where the best curve has one later clicker in 50."""
    there = [share for curve in curves for share, part in curve if share > 0 and part >= WORTH_DRAWING]
    return min([0.1, *there])


def _chance(axes: Axes, least: float) -> None:
    """Drawn at random, a share of users holds the same share of later clickers; log x, per cents."""
    shares = [least ** (1 - place / 60) for place in range(61)]
    axes.plot(shares, shares, color=MUTED, linewidth=0.9, linestyle=ASIDE, zorder=0)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))
    axes.set_xlim(least * 0.9, 1.1)
    axes.set_ylim(-0.02, 1.02)


def phase_1(group: LookalikeGroup, name: str) -> list[Plot]:
    """Validation NDCG@10 and loss of both ways to merge fields, a line per seed."""
    return _trained(group, PHASE_1, {"validation": "Validation NDCG@10", "loss": "Training loss"}, name)


def phase_2(group: LookalikeGroup, name: str) -> list[Plot]:
    """Validation AUC and loss of RALM, a line per seed."""
    return _trained(group, PHASE_2, {"validation": "Validation AUC", "loss": "Training loss"}, name)


def _trained(group: LookalikeGroup, models: dict[str, str], parts: dict[str, str], name: str) -> list[Plot]:
    chosen = [curve for curve in group.training if curve.model in models]
    return [_curves(chosen, models, part, title, f"{name}-{part}") for part, title in parts.items() if chosen]


def _curves(curves: Sequence[TrainingCurve], models: dict[str, str], part: str, words: str, name: str) -> Plot:
    with look():
        axes = blank(words, "epoch", "")
        for curve in curves:
            values = [float("nan") if value is None else value for value in getattr(curve, part)]
            style = style_of(number_of(models[curve.model], []))
            axes.plot(range(1, len(values) + 1), values, linewidth=1.1, markersize=2.6, **style)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    return drawn(axes, name, f"{words} by epoch")
