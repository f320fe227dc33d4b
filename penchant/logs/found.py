"""What checking a log finds, as `log/found.json` keeps it and `penchant check` prints it.

It holds no id of a user: whoever is erased from the log is not named here.
"""

from typing import TypedDict

from penchant.logs.times import TimeUnit


class JoinedText(TypedDict):
    """Values of a field that look like several in one text. separator: what stands between them, or "[ ]" where a text
    looks like a list; texts: how many there are, over all items; values: different texts of the field; pieces: parts of
    these, when they are cut; parts: how many of them are different."""

    separator: str
    texts: int
    values: int
    pieces: int
    parts: int
    example: str


class AlikeValues(TypedDict):
    """Values of a field that differ only in capital letters or spaces. values: how many others are such; texts: how
    often they stand, over all items; all_texts: how often any value does; case: how many of `values` differ only in
    capital letters; example: one, and a commoner one."""

    values: int
    texts: int
    all_texts: int
    case: int
    example: tuple[str, str]


class FieldFound(TypedDict):
    """Of one field of the items. values: how many are different; items_with: items with any; per_item: values per item;
    events_with: events whose item has any; commonest: the values that most items have, and how many have them; beside:
    items that have a value beside those that nearly all have, see `counting.NEARLY_ALL`; shared: items that have a
    value which another item has too; absent: items by value that is a word for none; joined: None where no value looks
    like several; alike: None where no two values differ only in capital letters or spaces."""

    values: int
    items_with: int
    per_item: float
    events_with: int
    commonest: list[tuple[str, int]]
    beside: int
    shared: int
    absent: dict[str, int]
    joined: JoinedText | None
    alike: AlikeValues | None


class IdsFound(TypedDict):
    """How ids are written, of those that were looked at. point_zero: such as 7.0; scientific: such as 1.23E+15; long:
    whole numbers of 16 digits or more; zeros: of these, those with 15 digits and then zeros only; floats: of these,
    those that a float holds exactly; rounder: of these, those that a 4 times coarser float would hold too; example: of
    the first kind that there is; None for users, who are not named."""

    looked_at: int
    point_zero: int
    scientific: int
    long: int
    zeros: int
    floats: int
    rounder: int
    example: str | None


class StrangersFound(TypedDict):
    """Ids of the log that the table beside it does not have. looked_at: some of them; alike: how many of these the
    table would have, by what would have to be done to both, see `alike.RULES`; example: one in the log and in the
    table, by the same; None for users, who are not named."""

    looked_at: int
    alike: dict[str, int]
    example: dict[str, tuple[str, str]] | None


class TimesFound(TypedDict):
    """Times of the log. looked_at: of some events, evenly spread; commonest: the times that most of these have, and how
    many; distinct: how many different times the log has, None where they are more than `counting.FEW_TIMES`; midnight:
    events at midnight, UTC."""

    looked_at: int
    commonest: list[tuple[float, int]]
    distinct: int | None
    midnight: int


class DrawnFound(TypedDict):
    """Of some items, drawn by hash. items: those with `buckets.OFTEN` events or more; at_once: of these, those whose
    events nearly all have one and the same time. Both are 0 where times are positions."""

    items: int
    at_once: int


class BucketsCounted(TypedDict):
    """What all buckets of a log hold together.

    first, last: times of the first and the last event, UTC seconds, or positions; events_of_items: those whose item has
    a row in a table of items, whatever it says; busiest_user: events of the user with most; its bucket; busiest_users:
    events of those with most, most first, without their ids; busiest_items: items with most events, and how many, at
    least; drawn: times of some items; again: events on an item that the same user had up to two seconds before; days:
    events by day, UTC, empty where times are positions; absent: events whose user or item is a word that stands for
    none, by word.
    """

    first: float
    last: float
    events: int
    clicked: int
    users: int
    users_with_one_event: int
    users_with_row: int
    events_of_items: int
    busiest_user: int
    busiest_users: list[int]
    busiest_bucket: int
    busiest_items: list[tuple[str, int]]
    drawn: DrawnFound
    again: int
    times: TimesFound
    days: dict[str, int]
    absent: dict[str, dict[str, int]]


class LogCounts(BucketsCounted):
    """What a checked log holds, in numbers.

    columns: what the run file reads as user, item, time and clicked; unit_said: whether it says what numbers of the
    time are; rows: read from the tables of events; left_out: rows that a rule of the run file leaves out, by reason;
    backwards: rows that stand after a later row of the same user; ids: of "user" and "item"; strangers: of "user" and
    "item", where there is a table.
    """

    columns: dict[str, str | None]
    unit_said: bool
    rows: int
    left_out: dict[str, int]
    buckets: int
    time_unit: TimeUnit
    backwards: int
    items_in_table: int
    users_in_table: int
    fields: dict[str, FieldFound]
    ids: dict[str, IdsFound]
    strangers: dict[str, StrangersFound]


class Found(LogCounts):
    """All of it. rejected: rows set aside, by reason; rows_beside_left_out: rows of the other tables that say nothing,
    by reason; examples: where the first row of each reason of `rejected` and `left_out` stands; guessed: what the run
    file does not say and was found out by looking, each as a sentence."""

    rejected: dict[str, int]
    rows_beside_left_out: dict[str, int]
    examples: dict[str, str]
    guessed: dict[str, str]


class Tally(TypedDict):
    """What reading the events counted. files: their paths; left_out, reasons: rows that a rule leaves out, and rows
    that make no sense, by reason; left_out_examples: where the first row of each reason of `left_out` stands, such as
    "a.csv, row 7"; guessed: see `Found`; sizes: of the files that were written, in bytes, by name."""

    files: list[str]
    buckets: int
    time_unit: TimeUnit
    rows: int
    left_out: dict[str, int]
    left_out_examples: dict[str, str]
    guessed: dict[str, str]
    reasons: dict[str, int]
    sizes: dict[str, int]
