"""One user as pages show him: what is known of him, what he clicked, what may be shown to him."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from penchant.choices import Order
from penchant.dashboard.users.attention import Attended, attended
from penchant.dashboard.users.items import Clicked, Suggested, listed, suggested, times_of
from penchant.dashboard.users.time import Changed, changed
from penchant.profiles.explain import LATEST, PathEffect, in_words
from penchant.serving.profiles import Insight, LivePreference
from penchant.serving.service import Service
from penchant.serving.users import Clicks
from penchant.serving.view import View

Standing = Literal["never", "shown", "clicked"]
"""Whether the log or an event names a user: not at all, without a click, with clicks."""

RECALLED = 10

SIZES = 6
"""Of tags, as classes of the style sheet."""

OFTEN = 5
"""Of the tags that were clicked most, so many are named."""

LOOKED_AT, EXAMPLES = 40, 3
"""Users of the snapshot among whom examples are looked for, and how many are given."""


@dataclass(frozen=True)
class Sized:
    """A tag of a profile. size: 1 to SIZES, by what the profile is ordered by."""

    tag: str
    preference: float
    lift: float
    clicks: int
    size: int


@dataclass(frozen=True)
class Interests:
    """What the tag model says of a user. by: what tags are ordered by; clicked, unseen: in that order; reasons: what
    adds to the preference that is explained, path by path, with words; changed: None where there is no time to speak
    of."""

    insight: Insight
    by: Order
    reasons: list[tuple[PathEffect, str]]
    clicked: list[Sized]
    unseen: list[Sized]
    attended: Attended
    changed: Changed | None

    @property
    def has_others(self) -> bool:
        """Whether one of the reasons is all that the vocabulary of a field does not have."""
        return any(value.endswith(": (other)") for one in self.insight.why.alone for value in one.values)


@dataclass(frozen=True)
class Person:
    """total: clicks; latest: when the last of them was, None where nothing says so; newer: clicks that were passed
    over, clicks: AT_ONCE of those before, latest first; often: tags that were clicked most, and how often; interests:
    None without a tag model."""

    user: str
    standing: Standing
    total: int
    latest: float | None
    newer: int
    clicks: list[Clicked]
    often: list[tuple[str, int]]
    suggested: list[Suggested]
    interests: Interests | None

    @property
    def older(self) -> int:
        """Clicks before those that are listed."""
        return max(0, self.total - self.newer - len(self.clicks))


def person(
    service: Service, user: str, *, tag: str | None, newer: int, position: bool, by: Order | None = None
) -> Person:
    """A user now. tag: to be explained, the first one if not given; position: the log has places in a history
    for times; by: what tags are ordered by, as in the run file if not given. UnknownTagError."""
    view = service.view
    people = view.users.now([user])
    (clicks,), known = people.clicks, people.row_B[0] >= 0 or people.events[0] > 0
    times = times_of(view, clicks, position)
    interests = None
    if view.served.tags is not None:
        order = by or view.served.tags.config.order
        insight = view.insight(people, tag, order)
        rules, own = view.served.tags.features.features.fields, view.served.tags.features.people.ids
        interests = Interests(
            insight,
            order,
            _reasons(view, insight, clicks),
            *_sized(insight, order),
            attended(insight, rules, own),
            changed(view, people.own[0], clicks, clock=not position),
        )
    return Person(
        user,
        "clicked" if clicks else "shown" if known else "never",
        len(clicks),
        times[-1] if times else None,
        newer,
        listed(service, view, clicks, times, newer),
        Counter(tag for _, item in clicks for tag in dict.fromkeys(view.tags_of(item))).most_common(OFTEN),
        suggested(service, view, view.recall(people, RECALLED)),
        interests,
    )


def examples(view: View) -> list[str]:
    """Users to begin with: those with most clicks among some of the snapshot."""
    snapshot = view.served.snapshot
    gone = set(view.users.forgotten_rows().tolist())
    rows = dict.fromkeys(np.linspace(0, len(snapshot) - 1, min(LOOKED_AT, len(snapshot))).astype(int).tolist())
    found = [(-len(snapshot.clicks(row)), row) for row in rows if row not in gone]
    return [snapshot.user(row) for _, row in sorted(found)[:EXAMPLES]]


def sizes(preferences: Sequence[float]) -> list[int]:
    """How large each is written, by where it lies between the lowest and the highest.

    >>> sizes([3.0, 2.0, 1.0]), sizes([0.5])
    ([6, 3, 1], [6])
    """
    low, high = min(preferences, default=0.0), max(preferences, default=0.0)
    if low == high:
        return [SIZES] * len(preferences)
    return [1 + round((SIZES - 1) * (value - low) / (high - low)) for value in preferences]


def _reasons(view: View, insight: Insight, clicks: Clicks) -> list[tuple[PathEffect, str]]:
    tag = insight.why.preference
    latest = sum(tag.tag in view.tags_of(item) for _, item in clicks[-LATEST:])
    return [(path, in_words(path, tag, latest)) for path in insight.why.paths]


def _sized(insight: Insight, by: Order) -> tuple[list[Sized], list[Sized]]:
    profile = insight.profile
    # Of who clicked nothing there is nothing special; see `penchant.profiles.build.rank`.
    by = by if profile.clicked else "preference"
    size = sizes([one.measure(by) for one in [*profile.clicked, *profile.unseen]])

    def made(ones: list[LivePreference], start: int) -> list[Sized]:
        return [
            Sized(one.tag, one.preference, one.lift, one.clicks, size[start + place]) for place, one in enumerate(ones)
        ]

    return made(profile.clicked, 0), made(profile.unseen, len(profile.clicked))
