"""From the log to what is derived of it: vectors of those who acted, and who is a seed of what."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from penchant.logs.times import clock_problem
from penchant.serving.users import Users
from penchant.store.base import Entry, Event, Poison, Store

MOST_TEXT = 1_000
"""Characters of the id of a user or an item."""

MOST_ID = 1_100
"""Of an event: its natural id holds that of the item."""


def consume(store: Store, models: Sequence[Users], consumer: str, most: int, clock: Callable[[], float]) -> int:
    """Work off about `most` events of the log: how many it were, 0 where nothing waits.

    Vectors are kept before the events count, so that whoever follows new seeds finds them. What is done twice, after a
    crash or by two consumers, changes nothing. Events that make no sense are set aside.
    """
    entries = store.take(consumer, most)
    sound = [
        replace(entry, events=tuple(event for event in entry.events if not problem_of(event))) for entry in entries
    ]
    people = list(dict.fromkeys(event.user for entry in sound for event in entry.events))
    if people:
        for users in models:
            users.keep(people)
    if entries:
        store.settle(sound, list(_poison(entries, clock())))
    return sum(len(entry.events) for entry in entries)


def problem_of(event: Event) -> str | None:
    """Why an event makes no sense; None where it does. A clock is refused that a log would not have.

    >>> problem_of(Event("anna", "42", 1_700_000_000_000.0, True, "x"))
    'time is 1700000000000: these look like milliseconds; send UTC seconds'
    """
    for name, text, most in (
        ("user", event.user, MOST_TEXT),
        ("item", event.item, MOST_TEXT),
        ("id", event.id, MOST_ID),
    ):
        if not isinstance(text, str) or not 1 <= len(text) <= most:
            return f"{name} has to be a text of 1 to {most:,} characters"
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            return f"{name} is no valid Unicode: it holds half of a surrogate pair, or bytes that are no UTF-8"
    if not isinstance(event.time, float):
        return f"time is {event.time!r}; it has to be UTC seconds since 1970"
    if (problem := clock_problem(event.time)) is not None:
        return f"time is {repr(event.time).removesuffix('.0')}: {problem}; send UTC seconds"
    return None


def _poison(entries: Sequence[Entry], now: float) -> Iterator[Poison]:
    for entry in entries:
        if entry.problem is not None:
            yield Poison(entry.content, entry.problem, now)
        for event in entry.events:
            problem = problem_of(event)
            if problem is not None:
                yield Poison(repr(tuple(event)), problem, now)
