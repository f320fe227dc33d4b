"""The users most like the seeds of a candidate now, of all who have not met it yet."""

from dataclasses import dataclass

import numpy as np

from penchant.audiences.best import MIN_AUDIENCE
from penchant.errors import AudienceError
from penchant.models.lookalikes.ralm import Ralm
from penchant.models.lookalikes.seed_clusters import packed, transformed
from penchant.models.parts.cluster_scores import score
from penchant.models.parts.clusters import Clusters
from penchant.serving.users import Users
from penchant.store.base import Store

MOST_AUDIENCE = 1_000_000
"""Members that are handed over at once."""

BLOCK = 16_384
"""Users at a time."""


@dataclass(frozen=True)
class LiveAudience:
    """members: users and their scores, the most alike first; reachable: users of whom something is known and who have
    no event with the item."""

    item: str
    members: list[tuple[str, float]]
    reachable: int


@dataclass(frozen=True)
class Reach:
    """Whom an audience may hold: row_S: of the snapshot, of known users without live events; users, vectors_LX: known
    ones with live events, as consumers saw them last."""

    row_S: np.ndarray
    users: list[str]
    vectors_LX: np.ndarray

    def __len__(self) -> int:
        return len(self.row_S) + len(self.users)


def reach(store: Store, users: Users, item: str, *, block: int = BLOCK) -> Reach:
    """All users of whom something is known and who have no event with an item; looked at by blocks."""
    live = list(store.users())
    others = _live_open(store, users, item, live)
    vectors_NX, known_N = users.kept_vectors(others)
    names = [user for user, is_known in zip(others, known_N.tolist(), strict=True) if is_known]
    return Reach(_open(users, _closed_rows(users, item, live), block), names, vectors_NX[known_N])


def audience(
    store: Store,
    users: Users,
    item: str,
    clusters: Clusters,
    size: int,
    *,
    minimum: int = MIN_AUDIENCE,
    block: int = BLOCK,
) -> LiveAudience:
    """The `size` users most like the members of the clusters. Exact, over all users: of the snapshot as it is, of those
    with live events as consumers saw them last. block: users of the snapshot at a time.

    Raises AudienceError where `size` is below `minimum`, or where fewer can be reached.
    """
    if size < minimum:
        raise AudienceError(f"an audience of {size:,} would single people out; ask for at least {minimum:,}")
    alike = users.served.alike
    assert alike is not None
    found, snapshot = reach(store, users, item, block=block), users.served.snapshot
    score_N = [_scores(alike.ralm, clusters, found.vectors_LX)]
    for start in range(0, len(found.row_S), block):
        score_N.append(_scores(alike.ralm, clusters, snapshot.vectors(found.row_S[start : start + block])))
    return _chosen(users, item, found, np.concatenate(score_N), size)


def _chosen(users: Users, item: str, found: Reach, score_N: np.ndarray, size: int) -> LiveAudience:
    """The best of those who can be reached; score_N: of those with live events, then of rows of the snapshot."""
    if size > len(score_N):
        raise AudienceError(
            f"an audience of {size:,} was asked for, but only {len(score_N):,} users have not met the item yet; "
            f"ask for at most {len(score_N):,}"
        )
    level = np.partition(score_N, len(score_N) - size)[len(score_N) - size]
    best = np.flatnonzero(score_N >= level)
    best = best[np.argsort(-score_N[best], kind="stable")][:size]
    live, snapshot = len(found.users), users.served.snapshot
    chosen = [
        found.users[place] if place < live else snapshot.user(int(found.row_S[place - live])) for place in best.tolist()
    ]
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


def _open(users: Users, closed: np.ndarray, block: int) -> np.ndarray:
    """Rows of the users of the snapshot who are known and not closed, found by blocks."""
    snapshot, found = users.served.snapshot, [np.zeros(0, np.int64)]
    for start in range(0, len(snapshot), block):
        rows = np.arange(start, min(start + block, len(snapshot)))
        found.append(rows[snapshot.known(rows) & ~np.isin(rows, closed)])
    return np.concatenate(found)


def _scores(ralm: Ralm, clusters: Clusters, vectors_NX: np.ndarray) -> np.ndarray:
    user_NG, norm_N = transformed(ralm, vectors_NX)
    return score(packed(ralm, clusters), user_NG, norm_N)
