"""What a graph model promises: users and items are nodes with vectors, their inner product is the preference."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from penchant.models.base import Extra
from penchant.schema import RESERVED


@dataclass(frozen=True)
class GraphSizes:
    """Rows of the tables of users and of items, PAD and UNKNOWN among them."""

    users: int
    items: int


class Graph(nn.Module, ABC):
    """Users and items → vectors of one space; the inner product is the preference.

    Promises: unknown users and items have finite vectors, and those of padding are zero; reading some nodes gives the
    rows of reading all; the same seed gives the same vectors; weights save and load; a user's preferences do not depend
    on who else is asked; planted preferences are learned.
    """

    sizes: GraphSizes

    @abstractmethod
    def vectors(self) -> tuple[Tensor, Tensor]:
        """user_VU and item_VU, of all."""

    def read(self, user_B: Tensor, item_BK: Tensor) -> tuple[Tensor, Tensor, Extra]:
        """user_BU and item_BKU of some, and the model's own losses while it trains."""
        user_VU, item_VU = self.vectors()
        return user_VU[user_B], item_VU[item_BK], {}

    def preferences(self, user_B: Tensor) -> Tensor:
        """[B, V] of every item; PAD and UNKNOWN, which are no items, have -inf."""
        user_VU, item_VU = self.vectors()
        scores_BV = user_VU[user_B] @ item_VU.T
        scores_BV[:, :RESERVED] = -torch.inf
        return scores_BV
