"""Which runs are seeds of one configuration, how configurations differ, and what people call them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from penchant.errors import ReportError
from penchant.evaluation.estimates import STUDENT_T, over_seeds
from penchant.report.facts import OWN, RunFacts
from penchant.report.published import architecture
from penchant.report.written import Score
from penchant.schema import USER
from penchant.training.blend import BLEND

Settings = Mapping[str, Any]
"""The keys of a run file that decide its numbers, with a dot between section and key."""

_NAMED = ("name", "heads", "shared_query", "cross")
"""Keys of a model that its name tells."""
DEEP = "model.deep"
"""The section of a blend's deep model, and the key that says which it is."""
_BESIDE = ("training", "labels", "cut")
"""Keys of a section that are not the model's: what is predicted, and on which data, is compared by the data."""
_MOST_SEEDS = len(STUDENT_T) + 1


@dataclass(frozen=True)
class Group:
    """Runs that differ in nothing but the seed."""

    name: str
    settings: Settings
    runs: list[RunFacts]

    def score(self, metric: str) -> tuple[Score, str]:
        """The mean of a metric with half its 95 % interval, and what that is over: "seeds" or "users"."""
        means = self.means(metric)
        if len(means) == 1:
            return self.runs[0].metrics.scores[OWN][metric], "users"
        return Score(mean=sum(means) / len(means), half=half_over_seeds(means)), "seeds"

    def means(self, metric: str) -> list[float]:
        return [run.metrics.scores[OWN][metric].mean for run in self.runs]

    def users(self, metrics: list[str]) -> pl.DataFrame:
        """USER and metrics, the mean over the seeds."""
        frames = pl.concat([run.users(OWN, metrics) for run in self.runs])
        return frames.group_by(USER).agg(pl.col(metrics).mean())

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics that every run of the group has, with an interval."""
        first, *others = (run.metrics.scores[OWN] for run in self.runs)
        return [name for name, said in first.items() if said.half is not None and all(name in one for one in others)]


def half_over_seeds(means: Sequence[float]) -> float:
    """Half the 95 % interval over seeds. Beyond 10 seeds the factor for 10 is kept, a little on the safe side."""
    if len(means) <= _MOST_SEEDS:
        return over_seeds(means)[1]
    mean = sum(means) / len(means)
    variance = sum((one - mean) ** 2 for one in means) / (len(means) - 1)
    return STUDENT_T[len(STUDENT_T)] * float((variance / len(means)) ** 0.5)


def group_runs(runs: Sequence[RunFacts]) -> list[Group]:
    """Groups in the order in which the runs were given; all runs are on the same data.

    Raises ReportError where one configuration and seed was given twice: it would count as two.
    """
    found: dict[str, list[RunFacts]] = {}
    settings = [settings_of(run.section) for run in runs]
    for run, its in zip(runs, settings, strict=True):
        found.setdefault(repr(sorted(its.items())), []).append(run)
    groups = list(found.values())
    for group in groups:
        _refuse_repeats(group)
    kinds = [settings_of(group[0].section) for group in groups]
    return [Group(name, its, group) for name, its, group in zip(name_all(kinds), kinds, groups, strict=True)]


def _refuse_repeats(group: list[RunFacts]) -> None:
    first: dict[int, RunFacts] = {}
    for run in group:
        if run.seed in first:
            raise ReportError(
                f"{first[run.seed].called} and {run.called} are the same configuration with the same seed, {run.seed}: "
                f"the second says nothing new; give only one of them, or train it with another training.seed"
            )
        first[run.seed] = run


def settings_of(section: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a section [models.NAME]: the keys of the model and of its training, without the seed.

    Keys of a cross layer that is not there are left out, and so is training where nothing is trained step by step.
    """
    model, training = {key: value for key, value in section.items() if key not in _BESIDE}, section["training"]
    deep = model.pop("deep", None)
    settings = _settings_of("model", model)
    if model["name"] == BLEND:
        settings |= {DEEP: deep["name"] if deep else "none", **_settings_of(DEEP, deep or {})}
        if not deep:
            return settings
    kept = {key: value for key, value in training.items() if key not in ("seed", "checkpoint_s")}
    return settings | {f"training.{key}": plain(value) for key, value in kept.items()}


def _settings_of(section: str, said: Mapping[str, Any]) -> dict[str, Any]:
    without = said.get("cross") == "none"
    return {f"{section}.{key}": plain(value) for key, value in said.items() if not (without and key[:6] == "cross_")}


def part_of(its: Settings, section: str) -> dict[str, Any]:
    """The settings of a section, by their last names.

    >>> part_of({"model.deep.name": "utpm", "model.rank": 64}, "model.deep")
    {'name': 'utpm'}
    """
    start = f"{section}."
    return {key.removeprefix(start): value for key, value in its.items() if key.startswith(start)}


def plain(value: Any) -> Any:
    """A value that can be compared and printed."""
    if value is None:
        return "default"
    return "+".join(map(str, value)) if isinstance(value, list) else value


def common_settings(kinds: Sequence[Settings]) -> dict[str, Any]:
    """Of each key the value that most have, the earlier one where there are equally many."""
    keys = dict.fromkeys(key for its in kinds for key in its)
    return {key: Counter(its[key] for its in kinds if key in its).most_common(1)[0][0] for key in keys}


def name_all(kinds: Sequence[Settings]) -> list[str]:
    """A short name for each configuration: the paper's word for the model, the loss, and what is unusual in it."""
    common = common_settings(kinds)
    return [", ".join([title(its), *_unusual(its, common)]) for its in kinds]


def title(its: Settings) -> str:
    """What a configuration is called wherever people see it: the model, beside it the paper's word for its form, a
    blend's deep model, and the loss, where it is another than the paper's `separate`.

    >>> title({"model.name": "youtube", "training.loss": "joint"})
    'YouTube DNN, joint'
    >>> title({"model.name": "blend", "model.deep": "none"})
    'blend'
    """
    name = _model_title(part_of(its, "model"))
    if its.get(DEEP, "none") != "none":
        name += f" with {_model_title(part_of(its, DEEP))}"
    loss = its.get("training.loss", "separate")
    return name if loss == "separate" else f"{name}, {loss}"


def _model_title(model: Settings) -> str:
    names = {"utpm": "UTPM {}", "youtube": "{} DNN", "ralm-users": "RALM users"}
    return names.get(model["name"], "{}").format(architecture(model))


def _unusual(its: Settings, common: Settings) -> list[str]:
    told = {f"{section}.{key}" for section in ("model", DEEP) for key in _NAMED} | {DEEP, "training.loss"}
    if its["model.name"] == "youtube":
        told = {"model.name", "training.loss"}
    keys = [key for key, value in its.items() if key not in told and value != common[key]]
    words = {key: f"{short_key(key, common)}={its[key]}" for key in keys}
    if {"model.embedding", "model.user"} <= set(keys) and its["model.embedding"] == its["model.user"]:
        words["model.embedding"] = f"embedding=user={words.pop('model.user').split('=')[1]}"
    return list(words.values())


def short_key(key: str, keys: Iterable[str]) -> str:
    """The key without its section, where that is clear enough."""
    last = key.rsplit(".", 1)[-1]
    return key if [other.rsplit(".", 1)[-1] for other in keys].count(last) > 1 else last
