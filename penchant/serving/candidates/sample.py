"""A sample of the seeds of an open item, with what they clicked, and of those who can be reached, with their scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.audiences.growth import Growth, growth_of
from penchant.audiences.scores import Scores
from penchant.logs.users import hash_of
from penchant.models.lookalikes.seed_clusters import averaged, packed, placed, transformed
from penchant.models.parts.cluster_scores import score
from penchant.models.parts.clusters import nearest
from penchant.serving.candidates.audience import reach
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.candidates.seeds import SeedUsers, seed_users
from penchant.serving.users import Clicks
from penchant.serving.view import View

MOST_TIMES = 200_000
"""Seeds whose times are read, the latest."""

MOST_READ, MOST_SEEDS = 20_000, 1_000
"""Of the latest MOST_READ seeds, MOST_SEEDS are looked at closely: always the same ones, by the hash of their ids."""

MOST_SCORED = 20_000


@dataclass(frozen=True)
class SeedSample:
    """Some seeds of whom something is known. clicks: of each seed, without those on the item itself; vectors_SX:
    universal; cluster_S: the cluster with the nearest centroid; row_S: rows of the snapshot, -1 for seeds who are not
    in it; whole: whether these are all known seeds."""

    clicks: Sequence[Clicks]
    vectors_SX: np.ndarray
    cluster_S: np.ndarray
    row_S: np.ndarray
    whole: bool

    def __len__(self) -> int:
        return len(self.cluster_S)


def growth_at(view: View, item: str, *, most: int = MOST_TIMES) -> Growth:
    """Return how the seeds of an item grew. The latest `most` have a time of their own; earlier ones count from the
    beginning."""
    found, clocked = seed_users(view.store, view.users, item, most), view.served.clocked
    known = view.live.get(item)
    return growth_of(
        np.concatenate([found.time_S, found.live_L]) if clocked else found.live_L,
        earlier=max(0, (known.seeds if known else 0) - len(found)),
        undated=0 if clocked else len(found.row_S),
    )


def sample_of(view: View, item: str, published: PublishedClusters, *, most: int = MOST_SEEDS) -> SeedSample:
    """Return at most `most` seeds of an item that has clusters."""
    ralm = view.served.lookalike.ralm
    found = seed_users(view.store, view.users, item, MOST_READ)
    people = view.users.now(_chosen(view, found, most))
    vectors_SX, known_S = view.users.vectors_of(people)
    vectors_SX = vectors_SX[known_S]
    compared_SG = placed(ralm, averaged(ralm, vectors_SX))
    clicks = [
        [click for click in own if click[1] != item]
        for own, is_known in zip(people.clicks, known_S.tolist(), strict=True)
        if is_known
    ]
    return SeedSample(
        clicks,
        vectors_SX,
        nearest(placed(ralm, published.centroid_JX), compared_SG),
        people.row_B[known_S],
        len(found) <= most and published.seeds <= MOST_READ,
    )


def scores_of(view: View, item: str, published: PublishedClusters, *, most: int = MOST_SCORED) -> Scores:
    """Return the scores of at most `most` of those who can be reached, and of a sample of the seeds, for an item that
    has clusters. The sample is spread evenly over users of the snapshot and users with live events."""
    ralm, clusters = view.served.lookalike.ralm, published.clusters
    assert clusters is not None
    seeds_SX = sample_of(view, item, published).vectors_SX
    found, snapshot = reach(view.store, view.users, item), view.served.snapshot
    chosen = np.unique(np.linspace(0, len(found) - 1, min(len(found), most)).round().astype(np.int64))
    live = len(found.users)
    sample_NX = np.concatenate(
        [found.vectors_LX[chosen[chosen < live]], snapshot.vectors(found.row_S[chosen[chosen >= live] - live])]
    )
    ready = packed(ralm, clusters)
    others_N, seeds_S = (np.sort(score(ready, *transformed(ralm, some))) for some in (sample_NX, seeds_SX))
    return Scores(len(found), others_N, seeds_S)


def _chosen(view: View, found: SeedUsers, most: int) -> list[str]:
    """Return the users with the lowest hashes, the lowest first."""
    snapshot = view.served.snapshot
    live = np.array([hash_of(user) for user in found.users], np.uint64)
    order = np.argsort(np.concatenate([snapshot.hashes(found.row_S), live]), kind="stable")[:most]
    old = len(found.row_S)
    return [
        snapshot.user(int(found.row_S[place])) if place < old else found.users[place - old] for place in order.tolist()
    ]
