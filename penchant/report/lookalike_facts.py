"""What a report knows of a run's look-alike audiences: the content of its folder `lookalike`, checked."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, FiniteFloat

from penchant.audiences.expected import Bounds
from penchant.errors import ReportError
from penchant.evaluation.choice import Choice
from penchant.report.written import Epoch, Made, Score, checked, read_object

RALM = "ralm"
"""The name under which metrics.json keeps the scores of RALM itself; all others are its competitors."""
STEP = "lookalike"
"""The command that measures them."""
PROTOCOL = ("periods", "rounds", "evaluation")
"""Sections that decide the data or the question: with others, a run answers another one."""

Scores = dict[str, dict[str, Score]]
Curve = list[tuple[FiniteFloat, FiniteFloat]]


class LaterClickers(BaseModel):
    """Later clickers by seeds, by class of candidates."""

    later_per_seed: dict[str, FiniteFloat] = {}


class LookalikeMetrics(BaseModel):
    """What the report reads of lookalike/metrics.json; keys it does not know are left alone.

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
    is known by."""

    folder: Path
    config: dict[str, Any]
    log: str
    data: str
    metrics: LookalikeMetrics

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of phase 1 and of phase 2."""
        return tuple(int(self.config[name]["seed"]) for name in ("users_training", "training"))

    @property
    def seed(self) -> str:
        """The seeds as one word: a single number where they are the same."""
        return "/".join(map(str, dict.fromkeys(self.seeds)))


def read_lookalike(folder: Path, config: dict[str, Any]) -> LookalikeFacts | None:
    """The facts of a run whose run file is `config`; None where it wants no look-alike audiences or has none measured.

    Raises ReportError where a file of it is damaged.
    """
    path, section = folder / "lookalike" / "metrics.json", config.get("lookalike")
    if not section or not path.exists():
        return None
    metrics = checked(LookalikeMetrics, path, folder, STEP)
    if RALM not in metrics.scores:
        raise ReportError(f"{path} has no scores of {RALM!r} itself; run `penchant {STEP} {folder}` again")
    asked = [section.get(name) for name in PROTOCOL]
    plan = read_object(folder / "lookalike" / "prepared" / "plan.json", folder, STEP)
    return LookalikeFacts(folder, section, _log(config), json.dumps([plan, asked], sort_keys=True), metrics)


def _log(config: dict[str, Any]) -> str:
    """The last part of the data's folder; "own tables" where the run file maps them itself.

    >>> _log({"logs": {"folder": "example:ml-latest-small"}}), _log({"logs": {"folder": "$DATA/ml-1m/"}})
    ('ml-latest-small', 'ml-1m')
    """
    folder = config["logs"].get("folder") or ""
    return Path(folder.split(":", 1)[-1]).name or "own tables"
