"""One user as pages and clients see them: their clicks, their interests and why, and what may be shown to them."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from penchant.choices import Order, Scope
from penchant.profiles.attention import Attended, attended
from penchant.profiles.changes import Changes, changes_of, moments
from penchant.profiles.explain import LATEST, PathEffect, in_words
from penchant.serving.disclosure.explained import without_items
from penchant.serving.profiles import Insight, LiveProfiles
from penchant.serving.recall import Recalled
from penchant.serving.users import Clicks, People
from penchant.serving.view import View

Standing = Literal["never", "shown", "clicked"]
"""What the log and the events have of a user: nothing, events without a click, or clicks."""

AT_ONCE = 50
"""Clicks that are listed at a time."""

RECALLED = 10

OFTEN = 5
"""Of the tags that a user clicked most, so many are named."""

LOOKED_AT, EXAMPLES = 40, 3
"""Users of the snapshot among whom examples are looked for, and how many are given."""

IsOpen = Callable[[str], bool]


@dataclass(frozen=True)
class Named:
    """An item. open: whether it is a candidate."""

    item: str
    name: str
    open: bool


@dataclass(frozen=True)
class Clicked:
    """number: of the click, the first is 1; time: UTC seconds, None where the log has no clock; tags: each with whether
    the model knows it."""

    number: int
    time: float | None
    item: Named
    tags: list[tuple[str, bool]]


@dataclass(frozen=True)
class Suggested:
    """An item that may be shown. tags: those of the user that brought it; alike: whether likeness to its seeds did."""

    item: Named
    tags: list[str]
    alike: bool


@dataclass(frozen=True)
class Explained:
    """What the tag model says of a user.

    model: its name; by: what tags are ordered by; reasons: what adds to the preference that is explained, path by path,
    in words; at: the moments of `changes`, UTC seconds, or how many clicks there were by then where the log has no
    clock; changes: None where there are no two moments.
    """

    model: str
    insight: Insight
    by: Order
    reasons: list[tuple[PathEffect, str]]
    attended: Attended
    at: list[float]
    changes: Changes | None

    @property
    def has_others(self) -> bool:
        """Whether one of the reasons is "(other)": all values that the vocabulary of a field does not have."""
        return any(value.endswith(": (other)") for one in self.insight.why.alone for value in one.values)


@dataclass(frozen=True)
class PersonAsked:
    """What is asked of one user. tag: to be explained, the one that comes first if not given; by: what tags are ordered
    by, as in the run file if not given; newer: clicks to skip; model: the interest model that is asked, and whose tags
    are shown, the first if none is named."""

    tag: str | None = None
    by: Order | None = None
    newer: int = 0
    model: str | None = None


ANYTHING = PersonAsked()


@dataclass(frozen=True)
class Person:
    """total: clicks; latest: when the last of them was, None where nothing says so; newer: clicks that were skipped;
    clicks: AT_ONCE of those before, latest first, none for who may not see single clicks; often: the tags that were
    clicked most, and how often; explained: None without a tag model."""

    user: str
    standing: Standing
    total: int
    latest: float | None
    newer: int
    clicks: list[Clicked]
    often: list[tuple[str, int]]
    suggested: list[Suggested]
    explained: Explained | None

    @property
    def older(self) -> int:
        """How many clicks there are before those that are listed."""
        return max(0, self.total - self.newer - len(self.clicks))


def person_of(view: View, is_open: IsOpen, user: str, asked: PersonAsked, scope: Scope) -> Person:
    """Return a user as they are now, as a key of this scope is told. UnknownTagError, UnknownModelError;
    MissingStepError where a model is named and the run has none."""
    people, model = view.users.now([user]), asked.model
    (clicks,), known = people.clicks, people.row_B[0] >= 0 or people.events[0] > 0
    times, names_items = _times(view, clicks), scope == "admin"
    return Person(
        user,
        "clicked" if clicks else "shown" if known else "never",
        len(clicks),
        times[-1] if times else None,
        asked.newer,
        _listed(view, is_open, clicks, times, asked) if names_items else [],
        Counter(tag for _, item in clicks for tag in dict.fromkeys(view.tags_of(item, model))).most_common(OFTEN),
        _suggested(view, is_open, view.recall(people, RECALLED, model, scope=scope)),
        _explained(view, people, asked, names_items) if view.served.has_interests else None,
    )


def examples(view: View) -> list[str]:
    """Return users to begin with: those with most clicks among some of the snapshot."""
    snapshot = view.served.snapshot
    gone = set(view.users.forgotten_rows().tolist())
    rows = dict.fromkeys(np.linspace(0, len(snapshot) - 1, min(LOOKED_AT, len(snapshot))).astype(int).tolist())
    found = [(-len(snapshot.clicks(row)), row) for row in rows if row not in gone]
    return [snapshot.user(row) for _, row in sorted(found)[:EXAMPLES]]


def _explained(view: View, people: People, asked: PersonAsked, names_items: bool) -> Explained:
    profiler, clicks, model = view.profiler(asked.model), people.clicks[0], asked.model
    tags = profiler.model
    by = asked.by or tags.config.order
    insight = profiler.insight(people, asked.tag, by)
    if not names_items:
        insight = _without_items(insight, profiler.item_fields)
    why = insight.why
    latest = sum(why.preference.tag in view.tags_of(item, model) for _, item in clicks[-LATEST:])
    at, changes = _changes(view, profiler, people)
    return Explained(
        next(name for name, one in view.served.profiles.items() if one is tags),
        insight,
        by,
        [(path, in_words(path, why.preference, latest)) for path in why.paths],
        attended(insight.fields, insight.values, tags.features.features.fields, tags.features.people.ids),
        at,
        changes,
    )


def _without_items(insight: Insight, item_fields: Collection[str]) -> Insight:
    values = [one for one in insight.values if one.field not in item_fields]
    return replace(insight, values=values, why=without_items(insight.why, item_fields))


def _changes(view: View, profiler: LiveProfiles, people: People) -> tuple[list[float], Changes | None]:
    """Return the moments and what changed over them, of the first of some users."""
    clicks = people.clicks[0]
    clock, times = view.served.clocked, [time for time, _ in clicks]
    ends = moments(times, clock=clock)
    if len(ends) < 2:
        return [], None
    course = profiler.course(people.own[0], [clicks[:end] for end in ends], people.worths[0])
    return [times[end - 1] if clock else float(end) for end in ends], changes_of(course.tags, course.preference_TV)


def _times(view: View, clicks: Clicks) -> list[float | None]:
    """When each click was; a log without a clock knows that only of clicks that came in since."""
    last = -np.inf if view.served.clocked else view.served.snapshot.manifest["last"]
    return [time if time > last else None for time, _ in clicks]


def _listed(
    view: View, is_open: IsOpen, clicks: Clicks, times: Sequence[float | None], asked: PersonAsked
) -> list[Clicked]:
    stop, model = max(0, len(clicks) - asked.newer), asked.model
    return [
        Clicked(
            place + 1,
            times[place],
            _named(view, is_open, clicks[place][1]),
            [(tag, view.knows_tag(tag, model)) for tag in view.tags_of(clicks[place][1], model)],
        )
        for place in reversed(range(max(0, stop - AT_ONCE), stop))
    ]


def _suggested(view: View, is_open: IsOpen, recalled: Sequence[Recalled]) -> list[Suggested]:
    return [
        Suggested(
            _named(view, is_open, one.item),
            [reason.tag for reason in one.reasons if reason.tag is not None],
            any(reason.tag is None for reason in one.reasons),
        )
        for one in recalled
    ]


def _named(view: View, is_open: IsOpen, item: str) -> Named:
    return Named(item, view.name_of(item), is_open(item))
