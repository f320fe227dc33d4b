"""Moments at which audiences are asked for: who had clicked an item by then, and who clicked it afterwards."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.features.ragged import Ragged


@dataclass(frozen=True)
class Round:
    """One moment, C candidates, L labels; users are rows of the crowd of that period.

    at: the moment, UTC seconds, or the share of each user's history where there is no clock. items_C: ids in the
    vocabulary of items, UNKNOWN where training never saw them; names: ITEM of each. seeds: who clicked each candidate
    strictly before, earliest first, each user once, the latest so many at most. candidate_L, user_L, clicked_L: who
    clicked which candidate for the first time from then to the next round, and pairs drawn to stand against them,
    never of a user and an item that he clicked before the end of the period.
    """

    at: float
    items_C: np.ndarray
    names: pl.Series
    seeds: Ragged
    candidate_L: np.ndarray
    user_L: np.ndarray
    clicked_L: np.ndarray
