"""How a store's log writes events, and whether a text names a user."""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from penchant.store.base import Entry, Event


def pack(events: Sequence[Event]) -> bytes:
    """JSON: a list of [user, item, time, clicked, id].

    >>> pack([Event("ann", "42", 10.5, True, "first")])
    b'[["ann","42",10.5,true,"first"]]'
    """
    return orjson.dumps(events, default=tuple)


def as_bytes(content: object) -> bytes:
    """What stands in a log, whatever that is.

    >>> as_bytes(b"[]"), as_bytes("[]"), as_bytes(7)
    (b'[]', b'[]', b'7')
    """
    return content if isinstance(content, bytes) else str(content).encode(errors="replace")


def unpack(number: str, content: bytes) -> Entry:
    """What `pack` wrote; an entry with a problem where it is anything else.

    >>> unpack("7", b'[["ann","42",10.5,true,"first"]]').events
    (Event(user='ann', item='42', time=10.5, clicked=True, id='first'),)
    >>> unpack("7", b'[["ann","42"]]').problem
    'no list of user, item, time, clicked, id: ["ann","42"]'
    """
    try:
        rows = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return Entry(number, (), f"no JSON: {error}", _text(content))
    if not isinstance(rows, list):
        return Entry(number, (), "no list of events", _text(content))
    wrong = [row for row in rows if not _is_event(row)]
    if wrong:
        reason = f"no list of user, item, time, clicked, id: {_text(orjson.dumps(wrong[0]))}"
        return Entry(number, (), reason, _text(content))
    return Entry(number, tuple(Event(*row) for row in rows))


def _is_event(row: Any) -> bool:
    if type(row) is not list or len(row) != 5:
        return False
    user, item, time, clicked, id = row  # noqa: A001
    return type(user) is type(item) is type(id) is str and type(time) in (float, int) and type(clicked) is bool


def _text(content: bytes) -> str:
    """The beginning, for a person to read."""
    return content[:10_000].decode("utf-8", "replace")


def speaks_of(text: str, user: str) -> bool:
    """Whether a user's id stands in a text as a whole word, as it is or as JSON writes it.

    >>> speaks_of('["ann","42",10.5]', "ann"), speaks_of('["hannah","42",10.5]', "ann")
    (True, False)
    """
    forms = {user, orjson.dumps(user).decode()[1:-1]}
    return any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) for form in forms)
