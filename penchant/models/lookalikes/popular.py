"""Popularity as a look-alike: an item suits everybody as well as it has seeds."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from penchant.models.base import CatalogEntry
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness, LookAlike, LookAlikeConfig


class PopularConfig(LookAlikeConfig):
    """Popularity: the number of seeds."""

    name: Literal["popular"] = "popular"


class Popular(LookAlike):
    """Ranks items, never users: within one item all users tie, so it finds no planted look-alikes."""

    def __init__(self, config: PopularConfig | None = None, *, seed: int = 0) -> None:
        """It has neither keys nor anything random."""

    def liken(self, candidate: Candidate, crowd: Crowd) -> Likeness:  # noqa: ARG002
        return _Same(len(candidate.seeds_S))


@dataclass(frozen=True)
class _Same(Likeness):
    seeds: int

    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        """The number of seeds."""
        return np.full(len(rows_B), self.seeds, np.float32)


ENTRY = CatalogEntry("lookalikes", PopularConfig, Popular)
