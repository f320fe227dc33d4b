"""Which optimizer moves which weights. Small tables and layers: Adam. Large tables: only the rows of the batch."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer


class RowwiseAdagrad(Optimizer):
    """Adagrad with one accumulator per row: a step costs in proportion to the rows in the batch, not to the table.

    Takes sparse gradients only. G_r += mean(g_r²); w_r -= lr · g_r / (√G_r + eps). Source: Duchi et al., "Adaptive
    subgradient methods", JMLR 2011, with one accumulator per row, as is usual for the tables of recommenders.
    """

    def __init__(self, weights: Iterable[Tensor], lr: float, eps: float = 1e-8) -> None:
        super().__init__(weights, {"lr": lr, "eps": eps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group["lr"], group["eps"])

    def _move(self, weight: Tensor, gradient: Tensor, rate: float, eps: float) -> None:
        squares_V = self.state[weight].setdefault("squares", weight.new_zeros(len(weight)))
        rows_R, gradient_RE = _distinct_rows(gradient)
        total_R = squares_V[rows_R] + torch.linalg.vecdot(gradient_RE, gradient_RE) / weight.shape[1]
        squares_V[rows_R] = total_R
        weight.index_add_(0, rows_R, gradient_RE / (total_R.sqrt() + eps)[:, None], alpha=-rate)


def _distinct_rows(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and values of a sparse gradient, each row once. Where they rise, as `mentions` gives them, they are."""
    rows_R = gradient._indices()[0]
    if not bool((rows_R[1:] > rows_R[:-1]).all()):
        gradient = gradient.coalesce()
    return gradient._indices()[0], gradient._values()


def make_optimizers(
    model: nn.Module, *, rate: float, weight_decay: float, large_table_rows: int, large_table_rate: float
) -> list[Optimizer]:
    """Adam for all weights but tables of more than `large_table_rows`, whose gradients become sparse.

    weight_decay is decoupled and spares biases and tables (it would shrink rows that no batch mentions).
    """
    large = [module for module in _tables(model) if module.num_embeddings > large_table_rows]
    for module in large:
        module.sparse = True
    sparse = {id(module.weight) for module in large}
    tables = {id(module.weight) for module in _tables(model)}
    dense = [weight for weight in model.parameters() if id(weight) not in sparse]
    decayed = [weight for weight in dense if weight.ndim > 1 and id(weight) not in tables]
    spared = [weight for weight in dense if weight.ndim <= 1 or id(weight) in tables]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
    optimizers: list[Optimizer] = [Adam(groups, lr=rate, decoupled_weight_decay=True, fused=True)]
    if large:
        optimizers.append(RowwiseAdagrad([module.weight for module in large], lr=large_table_rate))
    return optimizers


def state_of(optimizers: list[Optimizer]) -> dict[str, Tensor]:
    """All tensors an optimizer needs to go on, by a name that says where they belong."""
    return {
        f"{number}.{weight}.{name}": torch.as_tensor(value)
        for number, optimizer in enumerate(optimizers)
        for weight, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore(optimizers: list[Optimizer], saved: dict[str, Tensor]) -> None:
    """Put back what `state_of` gave."""
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for weight, name, value in _of_optimizer(saved, number):
            state.setdefault(weight, {})[name] = value.clone()
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _of_optimizer(saved: dict[str, Tensor], number: int) -> Iterator[tuple[int, str, Tensor]]:
    for key, value in saved.items():
        owner, weight, name = key.split(".", 2)
        if int(owner) == number:
            yield int(weight), name, value


def _tables(model: nn.Module) -> list[nn.Embedding]:
    return [module for module in model.modules() if isinstance(module, nn.Embedding)]
