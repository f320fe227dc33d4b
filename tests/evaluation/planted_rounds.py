"""Rounds small enough to work out by hand, and scorers that say what they are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from penchant.features.cuts.rounds import Round
from penchant.features.ragged import Ragged, offsets_of
from penchant.models.lookalikes.promise import Candidate, Crowd, Likeness, LookAlike


@dataclass(frozen=True)
class Said(Likeness):
    """A score for each user of the crowd."""

    score_N: np.ndarray

    def scores(self, rows_B: np.ndarray) -> np.ndarray:
        return self.score_N[rows_B].astype(np.float32)


class Told(LookAlike):
    """Scores by item, a row of the table for each item's id; `asked` is what it was asked for."""

    def __init__(self, score_VN: Any) -> None:
        self.score_VN = np.array(score_VN, float)
        self.asked: list[tuple[int, list[int]]] = []

    def liken(self, candidate: Candidate, crowd: Crowd) -> Likeness:  # noqa: ARG002
        self.asked.append((candidate.item, candidate.seeds_S.tolist()))
        return Said(self.score_VN[candidate.item])


def crowd_of(users: int) -> Crowd:
    names = pl.Series([f"u{number}" for number in range(users)])
    return Crowd(names, np.zeros((users, 1), np.float32), ragged([[]] * users), 0)


def ragged(lists: Sequence[Sequence[int]]) -> Ragged:
    return Ragged(offsets_of(np.array([len(one) for one in lists])), np.array([x for one in lists for x in one], int))


def round_of(
    items: Sequence[int], seeds: Sequence[Sequence[int]], labels: Sequence[tuple[int, int, bool]], at: float = 0.0
) -> Round:
    """labels: candidate, user, clicked."""
    candidate, user, clicked = (np.array([label[place] for label in labels]) for place in range(3))
    names = pl.Series([f"i{item}" for item in items])
    asked = candidate.astype(np.int64), user.astype(np.int32), clicked.astype(bool)
    return Round(at, np.array(items), names, ragged(seeds), *asked)
