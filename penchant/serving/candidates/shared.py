"""What the seeds of each cluster share, and where they lie, beside a sample of all users."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from penchant.audiences.plane import Plane, plane_of
from penchant.audiences.why import Counts, SeedGroup, groups_of, numbers_of
from penchant.models.lookalikes.seed_clusters import averaged, placed
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.candidates.sample import SeedSample, sample_of
from penchant.serving.users import Clicks
from penchant.serving.view import View

MOST_USERS = 2_000
"""Users of the log beside whom seeds are seen."""

MOST_TAGS = 20
"""Of a user's tags, the most clicked ones count."""


@dataclass(frozen=True)
class Shared:
    """groups: of seeds, with their traits; plane: where they lie; by_tags: whether traits are tags, rather than items;
    sampled: how many seeds were looked at; whole: whether these are all known seeds; users: the size of the sample of
    all users."""

    groups: Sequence[SeedGroup]
    plane: Plane
    by_tags: bool
    sampled: int
    whole: bool
    users: int


@dataclass(frozen=True)
class Everyone:
    """A sample of the users of a log. having: how many of them have each thing; users: how many they are; row_N,
    place_NG: rows of the snapshot of those of whom something is known, and their vectors as they are compared."""

    having: Counter[str]
    users: int
    row_N: np.ndarray
    place_NG: np.ndarray


class Things:
    """What clicks tell of a user: the tags of the items, or the items themselves where no item of the run has tags."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.by_tags = any(tags for of_field in view.served.item_tags.values() for tags in of_field.values()) or bool(
            view.users.news.items
        )

    def of(self, clicks: Clicks) -> list[str]:
        """Return the MOST_TAGS things that a user clicked most, each once; of those clicked equally often, the ones
        clicked earlier."""
        items = [item for _, item in clicks]
        things = chain.from_iterable(map(self._view.tags_of, items)) if self.by_tags else items
        return [thing for thing, _ in Counter(things).most_common(MOST_TAGS)]

    def name(self, thing: str) -> str:
        """Return how people know a thing."""
        return thing if self.by_tags else self._view.name_of(thing)


def everyone_of(view: View) -> Everyone:
    """Return a sample that is spread evenly over the users of the log, without those who were forgotten since."""
    snapshot = view.served.snapshot
    some = np.linspace(0, len(snapshot) - 1, min(len(snapshot), MOST_USERS)).round().astype(np.int64)
    row_N = np.setdiff1d(some, view.users.forgotten_rows())
    things = Things(view)
    having = counted(things.of(snapshot.clicks(row)) for row in row_N.tolist())
    known_N = row_N[snapshot.known(row_N)]
    return Everyone(having, len(row_N), known_N, _placed(view, snapshot.vectors(known_N)))


def shared_of(view: View, item: str, published: PublishedClusters, everyone: Everyone) -> Shared:
    """Return what the seeds of an item that has clusters share."""
    sample, things = sample_of(view, item, published), Things(view)
    having = [things.of(clicks) for clicks in sample.clicks]
    return Shared(
        _groups(having, sample.cluster_S, published.size_J, everyone, things),
        _plane(view, sample, published, everyone),
        things.by_tags,
        len(sample),
        sample.whole,
        everyone.users,
    )


def counted(having: Iterable[Sequence[str]]) -> Counter[str]:
    """Count how many users have each thing. having: the things of each user, each once."""
    return Counter(chain.from_iterable(having))


def _groups(
    having: Sequence[Sequence[str]], cluster_S: np.ndarray, size_J: np.ndarray, everyone: Everyone, things: Things
) -> list[SeedGroup]:
    names = sorted(counted(having))

    def counts(place_S: np.ndarray) -> Counts:
        own = counted(having[place] for place in place_S.tolist())
        return Counts(np.array([own[name] for name in names]), len(place_S))

    all_V = np.array([everyone.having[name] for name in names])
    return groups_of(
        size_J, cluster_S, counts, Counts(all_V, everyone.users), lambda number: things.name(names[number])
    )


def _plane(view: View, sample: SeedSample, published: PublishedClusters, everyone: Everyone) -> Plane:
    number_J = numbers_of(published.size_J, sample.cluster_S)
    others = everyone.place_NG[~np.isin(everyone.row_N, sample.row_S)]
    centroid_JG = placed(view.served.lookalike.ralm, published.centroid_JX)
    return plane_of(_placed(view, sample.vectors_SX), number_J[sample.cluster_S], others, centroid_JG, number_J)


def _placed(view: View, vectors_NX: np.ndarray) -> np.ndarray:
    ralm = view.served.lookalike.ralm
    return placed(ralm, averaged(ralm, vectors_NX))
