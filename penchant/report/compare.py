"""Scores side by side, differences user by user, and what they mean in words."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from penchant.errors import ReportError
from penchant.evaluation.estimates import interval
from penchant.report.facts import OWN
from penchant.report.groups import Group
from penchant.report.numbers import BaselineNumbers, Difference, Measured
from penchant.report.words import nice, signed, told
from penchant.schema import USER
from penchant.training.blend import BLEND

SHOWN = ("prec@1", "prec@2", "prec@3", "prec@5", "prec@10", "ndcg@10")
FEW_NAMES = 3


def shown_metrics(groups: Sequence[Group]) -> list[str]:
    """The metrics of the tables: the usual ones that all groups have, or else all precisions and NDCGs.

    Raises ReportError where the groups have none in common.
    """
    common = [name for name in groups[0].metrics if all(name in group.metrics for group in groups)]
    usual = [name for name in SHOWN if name in common]
    chosen = usual or [name for name in common if name.startswith(("prec@", "ndcg@"))]
    if not chosen:
        said = "; ".join(f"{group.runs[0].folder}: {', '.join(group.metrics)}" for group in groups)
        raise ReportError(f"the runs have no metric in common ({said}); evaluate them with the same evaluation.at")
    return chosen


def deciding(metrics: Sequence[str]) -> str:
    """NDCG at the largest K, which is less noisy than a precision; a precision if there is nothing else."""
    return max(metrics, key=lambda name: (name.startswith("ndcg"), int(name.split("@")[1])))


def measured(group: Group, metrics: Sequence[str]) -> dict[str, Measured]:
    """The group's scores."""
    scores = {name: group.score(name) for name in metrics}
    return {name: Measured(score.mean, score.half, over) for name, (score, over) in scores.items()}


class Paired:
    """Metrics of all test users, by group and by baseline, one table at a time in memory."""

    def __init__(self, groups: Sequence[Group], metrics: Sequence[str]) -> None:
        self.groups, self.metrics = {group.name: group for group in groups}, list(metrics)
        runs = [run for group in groups for run in group.runs]
        names = dict.fromkeys(name for run in runs for name in run.metrics.scores if name != OWN)
        self.baselines = {
            name: next(run for run in runs if name in run.metrics.scores)
            for name in names
            if all(set(metrics) <= set(run.metrics.scores[name]) for run in runs if name in run.metrics.scores)
        }

    def users(self, name: str) -> pl.DataFrame:
        if name in self.groups:
            return self.groups[name].users(self.metrics)
        return self.baselines[name].users(name, self.metrics)

    def minus(self, one: str, other: str, others: pl.DataFrame) -> dict[str, Difference]:
        """`one` minus `other`, whose table is `others`: over the users that both have.

        Raises ReportError where there is no such user.
        """
        both = self.users(one).join(others, on=USER, suffix=".other")
        if both.is_empty():
            raise ReportError(f"{one} and {other} share no test user; run `penchant evaluate` again for both")
        return {name: self._difference(one, other, name, both) for name in self.metrics}

    def _difference(self, one: str, other: str, metric: str, both: pl.DataFrame) -> Difference:
        mean, half = interval((both[metric] - both[f"{metric}.other"]).to_numpy())
        halves = [self._half_seeds(name, metric) for name in (one, other)]
        there = [half for half in halves if half is not None]
        # A baseline has no seed; a group with a single one has unknown noise, so there nothing can be said.
        known = all(half is not None or name in self.baselines for half, name in zip(halves, (one, other), strict=True))
        return Difference(mean, half, float(np.hypot.reduce(there)) if there and known else None)

    def _half_seeds(self, name: str, metric: str) -> float | None:
        group = self.groups.get(name)
        return group.score(metric)[0].half if group and len(group.runs) > 1 else None


def baseline_numbers(paired: Paired, reference: str) -> list[BaselineNumbers]:
    """Every baseline, with its difference to the reference group."""
    others = paired.users(reference)
    found = []
    for name, run in paired.baselines.items():
        said = run.metrics.scores[name]
        scores = {metric: Measured(said[metric].mean, said[metric].half, "users") for metric in paired.metrics}
        found.append(BaselineNumbers(name, scores, paired.minus(name, reference, others)))
    return found


def verdict(paired: Paired, baselines: Sequence[BaselineNumbers], metric: str) -> Iterator[str]:
    """What the numbers mean for somebody who has to decide, in sentences."""
    means = {name: float(np.mean(group.means(metric))) for name, group in paired.groups.items()}
    best = max(means, key=lambda name: means[name])
    place = f"is the best of {len(means)} configurations, with" if len(means) > 1 else "has"
    chosen = paired.groups[best].runs[0].metrics.model.chosen
    serves = "" if chosen is None or chosen.served == BLEND else f" It serves “{chosen.served}”, a baseline."
    yield f"At {nice(metric)}, {best} {place} {means[best]:.3f}.{serves}"
    if baselines:
        strongest = max(baselines, key=lambda one: one.scores[metric].mean)
        table = paired.users(strongest.name)
        difference = paired.minus(best, strongest.name, table)[metric]
        yield f"{_against(difference)} the best baseline, {strongest.name}: {signed(difference)}."
    if chosen:
        yield from told(chosen)
    rest = [name for name in means if name != best]
    if rest:
        table = paired.users(best)
        differences = {name: paired.minus(name, best, table)[metric] for name in rest}
        yield from _others(differences)
    if any(len(group.runs) == 1 for group in paired.groups.values()):
        yield "Configurations with a single seed have intervals over users only; another seed may move them further."


def _others(differences: dict[str, Difference]) -> Iterator[str]:
    below = [name for name, difference in differences.items() if difference.sign < 0]
    level = [name for name in differences if name not in below]
    if below:
        told = "all others are" if not level else _count(len(below), "of the others is", "of the others are")
        yield f"By the paired differences {told} clearly below it: {_some(below)}."
    if level:
        nearest = max(level, key=lambda name: differences[name].mean)
        yield f"Not to be told apart from it: {_some(level)}; nearest {nearest}, at {signed(differences[nearest])}."
    if len(differences) > 1:
        yield "The best of many is chosen on the same test users, so its lead is a little flattering."


def _against(difference: Difference) -> str:
    return {1: "It is better than", 0: "It is not clearly better than", -1: "It is worse than"}[difference.sign]


def _some(names: Sequence[str]) -> str:
    more = len(names) - FEW_NAMES
    return "; ".join(names[:FEW_NAMES]) + (f" and {more} more" if more > 0 else "")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
