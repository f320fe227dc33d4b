"""The users most like the seeds of a candidate now, of all who have not met it yet."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from penchant.errors import AudienceError
from penchant.lookalike.audience import MIN_AUDIENCE
from penchant.lookalike.clusters import Clusters
from penchant.lookalike.likeness import packed, transformed
from penchant.lookalike.score import score
from penchant.models.ralm import Ralm
from penchant.serving.users import Users
from penchant.store.base import Store

BLOCK = 16_384
"""Users at a time."""


@dataclass(frozen=True)
class LiveAudience:
    """members: users and their scores, the most alike first; reachable: users of whom something is known and who have
    no event with the item."""

    item: str
    members: list[tuple[str, float]]
    reachable: int


def audience(
    store: Store, users: Users, item: str, clusters: Clusters, size: int, *, minimum: int = MIN_AUDIENCE
) -> LiveAudience:
    """The `size` users most like the members of the clusters. Exact, over all users: of the snapshot as it is, of those
    with live events as consumers saw them last.

    Raises AudienceError where `size` is below `minimum`, or where fewer can be reached.
    """
    if size < minimum:
        raise AudienceError(f"an audience of {size:,} would single people out; ask for at least {minimum:,}")
    alike = users.served.alike
    assert alike is not None
    live = list(store.users())
    others = _live_open(store, users, item, live)
    vectors_NX, known_N = users.kept_vectors(others)
    names = [user for user, is_known in zip(others, known_N.tolist(), strict=True) if is_known]
    score_N, rows = [_scores(alike.ralm, clusters, vectors_NX[known_N])], [np.full(len(names), -1)]
    for row_B, vectors_BX in _open(users, _closed_rows(users, item, live)):
        score_N.append(_scores(alike.ralm, clusters, vectors_BX))
        rows.append(row_B)
    return _chosen(users, item, names, np.concatenate(score_N), np.concatenate(rows), size)


def _chosen(
    users: Users, item: str, names: list[str], score_N: np.ndarray, row_N: np.ndarray, size: int
) -> LiveAudience:
    """The best of those who can be reached: the users named, who have row -1, then those of rows of the snapshot."""
    if size > len(score_N):
        raise AudienceError(
            f"an audience of {size:,} was asked for, but only {len(score_N):,} users have not met the item yet; "
            f"ask for at most {len(score_N):,}"
        )
    level = np.partition(score_N, len(score_N) - size)[len(score_N) - size]
    best = np.flatnonzero(score_N >= level)
    best = best[np.argsort(-score_N[best], kind="stable")][:size]
    chosen = [users.served.snapshot.user(int(row_N[place])) if row_N[place] >= 0 else names[place] for place in best]
    return LiveAudience(item, list(zip(chosen, score_N[best].tolist(), strict=True)), len(score_N))


def _live_open(store: Store, users: Users, item: str, live: list[str]) -> list[str]:
    """Those with live events who have none with the item, be it live or in the snapshot."""
    shown = set(store.shown(item))
    return [user for user in live if user not in shown and not _met_before(users, item, user)]


def _closed_rows(users: Users, item: str, live: list[str]) -> np.ndarray:
    """Rows of the snapshot of whom it says no more who they are, or who have met the item."""
    snapshot = users.served.snapshot
    changed = np.array([snapshot.row(user) for user in live], np.int64)
    return np.concatenate([changed[changed >= 0], snapshot.shown(item), users.forgotten_rows()])


def _met_before(users: Users, item: str, user: str) -> bool:
    row = users.row(user)
    return row >= 0 and users.served.snapshot.has_met(item, row)


def _open(users: Users, closed: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and vectors of the users of the snapshot who are known and not closed, by blocks."""
    snapshot = users.served.snapshot
    for start in range(0, len(snapshot), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(snapshot)))
        rows = rows[snapshot.known(rows) & ~np.isin(rows, closed)]
        yield rows, snapshot.vectors(rows)


def _scores(ralm: Ralm, clusters: Clusters, vectors_NX: np.ndarray) -> np.ndarray:
    user_NG, norm_N = transformed(ralm, vectors_NX)
    return score(packed(ralm, clusters), user_NG, norm_N)
