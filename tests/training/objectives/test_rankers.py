"""What rankers learn by, worked by hand."""

from math import log
from pathlib import Path

import pytest
import torch
from torch import Tensor, tensor

from penchant.models.base import Extra
from penchant.models.rankers.pairs import Pairs, PairsConfig
from penchant.models.rankers.promise import RankBatch, RankerSizes
from penchant.schema import CLICKED, ITEM
from penchant.training.objectives.rankers import RankerObjective, RankerTraining, cross_entropy
from tests.models.rankers.shards import shard

SIZES = RankerSizes({"genre": 5}, {ITEM: 5, "tags": 5}, (CLICKED, "like"))


def test_each_task_is_the_mean_of_the_labels_that_it_has() -> None:
    """Task one: p = .5 three times. Task two: p = .8 of a yes once."""
    logit_BKQ = tensor([[[0.0, log(4)], [0.0, 9.0]], [[0.0, 9.0], [7.0, 9.0]]])
    label_BKQ = tensor([[[1.0, 1.0], [0.0, torch.nan]], [[1.0, torch.nan], [torch.nan, torch.nan]]])
    assert cross_entropy(logit_BKQ, label_BKQ).item() == pytest.approx(log(2) - log(0.8))


def test_a_model_without_weights_begins_at_one_half(tmp_path: Path) -> None:
    objective = RankerObjective([shard(tmp_path)], RankerTraining(), lambda _: 0.0)
    (step,) = objective.steps(0)
    assert objective.loss(Pairs(PairsConfig(), SIZES), step).item() == pytest.approx(2 * log(2))


class Restless(Pairs):
    """Has losses of its own."""

    def read(self, batch: RankBatch) -> tuple[Tensor, Extra]:
        return super().read(batch)[0], {"one": tensor(1.0), "other": tensor(0.5)}


def test_the_models_own_losses_are_added(tmp_path: Path) -> None:
    objective = RankerObjective([shard(tmp_path)], RankerTraining(), lambda _: 0.0)
    loss = objective.loss(Restless(PairsConfig(), SIZES), objective.steps(0)[0])
    assert loss.item() == pytest.approx(2 * log(2) + 1.5)


def test_an_epoch_is_a_pass_over_all_windows(tmp_path: Path) -> None:
    objective = RankerObjective([shard(tmp_path)], RankerTraining(batch=2), lambda _: 0.25)
    assert sorted(row for step in objective.steps(0) for row in step.rows.tolist()) == [0, 1, 2]
    assert objective.judge(Pairs(PairsConfig(), SIZES)) == 0.25
