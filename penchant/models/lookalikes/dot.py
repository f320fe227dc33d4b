"""Inner product of item and user, with no regard to seeds: a model that predicts items, asked about audiences.

Source: the competitor "YouTube DNN" of RALM (Liu et al., KDD 2019): phase 1 with its fields side by side, ranked by
x_i · u.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from penchant.models.base import CatalogEntry
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness, LookAlike, LookAlikeConfig
from penchant.schema import RESERVED


class InnerProductConfig(LookAlikeConfig):
    """The inner product of item and user, both as the model `users` has them."""

    name: Literal["inner-product"] = "inner-product"


class InnerProduct(LookAlike):
    """item_VX: the items' vectors, in the space of the crowd's vectors, which have to come from the same model."""

    def __init__(self, item_VX: np.ndarray) -> None:
        self.item_VX = item_VX

    def liken(self, candidate: Candidate, crowd: Crowd) -> Likeness:
        """An item that training never saw has no vector: everybody scores NaN."""
        known = candidate.item >= RESERVED
        item_X = self.item_VX[candidate.item] if known else np.full(self.item_VX.shape[1], np.nan)
        return _Projected(crowd.vectors_NX, item_X.astype(np.float32))


@dataclass(frozen=True)
class _Projected(Likeness):
    vectors_NX: np.ndarray
    item_X: np.ndarray

    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        return (self.vectors_NX[rows_B] @ self.item_X).astype(np.float32)


ENTRY = CatalogEntry("lookalikes", InnerProductConfig, InnerProduct)
