"""Row-wise Adagrad against a dense computation, and which weights which optimizer gets."""

from collections.abc import Callable

import pytest
import torch
from torch import nn, tensor
from torch.optim import Optimizer

from penchant.models.parts.mentions import mentions, pool
from penchant.training.optimizers import LargeTables, RowwiseAdagrad, RowwiseAdam, make_optimizers, restore, state_of


def test_rowwise_adagrad_equals_its_formula() -> None:
    torch.manual_seed(0)
    table = nn.Embedding(6, 3, sparse=True)
    expected, squares = table.weight.detach().clone(), torch.zeros(6)
    optimizer = RowwiseAdagrad([table.weight], lr=0.1)
    for ids in (tensor([1, 4, 4]), tensor([4, 2, 1])):
        optimizer.zero_grad()
        table(ids).square().sum().backward()
        gradient = torch.zeros(6, 3).index_add_(0, ids, 2 * expected[ids])
        optimizer.step()
        squares += gradient.square().mean(1)
        expected -= 0.1 * gradient / (squares.sqrt() + 1e-8)[:, None]
        torch.testing.assert_close(table.weight.detach(), expected)


def test_rowwise_adam_equals_adam_where_every_row_is_in_every_batch() -> None:
    torch.manual_seed(0)
    rowwise, dense = nn.Embedding(5, 3, sparse=True), nn.Embedding(5, 3)
    dense.load_state_dict(rowwise.state_dict())
    optimizers = RowwiseAdam([rowwise.weight], lr=0.1), torch.optim.Adam([dense.weight], lr=0.1)
    for scale in (1.0, -3.0, 0.5):
        for table, optimizer in zip((rowwise, dense), optimizers, strict=True):
            optimizer.zero_grad()
            (table(tensor([4, 0, 1, 2, 3, 3])) + scale).square().sum().backward()
            optimizer.step()
        torch.testing.assert_close(rowwise.weight, dense.weight)


def test_rowwise_adam_leaves_moments_of_other_rows_alone() -> None:
    """By hand: a row that is away for a step keeps its moments; the correction counts that step."""
    table = nn.Embedding.from_pretrained(torch.zeros(2, 1), freeze=False, sparse=True)
    optimizer = RowwiseAdam([table.weight], lr=0.1)
    for row, slope in ((0, 1.0), (1, 1.0), (0, 3.0)):
        optimizer.zero_grad()
        (table(tensor([row])) * slope).sum().backward()
        optimizer.step()
    mean, squares = 0.9 * 0.1 + 0.1 * 3, 0.999 * 0.001 + 0.001 * 9
    corrected = mean / (1 - 0.9**3) / (squares / (1 - 0.999**3)) ** 0.5
    torch.testing.assert_close(table.weight[0].item(), -0.1 - 0.1 * corrected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", [RowwiseAdagrad, RowwiseAdam])
def test_rows_that_rise_and_rows_that_repeat_move_alike(kind: Callable[..., Optimizer]) -> None:
    """`mentions` gives each row once, by rising id; PyTorch's own look-up repeats them."""
    rising, repeating = (nn.Embedding(9, 3, padding_idx=0, sparse=True) for _ in range(2))
    repeating.load_state_dict(rising.state_dict())
    ids = tensor([[5, 2, 5], [0, 8, 2]])
    for _ in range(2):
        for table in (rising, repeating):
            table.zero_grad()
            optimizer = kind([table.weight], lr=0.1)
            pooled = pool(mentions([table], ids[:, None]))[0] if table is rising else table(ids).sum(1)
            pooled.square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(rising.weight, repeating.weight)
    assert not rising.weight[0].any()


@pytest.mark.parametrize("kind", [RowwiseAdagrad, RowwiseAdam])
def test_only_rows_of_the_batch_move(kind: Callable[..., Optimizer]) -> None:
    table = nn.Embedding(1000, 3, sparse=True)
    before = table.weight.detach().clone()
    optimizer = kind([table.weight], lr=0.1)
    table(tensor([7, 9])).sum().backward()
    optimizer.step()
    assert (table.weight != before).any(1).nonzero().flatten().tolist() == [7, 9]


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.large, self.small = nn.Embedding(100, 2), nn.Embedding(10, 2)
        self.layer = nn.Linear(2, 1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.layer(self.large(ids) + self.small(ids % 10)).sum()


def optimizers_of(model: Model, large: LargeTables = "adagrad") -> list[torch.optim.Optimizer]:
    return make_optimizers(
        model,
        rate=0.01,
        weight_decay=0.1,
        large_table_rows=50,
        large_table_optimizer=large,
        large_table_rate=0.1,
    )


def test_large_tables_become_sparse_and_only_layers_decay() -> None:
    model = Model()
    adam, adagrad = optimizers_of(model)
    assert (model.large.sparse, model.small.sparse) == (True, False)
    assert [weight is model.large.weight for weight in adagrad.param_groups[0]["params"]] == [True]
    decayed = adam.param_groups[0]
    assert decayed["weight_decay"] == 0.1
    assert [weight is model.layer.weight for weight in decayed["params"]] == [True]


@pytest.mark.parametrize("large", ["adagrad", "adam"])
def test_restored_optimizers_go_on_as_if_never_stopped(large: LargeTables) -> None:
    torch.manual_seed(0)
    model = Model()
    optimizers = optimizers_of(model, large)

    def step(model: Model, optimizers: list[torch.optim.Optimizer]) -> None:
        model.zero_grad()
        model(tensor([3, 77, 3])).backward()
        for optimizer in optimizers:
            optimizer.step()

    step(model, optimizers)
    saved, weights = state_of(optimizers), {name: value.clone() for name, value in model.state_dict().items()}
    saved = {name: value.clone() for name, value in saved.items()}
    step(model, optimizers)
    again = Model()
    again.load_state_dict(weights)
    restored = optimizers_of(again, large)
    restore(restored, saved)
    step(again, restored)
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
