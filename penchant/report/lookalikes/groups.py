"""Look-alike runs that differ in nothing but the seed, as one configuration, and its scores over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penchant.errors import ReportError
from penchant.report.groups import Settings, common_settings, half_over_seeds, plain, short_key
from penchant.report.lookalikes.facts import PROTOCOL, LookalikeFacts
from penchant.report.lookalikes.words import title, unit
from penchant.report.numbers import Difference, Measured
from penchant.report.written import Score

_NO_SETTINGS = (*PROTOCOL, "beside", "category")
"""What decides the data, or what is measured beside the reference, and no number of a scorer."""
_NO_KEYS = ("seed", "checkpoint_s")


@dataclass(frozen=True)
class Alike:
    """A configuration: runs that differ in the seed only."""

    name: str
    settings: Settings
    runs: list[LookalikeFacts]

    @property
    def reference(self) -> str:
        """The look-alike that the others are measured beside."""
        return self.runs[0].reference

    @property
    def scorers(self) -> list[str]:
        """Those that every run has, in the order of the first."""
        first, *others = (run.metrics.scores for run in self.runs)
        return [name for name in first if all(name in one for one in others)]

    def scores(self, scorer: str) -> dict[str, Measured]:
        """Each metric that every run has of this scorer."""
        said = _common([run.metrics.scores[scorer] for run in self.runs])
        return {metric: over_runs(scores, unit(metric)) for metric, scores in said.items()}

    def own_minus(self, scorer: str) -> dict[str, Difference]:
        """The reference minus this scorer, each metric that every run has with an interval. Seeds are paired with
        themselves."""
        said = _common([run.metrics.minus.get(self.reference, {}).get(scorer, {}) for run in self.runs])
        found = {}
        for metric, scores in said.items():
            means = [score.mean for score in scores]
            halves = [score.half for score in scores if score.half is not None]
            if len(halves) == len(scores):
                seeds = half_over_seeds(means) if len(means) > 1 else None
                # The interval of a mean over seeds is no wider than the mean of theirs.
                found[metric] = Difference(float(np.mean(means)), float(np.mean(halves)), seeds)
        return found

    def differ(self, one: str, other: str) -> dict[str, Measured]:
        """One scorer minus another, with an interval over seeds where there are several."""
        if not {one, other} <= set(self.scorers):
            return {}
        pairs = [(run.metrics.scores[one], run.metrics.scores[other]) for run in self.runs]
        metrics = [name for name in pairs[0][0] if all(name in said for pair in pairs for said in pair)]
        means = {name: [mine[name].mean - its[name].mean for mine, its in pairs] for name in metrics}
        several = len(pairs) > 1
        return {
            name: Measured(float(np.mean(values)), half_over_seeds(values) if several else None, "seeds")
            for name, values in means.items()
        }

    def reached(self, scorer: str) -> dict[str, list[tuple[float, float]]]:
        """Its curves by class of candidates, averaged over the runs, at the shares of users of the first."""
        curves = [run.metrics.curves.get(scorer, {}) for run in self.runs]
        found = {}
        for kind, first in curves[0].items():
            if first and all(one.get(kind) for one in curves):
                at = [share for share, _ in first]
                found[kind] = list(
                    zip(at, np.mean([_read_off(at, one[kind]) for one in curves], 0).tolist(), strict=True)
                )
        return found


def _read_off(at: Sequence[float], curve: Sequence[tuple[float, float]]) -> np.ndarray:
    shares, parts = np.array(curve).T
    return np.interp(at, shares, parts)


def over_runs(scores: Sequence[Score], of: str) -> Measured:
    """The mean over runs; its interval is over seeds, or over what each run's is where a seed changes nothing.

    >>> over_runs([Score(mean=0.5, half=0.1), Score(mean=0.5, half=0.3)], "users")
    Measured(mean=0.5, half=0.2, over='users')
    """
    means = [score.mean for score in scores]
    if max(means) - min(means) > 1e-12:
        return Measured(float(np.mean(means)), half_over_seeds(means), "seeds")
    halves = [score.half for score in scores if score.half is not None]
    return Measured(means[0], float(np.mean(halves)) if len(halves) == len(scores) else None, of)


def _common(said: Sequence[Mapping[str, Score]]) -> dict[str, list[Score]]:
    """By metric the scores of all runs, where all have it."""
    return {name: [one[name] for one in said] for name in said[0] if all(name in one for one in said)}


def group_lookalike(runs: Sequence[LookalikeFacts]) -> list[Alike]:
    """Configurations in the order in which the runs were given; all runs are on the same data.

    Raises ReportError where one configuration and seed was given twice: it would count as two.
    """
    found: dict[str, list[LookalikeFacts]] = {}
    for run in runs:
        key = [run.reference, *sorted(lookalike_settings(run.config).items())]
        found.setdefault(repr(key), []).append(run)
    for group in found.values():
        _refuse_repeats(group)
    kinds = [lookalike_settings(group[0].config) for group in found.values()]
    common = common_settings(kinds)
    return [
        Alike(", ".join([title(group[0].reference), *_unusual(its, common)]), its, group)
        for its, group in zip(kinds, found.values(), strict=True)
    ]


def _refuse_repeats(group: Sequence[LookalikeFacts]) -> None:
    first: dict[tuple[int, ...], LookalikeFacts] = {}
    for run in group:
        if run.seeds in first:
            raise ReportError(
                f"{first[run.seeds].folder} and {run.folder} have look-alike audiences of the same configuration with "
                f"the same seed, {run.seed}: the second says nothing new; give only one of them, or another seed"
            )
        first[run.seeds] = run


def lookalike_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run file's look-alike section that decide its numbers, without seeds and protocol."""
    found: dict[str, Any] = {}
    for name, section in config.items():
        if name in _NO_SETTINGS:
            continue
        if isinstance(section, Mapping):
            found |= {f"{name}.{key}": plain(value) for key, value in section.items() if key not in _NO_KEYS}
        else:
            found[name] = plain(section)
    return found


def _unusual(its: Settings, common: Settings) -> list[str]:
    return [f"{short_key(key, common)}={value}" for key, value in its.items() if value != common[key]]
