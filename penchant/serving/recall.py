"""Items for one user, from the tags that they like and from whom they are like, each with its reason."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from penchant.profiles.profile import TagPreference

SMOOTH = 60
"""k of reciprocal rank fusion: how little the first places of one list count more than the next ones."""

MOST_TAGS = 20
"""Of a user's tags, the best so many bring items."""

PER_TAG = 200
"""Items of one tag, the most clicked lately."""


@dataclass(frozen=True)
class Reason:
    """Why an item: by one of the user's tags, with the preference for it, or as a look-alike, with the score."""

    by: str
    score: float
    tag: str | None = None


@dataclass(frozen=True)
class Recalled:
    """An item, and why: the reasons that brought it, the one that ranked it highest first."""

    item: str
    reasons: list[Reason]


class TagIndex:
    """The items of each tag, those that were clicked most lately first, and before them those put since."""

    def __init__(self, tags: Mapping[str, Sequence[str]], recent: Mapping[str, int]) -> None:
        """tags: of each item; recent: clicks of each item lately."""
        self._items: dict[str, list[str]] = {}
        self._tags = {item: tuple(dict.fromkeys(said)) for item, said in tags.items()}
        for item in sorted(tags, key=lambda item: (-recent.get(item, 0), item)):
            for tag in self._tags[item]:
                found = self._items.setdefault(tag, [])
                if len(found) < PER_TAG:
                    found.append(item)

    def put(self, item: str, tags: Iterable[str]) -> None:
        """An item that is new, or has other tags now. Tags that no item of the run has are left out: no model knows
        them, so nobody prefers them."""
        for tag in self._tags.get(item, ()):
            self._items[tag] = [other for other in self.of(tag) if other != item]
        self._tags[item] = tuple(tag for tag in dict.fromkeys(tags) if tag in self._items)
        for tag in self._tags[item]:
            self._items[tag] = [item, *self._items[tag]][:PER_TAG]

    def of(self, tag: str) -> list[str]:
        return self._items.get(tag, [])


def by_tags(preferences: Sequence[TagPreference], index: TagIndex, skip: Container[str], most: int) -> list[Recalled]:
    """Items of the user's best tags: one of each tag, the best tag first, then the next of each.

    preferences: of equal ones, the first counts as better. skip: items that are left out.
    """
    best = sorted(preferences, key=lambda one: -one.preference)[:MOST_TAGS]
    queues = [(one, iter(index.of(one.tag))) for one in best]
    found: dict[str, Recalled] = {}
    while queues and len(found) < most:
        left = []
        for one, items in queues:
            item = _next(items, found, skip)
            if item is not None and len(found) < most:
                found[item] = Recalled(item, [Reason("tag", one.preference, one.tag)])
                left.append((one, items))
        queues = left
    return list(found.values())


def merge(lists: Sequence[Sequence[Recalled]], most: int) -> list[Recalled]:
    """One list of several, each best first, by reciprocal rank fusion.

    Source: Cormack, Clarke and Buettcher, SIGIR 2009. An item of several lists keeps the reasons of all; of equally
    good items, the one of the first list stands first.

    >>> one, two, three = (Recalled(name, [Reason("tag", 1.0, name)]) for name in "abc")
    >>> [found.item for found in merge([[one, two], [three, two]], most=2)]
    ['b', 'a']
    """
    worth: dict[str, float] = {}
    reasons: dict[str, list[tuple[int, Reason]]] = {}
    for ranked in lists:
        for place, one in enumerate(ranked):
            worth[one.item] = worth.get(one.item, 0.0) + 1 / (SMOOTH + place + 1)
            reasons.setdefault(one.item, []).extend((place, reason) for reason in one.reasons)
    best = sorted(worth, key=lambda item: -worth[item])[:most]
    return [Recalled(item, [reason for _, reason in sorted(reasons[item], key=lambda pair: pair[0])]) for item in best]


def _next(items: Iterator[str], found: Container[str], skip: Container[str]) -> str | None:
    return next((item for item in items if item not in found and item not in skip), None)
