"""Made-up look-alikes: users with vectors, items that some of them like, seeds and labels of these."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from penchant.features.cuts.rounds import Round
from penchant.features.ragged import Ragged, offsets_of
from penchant.models.lookalikes.promise import Crowd
from penchant.schema import RESERVED
from penchant.training.objectives.lookalikes import Lessons


def crowd_of(vectors_NX: np.ndarray) -> Crowd:
    users = len(vectors_NX)
    values = Ragged(np.zeros(users + 1, np.int64), np.zeros(0, np.int64))
    return Crowd(pl.Series([f"u{number}" for number in range(users)]), vectors_NX.astype(np.float32), values, 0)


def round_of(seeds: Sequence[np.ndarray], labels: Sequence[tuple[int, int, bool]]) -> Round:
    """labels: (candidate, user, clicked)."""
    candidate_L, user_L, clicked_L = (np.array(part) for part in zip(*labels, strict=True))
    names = pl.Series([f"i{number}" for number in range(len(seeds))])
    listed = Ragged(offsets_of(np.array([len(part) for part in seeds])), np.concatenate(seeds))
    return Round(0.0, np.arange(len(seeds)) + RESERVED, names, listed, candidate_L, user_L, clicked_L)


def lessons_of(vectors_NX: np.ndarray, likes_NI: np.ndarray, rng: np.random.Generator, *, seeds: int) -> Lessons:
    """Half of those who like an item, `seeds` at most, are its seeds; others are asked, with as many who do not."""
    listed, labels = [], []
    for item, likes_N in enumerate(likes_NI.T):
        fans, strangers = (rng.permutation(np.flatnonzero(kind_N)) for kind_N in (likes_N, ~likes_N))
        cut = min(seeds, len(fans) // 2)
        listed.append(fans[:cut])
        asked = fans[cut : cut + 30]
        labels += [(item, int(user), True) for user in asked]
        labels += [(item, int(user), False) for user in strangers[: len(asked)]]
    held = frozenset(f"i{item}" for item in range(0, likes_NI.shape[1], 4))
    return Lessons(crowd_of(vectors_NX), [round_of(listed, labels)], held)


def two_groups() -> Lessons:
    """Users near one of two directions; an item is liked by one of the groups."""
    rng = np.random.default_rng(0)
    group_N = np.arange(120) % 2
    vectors_NX = np.eye(2, 6)[group_N] + 0.2 * rng.normal(size=(120, 6))
    return lessons_of(vectors_NX, group_N[:, None] == np.arange(12) % 2, rng, seeds=9)
