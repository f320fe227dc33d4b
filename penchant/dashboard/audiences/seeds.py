"""The seeds of one candidate: how many there were at any time, and some of them with what they clicked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.logs.users import hash_of
from penchant.models.lookalikes.seed_clusters import averaged, placed
from penchant.models.parts.clusters import nearest
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.candidates.seeds import SeedUsers, seed_users
from penchant.serving.users import Clicks
from penchant.serving.view import View

MOST_TIMES = 200_000
"""Seeds whose times are read, the latest."""

POINTS = 100
"""Of the line that they make."""

MOST_READ = 20_000
MOST_SEEDS = 1_000
"""Of so many of the latest seeds, so many are looked at closely: always the same ones, by the hash of their ids."""


@dataclass(frozen=True)
class Course:
    """time_T: UTC seconds, rising; seeds_T: how many clicked the item last by then; undated: seeds that cannot be put
    in time, because the log has no clock."""

    time_T: list[float]
    seeds_T: list[int]
    undated: int


def course_of(view: View, item: str, *, clocked: bool, most: int = MOST_TIMES) -> Course:
    """How the seeds of an item came to be as many as they are. Of more than `most`, the earlier ones are there from the
    beginning."""
    found = seed_users(view.store, view.users, item, most)
    times = np.sort(np.concatenate([found.time_S, found.live_L]) if clocked else found.live_L)
    undated = 0 if clocked else len(found.row_S)
    known = view.live.get(item)
    earlier = max(0, (known.seeds if known else 0) - len(found))
    shown = np.unique(np.linspace(0, max(0, len(times) - 1), POINTS).round().astype(np.int64))
    last = {float(times[place]): earlier + place + 1 for place in shown.tolist() if place < len(times)}
    return Course(list(last), list(last.values()), undated)


@dataclass(frozen=True)
class SeedSample:
    """Some seeds of whom something is known. clicks: of each, those on the item itself left out; vectors_SX: universal;
    cluster_S: whose centroid is nearest to each; whole: whether these are all known seeds; row_S: of the snapshot, -1
    for who is not in it."""

    clicks: Sequence[Clicks]
    vectors_SX: np.ndarray
    cluster_S: np.ndarray
    row_S: np.ndarray
    whole: bool

    def __len__(self) -> int:
        return len(self.cluster_S)


def sample_of(view: View, item: str, published: PublishedClusters, *, most: int = MOST_SEEDS) -> SeedSample:
    """At most `most` seeds of a candidate that has clusters."""
    alike = view.served.alike
    assert alike is not None
    found = seed_users(view.store, view.users, item, MOST_READ)
    people = view.users.now(_chosen(view, found, most))
    vectors_SX, known_S = view.users.vectors_of(people)
    vectors_SX = vectors_SX[known_S]
    compared_SG = placed(alike.ralm, averaged(alike.ralm, vectors_SX))
    clicks = [
        [click for click in own if click[1] != item]
        for own, is_known in zip(people.clicks, known_S.tolist(), strict=True)
        if is_known
    ]
    return SeedSample(
        clicks,
        vectors_SX,
        nearest(placed(alike.ralm, published.centroid_JX), compared_SG),
        people.row_B[known_S],
        len(found) <= most and published.seeds <= MOST_READ,
    )


def _chosen(view: View, found: SeedUsers, most: int) -> list[str]:
    """The users with the lowest hashes, the lowest first."""
    snapshot = view.served.snapshot
    live = np.array([hash_of(user) for user in found.users], np.uint64)
    order = np.argsort(np.concatenate([snapshot.hashes(found.row_S), live]), kind="stable")[:most]
    old = len(found.row_S)
    return [
        snapshot.user(int(found.row_S[place])) if place < old else found.users[place - old] for place in order.tolist()
    ]
