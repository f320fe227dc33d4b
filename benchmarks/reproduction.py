"""Why re-implementations of UTPM fail: Prec@K of test users, update by update, one choice changed at a time.

    python -m benchmarks.reproduction [ml-100k ml-latest-small ml-1m] [--seeds 3] [--updates 3000]
        [--out runs/reproduction] [--plot docs/pictures/reproduction]

The protocol of the paper as far as it says (docs/reproduction.md): the last 20 % of each user's ratings are asked for,
ratings from 3.5 up are clicks, down to 1.5 are not, E=16, H=10, K=10, N=3, AF-2head+CF, the separate loss, Adam. ml-1m
has clicks alone. Nothing is chosen on test users here: the whole curve is shown, and where validation users would have
stopped. Every curve that is finished is kept in --out, so that the command can be stopped and called again.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.evaluation.estimates import over_seeds
from penchant.evaluation.protocols.interests import Candidates, evaluate
from penchant.features.shards import batch_of
from penchant.files import aside, read_json, write_json
from penchant.models.catalog import build_interests
from penchant.models.interests.counts import Popularity
from penchant.models.interests.promise import Interests, Preferences
from penchant.pipeline import Run
from penchant.runfile import RunConfig
from penchant.schema import RESERVED
from penchant.training.checkpoint import Identity
from penchant.training.loop import train
from penchant.training.objectives.interests import InterestsObjective
from penchant.training.steps import plan_epoch

AT = [1, 2, 3]
CANDIDATES: list[Candidates] = ["all", "new", "shown"]
BATCH = {"ml-100k": 64, "ml-latest-small": 64, "ml-1m": 256}
SECOND = {"ml-100k": "item", "ml-latest-small": "genres", "ml-1m": "genres"}
"""The second of the two fields; ml-100k has no other tags than genres, so that its second field are the films."""

# What each question changes of the base: the separate loss, the un-clicked of the log, a scale of 1.
INVENTED = {"negatives": "tags"}
QUESTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "loss": {
        "separate": {},
        "joint": {"training": {"loss": "joint"}},
        "softmax": {"training": {"loss": "softmax"}},
    },
    "un-clicked items": {
        "of the log": {},
        "drawn by popularity": {"labels": {"negatives": "popularity"}},
        "drawn uniformly": {"labels": {"negatives": "uniform"}},
        "invented from uniform tags": {"labels": INVENTED},
        "invented, joint loss": {"labels": INVENTED, "training": {"loss": "joint"}},
    },
    "initial scale": {
        "0.01": {"model": {"initial_scale": 0.01}},
        "0.1": {"model": {"initial_scale": 0.1}},
        "1": {},
        "10": {"model": {"initial_scale": 10.0}},
    },
}
CLICKS_ALONE = "ml-1m"


@dataclass(frozen=True)
class Point:
    """After so many updates: NDCG@10 of validation users; Prec@1, 2, 3 of test users by candidates; and the rank
    correlation of the mean preference for a tag with the clicks of training users on it."""

    updates: int
    validation: float
    precision: dict[str, list[float]]
    popularity: float


def config_of(name: str, changes: dict[str, dict[str, Any]], seed: int, updates: int) -> RunConfig:
    fields = [{"name": "tags", "limit": 10}, {"name": SECOND[name], "limit": 10}]
    values: dict[str, dict[str, Any]] = {
        "logs": {"source": "movielens", "folder": f"$PENCHANT_DATA/{name}"},
        "features": {"fields": fields},
        "labels": {"items": 10, "tags": 3},
        "model": {"name": "utpm"},
        "training": {"loss": "separate", "batch": BATCH[name], "epochs": updates, "patience": updates, "seed": seed},
    }
    merged = {section: {**keys, **changes.get(section, {})} for section, keys in values.items()}
    model = {**merged.pop("model"), "training": merged.pop("training")}
    return RunConfig.parse({**merged, "models": {"tags": model}}, origin="reproduction")


def follow(config: RunConfig, folder: Path, updates: int) -> list[Point]:
    """The curve of one training."""
    run = Run.start(config, folder)
    run.prepare()
    own = run.interests()
    shards, training, deep = own.shards("train"), own.section.training, own.section.trained
    per_epoch = len(plan_epoch([len(shard) for shard in shards], training.batch, 0, 0))
    grid = {int(epoch) for epoch in np.geomspace(1, max(1, updates // per_epoch), 40)}
    curve: list[Point] = []
    epochs = iter(range(1, updates))

    def look(model: Interests) -> float:
        epoch = next(epochs)
        if epoch in grid:
            curve.append(measure(model, run, epoch * per_epoch))
        return -float(epoch)

    assert deep
    torch.manual_seed(training.seed)
    model = build_interests(deep, own.model_sizes)
    training = training.model_copy(update={"epochs": max(grid)})
    with tempfile.TemporaryDirectory() as trained:
        objective = InterestsObjective(shards, training, look)
        train(model, objective, training, Path(trained), identity=Identity("", "", ""))
    return curve


def measure(model: Interests, run: Run, updates: int) -> Point:
    test, tags = run.interests().shards("test"), len(run.interests().tags)
    valid = evaluate(model, run.interests().shards("valid"), [10], tags).mean("ndcg@10")
    batches = [batch_of(shard, list(model.sizes.fields), slice(0, len(shard))) for shard in test]
    with torch.no_grad():
        mean_V = torch.cat([model.users(batch) for batch in batches]).mean(0) @ model.tags().T
    ranks = pl.DataFrame({"mean": mean_V[RESERVED:].numpy(), "clicks": run.interests().tags.counts})
    follows = ranks.select(pl.corr("mean", "clicks", method="spearman")).item()
    return Point(updates, valid, precision(model, run), float(follows))


def precision(model: Preferences, run: Run) -> dict[str, list[float]]:
    results = {
        kind: evaluate(model, run.interests().shards("test"), AT, len(run.interests().tags), kind)
        for kind in CANDIDATES
    }
    return {kind: [result.mean(f"prec@{k}") for k in AT] for kind, result in results.items()}


def variants_of(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """(question, answer) → changes. Where a log has clicks alone, nothing is "of the log"."""
    found = {
        (question, answer): changes for question, answers in QUESTIONS.items() for answer, changes in answers.items()
    }
    if name == CLICKS_ALONE:
        del found["un-clicked items", "of the log"]
    return found


def curves_of(name: str, seeds: int, updates: int, out: Path) -> dict[str, Any]:
    """All curves of a set, by question and answer, a list over seeds; and popularity by candidates."""
    found: dict[tuple[str, str], list[list[Point]]] = {}
    for variant, changes in variants_of(name).items():
        told = [f"{section}.{key}={value}" for section, keys in changes.items() for key, value in keys.items()]
        for seed in range(seeds):
            config = config_of(name, changes, seed, updates)
            path = out / name / f"{','.join(told) or 'base'},{seed}.json"
            if not path.exists():
                curve = follow(config, _data(out, config), updates)
                write_json(path, [asdict(point) for point in curve])
                console.print(f"{path}: Prec@1 {stopped(curve).precision['all'][0]:.3f}", highlight=False)
            found.setdefault(variant, []).append([Point(**point) for point in read_json(path)])
    base = config_of(name, {}, 0, updates)
    run = Run.start(base, _data(out, base))
    run.prepare()
    return {"curves": found, "popularity": precision(Popularity(run.interests().tags.counts), run)}


def _data(out: Path, config: RunConfig) -> Path:
    """Labels of their own have a folder of their own."""
    assert config.logs.folder
    return out / "data" / f"{Path(config.logs.folder).name}-{config.labels.negatives}"


def stopped(curve: Sequence[Point]) -> Point:
    """Where validation users would have stopped."""
    return max(curve, key=lambda point: point.validation)


def draw_table(name: str, found: dict[str, Any]) -> None:
    table = Table(title=name, title_justify="left", box=MARKDOWN)
    for column in [
        "",
        "",
        "best update",
        "@1 there",
        "@2",
        "@3",
        "last update",
        "@1 there",
        "@2",
        "@3",
        "with popularity",
    ]:
        table.add_column(column, justify="right" if column else "left")
    base = found["popularity"]
    table.add_row("popularity", "", "", *(f"{value:.3f}" for value in base["all"]), "", "", "", "", "")
    for (question, answer), curves in found["curves"].items():
        best, last = [stopped(curve) for curve in curves], [curve[-1] for curve in curves]
        table.add_row(
            question,
            answer,
            f"{np.median([point.updates for point in best]):,.0f}",
            *_cells(best, "all"),
            f"{last[0].updates:,}",
            *_cells(last, "all"),
            f"{np.mean([point.popularity for point in best]):.2f}, {np.mean([point.popularity for point in last]):.2f}",
        )
    console.print(table)
    table = Table(title=f"{name}: candidates, base, where validation users stop", title_justify="left", box=MARKDOWN)
    for column in ["candidates", "@1", "@2", "@3", "popularity @1", "@2", "@3"]:
        table.add_column(column, justify="right" if column != "candidates" else "left")
    curves = found["curves"]["loss", "separate"]
    for kind in CANDIDATES:
        best = [stopped(curve) for curve in curves]
        table.add_row(kind, *_cells(best, kind), *(f"{value:.3f}" for value in base[kind]))
    console.print(table)


def _cells(points: list[Point], kind: str) -> list[str]:
    values = np.array([point.precision[kind] for point in points])
    if len(points) == 1:
        return [f"{value:.3f}" for value in values[0]]
    return ["{:.3f} ±{:.3f}".format(*over_seeds(column)) for column in values.T.tolist()]


COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]
INK = "#808080"


def plot(sets: dict[str, dict[str, Any]], folder: Path) -> None:
    """A picture per question: Prec@1 of test users against updates, a panel per set; and how closely the mean
    preference for a tag follows its popularity, by where un-clicked items come from."""
    folder.mkdir(parents=True, exist_ok=True)
    for question in QUESTIONS:
        _picture(sets, question, "Prec@1", folder / f"{question.replace(' ', '-')}.svg")
    _picture(sets, "un-clicked items", "correlation with popularity", folder / "popularity.svg")


def _picture(sets: dict[str, dict[str, Any]], question: str, what: str, path: Path) -> None:
    figure = Figure(figsize=(3.4 * len(sets), 3.1), layout="constrained")
    for axes, (name, found) in zip(np.atleast_1d(figure.subplots(1, len(sets))), sets.items(), strict=True):
        _panel(axes, question, found, what)
        axes.set(xscale="log", xlabel="updates", ylabel=what, ylim=(0 if what == "Prec@1" else -0.2, 1), title=name)
        axes.title.set(color=INK, fontsize=10)
        axes.xaxis.label.set(color=INK, fontsize=9)
        axes.yaxis.label.set(color=INK, fontsize=9)
        axes.label_outer()
    handles, labels = max((axes.get_legend_handles_labels() for axes in figure.axes), key=lambda both: len(both[1]))
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, labelcolor=INK, fontsize=9)
    with aside(path) as temporary:
        figure.savefig(temporary, format="svg", transparent=True, metadata={"Date": None})


def _panel(axes: Axes, question: str, found: dict[str, Any], what: str) -> None:
    if what == "Prec@1":
        axes.axhline(found["popularity"]["all"][0], color=INK, linewidth=1, linestyle=":", label="popularity")
    for number, answer in enumerate(QUESTIONS[question]):
        for seed, curve in enumerate(found["curves"].get((question, answer), [])):
            y = [point.precision["all"][0] if what == "Prec@1" else point.popularity for point in curve]
            label = answer if seed == 0 else None
            axes.plot([point.updates for point in curve], y, color=COLOURS[number], linewidth=1.2, label=label)
    axes.tick_params(colors=INK, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.grid(color=INK, alpha=0.2, linewidth=0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(BATCH))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--updates", type=int, default=3_000)
    parser.add_argument("--out", type=Path, default=Path("runs/reproduction"))
    parser.add_argument("--plot", type=Path, help="the folder for pictures")
    said = parser.parse_args()
    console.print(describe_machine())
    found = {name: curves_of(name, said.seeds, said.updates, said.out) for name in said.sets}
    for name, of_set in found.items():
        draw_table(name, of_set)
    if said.plot:
        plot(found, said.plot)


if __name__ == "__main__":
    main()
