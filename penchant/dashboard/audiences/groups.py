"""What the members of each cluster of seeds have in common, beside a sample of all users."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from penchant.audiences.why import FEWEST
from penchant.models.lookalikes.yahoo import information_value
from penchant.models.parts.clusters import Drift
from penchant.serving.users import Clicks
from penchant.serving.view import View

MOST_TRAITS = 5
LEAST_SHARE = 0.1
"""What fewer of the members have is not what they have in common, however rare it is elsewhere."""

MOST_TAGS = 20
"""A user's tags are those that he clicked most often, so many at most."""


@dataclass(frozen=True)
class Trait:
    """What is more frequent among some seeds than among all users. seeds, users: the shares who have it."""

    name: str
    seeds: float
    users: float


@dataclass(frozen=True)
class Group:
    """Seeds of one cluster, or of all that are too small to be described, together.

    number: from 1, the largest first, 0 for the small ones; clusters: how many; seeds: how many; sampled: how many of
    those were looked at; traits: the most telling first.
    """

    number: int
    clusters: int
    seeds: int
    sampled: int
    traits: Sequence[Trait]


class Telling:
    """What clicks tell of a user: the tags of the items, or where the items of a run have none, the items."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.by_tags = any(view.served.item_tags.values()) or bool(view.users.told.items)

    def of(self, clicks: Clicks) -> list[str]:
        """MOST_TAGS at most, each once; of those that are level, the ones clicked earlier."""
        items = [item for _, item in clicks]
        told = chain.from_iterable(map(self._view.tags_of, items)) if self.by_tags else items
        return [told for told, _ in Counter(told).most_common(MOST_TAGS)]

    def name(self, told: str) -> str:
        return told if self.by_tags else self._view.served.item_names.get(told, told)


@dataclass(frozen=True)
class BaseRate:
    """Of a sample of users, how many have what."""

    having: Counter[str]
    users: int


def base_rate(told: Iterable[Sequence[str]]) -> BaseRate:
    """told: what is told of each user, each once."""
    having: Counter[str] = Counter()
    users = 0
    for one in told:
        having.update(one)
        users += 1
    return BaseRate(having, users)


def numbers_of(size_J: np.ndarray, cluster_S: np.ndarray) -> np.ndarray:
    """number_J: of each cluster, from 1, the largest first; 0 where it must not be described.

    It may be only where it has FEWEST seeds or more, and as many of them were looked at (cluster_S: the cluster of
    each): of fewer, a description would be about persons.
    """
    sampled_J = np.bincount(cluster_S, minlength=len(size_J))
    number_J = np.zeros(len(size_J), np.int64)
    large = [place for place in np.argsort(-size_J, kind="stable") if min(size_J[place], sampled_J[place]) >= FEWEST]
    number_J[large] = np.arange(1, len(large) + 1)
    return number_J


def groups_of(told: Sequence[Sequence[str]], cluster_S: np.ndarray, size_J: np.ndarray, base: BaseRate) -> list[Group]:
    """By their numbers, small ones together as the last. told: what is told of each seed that was looked at, each once;
    cluster_S: his cluster; size_J: of all seeds."""
    number_J = numbers_of(size_J, cluster_S)
    groups = []
    for number in [*range(1, int(number_J.max(initial=0)) + 1), 0]:
        there_J = number_J == number
        members = np.flatnonzero(there_J[cluster_S]).tolist()
        own = Counter(chain.from_iterable(told[place] for place in members))
        traits = traits_of(own, len(members), base) if len(members) >= FEWEST else []
        groups.append(Group(number, int(there_J.sum()), int(size_J[there_J].sum()), len(members), traits))
    return [group for group in groups if group.clusters]


def traits_of(own: Counter[str], members: int, base: BaseRate) -> list[Trait]:
    """What several of the members have, LEAST_SHARE or more, and is more frequent there than among all, by information
    value (SPEC §3.7b).

    >>> traits_of(Counter({"jazz": 3, "news": 3}), 4, BaseRate(Counter({"jazz": 1, "news": 9}), 10))
    [Trait(name='jazz', seeds=0.75, users=0.1)]
    """
    least = max(2.0, LEAST_SHARE * members)
    names = sorted(
        name for name, count in own.items() if count >= least and count * base.users > base.having[name] * members
    )
    own_V = np.array([own[name] for name in names], float)
    all_V = np.array([base.having[name] for name in names], float)
    value_V = information_value((own_V + 0.5) / (members + 1), (all_V + 0.5) / (base.users + 1))
    return [
        Trait(names[place], float(own_V[place] / members), float(all_V[place] / base.users))
        for place in np.argsort(-value_V, kind="stable")[:MOST_TRAITS].tolist()
    ]


def drift_in_words(drift: Drift) -> str:
    """How many seeds have joined since all were clustered, and how far centroids have gone.

    >>> drift_in_words(Drift(0.031, 0.12)), drift_in_words(Drift(0.0, 0.0))
    ('12 % of them; centroids moved by 3 % of the spread', 'none')
    """
    if drift.added <= 0:
        return "none"
    return f"{drift.added:.0%} of them; centroids moved by {drift.moved:.0%} of the spread".replace("%", " %")
