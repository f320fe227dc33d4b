"""Evaluated run folders written by hand, with scores that a test can know."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from penchant.evaluation.examine import Examination
from penchant.evaluation.protocols.interests import Result
from penchant.kinds.sections import InterestsSection
from penchant.report.build import gather
from penchant.report.facts import Evaluated, RunFacts, read_facts
from penchant.report.numbers import Numbers
from penchant.runfile import RunConfig
from penchant.training.blend import BLEND, Chosen, Mix
from tests.helpers.planted import RUN_FILE, changed

METRICS = ("prec@1", "prec@2", "prec@3", "prec@5", "prec@10", "ndcg@10")
BINS = [{"count": 10, "predicted": 0.2, "observed": 0.1}, {"count": 10, "predicted": 0.8, "observed": 0.9}]


def config_of(**sections: dict[str, Any]) -> RunConfig:
    """The planted run file, trained with `separate` if nothing else is said, changed."""
    planted = RunConfig.parse(tomllib.loads(RUN_FILE), origin="planted")
    return changed(changed(planted, training={"loss": "separate"}), **sections)


def users_of(values: list[float], metrics: tuple[str, ...] = METRICS) -> pl.DataFrame:
    """User u0, u1, … with the same value for every metric."""
    return pl.DataFrame({"user": [f"u{row}" for row in range(len(values))], **dict.fromkeys(metrics, values)})


def write_run(
    folder: Path,
    config: RunConfig,
    own: list[float],
    *,
    baselines: dict[str, list[float]] | None = None,
    metrics: tuple[str, ...] = METRICS,
    log: str = "one",
    calibration: bool = True,
    chosen: Chosen | None = None,
    curve: bool = True,
) -> Path:
    """A folder as `penchant evaluate` leaves it: own and baselines are values of test users, by scorer; chosen: how a
    blend was; curve: whether anything was trained."""
    frames = {"model": users_of(own, metrics)}
    frames |= {name: users_of(values, metrics) for name, values in (baselines or {}).items()}
    for part in ("log", "prepared/users", "scores"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    tags = config.models["tags"]
    assert isinstance(tags, InterestsSection)
    clicks = {"of": "tag", "error": 0.1, "bins": BINS} if tags.training.loss == "separate" else None
    samples = {"train": 9, "valid": 2, "test": len(own)}
    said = {
        "model": {
            "name": tags.model.name,
            "labels": "tags",
            "title": tags.model.name,
            "chosen": chosen and chosen.as_json(),
        },
        "made": {"version": "0.1.0", "commit": "abc1234", "at": "2026-01-02T03:04:05+00:00", "negatives": "logged"},
        "samples": samples,
        "scores": Examination({name: Result(frame, {}) for name, frame in frames.items()}).scores(),
        "learning_curve": [{"epoch": at, "loss": 1 / (at + 1), "validation": at / 10} for at in range(3) if curve],
        "calibration": {"clicks": clicks, "tags": {"bins": BINS}},
    }
    if not calibration:
        del said["calibration"]
    found = {
        "events": 90,
        "clicked": 60,
        "users": 9,
        "items_in_table": 12,
        "rejected": {"odd": 2},
        "left_out": {"odd": 1},
    }
    told = {"samples": {**samples, "latest": 9}, "negatives": "logged"}
    manifest = {"targets": {config.labels.field: told}, "vocabulary": {"tags": 14}}
    files = {
        "config.json": {"config": config.model_dump(mode="json"), "base": "."},
        "scores/tags.json": said,
        "log/found.json": {**found, "time_unit": "s", "first": 0.0, "last": 86_400.0},
        "prepared/users/manifest.json": manifest,
        "prepared/users/plan.json": {"plan": "same", "log": log},
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    pl.concat([frame.with_columns(scorer=pl.lit(name)) for name, frame in frames.items()]).write_parquet(
        folder / "scores" / "tags.parquet"
    )
    return folder


def facts_of(folder: Path, config: RunConfig, own: list[float], **options: Any) -> RunFacts:
    """The same, read."""
    (profiles,) = read_facts(write_run(folder, config, own, **options), config).profiles
    return profiles


def gathered(runs: Sequence[RunFacts]) -> Numbers:
    """The numbers of runs that have tag profiles only."""
    return gather([Evaluated(run.folder, False, [run], None, []) for run in runs])


def noise(seed: int, mean: float, users: int = 40) -> list[float]:
    """Values of users about a mean."""
    return np.clip(np.random.default_rng(seed).normal(mean, 0.05, users), 0, 1).tolist()


def chosen_of(**changes: Any) -> Chosen:
    """How a blend was chosen that is well ahead of popularity and a little of ridge."""
    said: dict[str, Any] = {
        "served": BLEND,
        "mix": Mix(("own clicks",), 10.0, 0.5),
        "judged": {BLEND: 0.5, "popularity": 0.2, "ridge": 0.49},
        "ahead": {"popularity": (0.3, 0.01), "ridge": (0.01, 0.005)},
        "without": {"own tags": (0.02, 0.005), "other fields": (0.0, 0.0)},
        "users": 1_234,
    }
    return Chosen(**{**said, **changes})
