"""A second count of all that is measured, from the raw tables alone. It shares no line with what it counts: plain
loops, no shards, no ids, and a hash of its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import floor, inf, log2, nan, nextafter

import numpy as np

DAY_S = 86_400.0
Event = tuple[float, str, bool]
"""Time, item, whether it was clicked."""


@dataclass(frozen=True)
class Raw:
    """events: of each user, by time and item; said: of each item when it was given which tag, -inf for a tag without a
    time; top: it has those that it was given most often, then by name."""

    events: Mapping[str, list[Event]]
    said: Mapping[str, list[tuple[float, str]]]
    top: int = 1000

    @property
    def last(self) -> float:
        return max(time for events in self.events.values() for time, _, _ in events)

    def tags(self, item: str, moment: float) -> list[str]:
        """What had been said of an item before a moment."""
        counts = Counter(tag for time, tag in self.said.get(item, ()) if time < moment)
        return sorted(counts, key=lambda tag: (-counts[tag], tag))[: self.top]

    def texts(self, items: Iterable[str], moment: float = inf) -> Counter[str]:
        """How many of these items have each tag."""
        return Counter(tag for item in items for tag in self.tags(item, moment))


def drawn(name: str, seed: int) -> tuple[float, float]:
    """Two numbers in [0, 1) that belong to a user or an item."""
    digest = blake2b(name.encode(), digest_size=16, key=seed.to_bytes(8, "little")).digest()
    first, second = (int.from_bytes(part, "little") / 2.0**64 for part in (digest[:8], digest[8:]))
    return first, second


def split_of(user: str, *, folds: int, fold: int, validation_share: float) -> str:
    first, second = drawn(user, 0)
    if floor(first * folds) == fold:
        return "test"
    return "valid" if second < validation_share else "train"


def clicked(events: Iterable[Event]) -> list[str]:
    return [item for _, item, is_click in events if is_click]


def border(events: list[Event], share: float) -> int:
    """How many events are before a share of them, those of one time together."""
    count = floor(round(len(events) * share, 6))
    while 0 < count < len(events) and events[count][0] == events[count - 1][0]:
        count += 1
    return count


@dataclass(frozen=True)
class Asked:
    """One test user: clicks on each tag before the window, and the tags clicked in it."""

    before: Counter[str]
    truth: set[str]


@dataclass(frozen=True)
class Tags:
    """What is asked of a ranking of tags. clicks: of training users on each known tag; users: whose window has a click
    on any tag."""

    clicks: Mapping[str, int]
    users: Mapping[str, Asked]

    @property
    def listed(self) -> list[str]:
        """Known tags, the most clicked first, then by name."""
        return sorted(self.clicks, key=lambda tag: (-self.clicks[tag], tag))


def tags_by_share(raw: Raw, *, share: float, min_count: int, validation_share: float) -> Tags:
    people = {user: split_of(user, folds=5, fold=0, validation_share=validation_share) for user in raw.events}
    counted = raw.texts(
        item for user, events in raw.events.items() if people[user] == "train" for item in clicked(events)
    )
    asked = {}
    for user, events in raw.events.items():
        start = border(events, 1 - share)
        if people[user] == "test" and 0 < start < len(events):
            before = raw.texts(clicked(events[:start]), events[start][0])
            asked[user] = Asked(before, set(raw.texts(clicked(events[start:]))))
    return _whole(counted, asked, min_count)


def tags_by_days(raw: Raw, *, days: float, min_count: int, validation_share: float) -> Tags:
    people = {user: split_of(user, folds=5, fold=0, validation_share=validation_share) for user in raw.events}
    begin = nextafter(raw.last, inf) - days * DAY_S
    past = {user: [event for event in events if event[0] < begin] for user, events in raw.events.items()}
    counted = raw.texts((item for user in past if people[user] == "train" for item in clicked(past[user])), begin)
    asked = {
        user: Asked(raw.texts(clicked(past[user]), begin), set(raw.texts(clicked(events[len(past[user]) :]))))
        for user, events in raw.events.items()
        if people[user] == "test" and 0 < len(past[user]) < len(events)
    }
    return _whole(counted, asked, min_count)


def _whole(counted: Counter[str], asked: dict[str, Asked], min_count: int) -> Tags:
    known = {tag: count for tag, count in counted.items() if count >= min_count}
    return Tags(known, {user: one for user, one in asked.items() if one.truth})


def chances(scores: Mapping[str, object], truth: set[str]) -> list[float]:
    """Of each place of the ranking the chance that it is a hit, were equal scores put in any order."""
    levels: dict[object, list[str]] = {}
    for name, score in scores.items():
        levels.setdefault(score, []).append(name)
    places = []
    for score in sorted(levels, reverse=True):  # type: ignore[type-var]
        names = levels[score]
        places += [sum(name in truth for name in names) / len(names)] * len(names)
    return places


def measured(scores: Mapping[str, object], truth: set[str], size: int, at: list[int]) -> dict[str, float]:
    """size: how many tags were clicked, those that cannot be named among them."""
    places, found = chances(scores, truth), dict[str, float]()
    for k in at:
        hit = sum(places[:k])
        gain = sum(chance / log2(place + 2) for place, chance in enumerate(places[:k]))
        most = sum(1 / log2(place + 2) for place in range(min(k, size)))
        found |= {f"prec@{k}": hit / min(k, size), f"recall@{k}": hit / size, f"ndcg@{k}": gain / most}
    return found


@dataclass(frozen=True)
class Pair:
    """A user and an item that had so many seeds: whether the user clicked it then, for the first time."""

    user: str
    item: str
    seeds: int
    clicked: bool


@dataclass(frozen=True)
class Alike:
    """What is asked of a look-alike. seeds: who clicked each candidate before; pairs: first clicks of the test period,
    and what was shown in it and never clicked; later: who clicked each candidate then; crowd: all users; known: items
    that training saw."""

    seeds: Mapping[str, set[str]]
    pairs: list[Pair]
    later: Mapping[str, set[str]]
    crowd: set[str]
    known: set[str]


def alike_by_share(raw: Raw, *, learn: float, test: float, least_seeds: int, min_count: int, share: float) -> Alike:
    """share: of the users and items that validate."""
    crowd, firsts, shown = set[str](), dict[tuple[str, str], bool](), set[tuple[str, str]]()
    seen = Counter[str]()
    for user, events in raw.events.items():
        begin = border(events, 1 - test)
        if begin:
            crowd.add(user)
            for place, (_, item, is_click) in enumerate(events):
                if is_click:
                    firsts.setdefault((user, item), place >= begin)
                elif place >= begin:
                    shown.add((user, item))
        if drawn(user, 0)[1] >= share:
            seen.update(clicked(events[: border(events, 1 - learn - test)]))
    seeds: dict[str, set[str]] = {}
    later: dict[str, set[str]] = {}
    for (user, item), is_later in firsts.items():
        (later if is_later else seeds).setdefault(item, set()).add(user)
    seeds = {item: users for item, users in seeds.items() if len(users) >= least_seeds}
    later = {item: users for item, users in later.items() if item in seeds}
    pairs = [Pair(user, item, len(seeds[item]), True) for item, users in later.items() for user in users]
    pairs += [
        Pair(user, item, len(seeds[item]), False)
        for user, item in shown
        if item in seeds and (user, item) not in firsts
    ]
    return Alike(seeds, pairs, later, crowd, {item for item, count in seen.items() if count >= min_count})


def auc(pairs: list[Pair], scores: Mapping[tuple[str, str], float]) -> float:
    """Every clicked pair against every other one; unscored pairs stand lowest."""
    sides = [
        np.array([scores[pair.user, pair.item] for pair in pairs if pair.clicked == kind]) for kind in (True, False)
    ]
    one, other = (np.where(np.isnan(side), -np.inf, side) for side in sides)
    if not len(one) or not len(other):
        return nan
    return float(((one[:, None] > other) + 0.5 * (one[:, None] == other)).mean())


def classes(asked: Alike) -> dict[str, str]:
    """ "tail", "middle" or "head" of each candidate, by thirds of those with pairs."""
    counts = sorted(len(asked.seeds[item]) for item in {pair.item for pair in asked.pairs})
    middle = counts[-(-len(counts) // 3) - 1] + 1
    head = max(middle, counts[2 * len(counts) // 3])
    of = {item: len(users) for item, users in asked.seeds.items()}
    return {item: "head" if n >= head else "middle" if n >= middle else "tail" for item, n in of.items()}


def aucs(asked: Alike, scores: Mapping[tuple[str, str], float]) -> dict[str, float]:
    kind = classes(asked)
    found = {"auc": auc(asked.pairs, scores)}
    for name in ("tail", "middle", "head"):
        found[f"auc.{name}"] = auc([pair for pair in asked.pairs if kind[pair.item] == name], scores)
    found["auc.known"] = auc([pair for pair in asked.pairs if pair.item in asked.known], scores)
    for name in ("item", "user"):
        groups: dict[str, list[Pair]] = {}
        for pair in asked.pairs:
            groups.setdefault(getattr(pair, name), []).append(pair)
        own = np.array([auc(group, scores) for group in groups.values()])
        found[f"auc within {name}s"] = float(own[~np.isnan(own)].mean())
    return {name: value for name, value in found.items() if not np.isnan(value)}


def reached(asked: Alike, scores: Mapping[str, Mapping[str, float]], shares: list[float]) -> dict[str, float]:
    """Of audiences of all users but the seeds: the share of later clickers in the first so many, and the mean share of
    users whom they stand above; the mean over candidates with a later clicker, all and by class.

    scores: by candidate and user; of equal ones any may come first.
    """
    kind, rows = classes(asked), dict[str, list[tuple[str, float]]]()
    for item, later in asked.later.items():
        others = {user: score for user, score in scores[item].items() if user not in asked.seeds[item]}
        for share in shares:
            parts = []
            for user in later:
                above = sum(score > others[user] for score in others.values())
                level = sum(score == others[user] for score in others.values())
                parts.append(min(1.0, max(0.0, (share * len(others) - above) / level)))
            rows.setdefault(f"recall@{100 * share:g}%", []).append((kind[item], sum(parts) / len(parts)))
        below = [
            sum((score < others[user]) + 0.5 * (score == others[user]) for score in others.values()) / len(others)
            for user in later
        ]
        rows.setdefault("area", []).append((kind[item], sum(below) / len(below)))
    found = {}
    for name, values in rows.items():
        found[name] = sum(value for _, value in values) / len(values)
        for one in {kind for kind, _ in values}:
            mine = [value for kind, value in values if kind == one]
            found[f"{name}.{one}"] = sum(mine) / len(mine)
    return found


def precision_of_lists(asked: Alike, scores: Mapping[str, Mapping[str, float]], at: list[int]) -> dict[str, float]:
    """Of the candidates that a user had not clicked: the mean over the users who clicked one later."""
    found: dict[str, list[float]] = {}
    for user in {user for users in asked.later.values() for user in users}:
        own = {
            item: scores[item][user]
            for item in asked.later
            if user not in asked.seeds[item] and not np.isnan(scores[item][user])
        }
        truth = {item for item, users in asked.later.items() if user in users}
        for name, value in measured(own, truth, len(truth), at).items():
            if name.startswith("prec"):
                found.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}
