"""Ours against the straightforward version that it is timed against: the same loss and the same gradients."""

import pytest
import torch
from torch import Tensor

from benchmarks.speed.made_up import Shape, made_up_shard
from benchmarks.speed.plain import PlainUtpm, Users, batches, plain_loss
from penchant.features.shards import batch_of
from penchant.models.catalog import build_interests
from penchant.models.interests.utpm import UtpmConfig
from penchant.training.objectives.interests import TrainingConfig, labels_of, loss_of

SHAPE = Shape("tiny", UtpmConfig(embedding=6, user=5, query=3, heads=3), (40, 9, 30), 50, 7, 4, 3, batch=12)


def dense(gradient: Tensor | None) -> Tensor:
    assert gradient is not None
    return gradient.to_dense() if gradient.is_sparse else gradient


@pytest.mark.parametrize("large", [1, 1_000], ids=["sparse", "dense"])
def test_loss_and_gradients_are_those_of_the_plain_version(large: int) -> None:
    torch.manual_seed(0)
    shard, model = made_up_shard(SHAPE, SHAPE.batch), build_interests(SHAPE.model, SHAPE.sizes)
    plain = PlainUtpm(SHAPE.model, SHAPE.sizes)
    plain.load_state_dict(model.state_dict())
    TrainingConfig(large_table_rows=large).optimizers(model)
    fields, rows = list(SHAPE.sizes.fields), torch.arange(SHAPE.batch)
    expected = plain_loss(plain, next(batches(Users(shard, fields), rows.tolist(), SHAPE.batch)))
    found = loss_of(model, batch_of(shard, fields, rows), labels_of(shard, rows), TrainingConfig(loss="joint"))
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    theirs = dict(plain.named_parameters())
    for name, weight in model.named_parameters():
        torch.testing.assert_close(dense(weight.grad), dense(theirs[name].grad))
    assert model.tag.sparse == (large == 1)
