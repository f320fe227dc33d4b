"""What checking a log finds, as `log/found.json` keeps it and `penchant check` prints it."""

from typing import TypedDict

from penchant.logs.times import TimeUnit


class FieldFound(TypedDict):
    """Of one field of the items: distinct values; items with any; values per item; events whose item has any."""

    values: int
    items_with: int
    per_item: float
    events_with: int


class LogCounts(TypedDict):
    """What a checked log holds, in numbers.

    rows: read from the tables of events; left_out: rows that a rule of the run file leaves out; first, last: times of
    the first and the last event, UTC seconds, or positions; events_of_items: those whose item has a row in a table of
    items, whatever it says; backwards: rows that stand after a later row of the same user; rejected: rows set aside, by
    reason.
    """

    rows: int
    left_out: int
    buckets: int
    time_unit: TimeUnit
    first: float
    last: float
    events: int
    clicked: int
    users: int
    users_with_one_event: int
    users_with_row: int
    events_of_items: int
    backwards: int
    items_in_table: int
    users_in_table: int
    fields: dict[str, FieldFound]
    rejected: dict[str, int]


class Found(LogCounts):
    """All of it. rows_beside_left_out: rows of the other tables that say nothing, by reason; examples: where the first
    row of each reason of `rejected` stands."""

    rows_beside_left_out: dict[str, int]
    examples: dict[str, str]


class Tally(TypedDict):
    """What reading the events counted. files: their paths; reasons: rows that make no sense, by reason."""

    files: list[str]
    buckets: int
    time_unit: TimeUnit
    rows: int
    left_out: dict[str, int]
    left_out_examples: dict[str, str]
    guessed: dict[str, str]
    reasons: dict[str, int]
