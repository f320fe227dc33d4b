"""Which users are most like the seeds of a candidate, and when an audience is refused."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from penchant.audiences.spread import Spread, spread_of
from penchant.choices import MIN_AUDIENCE, MIN_SEEDS
from penchant.errors import AudienceError
from penchant.models.lookalikes.promise import Crowd, Likeness
from penchant.models.parts.ranking import highest

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
    """Return the seeds of an item of whom something is known, and how many others there are.

    seeds_S: rows of the crowd, -1 for users who are not in it. Raises AudienceError where nobody is left.
    """
    if not len(seeds_S):
        raise AudienceError(
            f"item {item!r} has 0 seeds: nobody has clicked it, so there are no users to compare others with; "
            f"ask for an item that has clicks"
        )
    known_S = (seeds_S >= 0) & (crowd.values.lengths[seeds_S] > 0)
    if not known_S.any():
        raise AudienceError(
            f"nothing is known of any of the {len(seeds_S):,} seeds of item {item!r}; build features that hold them"
        )
    return seeds_S[known_S], int((~known_S).sum())


def refuse_nan(crowd: Crowd) -> None:
    """Raise AudienceError, which names a user, where the vector of any user is not finite."""
    broken_N = ~np.isfinite(crowd.vectors_NX).all(1)
    if broken_N.any():
        user = crowd.users[int(broken_N.argmax())]
        raise AudienceError(
            f"the vector of user {user!r} is not finite, as are those of {broken_N.sum():,} in all; "
            f"remove the run's lookalike folder and train again"
        )


def best(scores: Iterable[np.ndarray], size: int, *, minimum: int = MIN_AUDIENCE) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of an audience and their scores, best first, the lower place first where scores are equal.

    scores: float32, in blocks, of all users who are not reached yet; NaN where nothing can be said. Places count
    through all blocks. No block is asked for before `size` is known to be large enough. Raises AudienceError where
    `size` is below `minimum` or no multiple of it, or above the number of users who have a score.
    """
    refuse_small(size, minimum)
    score_N = np.concatenate([np.zeros(0, np.float32), *scores])
    place_N = np.flatnonzero(~np.isnan(score_N))
    refuse_large(size, len(place_N), len(score_N) - len(place_N), minimum)
    place_B = place_N[highest(score_N[place_N], size)]
    return place_B, score_N[place_B]


def refuse_small(size: int, minimum: int = MIN_AUDIENCE) -> None:
    """Raise AudienceError where an audience of this size would single people out: where it is below `minimum`, or no
    multiple of it, because fewer people than `minimum` would tell it from another one. One of nobody always does."""
    least = max(1, minimum)
    if size < least:
        raise AudienceError(f"an audience of {size:,} would single people out; ask for at least {least:,}")
    if size % least:
        near = f"{size - size % least:,} or {size - size % least + least:,}"
        raise AudienceError(
            f"an audience of {size:,} beside one of {size - size % least:,} would single people out; ask for a "
            f"multiple of {least:,}, such as {near}"
        )


def refuse_few_seeds(seeds: int, item: str, minimum: int = MIN_AUDIENCE) -> None:
    """Raise AudienceError where an item has so few seeds that who is like them would say who they are: fewer than
    MIN_SEEDS, or than `minimum` where that is less."""
    least = min(MIN_SEEDS, minimum)
    if seeds < least:
        raise AudienceError(
            f"item {item!r} has {seeds:,} known seed{'' if seeds == 1 else 's'}, and an audience of so few would "
            f"single them out; ask again when it has at least {least:,}"
        )


def refuse_large(size: int, scored: int, silent: int = 0, minimum: int = MIN_AUDIENCE) -> None:
    """Raise AudienceError where fewer users than `size` can be had. scored: users who are not reached yet and have a
    score; silent: those who are not reached yet and have none; minimum: of which sizes are multiples."""
    if size > scored:
        most = f"at most {scored - scored % max(1, minimum):,}"
        who = f"are not reached yet and have a score, {silent:,} have none" if silent else "are not reached yet"
        what = f"{most}, or ask another scorer" if silent else most
        raise AudienceError(f"an audience of {size:,} was asked for, but only {scored:,} users {who}; ask for {what}")


def blocks(row_N: np.ndarray, at_once: int = BLOCK) -> Iterator[np.ndarray]:
    """Yield the rows in order, so many at a time.

    >>> [rows.tolist() for rows in blocks(np.array([4, 7, 9]), 2)]
    [[4, 7], [9]]
    """
    for start in range(0, len(row_N), at_once):
        yield row_N[start : start + at_once]


def open_rows(users: int, reached: np.ndarray) -> np.ndarray:
    """Return the rows of those of so many users who are not reached, ascending.

    >>> open_rows(4, np.array([2, 0]))
    array([1, 3])
    """
    open_N = np.ones(users, bool)
    open_N[reached] = False
    return np.flatnonzero(open_N)


def sampled_spread(likeness: Likeness, seeds_S: np.ndarray, open_N: np.ndarray, top: float | None) -> Spread | None:
    """Return how far the scores of seeds and of others lie apart, from an even sample of SAMPLED at most of each; see
    `spread_of`."""
    own_S, other_N = (likeness.scores(rows[:: -(-len(rows) // SAMPLED) or 1]) for rows in (seeds_S, open_N))
    return spread_of(own_S, other_N, top)


def overlap(row_B: np.ndarray, other_B: np.ndarray) -> Overlap:
    """Compare two audiences of one crowd; neither is empty.

    >>> overlap(np.array([4, 2]), np.array([2, 3, 5]))
    Overlap(jaccard=0.25, share=0.5)
    """
    both = len(np.intersect1d(row_B, other_B))
    return Overlap(both / (len(row_B) + len(other_B) - both), both / len(row_B))
