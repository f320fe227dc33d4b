"""A small model of every kind that is trained, for tests of the loop."""

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.speed.made_up import Shape, made_up_shard
from penchant.evaluation.metrics import auc
from penchant.features.shards import batch_of
from penchant.models.catalog import build_graph, build_interests, build_ranker
from penchant.models.graphs.bpr import BprConfig
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.models.interests.promise import Interests
from penchant.models.interests.utpm import UtpmConfig
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.models.rankers.pairs import PairsConfig
from penchant.models.rankers.promise import Ranker, RankerSizes
from penchant.models.rankers.promise import labels_of as labels_of_ranker
from penchant.progress import Progress, Report, quiet
from penchant.schema import CLICKED, ITEM, RESERVED
from penchant.training.checkpoint import Identity
from penchant.training.config import LoopConfig
from penchant.training.loop import train
from penchant.training.objective import Objective
from penchant.training.objectives.graphs import GraphObjective, GraphTraining
from penchant.training.objectives.interests import InterestsObjective, TrainingConfig, labels_of, loss_of
from penchant.training.objectives.lookalikes import LookalikeObjective, LookalikeTraining
from penchant.training.objectives.rankers import RankerObjective, RankerTraining, cross_entropy
from tests.training.objectives.alike import two_groups
from tests.training.objectives.asked import ITEMS, asked_shard, clicks_of_halves

IDENTITY = Identity('{"model": 1}', '{"item": "a"}', '{"seed": 0}')


@dataclass(frozen=True)
class Small:
    """A fresh model, and what it learns by; a checkpoint follows on each step."""

    model: nn.Module
    objective: Objective[Any, Any]
    config: LoopConfig

    def train(self, folder: Path, report: Report = quiet) -> None:
        torch.set_num_threads(1)
        train(self.model, self.objective, self.config, folder, identity=IDENTITY, report=report)


def interests() -> Small:
    """With dropout; some tables count as large, and their softmax is sampled."""
    shape = Shape("tiny", UtpmConfig(embedding=6, user=5, query=3, dropout=0.3), (40, 9, 30), 50, 7, 4, 3)
    config = TrainingConfig(batch=24, epochs=3, rate=0.02, large_table_rows=35, sampled_tags=10, checkpoint_s=0.0)
    train_on, held = made_up_shard(shape, 120), made_up_shard(shape, 40, seed=1)

    @torch.inference_mode()
    def validate(model: Interests) -> float:
        rows, exact = torch.arange(len(held)), config.model_copy(update={"large_table_rows": 1_000})
        return -float(loss_of(model, batch_of(held, list(shape.sizes.fields), rows), labels_of(held, rows), exact))

    torch.manual_seed(0)
    model = build_interests(shape.model, shape.sizes)
    return Small(model, InterestsObjective([train_on, made_up_shard(shape, 30, seed=2)], config, validate), config)


def lookalikes() -> Small:
    """With dropout."""
    config = LookalikeTraining(batch=48, epochs=3, rate=0.02, checkpoint_s=0.0)
    torch.manual_seed(0)
    model = Ralm(RalmConfig(width=8, clusters=4, transform="prelu"), 6)
    return Small(model, LookalikeObjective(two_groups(), config, auc), config)


def rankers() -> Small:
    """With two tasks, one of which has few labels."""
    config = RankerTraining(batch=12, epochs=3, rate=0.02, checkpoint_s=0.0)
    sizes = RankerSizes({"half": 4}, {ITEM: ITEMS + RESERVED}, (CLICKED, "like"))
    held, rows = asked_shard(20, seed=1), slice(0, 20)

    @torch.inference_mode()
    def validate(model: Ranker) -> float:
        return -float(cross_entropy(model.logits(model.batch(held, rows)), labels_of_ranker(held, rows, sizes.tasks)))

    torch.manual_seed(0)
    model = build_ranker(PairsConfig(bits=8), sizes)
    return Small(model, RankerObjective([asked_shard(60, seed=0), asked_shard(20, seed=2)], config, validate), config)


def graphs() -> Small:
    """With items drawn against clicks; the table of users counts as large."""
    config = GraphTraining(batch=24, epochs=3, rate=0.02, large_table_rows=25, checkpoint_s=0.0)
    clicks = clicks_of_halves(users=30, items=20)

    @torch.inference_mode()
    def validate(model: Graph) -> float:
        user_L, item_L = clicks.taught
        return float(model.preferences(user_L)[torch.arange(len(user_L)), item_L].mean())

    torch.manual_seed(0)
    model = build_graph(BprConfig(width=4), GraphSizes(len(clicks.users), clicks.rows))
    return Small(model, GraphObjective(clicks, config, validate), config)


KINDS: dict[str, Callable[[], Small]] = {
    "interests": interests,
    "lookalikes": lookalikes,
    "rankers": rankers,
    "graphs": graphs,
}


def train_by_steps(kind: str, folder: Path, other: Connection) -> None:
    """Train as a process of its own: each step that is done is told to the other end, which says when to go on."""

    def wait(progress: Progress) -> None:
        other.send(progress.done)
        other.recv()

    KINDS[kind]().train(folder, wait)
