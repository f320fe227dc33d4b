"""Bodies of requests into events: each is read alone, so that one that makes no sense stops no other."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from uuid import uuid4

import orjson

from penchant.errors import PenchantError
from penchant.store.base import Event, natural_id

MOST_EVENTS = 100_000
"""Events of one body."""

MOST_MARKS = 1_000_000
"""Commas and opening brackets of one body: what a body of a few bytes a value may become in memory is bounded."""

KEYS = frozenset(Event._fields)


class BodyError(PenchantError):
    """A body that cannot be read at all."""


class LargeBodyError(BodyError):
    """A body that holds too much."""


@dataclass(frozen=True)
class Incoming:
    """events that can be read, and the place of each in the body; refused: place → reason of those that cannot."""

    events: list[Event]
    places: Sequence[int]
    refused: dict[int, str]


def read_json(content: bytes, now: float) -> Incoming:
    """One event, a list of them, or {"events": list}, as JSON. now: UTC seconds, of an event without a time.

    Of a key that is there twice, the last counts. Raises BodyError.

    >>> read_json(b'{"user": "anna", "item": 42, "time": 10.5}', now=0.0).events
    [Event(user='anna', item='42', time=10.5, clicked=True, id='10.5 click 42')]
    """
    said = load(content)
    if isinstance(said, dict) and "events" in said:
        others = sorted(said.keys() - {"events"})
        if others:
            raise BodyError(f'{others[0][:50]!r} is said beside "events"; say it of each event, or leave it out')
        said = said["events"]
        if not isinstance(said, list):
            raise BodyError(f'"events" is {_kind(said)}; it has to be a list')
    return read_values(said if isinstance(said, list) else [said], now)


def read_lines(content: bytes, now: float) -> Incoming:
    """One event a line, as JSON; empty lines are skipped, and count as places. Raises BodyError.

    >>> read_lines(b'{"user": "anna"', now=0.0).refused
    {0: 'line 1 is no JSON: unexpected end of data at column 16'}
    """
    _refuse_many(content, content.count(b"\n"))
    events, places, refused = list[Event](), list[int](), dict[int, str]()
    for place, line in enumerate(content.split(b"\n")):
        if line and not line.isspace():
            event = _event_of_line(line, place, now)
            if isinstance(event, str):
                refused[place] = event
            else:
                events.append(event)
                places.append(place)
    return Incoming(events, places, refused)


def read_values(values: Iterable[object], now: float) -> Incoming:
    """Values as JSON has them. Raises BodyError where there are too many."""
    found = [event_of(value, now) for value in values]
    if len(found) > MOST_EVENTS:
        raise LargeBodyError(f"the body holds {len(found):,} events; send {MOST_EVENTS:,} at most")
    refused = {place: said for place, said in enumerate(found) if isinstance(said, str)}
    if not refused:
        return Incoming(found, range(len(found)), {})  # type: ignore[arg-type]
    kept = [(place, said) for place, said in enumerate(found) if isinstance(said, Event)]
    return Incoming([event for _, event in kept], [place for place, _ in kept], refused)


def event_of(value: object, now: float) -> Event | str:
    """An event, or why it is none: {"user", "item", "time", "clicked", "id"}, the last three as far as they are known.

    Ids are texts or integers; time: UTC seconds, or ISO 8601, without a zone UTC; now, if there is none. An event without id has the id
    of its showing (see `natural_id`), one without id and time is new whenever it is sent.

    >>> event_of({"user": "anna", "item": 4.5}, now=0.0)
    'item is a number with a fraction; it has to be a text or an integer'
    """
    if type(value) is not dict:
        return f"an event is an object, this is {_kind(value)}"
    get = value.get
    user, item, time, clicked, name = get("user"), get("item"), get("time"), get("clicked", True), get("id")
    if not value.keys() <= KEYS:
        return f"{sorted(value.keys() - KEYS)[0][:50]!r} is no key of an event; it has {', '.join(Event._fields)}"
    if type(user) is not str:
        if type(user) is not int:
            return _no_id("user", user)
        user = str(user)
    if type(item) is not str:
        if type(item) is not int:
            return _no_id("item", item)
        item = str(item)
    if clicked is not True and clicked is not False:
        return f"clicked is {_kind(clicked)}; it has to be true or false"
    if type(time) is not float:
        ...
    return Event(user, item, time, clicked, name)
