"""The users most like the seeds of a candidate now, of all who have not met it yet."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from penchant.audiences.best import BLOCK, best, blocks, refuse_small
from penchant.choices import MIN_AUDIENCE
from penchant.models.lookalikes.ralm import Ralm
from penchant.models.lookalikes.seed_clusters import packed, transformed
from penchant.models.parts.cluster_scores import score
from penchant.models.parts.clusters import Clusters
from penchant.serving.snapshot import Snapshot
from penchant.serving.users import Users
from penchant.store.base import Store

MOST_AUDIENCE = 1_000_000
"""Members that are handed over at once."""


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

    def names(self, snapshot: Snapshot, place_B: np.ndarray) -> list[str]:
        """Return the users at some places, where those with live events come first, then the rows of the snapshot."""
        live = len(self.users)
        return [
            self.users[place] if place < live else snapshot.user(int(self.row_S[place - live]))
            for place in place_B.tolist()
        ]


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
    refuse_small(size, minimum)
    found = reach(store, users, item, block=block)
    place_B, score_B = best(_scored(users, clusters, found, block), size, minimum=minimum)
    members = zip(found.names(users.served.snapshot, place_B), score_B.tolist(), strict=True)
    return LiveAudience(item, list(members), len(found))


def _scored(users: Users, clusters: Clusters, found: Reach, block: int) -> Iterator[np.ndarray]:
    """Scores in blocks: of users with live events, then of rows of the snapshot."""
    ralm = users.served.lookalike.ralm
    yield _scores(ralm, clusters, found.vectors_LX)
    for rows in blocks(found.row_S, block):
        yield _scores(ralm, clusters, users.served.snapshot.vectors(rows))


def _live_open(store: Store, users: Users, item: str, live: list[str]) -> list[str]:
    """Those with live events who have none with the item, be it live or in the snapshot."""
    shown = set(store.shown(item))
    return [user for user in live if user not in shown and not _met_before(users, item, user)]


def _closed_rows(users: Users, item: str, live: list[str]) -> np.ndarray:
    """Rows of users whom the snapshot no longer describes as they are now, and of users who have met the item."""
    snapshot = users.served.snapshot
    changed = np.array([snapshot.row(user) for user in live], np.int64)
    return np.concatenate([changed[changed >= 0], snapshot.shown(item), users.forgotten_rows()])


def _met_before(users: Users, item: str, user: str) -> bool:
    row = users.row(user)
    return row >= 0 and users.served.snapshot.has_met(item, row)


def _open(users: Users, closed: np.ndarray, block: int) -> np.ndarray:
    """Rows of the users of the snapshot who are known and not closed, found by blocks."""
    snapshot = users.served.snapshot
    found = [rows[snapshot.known(rows) & ~np.isin(rows, closed)] for rows in blocks(np.arange(len(snapshot)), block)]
    return np.concatenate([np.zeros(0, np.int64), *found])


def _scores(ralm: Ralm, clusters: Clusters, vectors_NX: np.ndarray) -> np.ndarray:
    user_NG, norm_N = transformed(ralm, vectors_NX)
    return score(packed(ralm, clusters), user_NG, norm_N)
