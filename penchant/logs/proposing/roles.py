"""Which table is the log, and which of its columns are the user, the item and the time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import log10

import polars as pl

from penchant.logs.proposing import words
from penchant.logs.proposing.candidates import RoleCandidate, candidates_of, named_as
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.columns.shares import bounds
from penchant.logs.proposing.moments import as_clock, best_clock, position_of, since_start
from penchant.logs.proposing.seen import SeenTable, overlap

A_PLACE = "a place in the history of each user"
FROM_A_START = "it counts from a start of its own"
_WORTH_OF_TIME = 6.0
"""Points that a table may lack as a log, if it has a time and the other one has none."""
SURE, LIKELY, LEAST = 3.0, 1.2, -1.0
"""Points from which on a guess is sure, from which on it is likely, and from which on it is made at all."""


@dataclass
class LikelyLog:
    """The table of events and its columns. points: of the user and the item, and of the table; time: one column, three
    (year, month, day), or none; click: the column that says which rows are clicks."""

    table: SeenTable
    user: RoleCandidate | None = None
    item: RoleCandidate | None = None
    time: str | list[str] | None = None
    clock: Column | None = None
    points: float = 0.0
    why_time: str = ""
    other_times: list[str] = field(default_factory=list)
    click: str | None = None

    @property
    def has_clock(self) -> bool:
        """Whether its times can be compared with those of other tables."""
        return self.clock is not None or isinstance(self.time, list)


def find_log(tables: Sequence[SeenTable]) -> LikelyLog:
    """The log among the tables: the best one, by its users, items and times."""
    logs = [as_log(table, tables) for table in tables]
    best = max(logs, key=lambda log: log.points)
    if best.time:
        return best
    timed = [log for log in logs if log.time and log.user and log.item and is_a_log(log) and _compares(log, best)]
    return max(timed, key=lambda log: log.points, default=best)


def _compares(log: LikelyLog, best: LikelyLog) -> bool:
    """Whether a log is as good as the best one but for a little, so that having a time decides."""
    return log.points > best.points - _WORTH_OF_TIME and log.table.rows > 0.1 * best.table.rows


def as_log(table: SeenTable, tables: Sequence[SeenTable]) -> LikelyLog:
    """What the table would be as a log, and how good a log it would be."""
    clock = best_clock(table, ())
    started = None if clock else since_start(table, ())
    moments = clock.clock.seconds if clock and clock.clock else None
    moments = table.by_name[started].values.cast(pl.Float64, strict=False) if started else moments
    candidates = candidates_of(table, tables, moments)
    log = LikelyLog(table)
    pairs = [
        (_of_pair(table, user, item), user, item)
        for user, item in product(candidates, candidates)
        if user is not item and not user.column.is_list
    ]
    best = max(pairs, key=lambda pair: pair[0], default=None)
    if best:
        log.points, user, item = best
        least = LEAST if table.sampled >= 50 else LIKELY / 3
        log.user = user if user.for_user + _lists_of(user, item) >= least else None
        log.item = item if item.for_item >= least else None
    else:
        log.points = -5.0
    attributes_of = _owners(log)
    log.clock = best_clock(table, attributes_of)
    _settle_time(log)
    log.points += _as_table(log)
    return log


def _as_table(log: LikelyLog) -> float:
    """Points of a table as a log, besides those of its columns."""
    points = 0.8 * log10(max(1, log.table.rows))
    points += 2.0 if log.time else 0.0
    points += sum(one.links[0].strength for one in (log.user, log.item) if one and one.links)
    names = [one.name for one in log.table.columns]
    points += 0.8 * any(words.said(name, f"{words.ACTION}|{words.CLICKED}|{words.RATING}") == 1.0 for name in names)
    points -= 1.5 * any(words.said(name, f"{words.TAG}|{words.LABEL}") == 1.0 for name in names)
    user, item = log.user, log.item
    if user is None or item is None:
        points -= 4.0
    elif user.column.is_unique and user.column.rows > 20 and not item.column.is_list:
        points -= 5.0
    elif item.column.is_unique and item.column.rows > 20:
        points -= 3.0
    return points


def _of_pair(table: SeenTable, user: RoleCandidate, item: RoleCandidate) -> float:
    """Points of two columns together: neither may follow from the other, because then both name one and the same."""
    points = user.for_user + item.for_item
    left, right = user.column, item.column
    points += _lists_of(user, item)
    if table.determines(right, left):
        points -= 2.5
    if table.determines(left, right):
        points -= 2.5
    if left.name.rpartition(".")[0] and left.name.rpartition(".")[0] == right.name.rpartition(".")[0]:
        points -= 0.3
    if not right.is_list and _same_kind(left, right):
        points -= 1.5
    # People write who before what.
    places = [one.name for one in table.columns]
    return points + (0.15 if places.index(left.name) < places.index(right.name) else 0.0)


def _lists_of(user: RoleCandidate, item: RoleCandidate) -> float:
    """Points of a row per user with lists of items: the user is in no other row. A row per thing looks the same, so
    that points need a name of a user, or none that says what the row is of."""
    if not (item.column.is_list and user.column.is_unique) or user.column.spaces > 0.3:
        return 0.0
    named_user, named_item = named_as(user.column)
    return 4.0 if named_user else 0.0 if named_item else 3.5


def _same_kind(left: Column, right: Column) -> bool:
    """Whether two columns hold ids of one and the same kind, such as who follows whom."""
    if left.is_number != right.is_number or (left.is_whole and right.is_whole and bounds(left.numbers)[1] < 1e7):
        return False
    return min(overlap(left, right), overlap(right, left)) > 0.5


def _settle_time(log: LikelyLog) -> None:
    table = log.table
    there = {one.name.lower(): one.name for one in table.columns}
    attributes_of = _owners(log)
    place = _place(log) if _is_of_sessions(log) else None
    if log.clock is None or place or not _is_clock(log.clock, log):
        log.clock = None
        if {"year", "month", "day"} <= there.keys():
            log.time = [there["year"], there["month"], there["day"]]
        else:
            log.time = place or _place(log)
            log.why_time = A_PLACE if log.time else ""
            if log.time is None:
                log.time = since_start(table, attributes_of)
                log.why_time = FROM_A_START if log.time else ""
        return
    assert log.clock.clock
    log.time = log.clock.name
    log.why_time = "it tells moments of a day apart" if log.clock.clock.fine else "it tells days apart, no more"
    log.other_times = [one.name for one in table.columns if one.clock and one is not log.clock and one.nulls < 0.5]


def is_named(candidate: RoleCandidate | None, role: str) -> bool:
    """Whether the name of a column says that it is the user, or the item, and its values do not speak against it."""
    if candidate is None or (role == "item" and candidate.column.is_unique and candidate.column.rows > 20):
        return False
    return named_as(candidate.column)[role == "item"] >= 0.9


def names_users(column: Column) -> bool:
    return named_as(column)[0] >= 0.8 and not column.is_list


def is_a_log(log: LikelyLog) -> bool:
    """Whether a table tells of users and items at all: the name of one of them says so, or both are there, with a
    time or many times over. A table with a key and neither is a list of things."""
    if is_named(log.user, "user") or is_named(log.item, "item"):
        return True
    if log.user and log.item:
        return bool(log.time) or log.item.column.is_list or _are_many_to_many(log)
    return not log.table.keys and not (log.user or log.item)


_MANY = 20


def _are_many_to_many(log: LikelyLog) -> bool:
    """Whether users come back, and items too, and no other column has ids of the same kind, as the two ends of a graph
    are."""
    assert log.user
    assert log.item
    pair = [log.user.column, log.item.column]
    if any(len(one.distinct) < max(_MANY, 0.01 * one.rows) or one.repeats < 0.2 for one in pair):
        return False
    others = [one for one in log.table.columns if not one.is_list and one.looks_like_ids]
    return not any(_share_texts(one, other) for one in pair for other in others if one is not other)


def _share_texts(left: Column, right: Column) -> bool:
    return not left.is_number and not right.is_number and max(overlap(left, right), overlap(right, left)) > 0.1


def _is_clock(column: Column, log: LikelyLog) -> bool:
    """Whether the best clock is one: not a number that is as large as one by chance, nor a property of the item."""
    assert column.clock
    if any(one and one.column.name == column.name for one in (log.user, log.item)):
        return False
    attributes_of = _owners(log)
    return as_clock(column, log.table, attributes_of) > 0.0


def _is_of_sessions(log: LikelyLog) -> bool:
    """Whether the time is the day of a session, which says nothing of the order within it."""
    if log.clock is None or log.clock.clock is None or log.user is None:
        return False
    return not log.clock.clock.fine and log.table.determines(log.user.column, log.clock)


def _owners(log: LikelyLog) -> list[Column]:
    """The columns of which a time may be a property: not the user who is a session, which has one day by itself."""
    sessions = log.user is not None and words.said(log.user.column.name, words.SESSION) == 1.0
    return [one.column for one in ((None if sessions else log.user), log.item) if one]


def _place(log: LikelyLog) -> str | None:
    """The column of places in the user's history."""
    return position_of(log.table, log.user.column, log.item.column if log.item else None) if log.user else None
