"""What the loop has to be told, whatever it trains."""

from typing import Annotated

from pydantic import Field as Limits
from torch import nn
from torch.optim import Optimizer

from penchant.config import Config
from penchant.models.base import Positive
from penchant.training.optimizers import LargeTables, adam, make_optimizers


class LoopConfig(Config):
    """How long and how fast a model is trained.

    epochs: the most; patience: epochs without a better validation score before the end; batch: samples per step; rate,
    weight_decay: of Adam; checkpoint_s: seconds between checkpoints within an epoch (there is one after each epoch
    too); seed: decides the order of samples and all that is drawn while training.
    """

    epochs: Positive = 20
    patience: Positive = 3
    batch: Positive = 256
    rate: Annotated[float, Limits(gt=0)] = 1e-3
    weight_decay: Annotated[float, Limits(ge=0)] = 0.0
    checkpoint_s: Annotated[float, Limits(ge=0)] = 60.0
    seed: int = 0

    def optimizers(self, model: nn.Module) -> list[Optimizer]:
        """Fresh optimizers; together they move every weight of the model."""
        return [adam(model, rate=self.rate, weight_decay=self.weight_decay)]


class TablesConfig(LoopConfig):
    """How large tables of a model are trained.

    Only the rows that a batch mentions are moved in tables of more than large_table_rows rows: by row-wise Adagrad at
    large_table_rate, or by "adam" at rate, which needs three times the memory.
    """

    large_table_rows: Positive = 50_000
    large_table_optimizer: LargeTables = "adagrad"
    large_table_rate: Annotated[float, Limits(gt=0)] = 0.05

    def optimizers(self, model: nn.Module) -> list[Optimizer]:
        """As in `LoopConfig`; gradients of the model's large tables become sparse."""
        return make_optimizers(
            model,
            rate=self.rate,
            weight_decay=self.weight_decay,
            large_table_rows=self.large_table_rows,
            large_table_optimizer=self.large_table_optimizer,
            large_table_rate=self.large_table_rate,
        )
