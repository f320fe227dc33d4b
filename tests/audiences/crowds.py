"""A small crowd of three kinds of users, for tests of look-alike."""

import numpy as np
import polars as pl
import torch

from penchant.features.ragged import Ragged, offsets_of
from penchant.models.lookalikes.promise import Crowd
from penchant.models.lookalikes.ralm import Ralm, RalmConfig

KINDS, USERS, WIDTH, UNKNOWN = 3, 300, 40, 0
KIND_N = np.arange(USERS) % KINDS


def crowd() -> Crowd:
    """Users near one of three directions. Who is of kind k has value k, and of ten others each with one chance in
    four; of user UNKNOWN nothing is known."""
    rng = np.random.default_rng(0)
    vectors_NX = (np.eye(KINDS, 8)[KIND_N] + rng.normal(0, 0.1, (USERS, 8))).astype(np.float32)
    lists = [np.append(kind, 10 + np.flatnonzero(rng.random(10) < 0.25)) for kind in KIND_N]
    lists[UNKNOWN] = np.zeros(0, np.int64)
    ragged = Ragged(offsets_of(np.array([len(one) for one in lists])), np.concatenate(lists))
    return Crowd(pl.Series([f"u{row}" for row in range(USERS)]), vectors_NX, ragged, WIDTH)


def ralm(config: RalmConfig | None = None) -> Ralm:
    """Untrained, but for its local attention, which would be nothing."""
    torch.manual_seed(0)
    model = Ralm(config or RalmConfig(width=16, clusters=4), 8)
    if model.local is not None:
        torch.nn.init.normal_(model.local.weight)
    return model
