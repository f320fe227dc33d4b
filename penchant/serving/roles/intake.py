"""Events on their way into the store: those that make no sense are refused, the others are made durable."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from penchant.logs.pseudonyms import Pseudonyms
from penchant.serving.roles.consumer import problem_of
from penchant.store.base import Event, Fate, Store, natural_id

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


def append(
    store: Store, calls: Sequence[Sequence[Event]], now: float, pseudonyms: Pseudonyms | None = None
) -> list[Appended]:
    """Make the events of several calls durable by one commit, except those that make no sense. now: UTC seconds;
    pseudonyms: by which users are known from here on."""
    refused = [{place: why for place, event in enumerate(events) if (why := _problem(event, now))} for events in calls]
    sound = [
        event if pseudonyms is None else _of_nobody(event, pseudonyms)
        for events, bad in zip(calls, refused, strict=True)
        for place, event in enumerate(events)
        if place not in bad
    ]
    fates = iter(store.append(sound, now) if sound else [])
    return [
        _appended(Counter(islice(fates, len(events) - len(bad))), bad)
        for events, bad in zip(calls, refused, strict=True)
    ]


def _of_nobody(event: Event, pseudonyms: Pseudonyms) -> Event:
    """The event under the user's pseudonym; its id too, unless it says no more than the event."""
    natural = event.id == natural_id(event.item, event.time, clicked=event.clicked)
    name = event.id if natural else pseudonyms.of_event(event.id)
    return event._replace(user=pseudonyms.of(event.user), id=name)


def _problem(event: Event, now: float) -> str | None:
    if (problem := problem_of(event)) is not None:
        return problem
    if event.time > now + AHEAD_S:
        return f"time is {event.time!r}, more than an hour ahead of {now!r}, which is now"
    return None


def _appended(fates: Counter[Fate], refused: dict[int, str]) -> Appended:
    return Appended(fates[Fate.NEW], fates[Fate.REPEATED], fates[Fate.FORGOTTEN], refused)
