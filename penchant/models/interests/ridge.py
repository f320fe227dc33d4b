"""Ridge regression from a user's log counts to the tags clicked later: the linear baseline, which is hard to beat."""

import numpy as np
import torch
from torch import Tensor

from penchant.features.shards import Batch
from penchant.models.base import Sizes
from penchant.models.interests.promise import Preferences
from penchant.schema import RESERVED


class RidgeRegression(Preferences):
    """preference = x @ weight + bias, x = log(1 + clicks per tag). `training.ridge` fits it in closed form."""

    reads_own = True
    weight: Tensor
    """[V, V], float64."""
    bias: Tensor
    """[V], float64."""

    def __init__(self, weight_VV: np.ndarray, bias_V: np.ndarray) -> None:
        super().__init__()
        self.sizes = Sizes({}, len(bias_V))
        self.register_buffer("weight", torch.from_numpy(weight_VV))
        self.register_buffer("bias", torch.from_numpy(bias_V))

    def preferences(self, batch: Batch) -> Tensor:
        """Return [B, V], worked out in float64 by NumPy and given in float32."""
        assert batch.own is not None
        clicks = batch.own.fact("counts").double()
        counts_BV = clicks.new_zeros(len(batch), self.sizes.tags).scatter_add_(1, batch.own.ids_BH, clicks)
        scores_BV = np.log1p(counts_BV.numpy()) @ self.weight.numpy() + self.bias.numpy()
        scores_BV[:, :RESERVED] = -np.inf
        return torch.from_numpy(scores_BV.astype(np.float32))
