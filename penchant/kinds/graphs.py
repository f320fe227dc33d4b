"""Graph models of a run: trained on who clicked what, examined on the items that test users clicked later."""

from functools import cached_property
from typing import Any

import polars as pl
import torch

from penchant.evaluation.examine import Examination
from penchant.evaluation.protocols.graphs import GraphEvaluation, examine_graph, validation
from penchant.features.cuts.cut import Split
from penchant.features.shards import Shard, open_shards
from penchant.files import aside, write_json
from penchant.kinds.kind import WEIGHTS, OnCut, RunModel
from penchant.kinds.sections import GraphsSection
from penchant.models.catalog import build_graph
from penchant.models.graphs.popular import PopularGraph
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.progress import Report
from penchant.runfolder import RunFolder
from penchant.schema import ITEM
from penchant.training.checkpoint import Identity
from penchant.training.loop import load_weights, read_metrics, train
from penchant.training.objectives.graphs import Clicks, GraphObjective


class GraphModel(RunModel[GraphsSection]):
    """One graph model of a run."""

    def __init__(self, run: RunFolder, name: str, section: GraphsSection) -> None:
        super().__init__(run, name, section)
        self.on = OnCut(run, "users", ITEM)

    @property
    def is_trained(self) -> bool:
        return (self.folder / WEIGHTS).exists()

    def shards(self, split: Split) -> list[Shard]:
        """Those of the target that asks about the items themselves."""
        return open_shards(self.run.prepared("users").folder, split, ITEM)

    @cached_property
    def clicks(self) -> Clicks:
        """Who clicked what before they are asked."""
        held = [*self.shards("valid"), *self.shards("test")]
        return Clicks.read(self.shards("train"), held, len(self.on.predicted))

    @property
    def sizes(self) -> GraphSizes:
        return GraphSizes(len(self.clicks.users), len(self.on.predicted))

    @property
    def identity(self) -> Identity:
        """What its weights belong to: the data decides the users, and no field is read."""
        return self.on.identity(self.section.model.model_dump_json(), self.section.training.model_dump(mode="json"), ())

    def train(self, report: Report) -> None:
        objective = GraphObjective(
            self.clicks, self.section.training, validation(self.clicks.users, self.shards("valid"))
        )
        model = self._fresh().to(self.run.config.device)
        train(model, objective, self.section.training, self.folder, identity=self.identity, report=report)

    def load(self) -> Graph:
        """The model with its weights. MissingStepError where it is not trained yet."""
        self.refuse_untrained()
        model = self._fresh()
        load_weights(self.folder, model, self.identity)
        return model.eval()

    def examine(self, made: dict[str, str], report: Report) -> dict[str, Any] | None:  # noqa: ARG002
        """Recall@K and NDCG@K of items that test users had not clicked before, beside the popularity of items."""
        contestants = {"model": self.load(), "popularity": PopularGraph(self.sizes, self.on.predicted.counts_by_id)}
        who = {"model": f"the model {self.name!r}", "popularity": "the baseline 'popularity'"}
        results = {
            name: examine_graph(who[name], one, self.clicks.users, self.shards("test"), GraphEvaluation())
            for name, one in contestants.items()
        }
        examined = Examination(results)
        metrics = {
            "made": made,
            "model": self.said,
            "samples": self.run.prepared("users").samples(ITEM),
            "scores": examined.scores(),
            "model_minus": examined.minus("model"),
            "learning_curve": read_metrics(self.folder),
        }
        frames = [result.users.with_columns(scorer=pl.lit(name)) for name, result in results.items()]
        with aside(self.run.scores_of(self.name).with_suffix(".parquet")) as path:
            pl.concat(frames).write_parquet(path)
        write_json(self.run.scores_of(self.name), metrics)
        return metrics

    def _fresh(self) -> Graph:
        torch.manual_seed(self.section.training.seed)
        return build_graph(self.section.model, self.sizes)
