"""What a report knows of a run: the content of its folder, checked before anything is drawn from it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import BaseModel, Field, FiniteFloat

from penchant.errors import MissingStepError, ReportError
from penchant.evaluation.calibration import Bin
from penchant.report.items import read_items
from penchant.report.lookalikes.facts import LookalikeFacts, read_lookalike
from penchant.report.numbers import ItemTable
from penchant.report.written import Epoch, Made, RunFile, Score, checked, read_object
from penchant.schema import USER
from penchant.training.blend import Chosen

OWN = "model"
"""The name under which scores of a model are its own; all others are baselines."""


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
    """What is served. labels: the field that it predicts; title: what people call it; chosen: how a blend was."""

    name: str
    labels: str
    title: str
    chosen: Chosen | None


class Metrics(BaseModel):
    """What the report reads of a model's scores; keys it does not know are left alone."""

    model: ModelSaid
    made: Made
    samples: dict[str, int]
    scores: Annotated[dict[str, dict[str, Score]], Field(min_length=1)]
    learning_curve: list[Epoch]
    calibration: Calibration | None = None


_FOUND = ("events", "clicked", "users", "items_in_table", "rejected", "left_out", "time_unit", "first", "last")


@dataclass(frozen=True)
class RunFacts:
    """The profiles by one model of a run. model, section: its name and its section of the run file; config: the whole
    run file, both as JSON values; data: what the prepared data is known by; found, prepared: what was counted in the
    log and in the shards."""

    folder: Path
    model: str
    section: dict[str, Any]
    config: dict[str, Any]
    data: str
    metrics: Metrics
    found: dict[str, Any]
    prepared: dict[str, Any]

    @property
    def seed(self) -> int:
        return int(self.section["training"]["seed"])

    @property
    def called(self) -> str:
        """The folder, and which of its models it is."""
        return f"{self.model!r} of {self.folder}"

    def users(self, scorer: str, metrics: list[str]) -> pl.DataFrame:
        """USER and the asked metrics of every test user. Raises ReportError where their file is not whole."""
        path = self.folder / "scores" / f"{self.model}.parquet"
        try:
            rows = pl.scan_parquet(path).filter(pl.col("scorer") == scorer)
            return rows.select(USER, *(pl.col(name).cast(pl.Float64) for name in metrics)).collect()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise ReportError(f"{path} cannot be read: {error}; run `penchant evaluate {self.folder}` again") from None


@dataclass(frozen=True)
class Evaluated:
    """All that was measured of a run: profiles by each of its interest models, its look-alike audiences, its rankers
    and graph models. wanted: whether its run file has a look-alike."""

    folder: Path
    wanted: bool
    profiles: list[RunFacts]
    lookalike: LookalikeFacts | None
    items: list[ItemTable]


def read_facts(folder: Path, config: RunFile) -> Evaluated:
    """The facts of an evaluated run whose run file is `config`.

    Raises MissingStepError where nothing of it is evaluated yet, ReportError where a file of it is damaged.
    """
    there = [name for name in config.interests("users") if (folder / "scores" / f"{name}.json").exists()]
    profiles = [_read_profiles(folder, name, config) for name in there]
    lookalike, items = read_lookalike(folder, config), read_items(folder, config)
    if not profiles and lookalike is None and not items:
        raise MissingStepError(f"{folder} is not evaluated yet; run `penchant evaluate {folder}` first")
    return Evaluated(folder, config.reference is not None, profiles, lookalike, items)


def _read_profiles(folder: Path, name: str, asked: RunFile) -> RunFacts:
    path, config = folder / "scores" / f"{name}.json", asked.model_dump(mode="json")
    metrics = checked(Metrics, path, folder)
    if OWN not in metrics.scores:
        raise ReportError(f"{path} has no scores of the model itself; run `penchant evaluate {folder}` again")
    plan = read_object(folder / "prepared" / "users" / "plan.json", folder)
    found = read_object(folder / "log" / "found.json", folder, keys=_FOUND)
    # Other candidates are another task, on other users, and so is another vocabulary.
    label = asked.labels_of(name)
    target = dict(plan.get("targets") or {}).get(label)
    data = json.dumps([{**plan, "targets": target}, config["evaluation"]["candidates"], label], sort_keys=True)
    prepared = read_object(folder / "prepared" / "users" / "manifest.json", folder, keys=("targets", "vocabulary"))
    return RunFacts(folder, name, config["models"][name], config, data, metrics, found, prepared)
