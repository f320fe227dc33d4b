"""What each loss and each model recovers of a planted truth, by the rule that decided the clicks.

    python -m benchmarks.planted [--users 100000] [--tags 10000] [--topics 100] [--seeds 3] [--rules sum,one,mixed]
        [--only "youtube joint",...] [--out runs/planted]

Each rule and seed is a world of its own, simulated and prepared once; every variant learns from the same shards, with
the same seed, and stops where its own loss on validation users is least. NDCG over all tags, which stops other runs,
says nothing on losses that never contrast tags. Everything that is finished is kept in --out, so the command can be
stopped and called again.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import polars as pl
import torch
from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.evaluation.estimates import interval, over_seeds
from penchant.evaluation.protocols.interests import evaluate
from penchant.evaluation.recovery import Truth, recover
from penchant.features.shards import Shard, batch_of
from penchant.files import aside
from penchant.models.catalog import build_interests
from penchant.models.interests.counts import FadedCounts, OwnCounts, Popularity
from penchant.models.interests.promise import Interests, Preferences
from penchant.pipeline import Run
from penchant.runfile import RunConfig, load_config
from penchant.schema import USER
from penchant.simulation.config import SimulationConfig
from penchant.simulation.simulate import last_day, simulate
from penchant.training.loop import read_metrics, train
from penchant.training.objectives.interests import InterestsObjective, TrainingConfig, labels_of, loss_of

AT = [1, 2, 3, 5, 10]
LATER = [f"prec@{k}" for k in AT]
RECOVERED = ["cared/prec@1", "cared/tau", "interest/auc", "interest/tau"]
INTERESTS = [f"interest/prec@{k}" for k in AT]
TABLES = {
    "Tags clicked on the last day": LATER,
    "Which tag of a clicked article was cared for, and the order of interests": RECOVERED,
    "Interests among the best K tags": INTERESTS,
}

YOUTUBE: dict[str, Any] = {"name": "youtube"}
HEADS: dict[str, Any] = {"name": "utpm", "heads": 2, "cross": "none"}
CROSS: dict[str, Any] = {"name": "utpm", "heads": 2, "cross": "cf"}
WIDE: dict[str, Any] = {"embedding": 64, "user": 64}
VARIANTS = {
    "af-2head+cf separate": (CROSS, "separate"),
    "af-2head+cf joint": (CROSS, "joint"),
    "af-2head+cf softmax": (CROSS, "softmax"),
    "af-2head+cf joint+softmax": (CROSS, "joint+softmax"),
    "af-2head separate": (HEADS, "separate"),
    "af-2head joint": (HEADS, "joint"),
    "youtube separate": (YOUTUBE, "separate"),
    "youtube joint": (YOUTUBE, "joint"),
    "youtube softmax": (YOUTUBE, "softmax"),
    "af-2head+cf softmax (64)": ({**CROSS, **WIDE}, "softmax"),
    "youtube softmax (64)": ({**YOUTUBE, **WIDE}, "softmax"),
    "af-2head+cf joint+softmax (64)": ({**CROSS, **WIDE}, "joint+softmax"),
}

# The first less the second.
QUESTIONS = [
    ("joint over separate, af-2head+cf", "af-2head+cf joint", "af-2head+cf separate"),
    ("joint over separate, af-2head", "af-2head joint", "af-2head separate"),
    ("joint over separate, youtube", "youtube joint", "youtube separate"),
    ("softmax over separate", "af-2head+cf softmax", "af-2head+cf separate"),
    ("softmax over joint", "af-2head+cf softmax", "af-2head+cf joint"),
    ("joint+softmax over softmax", "af-2head+cf joint+softmax", "af-2head+cf softmax"),
    ("af-2head+cf over youtube, separate", "af-2head+cf separate", "youtube separate"),
    ("af-2head+cf over youtube, joint", "af-2head+cf joint", "youtube joint"),
    ("af-2head+cf over youtube, softmax", "af-2head+cf softmax", "youtube softmax"),
    ("width 64 over 16, af-2head+cf softmax", "af-2head+cf softmax (64)", "af-2head+cf softmax"),
    ("width 64 over 16, af-2head+cf joint+softmax", "af-2head+cf joint+softmax (64)", "af-2head+cf joint+softmax"),
    ("af-2head+cf over youtube, softmax (64)", "af-2head+cf softmax (64)", "youtube softmax (64)"),
    ("af-2head+cf joint+softmax (64) over own counts", "af-2head+cf joint+softmax (64)", "own counts, faded"),
    ("af-2head+cf joint over youtube separate", "af-2head+cf joint", "youtube separate"),
    ("the cross layer, joint", "af-2head+cf joint", "af-2head joint"),
]

TRAINING: dict[str, Any] = {"batch": 256, "epochs": 8, "rate": 2e-3, "patience": 2}
LABELS: dict[str, Any] = {"windows": 6}
USERS: dict[str, Any] = {"validation_share": 0.2}
WORLD: dict[str, Any] = {"days": 15, "shown": 25, "visits": 0.35, "items": 50_000}
"""Long visits: a sample costs about the same with 25 label items as with five."""


def config_of(feed: Path, variant: str, seed: int) -> RunConfig:
    """The feed's own run file with a variant's model and loss."""
    model, loss = VARIANTS[variant]
    values = load_config(feed / "run.toml").model_dump(exclude_none=True)
    training = {**values["models"]["tags"]["training"], **TRAINING, "loss": loss, "seed": seed}
    values["models"]["tags"] = {"embedding": 16, "user": 16, "dropout": 0.1, **model, "training": training}
    values["labels"] |= LABELS
    values["users"] |= USERS
    return RunConfig.parse(values, origin=variant)


def measure(world: SimulationConfig, folder: Path, wanted: list[str]) -> None:
    """One world: simulate, prepare, then baselines and every variant that is not there yet."""
    began = time.monotonic()
    feed = simulate(world, folder / "feed", processes=2).folder
    base = Run.start(config_of(feed, "youtube joint", world.seed), folder / "base", base=feed)
    base.prepare()
    users, tags = pl.concat([shard.users for shard in base.interests().shards("test")]), base.interests().tags
    truth = Truth.read(feed, users, tags, last_day(world))
    samples = base.prepared("users").samples(base.interests().label)
    console.print(f"{folder}: ready after {time.monotonic() - began:.0f} s, {samples}")
    if not (folder / "own counts.parquet").exists():
        _score(Popularity(tags.counts), base, truth, folder / "popularity.parquet")
        _score(FadedCounts(tags.counts), base, truth, folder / "own counts, faded.parquet")
        _score(OwnCounts(tags.counts), base, truth, folder / "own counts.parquet")
    for variant in wanted:
        if not (folder / f"{variant}.parquet").exists():
            run = Run.start(config_of(feed, variant, world.seed), folder / variant, base=feed)
            _share(base.folder, run.folder)
            began = time.monotonic()
            model = _train(run)
            curve = [round(line["validation"], 4) for line in read_metrics(run.interests().folder)]
            console.print(f"{folder}: {variant}, {time.monotonic() - began:.0f} s, {curve}", highlight=False)
            (folder / f"{variant}.json").write_text(json.dumps(curve), encoding="utf-8")
            _score(model, run, truth, folder / f"{variant}.parquet")


def _train(run: Run) -> Interests:
    """The model where its own loss on validation users is least."""
    own = run.interests()
    config, valid, deep = own.section.training, own.shards("valid"), own.section.trained
    assert deep
    torch.manual_seed(config.seed)
    model = build_interests(deep, own.model_sizes)

    def validate(model: Interests) -> float:
        return -_loss(model, valid, config)

    train(model, InterestsObjective(own.shards("train"), config, validate), config, own.folder, identity=own.identity)
    return model


@torch.inference_mode()
def _loss(model: Interests, shards: list[Shard], config: TrainingConfig) -> float:
    """The mean loss of all samples."""
    total, samples, fields = 0.0, 0, list(model.sizes.fields)
    for shard in shards:
        for rows in torch.arange(len(shard)).split(1_000):
            loss = loss_of(model, batch_of(shard, fields, rows), labels_of(shard, rows), config)
            total, samples = total + float(loss) * len(rows), samples + len(rows)
    return total / samples


def _share(base: Path, folder: Path) -> None:
    """A variant reads what was prepared once."""
    for part in ("log", "prepared"):
        if not (folder / part).exists():
            (folder / part).symlink_to((base / part).resolve())


def _score(scorer: Preferences, run: Run, truth: Truth, path: Path) -> None:
    test, tags = run.interests().shards("test"), len(run.interests().tags)
    later = evaluate(scorer, test, AT, tags).users
    found = later.join(recover(scorer, test, truth, tags, AT), on=USER, how="left", maintain_order="left")
    with aside(path) as temporary:
        found.write_parquet(temporary)


def draw(worlds: list[Path], rule: str) -> None:
    """Tables of one rule over its worlds: means by scorer, then differences user by user."""
    names = [path.stem for path in worlds[0].glob("*.parquet") if all((one / path.name).exists() for one in worlds)]
    found = {name: [pl.read_parquet(world / f"{name}.parquet") for world in worlds] for name in names}
    for title, metrics in TABLES.items():
        table = _table(
            f"Rule {rule}, {len(worlds)} worlds. {title}: mean ± half the 95 % interval over worlds", metrics
        )
        if metrics == RECOVERED:
            table.add_row("chance", f"{_mean(found[names[0]][0], 'cared/chance'):.4f}", "0", "0.5", "0")
        for name in sorted(names, key=lambda name: _mean(found[name][0], metrics[0])):
            cells = [_over([_mean(frame, metric) for frame in found[name]], "{:.4f}") for metric in metrics]
            table.add_row(name, *cells)
        console.print(table)
        table = _table(f"Rule {rule}, differences user by user: mean ± over worlds ± over users", metrics)
        for question, one, other in QUESTIONS:
            if one in found and other in found:
                table.add_row(question, *(_difference(found[one], found[other], metric) for metric in metrics))
        console.print(table)


def _table(title: str, metrics: list[str]) -> Table:
    table = Table(title=title, title_justify="left", box=MARKDOWN)
    for column in ["", *metrics]:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    return table


def _mean(users: pl.DataFrame, metric: str) -> float:
    return float(users[metric].drop_nulls().to_numpy().mean())


def _over(means: list[float], style: str) -> str:
    """A mean over worlds; its interval needs two of them."""
    if len(means) == 1:
        return style.format(means[0])
    mean, half = over_seeds(means)
    return f"{style.format(mean)} ±{half:.4f}"


def _difference(one: list[pl.DataFrame], other: list[pl.DataFrame], metric: str) -> str:
    differences = [(mine[metric] - its[metric]).drop_nulls() for mine, its in zip(one, other, strict=True)]
    _, half = interval(pl.concat(differences).to_numpy())
    return f"{_over([float(part.to_numpy().mean()) for part in differences], '{:+.4f}')} ±{half:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--tags", type=int, default=10_000)
    parser.add_argument("--topics", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rules", default="sum,one,mixed")
    parser.add_argument("--only", default=",".join(VARIANTS), help="variants, separated by commas")
    parser.add_argument("--out", type=Path, default=Path("runs/planted"))
    said = parser.parse_args()
    wanted = [name for name in VARIANTS if name in said.only.split(",")]
    console.print(describe_machine())
    for rule in said.rules.split(","):
        worlds = []
        # World 0 is the one in which rate, windows and validation share were chosen.
        for seed in range(1, said.seeds + 1):
            values = {
                **WORLD,
                "users": said.users,
                "tags": said.tags,
                "topics": said.topics,
                "rule": rule,
                "seed": seed,
            }
            worlds.append(said.out / f"{rule}-{seed}")
            measure(SimulationConfig.parse(values, origin="planted"), worlds[-1], wanted)
        draw(worlds, rule)


if __name__ == "__main__":
    main()
