"""RALM beside its competitors over seeds, and over numbers of clusters: runs for the report, and a table.

    python -m benchmarks.lookalike globo ml-1m [--seeds 5] [--clusters 5,10,50,100] [--competitors average]
        [--out runs/lookalike]

Reads configs/SET.toml (its data from $PENCHANT_DATA); competitors are the run file's unless some are named. A seed
changes what is trained, never what is asked. Runs with other numbers of clusters share phase 1 with the seed's main run
and have no competitors. Everything that is finished is kept in --out, so the command can be stopped and called again;
`penchant report OUT/SET/seed-* OUT/SET/k-*` draws it.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.evaluation.estimates import over_seeds
from penchant.files import read_json
from penchant.models.lookalikes.ralm import RalmConfig
from penchant.pipeline import Run
from penchant.runfile import RunConfig, load_config

SHOWN = ["auc", "auc.head", "auc.middle", "auc.tail", "auc.known", "auc within items", "auc within users"]
LISTS = ["prec@10", "prec@50", "recall@1%", "recall@10%", "recall@1%.tail", "tags@10", "evenness@10", "scored"]
SHARED = ("log", "prepared")


def names_of(config: RunConfig) -> tuple[str, str]:
    """What the run file calls RALM's users and RALM."""
    assert config.reference
    return config.all_models[config.reference].needs[0], config.reference


def changed(
    config: RunConfig, seed: int, *, beside: Sequence[str] | None = None, clusters: int | None = None
) -> RunConfig:
    """The run file with another seed of all models. beside: the competitors, those of the run file if not given."""
    values, (users, ralm) = config.model_dump(exclude_none=True), names_of(config)
    models = {users: config.all_models[users].model_dump(exclude_none=True), **values["models"]}
    if beside is not None:
        models = {name: section for name, section in models.items() if name in (users, ralm, *beside)}
        values["lookalike"]["beside"] = [name for name in config.lookalike.beside if name in beside]
    for section in models.values():
        section["training"]["seed"] = seed
    if clusters is not None:
        models[ralm]["clusters"] = clusters
    return RunConfig.parse({**values, "models": models}, origin=f"seed {seed}")


def measure(config: RunConfig, base: Path, folder: Path, share: Path | None, parts: tuple[str, ...]) -> None:
    """One run, unless it is there: look-alike alone, on what it shares with another run."""
    _, ralm = names_of(config)
    if (folder / "scores" / f"{ralm}.json").exists():
        return
    run = Run.start(config, folder, base=base)
    if share is not None:
        link(folder, share, parts)
    began = time.monotonic()
    run.prepare(only=ralm)
    run.train(only=ralm)
    metrics = run.evaluate(only=ralm)[ralm]
    took = {"seconds": round(time.monotonic() - began)}
    (folder / "took.json").write_text(json.dumps(took), encoding="utf-8")
    aucs = {name: round(its["auc"]["mean"], 4) for name, its in metrics["scores"].items()}
    console.print(f"{folder}: {took} {aucs}", highlight=False)


def link(folder: Path, share: Path, parts: tuple[str, ...]) -> None:
    """Parts of another run become parts of this one."""
    for part in parts:
        if not (folder / part).exists():
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            (folder / part).symlink_to((share / part).resolve())


def tables(name: str, folders: list[Path], ralm: str) -> None:
    """Means over seeds with half their 95 % intervals, and RALM less the others, paired by seed."""
    found = [read_json(folder / "scores" / f"{ralm}.json") for folder in folders]
    console.print(f"\n{name}: {found[0]['counts']}, bounds {found[0]['bounds']}, {len(found)} seeds", highlight=False)
    for metrics in (SHOWN, LISTS):
        table = Table("scorer", *metrics, box=MARKDOWN)
        for scorer in found[0]["scores"]:
            table.add_row(scorer, *(_over([one["scores"][scorer] for one in found], metric) for metric in metrics))
        for other in found[0]["minus"][ralm]:
            minus = [one["minus"][ralm][other] for one in found]
            table.add_row(f"{ralm} - {other}", *(_over(minus, metric, users=True) for metric in metrics))
        console.print(table)


def _over(found: list[dict[str, dict[str, float]]], metric: str, *, users: bool = False) -> str:
    """Mean ± half the interval over seeds; with `users`, then ± the mean of the halves over users."""
    there = [one[metric] for one in found if metric in one]
    if len(there) < len(found) or not there:
        return ""
    if len(there) == 1:
        return f"{there[0]['mean']:.4f}" + (f" ±{there[0]['half']:.4f}" if "half" in there[0] else "")
    mean, half = over_seeds([one["mean"] for one in there])
    own = sum(one["half"] for one in there) / len(there) if users else None
    return f"{mean:+.4f} ±{half:.4f} ±{own:.4f}" if own is not None else f"{mean:.4f} ±{half:.4f}"


def study(name: str, folders: dict[int, list[Path]], ralm: str) -> None:
    """AUC by number of clusters, beside what it costs."""
    table = Table("clusters", *SHOWN, box=MARKDOWN)
    for clusters, runs in sorted(folders.items()):
        found: list[Any] = [read_json(one / "scores" / f"{ralm}.json")["scores"][ralm] for one in runs]
        table.add_row(str(clusters), *(_over(found, metric) for metric in SHOWN))
    console.print(f"\n{name}, RALM by number of clusters", highlight=False)
    console.print(table)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--clusters", default="")
    parser.add_argument("--competitors", default="")
    parser.add_argument("--study-seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/lookalike"))
    asked = parser.parse_args()
    console.print(describe_machine(), highlight=False)
    for name in asked.sets:
        path, out = Path("configs") / f"{name}.toml", asked.out / name
        config = load_config(path)
        beside = asked.competitors.split(",") if asked.competitors else None
        main_runs = [out / f"seed-{seed}" for seed in range(asked.seeds)]
        for seed, folder in enumerate(main_runs):
            seeded = changed(config, seed, beside=beside)
            measure(seeded, path.parent, folder, main_runs[0] if seed else None, SHARED)
        users, ralm = names_of(config)
        tables(name, main_runs, ralm)
        own = config.models[ralm].model
        assert isinstance(own, RalmConfig)
        folders = {own.clusters: main_runs[: asked.study_seeds]}
        for clusters in (int(word) for word in asked.clusters.split(",") if word):
            runs = [out / f"k-{clusters}-seed-{seed}" for seed in range(asked.study_seeds)]
            for seed, folder in enumerate(runs):
                alone = changed(config, seed, beside=[], clusters=clusters)
                measure(alone, path.parent, folder, main_runs[seed], (*SHARED, f"models/{users}"))
            folders[clusters] = runs
        if len(folders) > 1:
            study(name, folders, ralm)


if __name__ == "__main__":
    main()
