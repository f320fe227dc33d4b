"""What a report knows of a run: the content of its folder, checked before anything is drawn from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import BaseModel, Field, FiniteFloat

from penchant.errors import MissingStepError, ReportError
from penchant.evaluation.calibration import Bin
from penchant.report.lookalike_facts import LookalikeFacts, read_lookalike
from penchant.report.written import Epoch, Made, Score, checked, read_object
from penchant.schema import USER
from penchant.training.blend import Chosen

OWN = "model"
"""The name under which metrics.json keeps the run's own scores; all others are baselines."""


class ClickBins(BaseModel):
    """Predicted click probabilities of shown items ("item") or of their tags ("tag") against the share clicked."""

    of: str
    error: FiniteFloat
    bins: list[Bin]


class TagBins(BaseModel):
    """Preferences of all pairs of user and tag against the share that was clicked."""

    bins: list[Bin]


class Calibration(BaseModel):
    """What `evaluation.calibration.calibrate` wrote."""

    clicks: ClickBins | None
    tags: TagBins


class ModelSaid(BaseModel):
    """What is served. title: what people call it; chosen: how a blend was."""

    name: str
    title: str
    chosen: Chosen | None


class Metrics(BaseModel):
    """What the report reads of metrics.json; keys it does not know are left alone."""

    model: ModelSaid
    made: Made
    samples: dict[str, int]
    scores: Annotated[dict[str, dict[str, Score]], Field(min_length=1)]
    learning_curve: list[Epoch]
    calibration: Calibration | None = None


@dataclass(frozen=True)
class RunFacts:
    """The tag profiles of one run. config: the whole run file, as JSON values; data: what the prepared data is known
    by; found, prepared: what was counted in the log and in the shards."""

    folder: Path
    config: dict[str, Any]
    data: str
    metrics: Metrics
    found: dict[str, Any]
    prepared: dict[str, Any]

    @property
    def seed(self) -> int:
        return int(self.config["training"]["seed"])

    def users(self, scorer: str, metrics: list[str]) -> pl.DataFrame:
        """USER and the asked metrics of every test user. Raises ReportError where metrics.parquet is not whole."""
        path = self.folder / "metrics.parquet"
        try:
            rows = pl.scan_parquet(path).filter(pl.col("scorer") == scorer)
            return rows.select(USER, *(pl.col(name).cast(pl.Float64) for name in metrics)).collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise ReportError(f"{path} cannot be read: {error}; run `penchant evaluate {self.folder}` again") from None


@dataclass(frozen=True)
class Evaluated:
    """All that was measured of a run: its tag profiles, its look-alike audiences, or both."""

    folder: Path
    config: dict[str, Any]
    profiles: RunFacts | None
    lookalike: LookalikeFacts | None


def read_facts(folder: Path, config: dict[str, Any]) -> Evaluated:
    """The facts of an evaluated run whose run file is `config`.

    Raises MissingStepError where nothing of it is evaluated yet, ReportError where a file of it is damaged.
    """
    profiles = _read_profiles(folder, config) if (folder / "metrics.json").exists() else None
    lookalike = read_lookalike(folder, config)
    if profiles is None and lookalike is None:
        raise MissingStepError(f"{folder} is not evaluated yet; run `penchant evaluate {folder}` first")
    return Evaluated(folder, config, profiles, lookalike)


def _read_profiles(folder: Path, config: dict[str, Any]) -> RunFacts:
    path = folder / "metrics.json"
    metrics = checked(Metrics, path, folder)
    if OWN not in metrics.scores:
        raise ReportError(f"{path} has no scores of the model itself; run `penchant evaluate {folder}` again")
    plan, found = (read_object(folder / name, folder) for name in ("prepared/plan.json", "log/found.json"))
    # Other candidates are another task, on other users.
    asked = config["evaluation"].get("candidates", "all")
    data = f"{plan.get('plan')} {plan.get('log')} {asked}"
    return RunFacts(folder, config, data, metrics, found, read_object(folder / "prepared" / "manifest.json", folder))
