"""Quality over five folds, so that every user is a test user once: variants beside baselines, paired by user.

    python -m benchmarks.quality ml-1m s3rec-beauty [--folds 5] [--seeds 1] [--only best,af-2head] [--out runs/quality]

Reads configs/SET.toml (its data from $PENCHANT_DATA) and changes what a variant says. Everything that is finished is
kept in --out, so the command can be stopped and called again; the table is drawn from what is there.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import polars as pl
from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.evaluation.baselines import make_baselines
from penchant.evaluation.metrics import interval, over_seeds
from penchant.evaluation.protocol import ModelScorer, evaluate
from penchant.files import aside
from penchant.models.base import Interests
from penchant.models.linear import WithLinearPath
from penchant.pipeline import Run
from penchant.runfile import RunConfig, load_config
from penchant.schema import USER
from penchant.terminal import console
from penchant.training.loop import read_metrics

METRICS = ["prec@1", "prec@2", "prec@3", "prec@5", "prec@10"]

# What each variant changes in the run file. "best" is the run file as it is, and its two halves are measured with it;
# the others have no linear path and change one thing at a time from "af-2head".
UTPM: dict[str, Any] = {"heads": 2, "cross": "none"}
SAMPLED: dict[str, Any] = {"negatives_per_click": 1, "items": 200}
"""The paper's losses need un-clicked items, which neither set has: one is drawn by popularity for each click."""

VARIANTS: dict[str, dict[str, Any]] = {
    "best": {},
    "af-2head+cf": {"linear": None, "model": {"cross": "cf"}},
    "af-2head": {"linear": None, "model": UTPM},
    "af-1head": {"linear": None, "model": {**UTPM, "heads": 1}},
    "af-1head-unshared": {"linear": None, "model": {**UTPM, "heads": 1, "shared_query": False}},
    "af-2head+weights": {"linear": None, "model": {**UTPM, "weights": True}},
    "youtube (average)": {"linear": None, "model": {"name": "youtube"}},
    "af-2head separate": {"linear": None, "model": UTPM, "training": {"loss": "separate"}, "labels": SAMPLED},
    "af-2head joint": {"linear": None, "model": UTPM, "training": {"loss": "joint"}, "labels": SAMPLED},
    "af-2head joint+softmax": {"linear": None, "model": UTPM, "training": {"loss": "joint+softmax"}, "labels": SAMPLED},
}

# What each part is worth: the first less the second.
PARTS = [
    ("attention over average", "af-1head", "youtube (average)"),
    ("one query for all units over one each", "af-1head", "af-1head-unshared"),
    ("2 heads over 1", "af-2head", "af-1head"),
    ("the cross layer", "best, model alone", "af-2head"),
    ("attention that sees weights", "af-2head+weights", "af-2head"),
    ("joint over separate", "af-2head joint", "af-2head separate"),
    ("softmax over separate", "af-2head", "af-2head separate"),
    ("joint+softmax over softmax", "af-2head joint+softmax", "af-2head"),
    ("the linear path beside the model", "best", "best, model alone"),
    ("the model beside the linear path", "best", "best, linear path alone"),
    ("two heads and the cross layer over the average", "best, model alone", "youtube (average)"),
    ("all of it over the average", "best", "youtube (average)"),
]


def changed(config: RunConfig, variant: dict[str, Any], seed: int) -> RunConfig:
    """The run file with a variant's changes."""
    values = config.model_dump(exclude_none=True)
    values["training"]["seed"] = seed
    for section, keys in variant.items():
        if keys is None:
            values.pop(section, None)
        elif keys.get("name") == "youtube":
            shared = {"fields", "embedding", "user", "dropout"}
            values[section] = {name: value for name, value in values[section].items() if name in shared} | keys
        else:
            values[section] = {**values[section], **keys}
    return RunConfig.parse(values, origin="variant")


def measure(config: RunConfig, base: Path, folder: Path, wanted: list[str], seeds: int) -> None:
    """One fold: baselines once, then every variant and seed that is not there yet, all on the same prepared data."""
    prepared = Run.start(config, folder / "base", base=base)
    prepared.prepare()
    at, tags, test = config.evaluation.at, len(prepared.tags), prepared.shards("test")
    if not (folder / "ridge.parquet").exists():
        baselines = make_baselines(prepared.tags, prepared.shards("train"), prepared.shards("valid"))
        for name, scorer in baselines.items():
            _keep(folder / f"{name}.parquet", evaluate(scorer, test, at, tags).users)
    for variant in wanted:
        for seed in range(seeds):
            name = variant if seed == 0 else f"{variant} (seed {seed})"
            if not (folder / f"{name}.parquet").exists():
                _train(changed(config, VARIANTS[variant], seed), base, folder, name)


def _train(config: RunConfig, base: Path, folder: Path, name: str) -> None:
    """One variant with one seed, on the data that the fold has prepared unless it wants other labels."""
    run, prepared = Run.start(config, folder / name, base=base), Run.open(folder / "base")
    for part in ("log", "prepared"):
        own = part == "prepared" and config.labels != prepared.config.labels
        if not own and not (run.folder / part).exists():
            (run.folder / part).symlink_to((prepared.folder / part).resolve())
    run.prepare()
    began = time.monotonic()
    model = run.train()
    curve = [round(line["validation"], 4) for line in read_metrics(run.folder / "model")]
    said = {"seconds": round(time.monotonic() - began), "curve": curve, "gain": getattr(model, "gain", None)}
    (folder / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")
    console.print(f"{folder}: {name} {said}", highlight=False)
    for part, scored in _halves(name, model).items():
        users = evaluate(ModelScorer(scored), run.shards("test"), config.evaluation.at, len(run.tags)).users
        _keep(folder / f"{part}.parquet", users)


def _halves(name: str, model: Interests) -> dict[str, Interests]:
    """A model with a linear path as a whole and by its halves."""
    if not isinstance(model, WithLinearPath):
        return {name: model}
    alone = WithLinearPath(model.model, model.path, 0.0)
    return {f"{name}, linear path alone": alone, f"{name}, model alone": model.model, name: model}


def _keep(path: Path, users: pl.DataFrame) -> None:
    with aside(path) as temporary:
        users.write_parquet(temporary)


def draw(folders: list[Path], title: str) -> None:
    """Means over all users of the folds, and the differences to both ridge baselines, with 95 % intervals."""
    names = [path.stem for path in sorted(folders[0].glob("*.parquet"))]
    users = {}
    for name in names:
        frames = [
            pl.read_parquet(folder / f"{name}.parquet") for folder in folders if (folder / f"{name}.parquet").exists()
        ]
        users[name] = pl.concat(frames)
    table = Table(title=f"{title}, {len(folders)} folds", title_justify="left", box=MARKDOWN)
    for column in ["", "users", *METRICS]:
        table.add_column(column, justify="left" if not column else "right")
    names = [name for name in names if "(seed" not in name]
    for name in sorted(names, key=lambda name: users[name]["prec@1"].mean() or 0):
        cells = ["{:.4f} ±{:.4f}".format(*interval(users[name][metric].to_numpy())) for metric in METRICS]
        table.add_row(name, f"{len(users[name]):,}", *cells)
    for baseline in ("ridge", "ridge, all windows"):
        for name in names:
            if name.split(",")[0] in VARIANTS and (name == "best" or baseline == "ridge"):
                pairs = users[name].join(users[baseline], on=USER, how="inner", suffix="/base", maintain_order="left")
                cells = [_difference(pairs, metric) for metric in METRICS]
                table.add_row(f"{name} - {baseline}", f"{len(pairs):,}", *cells, style="dim")
    for part, one, other in PARTS:
        if one in users and other in users:
            pairs = users[one].join(users[other], on=USER, how="inner", suffix="/base", maintain_order="left")
            cells = [_difference(pairs, metric) for metric in METRICS]
            table.add_row(part, f"{len(pairs):,}", *cells, style="bold")
    for variant in VARIANTS:
        seeds = [name for name in users if name == variant or (name.startswith(f"{variant} (seed") and "," not in name)]
        if len(seeds) > 1:
            common = set.intersection(*(set(users[name][USER]) for name in seeds))
            alike = [users[name].filter(pl.col(USER).is_in(common)) for name in seeds]
            means = {metric: [float(frame[metric].to_numpy().mean()) for frame in alike] for metric in METRICS}
            cells = ["{:.4f} ±{:.4f}".format(*over_seeds(means[metric])) for metric in METRICS]
            table.add_row(f"{variant}, over {len(seeds)} seeds", f"{len(common):,}", *cells)
    console.print(table)


def _difference(pairs: pl.DataFrame, metric: str) -> str:
    mean, half = interval((pairs[metric] - pairs[f"{metric}/base"]).to_numpy())
    return f"{mean:+.4f} ±{half:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default=",".join(VARIANTS), help="variants, separated by commas")
    parser.add_argument("--out", type=Path, default=Path("runs/quality"))
    said = parser.parse_args()
    wanted = [name for name in VARIANTS if name in said.only.split(",")]
    console.print(describe_machine())
    for name in said.sets:
        path = Path("configs") / f"{name}.toml"
        config = load_config(path)
        folders = []
        for fold in range(said.folds):
            folders.append(said.out / name / f"fold-{fold}")
            users = config.users.model_copy(update={"fold": fold})
            measure(config.model_copy(update={"users": users}), path.parent.resolve(), folders[-1], wanted, said.seeds)
        draw(folders, name)


if __name__ == "__main__":
    main()
