"""What a report knows of a run's look-alike audiences: the content of what it measured of them, checked."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, FiniteFloat

from penchant.audiences.expected import Bounds
from penchant.errors import ReportError
from penchant.evaluation.choice import Choice
from penchant.report.written import Epoch, Made, RunFile, Score, checked, read_object

RALM = "ralm"
"""What RALM is called here, whatever its run file calls it, where a run measures the others beside it; another
look-alike keeps its name."""
STEP = "evaluate"
"""The command that measures them."""
PROTOCOL = ("periods", "rounds", "evaluation")
"""Sections that decide the data or the question: with others, a run answers another one."""

Value = TypeVar("Value")
Scores = dict[str, dict[str, Score]]
Curve = list[tuple[FiniteFloat, FiniteFloat]]


class LaterClickers(BaseModel):
    """Later clickers by seeds, by class of candidates."""

    later_per_seed: dict[str, FiniteFloat] = {}


class LookalikeMetrics(BaseModel):
    """What the report reads of the scores of a look-alike; keys it does not know are left alone.

    scores: by scorer and metric; minus: by scorer, competitor and metric; curves: by scorer and class of candidates the
    share of users asked and the share of later clickers among them; training: by model, a line per epoch; chosen: who
    makes audiences, None where an earlier version measured.
    """

    made: Made
    chosen: Choice | None = None
    counts: dict[str, int] = {}
    bounds: Bounds | None = None
    scores: Annotated[Scores, Field(min_length=1)]
    minus: dict[str, Scores] = {}
    curves: dict[str, dict[str, Curve]] = {}
    expected: LaterClickers = LaterClickers()
    training: dict[str, list[Epoch]] = {}


@dataclass(frozen=True)
class LookalikeFacts:
    """The look-alike audiences of one run. config: its run file's section; log: what its data is called; data: what it
    is known by; reference: what the look-alike is called here that the others are measured beside."""

    folder: Path
    config: dict[str, Any]
    log: str
    data: str
    reference: str
    metrics: LookalikeMetrics

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of phase 1 and of phase 2."""
        return tuple(int(self.config[name]["seed"]) for name in ("users_training", "training"))

    @property
    def seed(self) -> str:
        """The seeds as one word: a single number where they are the same."""
        return "/".join(map(str, dict.fromkeys(self.seeds)))


def read_lookalike(folder: Path, config: RunFile) -> LookalikeFacts | None:
    """The facts of a run whose run file is `config`; None where it wants no look-alike audiences or has none measured.

    Raises ReportError where a file of it is damaged.
    """
    own = config.reference
    path = folder / "scores" / f"{own}.json"
    if own is None or not path.exists():
        return None
    metrics = checked(LookalikeMetrics, path, folder, STEP)
    if own not in metrics.scores:
        raise ReportError(f"{path} has no scores of {own!r} itself; run `penchant {STEP} {folder}` again")
    section = _section(config, own)
    asked = [section[name] for name in PROTOCOL]
    plan = read_object(folder / "prepared" / "periods" / "plan.json", folder, STEP)
    data, log = json.dumps([plan, asked], sort_keys=True), _log(config.model_dump(mode="json"))
    called = _called(own, config.all_models[own].model.name, metrics.scores)
    return LookalikeFacts(folder, section, log, data, called, _renamed(metrics, own, called, _curves(config, own)))


def _called(own: str, model: str, scorers: Collection[str]) -> str:
    """What a reference is called here: RALM by that name, unless another look-alike of its run has the name.

    >>> _called("alike", "ralm", ["alike", "lr"]), _called("alike", "logistic", ["alike"])
    ('ralm', 'alike')
    """
    return RALM if model == RALM and RALM not in scorers else own


def _section(config: RunFile, own: str) -> dict[str, Any]:
    """All of the run file that decides look-alike audiences: of the model of the users, of the look-alike, of both
    trainings, and how they are judged."""
    said = {name: one.model_dump(mode="json") for name, one in config.all_models.items()}
    model, users = said[own], said[config.all_models[own].needs[0]]
    trainings = {"users_training": users.pop("training"), "training": model.pop("training")}
    whole = config.model_dump(mode="json")
    judged = {key: value for key, value in whole["lookalike"].items() if key != "model"}
    return {**judged, "periods": whole["periods"], "users": users, "model": model, **trainings}


def _curves(config: RunFile, own: str) -> dict[str, str]:
    """What the learning curves of models are called here: that of the reference, and those of its users by how they
    merge fields."""
    merged = {name: getattr(one.model, "merge", None) for name, one in config.all_models.items()}
    users = {name: "users, concatenated" if how == "concat" else "users" for name, how in merged.items()}
    return {**users, own: "lookalike"}


def _renamed(metrics: LookalikeMetrics, own: str, called: str, curves: Mapping[str, str]) -> LookalikeMetrics:
    """With the reference under the name that it has here, so that runs whose files name RALM otherwise are compared."""

    def of(names: Mapping[str, Value]) -> dict[str, Value]:
        return {called if name == own else name: value for name, value in names.items()}

    chosen = metrics.chosen
    if chosen:
        name, live = (called if one == own else one for one in (chosen.name, chosen.live))
        scores, ahead = of(chosen.scores), of(chosen.ahead)
        chosen = replace(chosen, reference=called, name=str(name), live=live, scores=scores, ahead=ahead)
    minus = {name: of(scores) for name, scores in of(metrics.minus).items()}
    training = {curves[name]: lines for name, lines in metrics.training.items() if name in curves}
    changed = {"scores": of(metrics.scores), "curves": of(metrics.curves), "training": training}
    return metrics.model_copy(update={**changed, "minus": minus, "chosen": chosen})


def _log(config: dict[str, Any]) -> str:
    """The last part of the data's folder; "own tables" where the run file maps them itself.

    >>> _log({"logs": {"folder": "example:ml-latest-small"}}), _log({"logs": {"folder": "$DATA/ml-1m/"}})
    ('ml-latest-small', 'ml-1m')
    """
    folder = config["logs"].get("folder") or ""
    return Path(folder.split(":", 1)[-1]).name or "own tables"
