"""Who of all users is most like the seeds of a candidate, and when an audience is refused."""

from dataclasses import dataclass

import numpy as np

from penchant.audiences.spread import Spread, spread_of
from penchant.errors import AudienceError
from penchant.models.lookalikes.promise import Crowd, Likeness

MIN_AUDIENCE = 50
"""Fewer people could be told apart."""

BLOCK = 16_384
"""Users scored at a time."""

SAMPLED = 20_000
"""Users whose scores say how scores are spread."""


@dataclass(frozen=True)
class Overlap:
    """Of two audiences. jaccard: users of both by users of either; share: users of both by users of the first."""

    jaccard: float
    share: float


def known_seeds(seeds_S: np.ndarray, crowd: Crowd, item: str) -> tuple[np.ndarray, int]:
    """The seeds of an item of whom something is known, and how many are left out.

    seeds_S: rows of the crowd, -1 for users who are not in it. An AudienceError where nobody is left.
    """
    if not len(seeds_S):
        raise AudienceError(
            f"item {item!r} has 0 seeds: nobody has clicked it, so there is nobody to be like; ask for an item "
            f"that has clicks"
        )
    known_S = (seeds_S >= 0) & (crowd.values.lengths[seeds_S] > 0)
    if not known_S.any():
        raise AudienceError(
            f"nothing is known of any of the {len(seeds_S):,} seeds of item {item!r}; build features that hold them"
        )
    return seeds_S[known_S], int((~known_S).sum())


def refuse_nan(crowd: Crowd) -> None:
    """An AudienceError that names a user whose vector is not finite."""
    broken_N = ~np.isfinite(crowd.vectors_NX).all(1)
    if broken_N.any():
        user = crowd.users[int(broken_N.argmax())]
        raise AudienceError(
            f"the vector of user {user!r} is not finite, as are those of {broken_N.sum():,} in all; "
            f"remove the run's lookalike folder and train again"
        )


def best(
    likeness: Likeness,
    users: int,
    size: int,
    reached: np.ndarray,
    *,
    minimum: int = MIN_AUDIENCE,
    block: int = BLOCK,
) -> tuple[np.ndarray, np.ndarray]:
    """row_B and score_B, best first, the lower row first where scores are equal; exact, over all users.

    users: how many the crowd has; reached: rows of those who are left out; block: users at a time. An AudienceError
    where `size` is below `minimum`, or where there are not so many users who have a score and are not reached yet.
    """
    if size < (least := max(1, minimum)):
        raise AudienceError(f"an audience of {size:,} would single people out; ask for at least {least:,}")
    row_N = open_N = open_rows(users, reached)
    parts = [likeness.scores(row_N[start : start + block]) for start in range(0, len(row_N), block)]
    score_N = np.concatenate([np.zeros(0, np.float32), *parts])
    row_N, score_N = row_N[~np.isnan(score_N)], score_N[~np.isnan(score_N)]
    if size > len(row_N):
        silent, most = len(open_N) - len(row_N), f"at most {len(row_N):,}"
        who = f"are not reached yet and have a score, {silent:,} have none" if silent else "are not reached yet"
        what = f"{most}, or ask another scorer" if silent else most
        raise AudienceError(
            f"an audience of {size:,} was asked for, but only {len(row_N):,} users {who}; ask for {what}"
        )
    level = np.partition(score_N, len(score_N) - size)[len(score_N) - size]
    row_N, score_N = row_N[score_N >= level], score_N[score_N >= level]
    order = np.argsort(-score_N, kind="stable")[:size]
    return row_N[order], score_N[order]


def open_rows(users: int, reached: np.ndarray) -> np.ndarray:
    """Those of so many users who are not reached, ascending.

    >>> open_rows(4, np.array([2, 0]))
    array([1, 3])
    """
    open_N = np.ones(users, bool)
    open_N[reached] = False
    return np.flatnonzero(open_N)


def sampled_spread(likeness: Likeness, seeds_S: np.ndarray, open_N: np.ndarray, top: float | None) -> Spread | None:
    """Of the scores of seeds and of others, of SAMPLED at most of each, evenly spread; see `spread_of`."""
    own_S, other_N = (likeness.scores(rows[:: -(-len(rows) // SAMPLED) or 1]) for rows in (seeds_S, open_N))
    return spread_of(own_S, other_N, top)


def overlap(row_B: np.ndarray, other_B: np.ndarray) -> Overlap:
    """Of two audiences of one crowd that are not empty.

    >>> overlap(np.array([4, 2]), np.array([2, 3, 5]))
    Overlap(jaccard=0.25, share=0.5)
    """
    both = len(np.intersect1d(row_B, other_B))
    return Overlap(both / (len(row_B) + len(other_B) - both), both / len(row_B))
