"""What the page of one user shows of their interests: tags in sizes, and how they changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from penchant.choices import Order
from penchant.dashboard.shell.charts import Chart
from penchant.dashboard.users.charts import changes_chart
from penchant.profiles.profile import TagPreference
from penchant.serving.person import Explained

SIZES = 6
"""Sizes of tags, as classes of the style sheet."""


@dataclass(frozen=True)
class Sized:
    """A tag of a profile. size: 1 to SIZES, by what the profile is ordered by."""

    tag: str
    preference: float
    lift: float
    clicks: int
    size: int


@dataclass(frozen=True)
class InterestsPart:
    """explained: what the tag model says; clicked, unseen: the tags of the profile, in its order; chart: of how
    preferences changed, None where there are no two moments to compare."""

    explained: Explained
    clicked: list[Sized]
    unseen: list[Sized]
    chart: Chart | None


def interests_part(explained: Explained, *, clock: bool) -> InterestsPart:
    """Prepare the interests of a user for templates. clock: whether the log has one."""
    changes, at = explained.changes, explained.at
    chart = changes_chart(changes, at, clock=clock) if changes else None
    return InterestsPart(explained, *_sized(explained), chart)


def sizes(values: Sequence[float]) -> list[int]:
    """How large each value is written, by where it lies between the lowest and the highest.

    >>> sizes([3.0, 2.0, 1.0]), sizes([0.5])
    ([6, 3, 1], [6])
    """
    low, high = min(values, default=0.0), max(values, default=0.0)
    if low == high:
        return [SIZES] * len(values)
    return [1 + round((SIZES - 1) * (value - low) / (high - low)) for value in values]


def _sized(explained: Explained) -> tuple[list[Sized], list[Sized]]:
    profile = explained.insight.profile
    # A user without clicks is like everybody, so no tag has a lift; see `penchant.profiles.build.rank`.
    by: Order = explained.by if profile.clicked else "preference"
    size = sizes([one.measure(by) for one in [*profile.clicked, *profile.unseen]])

    def made(ones: Sequence[TagPreference], start: int) -> list[Sized]:
        return [
            Sized(one.tag, one.preference, one.lift, one.clicks, size[start + place]) for place, one in enumerate(ones)
        ]

    return made(profile.clicked, 0), made(profile.unseen, len(profile.clicked))
