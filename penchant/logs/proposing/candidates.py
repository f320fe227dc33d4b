"""How well a column would do as the user and as the item, in points, and why.

Points come from what its values have in common with other tables, from how they repeat and what follows from them, from
how they lie in time, and from its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from penchant.logs.proposing import words
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.columns.shares import share
from penchant.logs.proposing.seen import Link, SeenTable, links_of

MOST_CANDIDATES = 14
_PERSONAL = (
    "gender|sex|age|birth|birthday|born|signup|joined|registered|occupation|zip|city|country|fans|friends|income"
)


@dataclass(frozen=True)
class RoleCandidate:
    """A column that may be the user or the item. for_user, for_item: points; why: reasons by role."""

    column: Column
    for_user: float
    for_item: float
    why: dict[str, list[str]]
    links: tuple[Link, ...] = ()


def candidates_of(table: SeenTable, tables: Sequence[SeenTable], moments: pl.Series | None) -> list[RoleCandidate]:
    """The columns that may be the user or the item, best first. moments: when each row was, in any unit."""
    able = [one for one in table.columns if _may_be_id(one, table)]
    able.sort(key=lambda one: -_first_glance(one))
    able = able[: MOST_CANDIDATES * 2]
    burst = {one.name: _burst(one, moments) for one in able[:MOST_CANDIDATES]}
    found = [_judge(one, table, tables, burst.get(one.name)) for one in able]
    found = [_finer(_coarser(one, table, burst, able), table, burst, able) for one in found]
    return sorted(found, key=lambda one: -max(one.for_user, one.for_item))[:MOST_CANDIDATES]


def _may_be_id(column: Column, table: SeenTable) -> bool:
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


def _judge(column: Column, table: SeenTable, tables: Sequence[SeenTable], burst: float | None) -> RoleCandidate:
    """The points of a column as user and as item."""
    user, item = 0.0, 0.0
    why: dict[str, list[str]] = {"user": [], "item": []}
    links = links_of(column, table, tables)
    for link in links[:2]:
        kind = about(link.table, link.key)
        weight = (0.5 + 1.5 * link.share) * link.strength + 0.7 * (words.alike(link.key.name, column.name) == 1.0)
        user += weight * (0.4 if kind == "things" else 1.0 if kind == "people" else 0.7)
        item += weight * (0.4 if kind == "people" else 1.0 if kind == "things" else 0.7)
    named_user, named_item = named_as(column)
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
    return RoleCandidate(column, user - doubt, item - doubt, why, tuple(links))


def _coarser(
    candidate: RoleCandidate, table: SeenTable, burst: dict[str, float | None], able: list[Column]
) -> RoleCandidate:
    """More points for a user of whom a sitting is a part: a finer column, in sittings too, has one of it."""
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


def _finer(
    candidate: RoleCandidate, table: SeenTable, burst: dict[str, float | None], able: list[Column]
) -> RoleCandidate:
    """More points for an item whose name, kind and maker follow from it."""
    follow = [
        one
        for one in able
        if one is not candidate.column
        and (burst.get(one.name) or 0.0) <= 0.6
        and table.determines(candidate.column, one)
    ]
    return replace(candidate, for_item=candidate.for_item + 0.25 * min(3, len(follow)))


def named_as(column: Column) -> tuple[float, float]:
    """How clearly the name says user, and item. A session is a user where there is none."""
    user = max(words.said(column.name, words.USER), 0.4 * words.said(column.name, words.SESSION))
    item = words.said(column.name, words.ITEM)
    if words.holds(column.name, f"{words.MEASURE}|{words.FEATURE}"):
        return 0.3 * user, 0.3 * item
    return user - 0.2 * words.holds(column.name, words.DEVICE) * (user > 0.1), item


def _doubt(column: Column, table: SeenTable) -> float:
    """Points against both roles."""
    doubt = column.nulls if column.is_list else 6.0 * column.nulls + 0.5 * (column.nulls > 0.02)
    values, rows = len(column.distinct), len(column.flat)
    if rows > 30:
        doubt += 2.0 if values < 3 else 1.2 if values < 10 else 0.4 if values < 20 else 0.0
    if column.is_unique and rows > 20:
        doubt += 3.0
    elif column.repeats < 0.05 and rows > 100:
        doubt += 1.0
    if words.holds(column.name, words.MEASURE) or (words.holds(column.name, words.FEATURE) and values < 100):
        doubt += 1.5
    if words.holds(column.name, "ref|referrer|referer|previous|prev|parent|group|list"):
        doubt += 0.4
    if column.is_whole and rows > 30 and share(column.numbers == 0) > 0.05:
        doubt += 1.0
    if column.spaces > 0.5:
        doubt += 0.5 if column.spaces < 8 else 1.5
    if "://" in "".join(column.flat.head(3)):
        doubt += 0.3
    if column.length > 40:
        doubt += 0.5
    place = next(n for n, one in enumerate(table.columns) if one is column)
    return doubt + 0.02 * min(place, 20)


def about(table: SeenTable, key: Column) -> str:
    """What a table with a key is about: "people", "things", or "" where that cannot be seen. Things have names, lists
    and prices; people have an age, a town and the like: only columns of few values."""
    others = [one for one in table.columns if one is not key]
    if not others:
        return ""
    named = [words.said(key.name, words.USER), words.said(key.name, words.ITEM)]
    if named[0] != named[1]:
        return "people" if named[0] > named[1] else "things"
    if any(_is_of_things(one) for one in others):
        return "things"
    return "people" if any(words.holds(one.name, _PERSONAL) for one in others) else ""


def _is_of_things(column: Column) -> bool:
    named = words.said(column.name, f"{words.TAG}|{words.LABEL}|{words.TITLE}") == 1.0
    return named or column.is_list or column.listing is not None or is_title(column)


def is_title(column: Column) -> bool:
    """Whether a column names things: short texts with spaces, nearly all different."""
    if column.is_list or column.is_number or column.clock or column.listing or column.rows < 4:
        return False
    return column.repeats < 0.3 and 0.3 < column.spaces < 15 and column.length < 120


def _burst(column: Column, moments: pl.Series | None) -> float | None:
    """How much closer in time rows of one value lie than they would by chance: 0 not at all, 1 fully. None without a
    clock, or where too few values repeat. People click in sittings; things are clicked by many, all day."""
    if moments is None or column.is_list:
        return None
    frame = pl.DataFrame({"value": column.texts, "time": moments}).drop_nulls().head(6000).sort("time")
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
