"""Rankers of a run: trained on the items shown to training users, examined on those shown to test users."""

from functools import cached_property
from typing import Any

import torch

from penchant.evaluation.protocols.rankers import RankerEvaluation, evaluate_rankers, validation
from penchant.features.cuts.cut import Split
from penchant.features.shards import Shard, open_shards
from penchant.files import aside, write_json
from penchant.kinds.kind import WEIGHTS, OnCut, RunModel, fields_of
from penchant.kinds.sections import RankersSection
from penchant.models.catalog import build_ranker
from penchant.models.rankers.popular import PopularRanker
from penchant.models.rankers.promise import Ranker, RankerSizes
from penchant.progress import Report
from penchant.runfolder import RunFolder
from penchant.schema import CLICKED, ITEM
from penchant.training.checkpoint import Identity
from penchant.training.loop import load_weights, read_metrics, train
from penchant.training.objectives.rankers import RankerObjective

TASKS = (CLICKED,)
"""What the log says of every item that was shown."""


class RankerModel(RunModel[RankersSection]):
    """One ranker of a run."""

    def __init__(self, run: RunFolder, name: str, section: RankersSection) -> None:
        super().__init__(run, name, section)
        self.on = OnCut(run, "users", ITEM)

    @property
    def is_trained(self) -> bool:
        return (self.folder / WEIGHTS).exists()

    def shards(self, split: Split) -> list[Shard]:
        """Those of the target that asks about the items themselves."""
        return open_shards(self.run.prepared("users").folder, split, ITEM)

    @cached_property
    def all_sizes(self) -> RankerSizes:
        """Of all fields, whoever reads them."""
        plan = self.run.plan("users")
        of_users = self.run.log.users().columns[1:]
        sources = [source for source in plan.sources if source not in of_users]
        prepared = self.run.prepared("users")
        items = {source: len(prepared.vocabulary(source)) for source in dict.fromkeys([ITEM, *sources])}
        return RankerSizes(self.on.sizes.fields, items, TASKS, self.on.sizes.numbers)

    @property
    def sizes(self) -> RankerSizes:
        """Of the fields that its section names, or of all."""
        config = self.section.model
        return self.all_sizes.only(fields_of(config), fields_of(config, "item_fields"))

    @property
    def identity(self) -> Identity:
        """What its weights belong to."""
        return self.on.identity(self.section.model.model_dump_json(), self.section.training.model_dump(mode="json"))

    def train(self, report: Report) -> None:
        objective = RankerObjective(
            self.shards("train"), self.section.training, validation(self.shards("valid"), TASKS)
        )
        model = self._fresh().to(self.run.config.device)
        train(model, objective, self.section.training, self.folder, identity=self.identity, report=report)

    def load(self) -> Ranker:
        """The ranker with its weights. MissingStepError where it is not trained yet."""
        self.refuse_untrained()
        model = self._fresh()
        load_weights(self.folder, model, self.identity)
        return model.eval()

    def examine(self, made: dict[str, str], report: Report) -> dict[str, Any] | None:
        """AUC, GAUC and log loss per task on test users, beside the popularity of items."""
        contestants = {"model": self.load(), "popularity": PopularRanker.count(self.shards("train"), self.all_sizes)}
        tasks, users = evaluate_rankers(
            contestants, self.shards("test"), RankerEvaluation(), reference="model", called=self.name, report=report
        )
        metrics = {"made": made, "model": self.said, "tasks": tasks, "learning_curve": read_metrics(self.folder)}
        with aside(self.run.scores_of(self.name).with_suffix(".parquet")) as path:
            users.write_parquet(path)
        write_json(self.run.scores_of(self.name), metrics)
        return metrics

    def _fresh(self) -> Ranker:
        torch.manual_seed(self.section.training.seed)
        return build_ranker(self.section.model, self.sizes)
