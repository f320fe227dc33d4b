"""Items of one user: those that he clicked, and those that may be shown to him."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.serving.recall import Recalled
from penchant.serving.service import Service
from penchant.serving.users import Clicks
from penchant.serving.view import View

AT_ONCE = 50
"""Clicks on one page."""


@dataclass(frozen=True)
class Named:
    """An item. open: whether it is a candidate."""

    item: str
    name: str
    open: bool


@dataclass(frozen=True)
class Clicked:
    """number: of the click, the first is 1; time: UTC seconds, None where the log has none; tags: each with whether the
    model knows it."""

    number: int
    time: float | None
    item: Named
    tags: list[tuple[str, bool]]


@dataclass(frozen=True)
class Suggested:
    """An item that may be shown. tags: of the user, that brought it; alike: whether he is like those who clicked it."""

    item: Named
    tags: list[str]
    alike: bool


def times_of(view: View, clicks: Clicks, position: bool) -> list[float | None]:
    """When each click was; a log of positions says it only of those that came in since."""
    last = view.served.snapshot.manifest["last"] if position else -np.inf
    return [time if time > last else None for time, _ in clicks]


def listed(service: Service, view: View, clicks: Clicks, times: Sequence[float | None], newer: int) -> list[Clicked]:
    """AT_ONCE clicks, latest first, but for those that are newer. times: of all."""
    stop = max(0, len(clicks) - newer)
    return [
        Clicked(
            place + 1,
            times[place],
            _named(service, view, clicks[place][1]),
            [(tag, view.knows_tag(tag)) for tag in view.tags_of(clicks[place][1])],
        )
        for place in reversed(range(max(0, stop - AT_ONCE), stop))
    ]


def suggested(service: Service, view: View, recalled: Sequence[Recalled]) -> list[Suggested]:
    """Items that were recalled, as people know them."""
    return [
        Suggested(
            _named(service, view, one.item),
            [reason.tag for reason in one.reasons if reason.tag is not None],
            any(reason.tag is None for reason in one.reasons),
        )
        for one in recalled
    ]


def _named(service: Service, view: View, item: str) -> Named:
    return Named(item, view.served.item_names.get(item, item), service.is_open(item))
