"""Which optimizer moves which weights. Small tables and layers: Adam. Large tables: only the rows of the batch."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer


class RowsOnly(Optimizer, ABC):
    """Moves only the rows of a table that a batch mentions: a step costs in proportion to them, not to the table.

    Takes sparse gradients only.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    if not self.state[weight]:
                        self.state[weight].update(self.begin(weight))
                    self.move(weight, *_distinct_rows(weight.grad), group)

    @abstractmethod
    def begin(self, weight: Tensor) -> dict[str, Tensor]:
        """The state before the first step."""

    @abstractmethod
    def move(self, weight: Tensor, rows_R: Tensor, gradient_RE: Tensor, group: dict[str, Any]) -> None:
        """One step of some distinct rows."""


class RowwiseAdagrad(RowsOnly):
    """Adagrad with one accumulator per row. G_r += mean(g_r²); w_r -= lr · g_r / (√G_r + eps).

    Source: Duchi et al., "Adaptive subgradient methods", JMLR 2011, with one accumulator per row, as is usual for the
    tables of recommenders.
    """

    def __init__(self, weights: Iterable[Tensor], lr: float, eps: float = 1e-8) -> None:
        super().__init__(weights, {"lr": lr, "eps": eps})

    def begin(self, weight: Tensor) -> dict[str, Tensor]:
        return {"squares": weight.new_zeros(len(weight))}

    def move(self, weight: Tensor, rows_R: Tensor, gradient_RE: Tensor, group: dict[str, Any]) -> None:
        squares_V = self.state[weight]["squares"]
        total_R = squares_V[rows_R] + torch.linalg.vecdot(gradient_RE, gradient_RE) / weight.shape[1]
        squares_V[rows_R] = total_R
        weight.index_add_(0, rows_R, gradient_RE / (total_R.sqrt() + group["eps"])[:, None], alpha=-group["lr"])


class RowwiseAdam(RowsOnly):
    """Adam whose moments and weights move only in the rows of the batch; the correction counts all steps.

    Close to dense Adam, which goes on moving a row for a while after it was mentioned; two numbers of state per weight,
    where RowwiseAdagrad has one per row. Source: Kingma and Ba, "Adam", ICLR 2015, Algorithm 1.
    """

    def __init__(
        self, weights: Iterable[Tensor], lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(weights, {"lr": lr, "betas": betas, "eps": eps})

    def begin(self, weight: Tensor) -> dict[str, Tensor]:
        return {"step": torch.zeros(()), "mean": torch.zeros_like(weight), "squares": torch.zeros_like(weight)}

    def move(self, weight: Tensor, rows_R: Tensor, gradient_RE: Tensor, group: dict[str, Any]) -> None:
        state, (keep_mean, keep_squares) = self.state[weight], group["betas"]
        state["step"] += 1
        mean_RE = state["mean"].index_select(0, rows_R).lerp_(gradient_RE, 1 - keep_mean)
        squares_RE = state["squares"].index_select(0, rows_R).mul_(keep_squares)
        squares_RE.addcmul_(gradient_RE, gradient_RE, value=1 - keep_squares)
        state["mean"].index_copy_(0, rows_R, mean_RE)
        state["squares"].index_copy_(0, rows_R, squares_RE)
        steps = float(state["step"])
        spread_RE = squares_RE.div_(1 - keep_squares**steps).sqrt_().add_(group["eps"])
        weight.index_add_(0, rows_R, mean_RE.div_(spread_RE), alpha=-group["lr"] / (1 - keep_mean**steps))


def _distinct_rows(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and values of a sparse gradient, each row once. Where they rise, as `mentions` gives them, they are."""
    rows_R = gradient._indices()[0]
    if not bool((rows_R[1:] > rows_R[:-1]).all()):
        gradient = gradient.coalesce()
    return gradient._indices()[0], gradient._values()


LargeTables = Literal["adagrad", "adam"]


def make_optimizers(
    model: nn.Module,
    *,
    rate: float,
    weight_decay: float,
    large_table_rows: int,
    large_table_optimizer: LargeTables,
    large_table_rate: float,
) -> list[Optimizer]:
    """Adam for all weights but tables of more than `large_table_rows`, whose gradients become sparse.

    Those have row-wise Adagrad at `large_table_rate`, or row-wise Adam at `rate`.
    """
    large = [module for module in _tables(model) if module.num_embeddings > large_table_rows]
    for module in large:
        module.sparse = True
    optimizers: list[Optimizer] = [adam(model, rate=rate, weight_decay=weight_decay)]
    weights = [module.weight for module in large]
    if weights and large_table_optimizer == "adagrad":
        optimizers.append(RowwiseAdagrad(weights, lr=large_table_rate))
    elif weights:
        optimizers.append(RowwiseAdam(weights, lr=rate))
    return optimizers


def adam(model: nn.Module, *, rate: float, weight_decay: float) -> Adam:
    """Adam for all weights whose gradients are dense.

    weight_decay is decoupled and spares biases and tables (it would shrink rows that no batch mentions).
    """
    sparse = {id(module.weight) for module in _tables(model) if module.sparse}
    tables = {id(module.weight) for module in _tables(model)}
    dense = [weight for weight in model.parameters() if id(weight) not in sparse]
    decayed = [weight for weight in dense if weight.ndim > 1 and id(weight) not in tables]
    spared = [weight for weight in dense if weight.ndim <= 1 or id(weight) in tables]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
    return Adam(groups, lr=rate, decoupled_weight_decay=True, fused=True)


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
