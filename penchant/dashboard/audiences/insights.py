"""What is worked out of one candidate: its clusters in words and in a picture, its scores. Kept while it is true."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from penchant.dashboard.audiences.groups import BaseRate, Group, Telling, base_rate, groups_of, numbers_of
from penchant.dashboard.audiences.items import Catalogue
from penchant.dashboard.audiences.map import Picture, key_path, picture_of
from penchant.dashboard.audiences.scores import Scores, scores_of
from penchant.dashboard.audiences.seeds import SeedSample, sample_of
from penchant.dashboard.shell.kept import Kept
from penchant.models.lookalikes.seed_clusters import averaged, placed
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.view import View

MOST_USERS = 2_000
"""Of the log, beside whom seeds are seen."""

MOST_KEPT = 64


@dataclass(frozen=True)
class Everyone:
    """A sample of the users of a log. base: what they have; row_N, place_NG: of those of whom something is known, their
    rows of the snapshot and where they are compared."""

    base: BaseRate
    row_N: np.ndarray
    place_NG: np.ndarray


@dataclass(frozen=True)
class Described:
    """by_tags: groups have tags in common, rather than items; sampled: seeds that were looked at; whole: which are all
    known ones; users: beside how many they are seen."""

    groups: Sequence[Group]
    picture: Picture
    by_tags: bool
    sampled: int
    whole: bool
    users: int

    def key(self, number: int) -> str:
        """The mark of a cluster, alone."""
        return key_path(number)


class Insights:
    """Works out what takes long, once: for as long as all seeds are not clustered again. Nobody is named in what is
    kept, so whoever is forgotten is not in it."""

    def __init__(self) -> None:
        self._catalogues: Kept[Catalogue] = Kept(1)
        self._everyone: Kept[Everyone] = Kept(1)
        self._described: Kept[Described] = Kept(MOST_KEPT)
        self._scores: Kept[Scores] = Kept(MOST_KEPT)

    def catalogue(self, view: View) -> Catalogue:
        return self._catalogues.of(view.served.name, partial(Catalogue, view))

    def described(self, view: View, item: str, published: PublishedClusters) -> Described:
        """Of a candidate that has clusters."""
        return self._described.of(key(view, item, published), partial(self._describe, view, item, published))

    def scores(self, view: View, item: str, published: PublishedClusters) -> Scores:
        """Of a candidate that has clusters."""
        return self._scores.of(key(view, item, published), partial(_scored, view, item, published))

    def has_described(self, view: View, item: str, published: PublishedClusters) -> bool:
        """Whether it is there at once."""
        return self._described.get(key(view, item, published)) is not None

    def has_scores(self, view: View, item: str, published: PublishedClusters) -> bool:
        """Whether they are there at once."""
        return self._scores.get(key(view, item, published)) is not None

    def _describe(self, view: View, item: str, published: PublishedClusters) -> Described:
        everyone = self._everyone.of(view.served.name, partial(everyone_of, view))
        sample, telling = sample_of(view, item, published), Telling(view)
        told = [telling.of(clicks) for clicks in sample.clicks]
        groups = groups_of(told, sample.cluster_S, published.size_J, everyone.base)
        return Described(
            [named(group, telling) for group in groups],
            _picture(view, sample, published, everyone),
            telling.by_tags,
            len(sample),
            sample.whole,
            everyone.base.users,
        )


def key(view: View, item: str, published: PublishedClusters) -> Hashable:
    """Changes when all seeds are clustered again, and with the model."""
    return view.served.name, item, published.made


def everyone_of(view: View) -> Everyone:
    """Users who are spread evenly over the log, those left out who were forgotten since."""
    snapshot = view.served.snapshot
    some = np.linspace(0, len(snapshot) - 1, min(len(snapshot), MOST_USERS)).round().astype(np.int64)
    row_N = np.setdiff1d(some, view.users.forgotten_rows())
    telling = Telling(view)
    base = base_rate(telling.of(snapshot.clicks(row)) for row in row_N.tolist())
    known_N = row_N[snapshot.known(row_N)]
    return Everyone(base, known_N, _placed(view, snapshot.vectors(known_N)))


def named(group: Group, telling: Telling) -> Group:
    """With names of items in place of their ids."""
    traits = [replace(trait, name=telling.name(trait.name)) for trait in group.traits]
    return replace(group, traits=traits)


def _picture(view: View, sample: SeedSample, published: PublishedClusters, everyone: Everyone) -> Picture:
    alike = view.served.alike
    assert alike is not None
    number_J = numbers_of(published.size_J, sample.cluster_S)
    others = everyone.place_NG[~np.isin(everyone.row_N, sample.row_S)]
    centroid_JG = placed(alike.ralm, published.centroid_JX)
    return picture_of(_placed(view, sample.vectors_SX), number_J[sample.cluster_S], others, centroid_JG, number_J)


def _scored(view: View, item: str, published: PublishedClusters) -> Scores:
    return scores_of(view, item, published, sample_of(view, item, published).vectors_SX)


def _placed(view: View, vectors_NX: np.ndarray) -> np.ndarray:
    alike = view.served.alike
    assert alike is not None
    return placed(alike.ralm, averaged(alike.ralm, vectors_NX))
