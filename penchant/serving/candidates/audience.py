"""The users most like the seeds of a candidate now, of all who have not met it yet."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from penchant.audiences.best import BLOCK, best, blocks, refuse_few_seeds, refuse_large, refuse_small
from penchant.choices import MIN_AUDIENCE
from penchant.logs.forgotten import digest_of
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
    """members: users and their scores, the most alike first; reachable: users of whom something is known and who had no
    event with the item when all were ranked."""

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


@dataclass(frozen=True)
class Ranking:
    """All who can be reached, and the order of the MOST_AUDIENCE who are most alike. made: when, UTC seconds; seeds:
    how many known ones the item had; erasures: how many this process had been told of; row_S, users: as in `Reach`;
    place_K: where each stands in these, users first, the most alike first; score_K: of each. It takes 12 bytes for each
    who can be reached."""

    item: str
    made: float
    seeds: int
    erasures: int
    row_S: np.ndarray
    users: list[str]
    place_K: np.ndarray
    score_K: np.ndarray

    def __len__(self) -> int:
        return len(self.row_S) + len(self.users)

    def members(self, snapshot: Snapshot, gone: Collection[str]) -> Iterator[tuple[str, float]]:
        """Yield users with their scores, without those who have one of these digests."""
        live = len(self.users)
        for place, own in zip(self.place_K.tolist(), self.score_K.tolist(), strict=True):
            user = self.users[place] if place < live else snapshot.user(int(self.row_S[place - live]))
            if not gone or digest_of(user) not in gone:
                yield user, own


def reach(store: Store, users: Users, item: str, *, block: int = BLOCK) -> Reach:
    """All users of whom something is known and who have no event with an item; looked at by blocks."""
    live = list(store.users())
    others = _live_open(store, users, item, live)
    vectors_NX, known_N = users.kept_vectors(others)
    names = [user for user, is_known in zip(others, known_N.tolist(), strict=True) if is_known]
    return Reach(_open(users, _closed_rows(users, item, live), block), names, vectors_NX[known_N])


def rank(store: Store, users: Users, item: str, clusters: Clusters, at: float, *, block: int = BLOCK) -> Ranking:
    """Order those who can be reached by how alike they are to the members of the clusters. Exact, over all users: of
    the snapshot as it is, of those with live events as consumers saw them last. at: now; block: users of the snapshot
    at a time."""
    told = len(users.news.erasures)
    found = reach(store, users, item, block=block)
    most = min(len(found), MOST_AUDIENCE)
    place_K, score_K = best(_scored(users, clusters, found, block), most, minimum=1) if most else _NOBODY
    row_S = found.row_S.astype(np.int32)
    return Ranking(item, at, clusters.members, told, row_S, found.users, place_K.astype(np.int32), score_K)


def audience(ranking: Ranking, users: Users, size: int, *, minimum: int = MIN_AUDIENCE) -> LiveAudience:
    """Return the first `size` of a ranking, without users who were forgotten since.

    Raises AudienceError where `size` is below `minimum` or no multiple of it, where there are fewer seeds than
    MIN_SEEDS or `minimum`, or where fewer users can be reached.
    """
    refuse_small(size, minimum)
    refuse_few_seeds(ranking.seeds, ranking.item, minimum)
    gone = set(users.news.erasures[ranking.erasures :])
    members = list(islice(ranking.members(users.served.snapshot, gone), size))
    if len(members) < size:
        refuse_large(size, len(members), minimum=minimum)
    return LiveAudience(ranking.item, members, len(ranking))


_NOBODY = np.zeros(0, np.int64), np.zeros(0, np.float32)


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
