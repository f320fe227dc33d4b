"""What a report knows of a run: the content of its folder, checked before anything is drawn from it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from penchant.errors import MissingStepError, ReportError
from penchant.evaluation.calibration import Bin
from penchant.schema import USER

OWN = "model"
"""The name under which metrics.json keeps the run's own scores; all others are baselines."""


class Score(BaseModel):
    """A mean over test users and half its 95 % interval."""

    mean: FiniteFloat
    half: FiniteFloat | None = None


class Epoch(BaseModel):
    """A line of the learning curve; a loss may have left the finite numbers."""

    epoch: int
    loss: float
    validation: float


class Made(BaseModel):
    """What made the run; `at` and `negatives` are "unknown" where an older version did."""

    version: str = "unknown"
    commit: str = "unknown"
    at: str = "unknown"
    negatives: str = "unknown"


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


class Metrics(BaseModel):
    """What the report reads of metrics.json; keys it does not know are left alone."""

    made: Made
    samples: dict[str, int]
    scores: Annotated[dict[str, dict[str, Score]], Field(min_length=1)]
    learning_curve: list[Epoch]
    calibration: Calibration | None = None


@dataclass(frozen=True)
class RunFacts:
    """One run. config: the whole run file, as JSON values; data: what the prepared data is known by; found, prepared:
    what was counted in the log and in the shards."""

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


def read_facts(folder: Path, config: dict[str, Any]) -> RunFacts:
    """The facts of an evaluated run whose run file is `config`.

    Raises MissingStepError where it is not evaluated yet, ReportError where a file of it is damaged.
    """
    path = folder / "metrics.json"
    if not path.exists():
        raise MissingStepError(f"{folder} is not evaluated yet; run `penchant evaluate {folder}` first")
    metrics = _metrics(path, _read(path, folder))
    plan, found = _read(folder / "prepared" / "plan.json", folder), _read(folder / "log" / "found.json", folder)
    # Other candidates are another task, on other users.
    asked = config["evaluation"].get("candidates", "all")
    data = f"{plan.get('plan')} {plan.get('log')} {asked}"
    return RunFacts(folder, config, data, metrics, found, _read(folder / "prepared" / "manifest.json", folder))


def _metrics(path: Path, said: dict[str, Any]) -> Metrics:
    try:
        metrics = Metrics.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReportError(
            f"{path} is not what this version writes: {place!r}: {first['msg']}; "
            f"run `penchant evaluate {path.parent}` again"
        ) from None
    if OWN not in metrics.scores:
        raise ReportError(f"{path} has no scores of the model itself; run `penchant evaluate {path.parent}` again")
    return metrics


def _read(path: Path, folder: Path) -> dict[str, Any]:
    """The values of a JSON file that a step of the run has written."""
    again = f"run the steps of {folder} again, `penchant evaluate {folder}` last"
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{path} is not there; {again}") from None
    except ValueError as error:
        raise ReportError(f"{path} is damaged: {error}; {again}") from None
    if not isinstance(said, dict):
        raise ReportError(f"{path} is damaged: it holds {type(said).__name__}, not an object; {again}")
    return said
