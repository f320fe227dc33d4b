"""Events on their way into the store: those that make no sense are refused, the others are made durable."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from penchant.serving.roles.consumer import problem_of
from penchant.store.base import Event, Fate, Store

AHEAD_S = 3_600.0
"""An event may be so far ahead of the clock here."""


@dataclass(frozen=True)
class Appended:
    """What became of some events. accepted: how many came for the first time; repeated: how many were there already;
    forgotten: how many were dropped, because their user was forgotten after they happened; refused: why, by their
    place."""

    accepted: int
    repeated: int
    forgotten: int
    refused: dict[int, str]


def append(store: Store, calls: Sequence[Sequence[Event]], now: float) -> list[Appended]:
    """Make the events of several calls durable by one commit, except those that make no sense. now: UTC seconds."""
    refused = [{place: why for place, event in enumerate(events) if (why := _problem(event, now))} for events in calls]
    sound = [
        event
        for events, bad in zip(calls, refused, strict=True)
        for place, event in enumerate(events)
        if place not in bad
    ]
    fates = iter(store.append(sound, now) if sound else [])
    return [
        _appended(Counter(islice(fates, len(events) - len(bad))), bad)
        for events, bad in zip(calls, refused, strict=True)
    ]


def _problem(event: Event, now: float) -> str | None:
    if (problem := problem_of(event)) is not None:
        return problem
    if event.time > now + AHEAD_S:
        return f"time is {event.time!r}, more than an hour ahead of {now!r}, which is now"
    return None


def _appended(fates: Counter[Fate], refused: dict[int, str]) -> Appended:
    return Appended(fates[Fate.NEW], fates[Fate.REPEATED], fates[Fate.FORGOTTEN], refused)
