"""What a new user gets, beside the best baseline, over five folds, so that every user is a test user once.

    python -m benchmarks.quality ml-latest-small ml-1m … [--folds 5] [--seeds 1] [--out runs/quality] [--write PAGE]

A set is a folder of $PENCHANT_DATA whose layout is known, with the run file that `penchant init` writes for it, or one
of configs/quality, whose mapping is by hand and the rest as `penchant init` writes it. Everything that is finished is
kept in --out, so that the command can be stopped and called again. --seeds: how often users are parted anew into those
who train, validate and test, to see whether the same is chosen; --write: puts the tables into a page, between its
marks.
"""

import argparse
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.evaluation.estimates import interval
from penchant.files import read_json, remove
from penchant.logs.propose import known_source, source_toml
from penchant.pipeline import Run
from penchant.runfile import RunConfig, load_config
from penchant.schema import USER

METRICS = ["ndcg@10", "prec@1", "prec@3", "prec@10"]
BY_HAND = Path("configs/quality")
MODEL = "model"
"""The scorer that is the model itself."""
NAME = "tags"
"""What run files call it."""
NAMED = {"globo": "globo-news-clicks"}
"""Sets whose folder is called otherwise."""


def config_of(name: str, out: Path) -> RunConfig:
    """The run file of a set, with the metrics of the tables."""
    path = BY_HAND / f"{name}.toml"
    if not path.exists():
        folder = Path(os.environ["PENCHANT_DATA"]) / NAMED.get(name, name)
        source = known_source([folder])
        assert source, f"{folder} has no known layout, and configs/quality no {name}.toml"
        path = out / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source_toml(source, folder, path.parent), encoding="utf-8")
    values = load_config(path).model_dump(exclude_none=True)
    if "folder" in values["logs"]:
        values["logs"]["folder"] = str((path.parent / values["logs"]["folder"]).resolve())
    return RunConfig.parse({**values, "evaluation": {"at": [1, 3, 10]}}, origin=str(path))


def measure(config: RunConfig, folder: Path) -> dict[str, Any]:
    """One fold or seed; its metrics. What is large and can be made again is removed."""
    if not scores_of(folder).exists():
        run = Run.start(config, folder, base=Path())
        run.prepare()
        run.train()
        run.evaluate()
        for part in ("prepared", "log"):
            remove(folder / part)
    return dict(read_json(scores_of(folder)))


def scores_of(folder: Path) -> Path:
    """What was measured of the model of a run."""
    return folder / "scores" / f"{NAME}.json"


def users_of(folders: Sequence[Path]) -> dict[str, pl.DataFrame]:
    """By scorer: USER and every metric, a row per test user of all folds."""
    frames = pl.concat([pl.read_parquet(scores_of(folder).with_suffix(".parquet")) for folder in folders])
    parts = frames.partition_by("scorer", as_dict=True, include_key=False)
    return {str(name): frame.sort(USER) for (name,), frame in parts.items()}


def best_of(users: dict[str, pl.DataFrame], metric: str) -> str:
    """The baseline with the highest mean: picked on the same test users, which is in its favour."""
    return max((name for name in users if name != MODEL), key=lambda name: float(users[name][metric].to_numpy().mean()))


def difference(users: dict[str, pl.DataFrame], baseline: str, metric: str) -> tuple[float, float]:
    """The model less a baseline, paired by user, and half the 95 % interval."""
    assert users[MODEL][USER].equals(users[baseline][USER])
    return interval((users[MODEL][metric] - users[baseline][metric]).to_numpy())


def main_table(measured: dict[str, list[Path]]) -> Iterator[str]:
    """A row per set: the model, and how far it is ahead of the best baseline at each metric."""
    yield "| | test users | NDCG@10 | Prec@1 | " + " | ".join(f"{_nice(metric)} ahead of" for metric in METRICS) + " |"
    yield "|---|---:|---:|---:|" + "---|" * len(METRICS)
    for name, folders in measured.items():
        users = users_of(folders)
        cells = [f"{float(users[MODEL][metric].to_numpy().mean()):.4f}" for metric in ("ndcg@10", "prec@1")]
        for metric in METRICS:
            baseline = best_of(users, metric)
            mean, half = difference(users, baseline, metric)
            clear = "**" if abs(mean) > half else ""
            cells.append(f"{clear}{mean:+.4f}{clear} ±{half:.4f} {baseline}")
        yield f"| {name} | {len(users[MODEL]):,} | " + " | ".join(cells) + " |"


def baselines_table(measured: dict[str, list[Path]]) -> Iterator[str]:
    """A row per set: NDCG@10 of everything."""
    names = [MODEL, "popularity", "own counts", "own counts, faded", "ridge", "ridge, all windows"]
    yield "| NDCG@10 | the default | " + " | ".join(names[1:]) + " |"
    yield "|---|" + "---:|" * len(names)
    for set_name, folders in measured.items():
        users = users_of(folders)
        cells = [f"{float(users[name]['ndcg@10'].to_numpy().mean()):.4f}" if name in users else "" for name in names]
        yield f"| {set_name} | " + " | ".join(cells) + " |"


def paths_table(measured: dict[str, list[Path]]) -> Iterator[str]:
    """A row per set: what was chosen in each fold, and what the blend loses without each path, out of fold."""
    paths = ["own tags", "ridge regression", "other fields"]
    yield "| | served | share of own tags | without own tags | without ridge regression | without other fields | deep |"
    yield "|---|---|---|---:|---:|---:|---:|"
    for name, folders in measured.items():
        chosen = [read_json(scores_of(folder))["model"]["chosen"] for folder in folders]
        served = _counted([one["served"] for one in chosen])
        shares = _counted([f"{one['mix']['copied']:g}" for one in chosen])
        lost = [_mean([one["without"][path] for one in chosen]) for path in paths]
        deep = _mean([one["deep"] for one in chosen if one["deep"]])
        yield f"| {name} | {served} | {shares} | " + " | ".join([*lost, deep]) + " |"


def repeats_table(repeated: dict[str, list[Path]]) -> Iterator[str]:
    """A row per set: what was chosen, over seeds of who validates and who trains."""
    yield "| | served | blocks of the ridge regression | penalty | share of own tags | NDCG@10 of test users |"
    yield "|---|---|---|---|---|---|"
    for name, folders in repeated.items():
        metrics = [read_json(scores_of(folder)) for folder in folders]
        chosen = [one["model"]["chosen"] for one in metrics]
        scores = [one["scores"][MODEL]["ndcg@10"]["mean"] for one in metrics]
        mixes = [one["mix"] for one in chosen]
        cells = [
            _counted([one["served"] for one in chosen]),
            _counted([str(len(mix["blocks"])) for mix in mixes]),
            _counted([f"{mix['penalty']:g}" for mix in mixes]),
            _counted([f"{mix['copied']:g}" for mix in mixes]),
            f"{min(scores):.4f} to {max(scores):.4f}",
        ]
        yield f"| {name} | " + " | ".join(cells) + " |"


def _mean(pairs: Sequence[Sequence[float]]) -> str:
    """The mean over folds of a loss, and of half its interval."""
    if not pairs:
        return ""
    mean, error = (sum(part) / len(pairs) for part in zip(*pairs, strict=True))
    return f"{mean:+.4f} ±{1.96 * error:.4f}"


def _counted(names: Sequence[str]) -> str:
    """Each with how often, where there are several."""
    counts = Counter(names)
    return ", ".join(name if len(counts) == 1 else f"{name} ({count})" for name, count in counts.most_common())


def _nice(metric: str) -> str:
    return metric.replace("ndcg", "NDCG").replace("prec", "Prec")


def write(page: Path, tables: dict[str, list[str]]) -> None:
    """Put each table between its marks, <!-- NAME --> and <!-- /NAME -->."""
    text = page.read_text(encoding="utf-8")
    for name, lines in tables.items():
        found = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        assert found.search(text), f"{page} has no marks for {name}"
        body = "\n".join(lines)
        text = found.sub(lambda marks, body=body: f"{marks[1]}{body}\n{marks[2]}", text)  # type: ignore[misc]
    page.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/quality"))
    parser.add_argument("--write", type=Path)
    said = parser.parse_args()
    console.print(describe_machine())
    measured: dict[str, list[Path]] = {}
    repeated: dict[str, list[Path]] = {}
    for name in said.sets:
        config = config_of(name, said.out)
        for fold in range(said.folds):
            folder = said.out / name / f"fold-{fold}"
            measure(config.model_copy(update={"users": config.users.model_copy(update={"fold": fold})}), folder)
            measured.setdefault(name, []).append(folder)
        for seed in range(said.seeds if said.seeds > 1 else 0):
            folder = said.out / name / f"seed-{seed}"
            measure(config.model_copy(update={"users": config.users.model_copy(update={"seed": seed})}), folder)
            repeated.setdefault(name, []).append(folder)
        console.print("\n".join([*main_table({name: measured[name]})]), soft_wrap=True, highlight=False)
    tables = {
        "ahead": list(main_table(measured)),
        "scores": list(baselines_table(measured)),
        "paths": list(paths_table(measured)),
        **({"repeats": list(repeats_table(repeated))} if repeated else {}),
    }
    for lines in tables.values():
        console.print("\n" + "\n".join(lines), soft_wrap=True, highlight=False)
    if said.write:
        write(said.write, tables)


if __name__ == "__main__":
    main()
