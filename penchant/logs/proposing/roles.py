"""Which table is the log, and which of its columns are the user, the item and the time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import log10

from penchant.logs.proposing import words
from penchant.logs.proposing.candidates import RoleCandidate, candidates_of
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.columns.shares import bounds
from penchant.logs.proposing.moments import as_clock, best_clock, position_of
from penchant.logs.proposing.seen import SeenTable, overlap

SURE, LIKELY, LEAST = 3.0, 1.2, -1.0
"""Points from which on a guess is sure, from which on it is likely, and from which on it is made at all."""


@dataclass
class LikelyLog:
    """The table of events and its columns. points: of the user and the item, and of the table; time: one column, three
    (year, month, day), or none."""

    table: SeenTable
    user: RoleCandidate | None = None
    item: RoleCandidate | None = None
    time: str | list[str] | None = None
    clock: Column | None = None
    points: float = 0.0
    why_time: str = ""
    other_times: list[str] = field(default_factory=list)


def find_log(tables: Sequence[SeenTable]) -> LikelyLog:
    """The log among the tables: the best one, by its users, items and times."""
    logs = [_as_log(table, tables) for table in tables]
    return max(logs, key=lambda log: log.points)


def _as_log(table: SeenTable, tables: Sequence[SeenTable]) -> LikelyLog:
    """What the table would be as a log, and how good a log it would be."""
    clock = best_clock(table, ())
    candidates = candidates_of(table, tables, clock)
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
        log.user = user if user.for_user >= least or item.column.is_list else None
        log.item = item if item.for_item >= least else None
    else:
        log.points = -5.0
    attributes_of = [one.column for one in (log.user, log.item) if one]
    log.clock = best_clock(table, attributes_of)
    _settle_time(log)
    log.points += _as_table(log)
    return log


def _as_table(log: LikelyLog) -> float:
    """Points of a table as a log, besides those of its columns."""
    points = 0.4 * log10(max(1, log.table.rows))
    points += 2.0 if log.time else 0.0
    points += sum(1.0 for one in (log.user, log.item) if one and one.links)
    names = [one.name for one in log.table.columns]
    points += 0.8 * any(words.said(name, f"{words.ACTION}|{words.CLICKED}|{words.RATING}") == 1.0 for name in names)
    points -= 0.8 * any(words.said(name, f"{words.TAG}|{words.LABEL}") == 1.0 for name in names)
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
    if right.is_list and left.is_unique:
        # A row per user with lists: the user is in no other row.
        points += 4.0
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


def _same_kind(left: Column, right: Column) -> bool:
    """Whether two columns hold ids of one and the same kind, such as who follows whom."""
    if left.is_whole and right.is_whole and bounds(left.numbers)[1] < 1e7:
        return False
    return min(overlap(left, right), overlap(right, left)) > 0.5


def _settle_time(log: LikelyLog) -> None:
    table = log.table
    there = {one.name.lower(): one.name for one in table.columns}
    if log.clock is None or not _is_clock(log.clock, log):
        log.clock = None
        if {"year", "month", "day"} <= there.keys():
            log.time = [there["year"], there["month"], there["day"]]
        else:
            log.time = _place(log)
            log.why_time = "a place in the history of each user" if log.time else ""
        return
    assert log.clock.clock
    log.time = log.clock.name
    log.why_time = "it tells moments of a day apart" if log.clock.clock.fine else "it tells days apart, no more"
    log.other_times = [one.name for one in table.columns if one.clock and one is not log.clock and one.nulls < 0.5]


def _is_clock(column: Column, log: LikelyLog) -> bool:
    """Whether the best clock is one: not a number that is as large as one by chance, nor a property of the item."""
    assert column.clock
    if any(one and one.column.name == column.name for one in (log.user, log.item)):
        return False
    attributes_of = [one.column for one in (log.user, log.item) if one]
    return as_clock(column, log.table, attributes_of) > 0.0


def _place(log: LikelyLog) -> str | None:
    """The column of places in the user's history."""
    return position_of(log.table, log.user.column, log.item.column if log.item else None) if log.user else None
