"""Which table is the log, and which of its columns are the user, the item and the time.

Each candidate gets points: for what its values have in common with other tables, for how they repeat and what they
determine, for how they lie in time, and for its name. Together they decide; the reasons are told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from math import log10

import numpy as np
import polars as pl

from penchant.logs.proposing import words
from penchant.logs.proposing.columns import Column
from penchant.logs.proposing.seen import Link, Seen, links_of, overlap

MOST_CANDIDATES = 14
SURE, LIKELY, LEAST = 3.0, 1.2, -1.0
"""Points from which on a guess is sure, from which on it is likely, and from which on it is made at all."""
SOON_S = 10.0
"""Seconds within which two clocks tell of the same."""


@dataclass(frozen=True)
class Candidate:
    """A column that may be the user or the item. for_user, for_item: points; why: reasons by role."""

    column: Column
    for_user: float
    for_item: float
    why: dict[str, list[str]]
    links: tuple[Link, ...] = ()


@dataclass
class Log:
    """The table of events and its columns. points: of the user and the item, and of the table; time: one column, three
    (year, month, day), or none."""

    table: Seen
    user: Candidate | None = None
    item: Candidate | None = None
    time: str | list[str] | None = None
    clock: Column | None = None
    points: float = 0.0
    why_time: str = ""
    other_times: list[str] = field(default_factory=list)


def find_log(tables: Sequence[Seen]) -> Log:
    """The log among the tables: the best one, by its users, items and times."""
    logs = [_as_log(table, tables) for table in tables]
    return max(logs, key=lambda log: log.points)


def _as_log(table: Seen, tables: Sequence[Seen]) -> Log:
    """What the table would be as a log, and how good a log it would be."""
    clock = best_clock(table, ())
    candidates = _candidates(table, tables, clock)
    log = Log(table)
    pairs = [
        (_of_pair(table, user, item), user, item)
        for user, item in product(candidates, candidates)
        if user is not item and not user.column.is_list
    ]
    best = max(pairs, key=lambda pair: pair[0], default=None)
    if best:
        log.points, log.user, log.item = best
        least = LEAST if table.sampled >= 50 else LIKELY / 3
        if log.user.for_user < least and not log.item.column.is_list:
            log.user = None
        if log.item.for_item < least:
            log.item = None
    else:
        log.points = -5.0
    attributes_of = [one.column for one in (log.user, log.item) if one]
    log.clock = best_clock(table, attributes_of)
    _settle_time(log)
    log.points += _as_table(log)
    return log


def _as_table(log: Log) -> float:
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


def _candidates(table: Seen, tables: Sequence[Seen], clock: Column | None) -> list[Candidate]:
    able = [one for one in table.columns if _may_be_id(one, table)]
    able.sort(key=lambda one: -_first_glance(one))
    able = able[: MOST_CANDIDATES * 2]
    burst = {one.name: _burst(one, clock) for one in able[:MOST_CANDIDATES]}
    found = [_judge(one, table, tables, burst.get(one.name)) for one in able]
    found = [_finer(_coarser(one, table, burst, able), table, burst, able) for one in found]
    return sorted(found, key=lambda one: -max(one.for_user, one.for_item))[:MOST_CANDIDATES]


def _may_be_id(column: Column, table: Seen) -> bool:
    if column.name in table.partition or column.nulls > 0.9:
        return False
    if column.is_list:
        return (
            len(column.distinct) > 1
            and not column.is_prose
            and not column.clock
            and (column.flat_values.dtype == pl.String or column.is_whole)
            and not column.is_flag
        )
    return column.looks_like_ids


def _first_glance(column: Column) -> float:
    named = max(words.said(column.name, words.USER), words.said(column.name, words.ITEM))
    return 2 * named + (1.0 if 0 < column.repeats < 1 else 0.0) + min(1.0, len(column.distinct) / 50) - column.nulls


def _judge(column: Column, table: Seen, tables: Sequence[Seen], burst: float | None) -> Candidate:
    """The points of a column as user and as item."""
    user, item, why = 0.0, 0.0, {"user": [], "item": []}  # type: ignore[var-annotated]
    links = links_of(column, table, tables)
    for link in links[:2]:
        kind = about(link.table, link.key)
        where = f"its values are the key {link.key.name!r} of {link.table.name}"
        weight = 0.5 + 1.5 * link.share + 0.7 * (link.key.name == column.name and not words.made_up(column.name))
        user += weight * (0.4 if kind == "things" else 1.0 if kind == "people" else 0.7)
        item += weight * (0.4 if kind == "people" else 1.0 if kind == "things" else 0.7)
        why["user"].append(where)
        why["item"].append(where)
    named_user, named_item = _named(column)
    user += 2.5 * named_user - 1.5 * named_item
    item += 2.5 * named_item - 1.5 * named_user
    if named_user:
        why["user"].append("its name says so")
    if named_item:
        why["item"].append("its name says so")
    if burst is not None:
        user += 1.5 * burst - 0.3
        item += 0.8 * (0.6 - burst)
        if burst > 0.6:
            why["user"].append("its rows lie together in time")
    if column.is_list:
        item += 0.5
        user -= 5.0
        why["item"].append("lists of values")
    doubt = _doubt(column, table)
    return Candidate(column, user - doubt, item - doubt, why, tuple(links))


def _coarser(candidate: Candidate, table: Seen, burst: dict[str, float | None], able: list[Column]) -> Candidate:
    """More points for a user of whom a sitting is a part: a finer column, whose rows lie together too, has one of it."""
    mine = burst.get(candidate.column.name) or 0.0
    finer = (
        one
        for one in able
        if (burst.get(one.name) or 0.0) > 0.7
        and table.determines(one, candidate.column)
        and not table.determines(candidate.column, one)
    )
    if mine <= 0.6 or next(finer, None) is None:
        return candidate
    return replace(candidate, for_user=candidate.for_user + 0.8)


def _finer(candidate: Candidate, table: Seen, burst: dict[str, float | None], able: list[Column]) -> Candidate:
    """More points for an item whose name, kind and maker follow from it."""
    follow = [
        one
        for one in able
        if one is not candidate.column
        and (burst.get(one.name) or 0.0) <= 0.6
        and table.determines(candidate.column, one)
    ]
    return replace(candidate, for_item=candidate.for_item + 0.25 * min(3, len(follow)))


def _named(column: Column) -> tuple[float, float]:
    """How clearly the name says user, and item. A session is a user where there is none."""
    user = max(words.said(column.name, words.USER), 0.4 * words.said(column.name, words.SESSION))
    item = words.said(column.name, words.ITEM)
    if words.holds(column.name, words.MEASURE):
        return 0.3 * user, 0.3 * item
    return user, item


def _doubt(column: Column, table: Seen) -> float:
    """Points against both roles."""
    doubt = column.nulls if column.is_list else 6.0 * column.nulls + 0.5 * (column.nulls > 0.02)
    values, rows = len(column.distinct), len(column.flat)
    if rows > 30:
        doubt += 2.0 if values < 3 else 1.2 if values < 10 else 0.4 if values < 20 else 0.0
    if column.is_unique and rows > 20:
        doubt += 3.0
    elif column.repeats < 0.05 and rows > 100:
        doubt += 1.0
    if words.holds(column.name, words.MEASURE):
        doubt += 1.5
    if words.holds(column.name, "ref|referrer|referer|previous|prev|parent|group|list"):
        doubt += 0.4
    if column.is_whole and rows > 30 and (column.numbers == 0).mean() > 0.05:  # type: ignore[operator]
        doubt += 1.0
    if column.spaces > 0.5:
        doubt += 0.5 if column.spaces < 8 else 1.5
    if "://" in "".join(column.flat.head(3)):
        doubt += 0.3
    if column.length > 40:
        doubt += 0.5
    place = next(n for n, one in enumerate(table.columns) if one is column)
    return doubt + 0.02 * min(place, 20)


def _of_pair(table: Seen, user: Candidate, item: Candidate) -> float:
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
    if left.is_whole and right.is_whole and float(left.numbers.max() or 0) < 1e7:  # type: ignore[arg-type]
        return False
    return min(overlap(left, right), overlap(right, left)) > 0.5


def about(table: Seen, key: Column) -> str:
    """What a table with a key is about: "people", "things", or "" where that cannot be seen. Things have names, lists
    and prices; people have an age, a town and the like: only columns of few values."""
    others = [one for one in table.columns if one is not key]
    if not others:
        return ""
    named = [words.said(key.name, words.USER), words.said(key.name, words.ITEM)]
    if named[0] != named[1]:
        return "people" if named[0] > named[1] else "things"
    if any(
        one.is_list
        or one.listing
        or is_title(one)
        or words.said(one.name, f"{words.TAG}|{words.LABEL}|{words.TITLE}") == 1.0
        for one in others
    ):
        return "things"
    personal = (
        "gender|sex|age|birth|birthday|born|signup|joined|registered|occupation|zip|city|country|fans|friends|income"
    )
    return "people" if any(words.holds(one.name, personal) for one in others) else ""


def is_title(column: Column) -> bool:
    """Whether a column names things: short texts with spaces, nearly all different."""
    if column.is_list or column.is_number or column.clock or column.listing or column.rows < 4:
        return False
    return column.repeats < 0.3 and 0.3 < column.spaces < 15 and column.length < 120


def _burst(column: Column, clock: Column | None) -> float | None:
    """How much closer in time rows of one value lie than they would by chance: 0 not at all, 1 fully. None without a
    clock, or where too few values repeat. People click in sittings; things are clicked by many, all day."""
    if clock is None or clock.clock is None or column.is_list:
        return None
    frame = pl.DataFrame({"value": column.texts, "time": clock.clock.seconds}).drop_nulls().head(6000).sort("time")
    if frame.height < 50:
        return None
    frame = frame.with_row_index("place").with_columns(
        (pl.col("place").cast(pl.Int64) - pl.col("place").cast(pl.Int64).shift(1).over("value")).alias("gap"),
        pl.len().over("value").alias("rows"),
    )
    gaps = frame.drop_nulls("gap")
    if gaps.height < 20:
        return None
    by_chance = frame.height / (gaps["rows"].to_numpy() + 1.0) * np.log(2)
    return float(np.mean(gaps["gap"].to_numpy() < 0.35 * by_chance))


def best_clock(table: Seen, attributes_of: Sequence[Column]) -> Column | None:
    """The column that tells when an event was: the finest clock that does not follow from the user or the item."""
    lists = any(one.is_list for one in attributes_of)
    clocks = [one for one in table.columns if one.clock and one.nulls < 0.5 and (lists or not one.is_list)]
    points = {one.name: _as_clock(one, table, attributes_of) for one in clocks}
    best = max(clocks, key=lambda one: points[one.name], default=None)
    if best is None:
        return None
    # What happened is noted before it is sent, received and stored.
    alike = [one for one in clocks if points[one.name] > points[best.name] - 0.4]
    earliest = min(map(_middle, alike))
    return max((one for one in alike if _middle(one) < earliest + SOON_S), key=lambda one: points[one.name])


def _middle(column: Column) -> float:
    assert column.clock
    return float(column.clock.seconds.median() or 0.0)  # type: ignore[arg-type]


def _as_clock(column: Column, table: Seen, attributes_of: Sequence[Column]) -> float:
    assert column.clock
    clock = column.clock
    points = 3.0 if clock.fine else 0.0
    points += 1.0 if clock.sure else 0.0
    points -= 4.0 * column.nulls
    points -= 4.0 * any(table.determines(one, column) for one in attributes_of)
    points += 1.5 * words.said(column.name, words.TIME)
    points += 0.7 if words.tokens_of(column.name)[-1:] == ["at"] else 0.0
    points -= 1.0 * words.holds(column.name, words.LATE)
    points -= 1.0 * words.holds(
        column.name,
        "birth|born|signup|registered|joined|first|last|published|release|released|publish|start|end|expires",
    )
    points -= 2.0 if column.name in table.partition else 0.0
    points += min(1.0, len(column.distinct) / max(1, len(column.flat)))
    points += 0.5 * _in_order(clock.seconds)
    if not clock.sure and column.is_number and not words.said(column.name, words.TIME):
        points -= 1.0
    return points - 0.001 * len(column.name)


def _in_order(seconds: pl.Series) -> float:
    """The share of rows that are not earlier than the row before."""
    steps = seconds.drop_nulls().diff().drop_nulls()
    return float((steps >= 0).mean() or 0.0) if len(steps) else 0.0  # type: ignore[arg-type]


def _settle_time(log: Log) -> None:
    table = log.table
    there = {one.name.lower(): one.name for one in table.columns}
    if log.clock is None or not _is_clock(log.clock, log):
        log.clock = None
        if {"year", "month", "day"} <= there.keys():
            log.time = [there["year"], there["month"], there["day"]]
        else:
            log.time = _position(log)
            log.why_time = "a place in the history of each user" if log.time else ""
        return
    assert log.clock.clock
    log.time = log.clock.name
    log.why_time = "it tells moments of a day apart" if log.clock.clock.fine else "it tells days apart, no more"
    log.other_times = [one.name for one in table.columns if one.clock and one is not log.clock and one.nulls < 0.5]


def _is_clock(column: Column, log: Log) -> bool:
    """Whether the best clock is one: not a number that is as large as one by chance, nor a property of the item."""
    assert column.clock
    if any(one and one.column.name == column.name for one in (log.user, log.item)):
        return False
    attributes_of = [one.column for one in (log.user, log.item) if one]
    return _as_clock(column, log.table, attributes_of) > 0.0


def _position(log: Log) -> str | None:
    """A column that counts the events of each user from a small number on."""
    if log.user is None:
        return None
    for column in log.table.columns:
        if column.is_list or not column.is_whole or column.is_flag or column.nulls or column.is_unique:
            continue
        if log.item and column.name == log.item.column.name or column.name == log.user.column.name:
            continue
        frame = pl.DataFrame({"user": log.user.column.texts, "place": column.texts.cast(pl.Int64, strict=False)})
        groups = frame.group_by("user", maintain_order=True).agg(
            pl.col("place").n_unique().alias("values"),
            pl.len().alias("rows"),
            pl.col("place").min().alias("first"),
            pl.col("place").max().alias("last"),
            (pl.col("place").diff() > 0).all().alias("rising"),
        )
        groups = groups.filter(pl.col("rows") > 1)
        good = groups.filter(
            (pl.col("values") == pl.col("rows"))
            & pl.col("first").is_between(0, 1)
            & (pl.col("last") <= pl.col("rows") + 1)
        )
        if groups.height >= 5 and good.height > 0.9 * groups.height:
            return column.name
    return None
