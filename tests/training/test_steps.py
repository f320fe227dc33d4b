"""Steps of an epoch: every row once, and the same ones for the same seed and epoch."""

import torch

from penchant.training.steps import plan_epoch


def test_every_row_is_trained_on_once_an_epoch() -> None:
    steps = plan_epoch([5, 0, 3], batch=2, seed=0, epoch=4)
    assert sorted((step.shard, row) for step in steps for row in step.rows.tolist()) == [
        *((0, row) for row in range(5)),
        *((2, row) for row in range(3)),
    ]
    again = plan_epoch([5, 0, 3], batch=2, seed=0, epoch=4)
    assert all(torch.equal(one.rows, other.rows) for one, other in zip(steps, again, strict=True))
