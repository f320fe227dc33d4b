"""Times that are written so that they cannot be read, or in two ways; and what to write."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from penchant.errors import PenchantError
from penchant.logs.proposing import words
from penchant.logs.proposing.columns.clocks import unit_of
from penchant.logs.proposing.columns.pairs import quoted_name
from penchant.logs.proposing.columns.profile import Column, by_name
from penchant.logs.proposing.columns.shares import bounds, share
from penchant.logs.proposing.roles import LikelyLog
from penchant.logs.proposing.seen import SeenTable

_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_NAMED = f"{words.TIME}|day|dag|tag|jour|dia|día|days|when|at|moment|epoch|heure|hora|stunde"
_EXCEL, _DAYS = (32_874.0, 51_136.0), (7_305.0, 25_568.0)
"""1990 and 2040 as days since 1899-12-30, as spreadsheets count, and since 1970."""
_LOOKED_AT = 20
"""Files of a table whose units are looked at."""


def no_time(log: LikelyLog, beside: Path) -> str:
    """What is said of a log without a time: which columns came nearest, and what to write."""
    said = f"{log.table.name}: no column looks like a time, so the order of the rows will count; "
    near = [one for one in (_as_days(one, log.table, beside) or _as_text(one) for one in _able(log)) if one]
    if near:
        return said + "; ".join(near[:3])
    named = [one for one in _able(log) if words.holds(one.name, _NAMED)] or _able(log)
    shown = ", ".join(f"{one.name} (such as {str(one.flat[0])[:30]!r})" for one in named[:4] if len(one.flat))
    return said + 'if one is, add: time = "…"' + (f"; the nearest: {shown}" if shown else "; it has no other columns")


def _able(log: LikelyLog) -> list[Column]:
    roles = [one.column for one in (log.user, log.item) if one]
    return [one for one in log.table.columns if one not in roles and not one.is_list and not one.is_flag]


def _as_days(column: Column, table: SeenTable, beside: Path) -> str | None:
    """A column that counts days, with the query that makes dates of them."""
    if not column.is_number or column.nulls > 0.5 or not len(column.numbers):
        return None
    low, high = bounds(column.numbers)
    name, named = quoted_name(column.name), words.holds(column.name, _NAMED)
    if _EXCEL[0] <= low and high <= _EXCEL[1] and (named or not column.is_whole):
        what = "days since 1899-12-30, as spreadsheets count"
        made = f"timestamp '1899-12-30' + to_seconds(round({name}::double * 86400))"
    elif _DAYS[0] <= low and high <= _DAYS[1] and (named or high - low < 3_700) and column.repeats > 0.0:
        what, made = "days since 1970", f"timestamp '1970-01-01' + to_seconds(round({name}::double * 86400))"
    else:
        return None
    query = f"select * replace ({made} as {name}) from {table.source(beside)}"  # noqa: S608
    return (
        f"{column.name!r} (such as {column.flat[0]}) looks like {what}, which are not read: if it is, write instead of "
        f"`files` query = '''{query}''' and time = \"{column.name}\""
    )


def _as_text(column: Column) -> str | None:
    """A column of texts that hold dates in words or in an order that is not known."""
    if column.is_number or column.clock or column.nulls > 0.5:
        return None
    head = column.flat.head(200)
    dated = r"(^|\D)(19|20)\d\d(\D|$)"
    figures = share(head.str.contains(dated) & head.str.contains(r"(^|\D)\d{1,2}(\D|$)")) > 0.9
    if not figures or column.length > 60:
        return None
    return (
        f"{column.name!r} (such as {column.flat[0]!r}) looks like a time that is written so that it cannot be read: "
        'write it as 2026-03-01 10:00:00, and add: time = "' + column.name + '"'
    )


def two_units(table: SeenTable, column: Column) -> str:
    """What is said of a column whose numbers count in several units, file by file."""
    by_file: dict[str, Counter[str]] = {}
    parts: Sequence = table.found.parts  # type: ignore[type-arg]
    for part in parts[:: max(1, len(parts) // _LOOKED_AT)]:
        try:
            values = part.sample(1_000).select(by_name(column.name)).to_series()
        except (PenchantError, pl.exceptions.PolarsError):
            continue
        units = (unit_of(one) for one in values.cast(pl.Float64, strict=False).drop_nulls().to_list())
        by_file[os.path.relpath(part.name, table.found.root)] = Counter(one for one in units if one)
    alone = {name: counts.most_common(1)[0][0] for name, counts in by_file.items() if len(counts) == 1}
    if len(alone) == len(by_file) and len(set(alone.values())) > 1:
        told = [
            f"in {_UNITS[unit]} in " + ", ".join([name for name, its in alone.items() if its == unit][:3])
            for unit in dict.fromkeys(alone.values())
        ]
    else:
        total = sum(by_file.values(), Counter[str]())
        told = [f"in {_UNITS[unit]} in {rows / total.total():.0%} of the rows" for unit, rows in total.most_common()]
    return f"{column.name!r} is {' and '.join(told)}; write them alike"
