"""What the members of a cluster of seeds have in common, and how much of an audience is there because of them."""

from dataclasses import dataclass

import numpy as np

from penchant.models.lookalikes.promise import Crowd
from penchant.models.lookalikes.yahoo import information_value

FEWEST = 5
"""Seeds that a group must have to be described: of fewer, a description would be about persons."""


@dataclass(frozen=True)
class Trait:
    """A value that is more frequent among some seeds than among all users. seeds, users: the shares who have it."""

    value: int
    seeds: float
    users: float


@dataclass(frozen=True)
class Group:
    """Seeds of one cluster, or of all clusters that are too small to be described.

    clusters: their numbers; seeds: how many; pulled: members of the audience to whose score one of these clusters gave
    most; traits: the most telling first, none where even together there are too few seeds.
    """

    clusters: tuple[int, ...]
    seeds: int
    pulled: int
    traits: tuple[Trait, ...]


def explain(
    crowd: Crowd, seed_S: np.ndarray, cluster_S: np.ndarray, strongest_B: np.ndarray, *, among: range, most: int
) -> list[Group]:
    """Groups of seeds, those that pulled most first.

    seed_S, cluster_S: rows of the seeds and the cluster of each; strongest_B: the cluster that pulled each member of
    the audience. among: which values of the crowd are looked at; most: traits per group.
    """
    size_J = np.bincount(cluster_S, minlength=int(strongest_B.max(initial=-1)) + 1)
    pulled_J = np.bincount(strongest_B, minlength=len(size_J))
    everyone_V = _having(crowd, None, among)
    small = tuple(int(number) for number in np.flatnonzero(size_J < FEWEST))
    parts = [(int(number),) for number in np.flatnonzero(size_J >= FEWEST)] + ([small] if small else [])
    groups = []
    for clusters in parts:
        own_S = seed_S[np.isin(cluster_S, clusters)]
        traits = _traits(crowd, own_S, everyone_V, among)[:most] if len(own_S) >= FEWEST else []
        groups.append(Group(clusters, len(own_S), int(pulled_J[list(clusters)].sum()), tuple(traits)))
    return sorted(groups, key=lambda group: (-group.pulled, group.clusters))


def _traits(crowd: Crowd, seed_S: np.ndarray, everyone_V: np.ndarray, among: range) -> list[Trait]:
    """Values that several of the seeds have and that are more frequent there, by information value (SPEC §3.7b)."""
    own_V, seeds, users = _having(crowd, seed_S, among), len(seed_S), len(crowd)
    telling_V = (own_V > 1) & (own_V * users > everyone_V * seeds)
    value_V = information_value((own_V + 0.5) / (seeds + 1), (everyone_V + 0.5) / (users + 1))
    order = np.argsort(-value_V, kind="stable")
    return [
        Trait(among.start + int(place), float(own_V[place] / seeds), float(everyone_V[place] / users))
        for place in order[telling_V[order]]
    ]


def _having(crowd: Crowd, rows: np.ndarray | None, among: range) -> np.ndarray:
    """How many of the users, all if no rows are given, have each value of `among`."""
    values = crowd.values.values if rows is None else crowd.values.take(rows)[0]
    inside = values[(values >= among.start) & (values < among.stop)]
    return np.bincount(inside - among.start, minlength=len(among))
