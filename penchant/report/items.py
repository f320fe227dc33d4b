"""What a report tells of rankers and graph models: each beside the popularity of items."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from penchant.models.catalog import find
from penchant.report.numbers import Difference, ItemTable, Measured, Ran
from penchant.report.words import nice, signed
from penchant.report.written import Made, RunFile, Score, checked

OWN, POPULARITY = "model", "popularity"

Scores = Annotated[dict[str, dict[str, Score]], Field(min_length=1)]


class Called(BaseModel):
    """What people call a model."""

    title: str


class Task(BaseModel):
    """One task of a ranker. minus: the model's metrics less those of each other."""

    counts: dict[str, int]
    scores: Scores
    minus: dict[str, dict[str, dict[str, Score]]]


class RankerMetrics(BaseModel):
    """What the report reads of a ranker's scores."""

    made: Made
    model: Called
    tasks: dict[str, Task]


class GraphMetrics(BaseModel):
    """What the report reads of a graph model's scores."""

    made: Made
    model: Called
    samples: dict[str, int]
    scores: Scores
    model_minus: dict[str, dict[str, Score]]


def read_items(folder: Path, config: RunFile) -> list[ItemTable]:
    """A table for each task of each ranker, and for each graph model, of a run whose run file is `config`; none for
    what is not evaluated yet. Raises ReportError where a file is damaged."""
    return [table for name in config.all_models for table in _tables(folder, name, config)]


def _tables(folder: Path, name: str, config: RunFile) -> Iterator[ItemTable]:
    path, section = folder / "scores" / f"{name}.json", config.all_models[name]
    promise = find(section.model.name).promise
    if promise not in ("rankers", "graphs") or not path.exists():
        return
    seed = int(section.training.seed)
    if promise == "graphs":
        graph = checked(GraphMetrics, path, folder)
        asked = f"{graph.samples['test']:,} test users; items that they had not clicked before"
        yield _table(_ran(folder, seed, graph.made), graph.model.title, asked, graph.scores, graph.model_minus)
        return
    ranker = checked(RankerMetrics, path, folder)
    for task, told in ranker.tasks.items():
        counts = told.counts
        asked = (
            f"{task}: {counts['impressions']:,} items shown to {counts['users']:,} test users, of which "
            f"{counts['positives']:,} yes"
        )
        yield _table(_ran(folder, seed, ranker.made), ranker.model.title, asked, told.scores, told.minus[OWN])


def _ran(folder: Path, seed: int, made: Made) -> Ran:
    return Ran(str(folder), seed, made.version, made.commit, made.at)


def _table(ran: Ran, title: str, asked: str, scores: Scores, minus: dict[str, dict[str, Score]]) -> ItemTable:
    measured = {
        name: {metric: Measured(one.mean, one.half, "users") for metric, one in its.items()}
        for name, its in scores.items()
    }
    paired = {
        name: {metric: Difference(one.mean, one.half or 0.0, None) for metric, one in its.items()}
        for name, its in minus.items()
    }
    metrics = [metric for metric in measured[OWN] if not metric.startswith("coverage")]
    return ItemTable(ran, title, asked, metrics, measured, paired, _verdict(title, paired[POPULARITY]))


def _verdict(title: str, minus: dict[str, Difference]) -> str:
    """The first metric of those that tell the order within each user decides."""
    metric = next(name for name in ("gauc", "auc", "ndcg@10", *minus) if name in minus)
    one = minus[metric]
    word = {1: "clearly better than", -1: "clearly worse than", 0: "level with"}[one.sign]
    return f"At {nice(metric)}, {title} is {word} popularity: {signed(one)}."
