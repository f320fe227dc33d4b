"""Run folders with look-alike audiences written by hand, with scores that a test can know."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penchant.report.build import gather
from penchant.report.facts import Evaluated, read_facts
from penchant.report.numbers import LookalikeSet
from penchant.runfile import RunConfig
from tests.report.folders import config_of

AUCS = {"ralm": 0.70, "average": 0.66, "youtube": 0.68, "merge": 0.69, "yahoo": 0.64, "lr": 0.62, "popularity": 0.58}
"""In the order of the paper."""
SHARES = (0.0, 0.001, 0.01, 0.1, 1.0)
KINDS = ("all", "tail", "middle", "head")


def section_of(seed: int = 0, **changes: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a run file with a look-alike, as JSON values.

    changes: of the model of the users, users_training, the look-alike itself (model), its training, periods, rounds and
    evaluation.
    """
    seeded = {"training": {"seed": seed}, "users_training": {"seed": seed}}
    changed = {name: {**seeded.get(name, {}), **changes.get(name, {})} for name in {*seeded, *changes}}
    users = {"name": "ralm-users", "cut": "periods", **changed.get("users", {}), "training": changed["users_training"]}
    ralm = {"name": "ralm", **changed.get("model", {}), "training": changed["training"]}
    periods = {"by": "days", "learn": 2.0, "test": 3.0, "every_hours": 6.0, **changed.get("periods", {})}
    lookalike = {name: changed[name] for name in ("rounds", "evaluation") if name in changed}
    return {"models": {"users": users, "ralm": ralm}, "periods": periods, "lookalike": lookalike}


def metrics_of(aucs: Mapping[str, float], half: float = 0.01) -> dict[str, Any]:
    """What the scores of a look-alike hold; every other metric follows from each scorer's AUC in some way."""
    scores = {name: _scores(auc, half) for name, auc in aucs.items()}
    minus = {
        name: {
            metric: {"mean": scores["ralm"][metric]["mean"] - score["mean"], "half": half}
            for metric, score in its.items()
            if "half" in score
        }
        for name, its in scores.items()
        if name != "ralm"
    }
    curve = [{"epoch": at, "loss": 1 / (at + 1), "validation": 0.6 + at / 100} for at in range(3)]
    return {
        "made": {"version": "0.1.0", "commit": "abc1234", "at": "2026-01-02T03:04:05+00:00"},
        "counts": {"users": 90, "labels": 500, "clicked": 100, "candidates": 30, "crowd": 1_000, "candidates.tail": 11},
        "bounds": {"middle": 3, "head": 12},
        "scores": scores,
        "minus": {"ralm": minus},
        "curves": {
            name: {kind: [[share, share ** (2 - 2 * auc)] for share in SHARES] for kind in KINDS}
            for name, auc in aucs.items()
        },
        "expected": {"later_per_seed": {"all": 0.5, "tail": 0.25}},
        "training": {"users": curve, "users-concat": curve, "ralm": curve},
    }


def _scores(auc: float, half: float) -> dict[str, dict[str, float]]:
    whole = {"auc": auc, "area": auc + 0.01, "prec@10": auc - 0.5, "prec@50": auc - 0.55}
    whole |= {f"recall@{at}%": auc * at / 50 for at in (1, 5, 10, 20)} | {"lift@1%": 50 * auc}
    parts = {
        f"{metric}.{kind}": value - 0.02 for metric, value in whole.items() for kind in KINDS[1:] if "@" not in metric
    }
    parts |= {f"recall@5%.{kind}": auc / 9 for kind in KINDS[1:]}
    parts |= {"auc.known": auc, "auc within items": auc - 0.05, "auc within users": auc - 0.03}
    lists = {"tags@10": 20 * auc, "categories@10": 6 * auc, "tail share@10": 1 - auc}
    found = {name: {"mean": value, "half": half} for name, value in {**whole, **parts, **lists}.items()}
    return found | {"evenness@10": {"mean": 1 - auc}, "scored": {"mean": 0.99}}


def write_lookalike(folder: Path, said: dict[str, Any], data: str = "one") -> Path:
    """The part of a folder that an evaluation of look-alike audiences leaves."""
    prepared, scores = folder / "prepared" / "periods", folder / "scores"
    for one in (prepared, scores):
        one.mkdir(parents=True, exist_ok=True)
    (scores / "ralm.json").write_text(json.dumps(said), encoding="utf-8")
    (prepared / "plan.json").write_text(json.dumps({"plan": "same", "log": data}), encoding="utf-8")
    return folder


def config_with(sections: Mapping[str, Any] | None, config: RunConfig | None = None) -> RunConfig:
    """A whole run file with these sections of look-alike; without any where they are None. config: the rest of it."""
    said = (config or config_of()).model_dump(mode="json", exclude_none=True)
    if sections is None:
        return RunConfig.parse(said, origin="planted")
    models = {**said["models"], **sections["models"]}
    return RunConfig.parse({**said, **sections, "models": models}, origin="planted")


def evaluated(
    folder: Path, aucs: Mapping[str, float] = AUCS, section: dict[str, Any] | None = None, **options: Any
) -> Evaluated:
    """A run that has look-alike audiences only, read."""
    write_lookalike(folder, metrics_of(aucs), **options)
    return read_facts(folder, config_with(section or section_of()))


def set_of(*runs: Evaluated) -> LookalikeSet:
    (found,) = gather(runs).lookalike
    return found


def named(folder: Path, name: str, aucs: Mapping[str, float] = AUCS, *, seed: int = 0) -> Evaluated:
    """A run whose reference is a logistic regression under a name of its own, with the AUC that RALM has in `aucs`."""
    section = section_of(seed)
    section["models"][name] = {"name": "logistic", "training": section["models"].pop("ralm")["training"]}
    said = json.loads(json.dumps(metrics_of(aucs)).replace('"ralm"', json.dumps(name)))
    write_lookalike(folder, said)
    (folder / "scores" / "ralm.json").rename(folder / "scores" / f"{name}.json")
    return read_facts(folder, config_with(section))
