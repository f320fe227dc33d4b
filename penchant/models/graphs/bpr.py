"""Plain matrix factorisation: a vector per user and item that training moves, and no graph between them.

Source: Rendle, Freudenthaler, Gantner, Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI
2009, section 4.3.1 (without biases, as there). One penalty for users and items, where the paper has three.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field as Limits
from torch import Tensor

from penchant.models.base import CatalogEntry, Extra, ModelConfig, Width
from penchant.models.graphs.promise import Graph, GraphSizes
from penchant.models.parts.layers import table
from penchant.schema import RESERVED


class BprConfig(ModelConfig):
    """width: U, of the vectors; penalty: λ of λ/2 ‖v‖², over the vectors that a step reads, by user; initial_scale: of
    the first values, which are uniform within ±1/√U times it."""

    name: Literal["bpr"] = "bpr"
    width: Width = 64
    penalty: Annotated[float, Limits(ge=0)] = 1e-3
    initial_scale: Annotated[float, Limits(gt=0)] = 0.1


class Bpr(Graph):
    """Unknown users and items have the vector zero, so their preferences say nothing."""

    def __init__(self, config: BprConfig, sizes: GraphSizes) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        self.user, self.item = (table(rows, config.width, config.initial_scale) for rows in (sizes.users, sizes.items))
        with torch.no_grad():
            self.user.weight[:RESERVED] = self.item.weight[:RESERVED] = 0.0

    def vectors(self) -> tuple[Tensor, Tensor]:
        return self.user.weight, self.item.weight

    def read(self, user_B: Tensor, item_BK: Tensor) -> tuple[Tensor, Tensor, Extra]:
        """The gradient of a large table is sparse: a step costs what it reads."""
        user_BU, item_BKU = self.user(user_B), self.item(item_BK)
        if not self.training:
            return user_BU, item_BKU, {}
        squares = user_BU.square().sum() + item_BKU.square().sum()
        return user_BU, item_BKU, {"penalty": self.config.penalty / 2 * squares / len(user_B)}


ENTRY = CatalogEntry("graphs", BprConfig, Bpr)
