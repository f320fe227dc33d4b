"""Bodies of requests into events: each is read alone, so that one that makes no sense stops no other."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from types import NoneType
from typing import Any, TypeVar
from uuid import uuid4

import orjson

from penchant.errors import PenchantError
from penchant.store.base import Event, natural_id

MOST_EVENTS = 100_000
"""Events of one body."""

MOST_DIGITS = 20
"""Of an integer of 64 bits, with its sign."""

MOST_MARKS = 1_000_000
"""Commas and opening brackets of one body: what a body of a few bytes a value may become in memory is bounded."""

KEYS = frozenset(Event._fields)

ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d+)?)?)?(Z| ?UTC|[+-]\d\d(:?\d\d)?)?)?", re.ASCII)
"""What a log takes for a date or a moment too; Python knows more, such as 2026-W09, and any letter before the hour."""

T = TypeVar("T")


class BodyError(PenchantError):
    """A body that cannot be read at all."""


class LargeBodyError(BodyError):
    """A body that holds too much."""


class EventError(PenchantError):
    """A value that is no event."""


@dataclass(frozen=True)
class Incoming:
    """events that can be read, and the place of each in the body; refused: place → reason of those that cannot."""

    events: list[Event]
    places: list[int]
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
    """One event a line, as JSON; empty lines are skipped, and count as places. Raises LargeBodyError.

    >>> read_lines(b'{"user": "anna"', now=0.0).refused
    {0: 'line 1 is no JSON: unexpected end of data at character 16'}
    """
    refuse_many(content.count(b"\n"))
    refuse_marks(content)
    lines = [(place, line) for place, line in enumerate(content.split(b"\n")) if line and not line.isspace()]
    return _read(lines, lambda line: event_of(_decoded(line), now))


def read_values(values: Sequence[object], now: float) -> Incoming:
    """Values as JSON has them. Raises LargeBodyError where there are too many."""
    refuse_many(len(values))
    return _read(enumerate(values), lambda value: event_of(value, now))


def _read(said: Iterable[tuple[int, T]], read: Callable[[T], Event]) -> Incoming:
    events, places, refused = list[Event](), list[int](), dict[int, str]()
    for place, one in said:
        try:
            events.append(read(one))
            places.append(place)
        except json.JSONDecodeError as error:
            refused[place] = f"line {place + 1} is no JSON: {_where(error)}"
        except EventError as error:
            refused[place] = str(error)
    return Incoming(events, places, refused)


def event_of(value: object, now: float) -> Event:
    """The event of {"user", "item", "time", "clicked", "id"}, the last three as far as they are known.

    Ids are texts or integers. time: UTC seconds, or ISO 8601, which without a zone is UTC; now where it is left out.
    Without an id, the same showing of an item is the same event (see `natural_id`); without time and id, every one is
    new. Lengths of ids, and whether a time can be, are for `Service.append` to say. Raises EventError.

    >>> event_of({"user": "anna", "item": 4, "time": "1970-01-01T00:00:10Z", "id": 7}, now=0.0)
    Event(user='anna', item='4', time=10.0, clicked=True, id='7')
    """
    if type(value) is not dict:
        raise EventError(f"this is {_kind(value)}; an event is an object")
    if not value.keys() <= KEYS:
        other = min(value.keys() - KEYS)
        raise EventError(f"{other[:50]!r} is no key of an event; it has {', '.join(Event._fields)}")
    get = value.get
    said, clicked, name = get("time"), get("clicked", True), get("id")
    if clicked is not True and clicked is not False:
        raise EventError(f"clicked is {_kind(clicked)}; it has to be true or false")
    user, item = text_of(get("user"), "user"), text_of(get("item"), "item")
    time = now if said is None else seconds_of(said)
    if name is not None:
        name = text_of(name, "id")
    elif said is not None:
        name = natural_id(item, time, clicked=clicked)
    else:
        name = uuid4().hex
    return Event(user, item, time, clicked, name)


def text_of(said: object, name: str) -> str:
    """An id as text. Raises EventError.

    >>> text_of(42, "user")
    '42'
    """
    if type(said) is str:
        return said
    if type(said) is int:
        return str(said)
    raise EventError(f"{name} is {_kind(said)}; it has to be a text or an integer")


def seconds_of(said: object) -> float:
    """UTC seconds. Raises EventError.

    >>> seconds_of("2027-01-15T08:00:00Z"), seconds_of("2027-01-15 09:00:00+01:00")
    (1800000000.0, 1800000000.0)
    """
    if type(said) is float and isfinite(said):
        return said
    if type(said) is int:
        return float(said)
    try:
        if type(said) is str and (text := said.strip().upper()) and ISO.fullmatch(text):
            told = datetime.fromisoformat(text.removesuffix("UTC").rstrip())
            return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        pass
    shown = f"{said[:50]!r}" if isinstance(said, str) else said if isinstance(said, float) else _kind(said)
    raise EventError(f"time is {shown}; it has to be UTC seconds, or ISO 8601 text such as 2027-01-15T08:00:00Z")


def load(content: bytes) -> Any:
    """JSON of bounded size in memory; see `_decoded`. Raises BodyError, with no word of what stands in the body."""
    refuse_marks(content)
    try:
        return _decoded(content)
    except json.JSONDecodeError as error:
        raise BodyError(f"the body is no JSON: {_where(error)}") from None


def _decoded(content: bytes) -> Any:
    """What JSON says, where one value that JSON does not know spoils no other: half of a surrogate pair, or a byte that
    is no UTF-8, is a lone surrogate in its text, which no id may hold; NaN, Infinity and numbers too large are floats
    that are no time; control characters are taken as if they were escaped. Raises json.JSONDecodeError for what has no
    values that could be told apart.

    >>> _decoded(b'[NaN, 1e999, "\\xff", "a"]')
    [nan, inf, '\\udcff', 'a']
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        try:
            return json.loads(content.decode("utf-8", "surrogateescape"), strict=False, parse_int=_whole)
        except (ValueError, RecursionError):
            raise error from None


def _whole(digits: str) -> int | float:
    """A number as orjson reads it: exactly where 64 bits can hold it."""
    whole = int(digits) if len(digits) <= MOST_DIGITS else None
    return whole if whole is not None and -(1 << 63) <= whole < 1 << 64 else float(digits)


def refuse_many(events: int) -> None:
    if events > MOST_EVENTS:
        raise LargeBodyError(f"the body holds {events:,} events; send {MOST_EVENTS:,} at most")


def refuse_marks(content: bytes) -> None:
    marks = sum(map(content.count, (b",", b"[", b"{")))
    if marks > MOST_MARKS:
        raise LargeBodyError(f"the body holds {marks:,} values; send {MOST_MARKS:,} at most")


def _where(error: json.JSONDecodeError) -> str:
    return f"{error.msg} at character {error.pos + 1:,}"


def _kind(said: object) -> str:
    """What a value is, in words of JSON."""
    if type(said) is float:
        return "a number with a fraction, or of too many digits"
    kinds: dict[type, str] = {NoneType: "missing", bool: "true or false", int: "a number", str: "a text"}
    return {**kinds, list: "a list", dict: "an object"}[type(said)]
