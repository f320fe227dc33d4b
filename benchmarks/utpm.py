"""The UTPM paper's Tables 2 to 4 and its Figure 4 on public data: every row, several seeds, as runs for the report.

    python -m benchmarks.utpm ml-1m s3rec-beauty s3rec-toys_and_games hetrec2011-lastfm [--seeds 5] [--figure]
        [--loss paper|softmax] [--only af-2head,af-2head-cf] [--out runs/utpm]

Reads configs/paper/SET.toml, a row's file in configs/paper/rows, and for --loss softmax configs/paper/softmax.toml.
--figure varies width, heads, cross width and activation from AF-2head+CF in place of the rows. Everything that is
finished is kept in --out, a run folder for each, so that the command can be stopped and called again, and so that
`penchant report` can read them.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.evaluation.estimates import interval, over_seeds
from penchant.kinds.sections import InterestsSection
from penchant.pipeline import Run
from penchant.report.groups import settings_of
from penchant.report.published import published
from penchant.runfile import RunConfig, load_config
from penchant.schema import USER

PAPER, MODEL = Path("configs/paper"), "tags"
ROWS = [
    "youtube",
    "af-1head-unshared",
    "af-1head",
    "af-2head",
    "af-2head-cf",
    "af-2head-afm",
    "af-2head-nfm",
    "af-2head-dcn",
    "af-2head-autoint",
    "af-2head-cf-joint",
]
STEPS = [
    ("af-1head-unshared", "youtube"),
    ("af-1head", "af-1head-unshared"),
    ("af-2head", "af-1head"),
    *((f"af-2head-{cross}", "af-2head") for cross in ("cf", "afm", "nfm", "dcn", "autoint")),
    ("af-2head-cf-joint", "af-2head-cf"),
    ("af-2head", "youtube"),
    ("af-2head-cf", "youtube"),
    ("af-2head-cf-joint", "youtube"),
]
"""What the paper's tables compare: the first less the second."""
FIGURE: dict[str, list[dict[str, Any]]] = {
    "E": [{"embedding": width, "user": width} for width in (4, 8, 16, 32, 64)],
    "heads": [{"heads": heads} for heads in (1, 2, 4, 8)],
    "C": [{"cross_width": width} for width in (2, 4, 8, 16)],
    "activation": [{"activation": name} for name in ("relu", "tanh", "selu", "sigmoid")],
}
METRICS = ["prec@1", "prec@2", "prec@3", "prec@5", "prec@10"]


def rows_of(name: str, loss: str, only: list[str]) -> Iterator[tuple[str, RunConfig]]:
    """The rows of the tables; the last is the joint loss, so that it has no softmax."""
    for row in only:
        over = [PAPER / "rows" / f"{row}.toml", *([PAPER / "softmax.toml"] if loss == "softmax" else [])]
        if loss == "paper" or not row.endswith("joint"):
            yield row, load_config(PAPER / f"{name}.toml", *over)


def figure_of(name: str, loss: str) -> Iterator[tuple[str, RunConfig]]:
    """AF-2head+CF with one key changed; the value it has anyway is there once, as "base"."""
    _, base = next(rows_of(name, loss, ["af-2head-cf"]))
    yield "base", base
    for keys in (keys for varied in FIGURE.values() for keys in varied):
        model = base.models[MODEL].model.model_copy(update=keys)
        if model != base.models[MODEL].model:
            yield "-".join(f"{key}-{value}" for key, value in keys.items()), changed(base, model=model)


def changed(config: RunConfig, **keys: Any) -> RunConfig:
    """The run file with another section of the model."""
    section = config.models[MODEL].model_copy(update=keys)
    return config.model_copy(update={"models": {**config.models, MODEL: section}})


def seeded(config: RunConfig, seed: int) -> RunConfig:
    """The run file with another seed of training."""
    section = config.models[MODEL]
    assert isinstance(section, InterestsSection)
    return changed(config, training=section.training.model_copy(update={"seed": seed}))


def measure(config: RunConfig, folder: Path, shared: Path) -> None:
    """One run, on the log and the shards that `shared` has prepared."""
    if (folder / "scores" / f"{MODEL}.json").exists():
        return
    run = Run.start(config, folder, base=PAPER)
    for part in ("log", "prepared"):
        if not (run.folder / part).exists():
            (run.folder / part).symlink_to((shared / part).resolve())
    run.prepare()
    began = time.monotonic()
    run.train()
    trained_s = time.monotonic() - began
    metrics = run.evaluate()[MODEL]
    score, epochs = metrics["scores"]["model"]["prec@1"]["mean"], len(metrics["learning_curve"])
    console.print(f"{folder}: {trained_s:.0f} s, {epochs} epochs, Prec@1 {score:.4f}", highlight=False)


def users_of(folders: list[Path], scorer: str = "model") -> pl.DataFrame:
    """USER and every metric, the mean over the runs."""
    frames = pl.concat([pl.read_parquet(folder / "scores" / f"{MODEL}.parquet") for folder in folders])
    return frames.filter(pl.col("scorer") == scorer).group_by(USER).agg(pl.col(METRICS).mean()).sort(USER)


def draw(name: str, runs: dict[str, list[Path]]) -> None:
    """A row per variant: means ± half the interval over seeds, the paper's numbers; and what the tables compare."""
    table = Table(title=name, title_justify="left", box=MARKDOWN)
    for column in ["", *METRICS, "paper @1, @2, @3"]:
        table.add_column(column, justify="right" if column else "left")
    for scorer in ("popularity", "own counts", "ridge", "ridge, all windows"):
        users = users_of(next(iter(runs.values()))[:1], scorer)
        if len(users):
            table.add_row(scorer, *(_cell([_mean(users, metric)]) for metric in METRICS))
    for variant, folders in runs.items():
        means = [users_of([folder]) for folder in folders]
        cells = [_cell([_mean(frame, metric) for frame in means]) for metric in METRICS]
        table.add_row(variant, *cells, _paper(folders[0]))
    console.print(table)
    apart = Table(title=f"{name}: differences, ± over users and ± over seeds", title_justify="left", box=MARKDOWN)
    for column in ["", *METRICS]:
        apart.add_column(column, justify="right" if column else "left")
    steps = [(one, other) for one, other in STEPS if one in runs and other in runs]
    for one, other in steps or [(one, "base") for one in runs if one != "base"]:
        apart.add_row(f"{one} - {other}", *(_difference(runs[one], runs[other], metric) for metric in METRICS))
    console.print(apart)


def _mean(users: pl.DataFrame, metric: str) -> float:
    return float(users[metric].to_numpy().mean())


def _cell(means: list[float]) -> str:
    if len(means) == 1:
        return f"{means[0]:.4f}"
    return "{:.4f} ±{:.4f}".format(*over_seeds(means))


def _difference(ones: list[Path], others: list[Path], metric: str) -> str:
    """Paired by user, seeds averaged; and paired by seed, users averaged."""
    users = users_of(ones)[metric] - users_of(others)[metric]
    mean, half = interval(users.to_numpy())
    seeds = [_mean(users_of([a]), metric) - _mean(users_of([b]), metric) for a, b in zip(ones, others, strict=True)]
    spread = f" ±{over_seeds(seeds)[1]:.4f}" if len(seeds) > 1 else ""
    return f"{mean:+.4f} ±{half:.4f}{spread}"


def _paper(folder: Path) -> str:
    row = published(settings_of(Run.open(folder).config.models[MODEL].model_dump(mode="json")))
    return " ".join(f"{value:.4f}" for value in row.movielens.values()) if row else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--figure", action="store_true")
    parser.add_argument("--loss", choices=["paper", "softmax"], default="paper")
    parser.add_argument("--only", default=",".join(ROWS), help="rows, separated by commas")
    parser.add_argument("--out", type=Path, default=Path("runs/utpm"))
    said = parser.parse_args()
    console.print(describe_machine())
    for name in said.sets:
        kind = "figure" if said.figure else "rows"
        folder = said.out / name / f"{kind}-{said.loss}"
        chosen = [row for row in ROWS if row in said.only.split(",")]
        configs = dict(figure_of(name, said.loss) if said.figure else rows_of(name, said.loss, chosen))
        shared = Run.start(next(iter(configs.values())), said.out / name / "data", base=PAPER)
        shared.prepare()
        runs: dict[str, list[Path]] = {}
        for seed in range(said.seeds):
            for variant, config in configs.items():
                runs.setdefault(variant, []).append(folder / f"{variant}-{seed}")
                measure(seeded(config, seed), runs[variant][-1], shared.folder)
        draw(f"{name}, {kind}, {said.loss} loss, {said.seeds} seeds", runs)


if __name__ == "__main__":
    main()
