"""What seeds have in common, from how many of them and how many of all users have each thing.

Who calls this brings the counts: the offline path those of a crowd, a running service those of clicks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from penchant.models.lookalikes.yahoo import information_value

FEWEST = 5
"""Seeds that a group must have to be described: with fewer, a description would tell about single persons."""

LEAST_SHARE = 0.1
"""Members have a thing in common only where at least this share of them has it, however rare it is elsewhere."""

MOST_TRAITS = 5


@dataclass(frozen=True)
class Counts:
    """How many of some users have each of V things. count_V: by thing; users: how many users were asked."""

    count_V: np.ndarray
    users: int


@dataclass(frozen=True)
class Trait:
    """A thing that is more frequent among some seeds than among all users. seeds, users: the shares who have it."""

    name: str
    seeds: float
    users: float


@dataclass(frozen=True)
class SeedGroup:
    """The seeds of one cluster, or of all clusters that are too small to be described alone.

    number: 1 for the largest cluster, 0 for the small clusters together; clusters: which ones; seeds: how many;
    sampled: how many of them were looked at; traits: the most telling first, none where too few seeds were looked at;
    pulled: members of an audience to whose score one of these clusters gave most, None where there is no audience.
    """

    number: int
    clusters: tuple[int, ...]
    seeds: int
    sampled: int
    traits: tuple[Trait, ...]
    pulled: int | None = None

    @property
    def few(self) -> bool:
        """Whether these are the small clusters."""
        return self.number == 0


def numbers_of(size_J: np.ndarray, cluster_S: np.ndarray) -> np.ndarray:
    """Return number_J, the number of the group that each cluster belongs to; see `SeedGroup.number`.

    size_J: seeds of each cluster; cluster_S: the cluster of each seed that was looked at. A cluster has a group of its
    own where it has FEWEST seeds or more and as many of them were looked at.

    >>> numbers_of(np.array([4, 9, 6]), np.repeat([0, 1, 2], [4, 9, 6]))
    array([0, 1, 2])
    """
    sampled_J = np.bincount(cluster_S, minlength=len(size_J))
    number_J = np.zeros(len(size_J), np.int64)
    large = [place for place in np.argsort(-size_J, kind="stable") if min(size_J[place], sampled_J[place]) >= FEWEST]
    number_J[large] = np.arange(1, len(large) + 1)
    return number_J


def groups_of(
    size_J: np.ndarray,
    cluster_S: np.ndarray,
    counts: Callable[[np.ndarray], Counts],
    everyone: Counts,
    name: Callable[[int], str],
) -> list[SeedGroup]:
    """Return the groups of seeds with their traits, the largest first, the small clusters together as the last.

    size_J, cluster_S: as in `numbers_of`; counts: gives what some of the seeds have, by their places in cluster_S;
    everyone: what all users or a sample of them have; name: of each thing.
    """
    number_J = numbers_of(size_J, cluster_S)
    groups = []
    for number in [*range(1, int(number_J.max(initial=0)) + 1), 0]:
        there_J = number_J == number
        place_S = np.flatnonzero(there_J[cluster_S])
        clusters = tuple(np.flatnonzero(there_J).tolist())
        traits = traits_of(counts(place_S), everyone, name) if len(place_S) >= FEWEST else ()
        if clusters:
            groups.append(SeedGroup(number, clusters, int(size_J[there_J].sum()), len(place_S), traits))
    return groups


def traits_of(own: Counts, everyone: Counts, name: Callable[[int], str]) -> tuple[Trait, ...]:
    """Return what some users have in common: what at least LEAST_SHARE and two of them have, and have more often than
    everyone, ranked by information value (`penchant.models.lookalikes.yahoo` names its source).

    >>> own, everyone = Counts(np.array([3, 3]), 4), Counts(np.array([1, 9]), 10)
    >>> traits_of(own, everyone, ["jazz", "news"].__getitem__)
    (Trait(name='jazz', seeds=0.75, users=0.1),)
    """
    frequent_V = own.count_V >= max(2.0, LEAST_SHARE * own.users)
    things = np.flatnonzero(frequent_V & (own.count_V * everyone.users > everyone.count_V * own.users))
    own_V, all_V = own.count_V[things], everyone.count_V[things]
    value_V = information_value((own_V + 0.5) / (own.users + 1), (all_V + 0.5) / (everyone.users + 1))
    return tuple(
        Trait(name(int(things[place])), float(own_V[place] / own.users), float(all_V[place] / everyone.users))
        for place in np.argsort(-value_V, kind="stable")[:MOST_TRAITS].tolist()
    )


def with_pulled(groups: Sequence[SeedGroup], cluster_B: np.ndarray) -> list[SeedGroup]:
    """Return the groups with how many members of an audience each pulled in, those that pulled most first.

    cluster_B: the cluster that gave most to the score of each member.
    """
    pulled = [replace(group, pulled=int(np.isin(cluster_B, group.clusters).sum())) for group in groups]
    return sorted(pulled, key=lambda group: (-(group.pulled or 0), group.clusters))
