"""What a whole log holds: the sum over its buckets, the fields of the items, and how ids are written."""

from collections.abc import Callable
from pathlib import Path

import polars as pl

from penchant.errors import DataError
from penchant.logs.counting.buckets import Sum
from penchant.logs.counting.fields import count_field
from penchant.logs.counting.ids import count_alike, count_ids
from penchant.logs.found import LogCounts, StrangersFound, Tally
from penchant.logs.tables import Tables
from penchant.schema import ITEM, USER

MOST_IDS = 1_000
"""Ids that are looked at one by one, of users and of items."""

Bucket = Callable[[int], pl.DataFrame]
"""USER and ITEM of the events of a bucket by its number."""


def sum_up(
    tally: Tally, added: Sum, bucket: Bucket, items: pl.DataFrame, users: pl.DataFrame, tables: Tables
) -> LogCounts:
    """The counts of all buckets together. items, users: with their fields, each a list of values."""
    if not added.events:
        why = {**tally["reasons"], **tally["left_out"], **added.left_out}
        told = ", ".join(f"{count:,} × {reason}" for reason, count in sorted(why.items(), key=lambda one: -one[1]))
        raise DataError(f"none of {tally['rows']:,} rows is an event: {told}; mend the mapping")
    seen = some_ids(bucket, tally["buckets"])
    beside = {ITEM: items[ITEM], USER: users[USER]}
    return {
        **added.total(),
        "columns": _columns(tables),
        "unit_said": tables.events.time is None or tables.events.time_unit != "auto",
        "rows": tally["rows"],
        "left_out": {**tally["left_out"], **added.left_out},
        "buckets": tally["buckets"],
        "time_unit": tally["time_unit"],
        "backwards": added.backwards,
        "items_in_table": len(items),
        "users_in_table": len(users),
        "fields": {name: count_field(items, name, added.known[name]) for name in tables.item_fields},
        "ids": {name: count_ids(ids.head(MOST_IDS), named=name == ITEM) for name, ids in seen.items()},
        "strangers": {
            name: _strangers(seen[name], table, named=name == ITEM) for name, table in beside.items() if len(table)
        },
    }


def some_ids(bucket: Bucket, buckets: int) -> dict[str, pl.Series]:
    """Different ids of users and of items, those of the first buckets. Buckets are filled by hash, so that these are as
    good as drawn."""
    parts: dict[str, list[pl.Series]] = {USER: [], ITEM: []}
    for number in range(buckets):
        events = bucket(number)
        for name, found in parts.items():
            found.append(events[name].unique())
        if all(sum(map(len, found)) >= MOST_IDS for found in parts.values()):
            break
    return {name: pl.concat(found).unique().sort() for name, found in parts.items()}


def _strangers(ids: pl.Series, table: pl.Series, *, named: bool) -> StrangersFound:
    strangers = ids.filter(~ids.is_in(table.implode())).head(MOST_IDS)
    return count_alike(strangers, table, named=named)


def _columns(tables: Tables) -> dict[str, str | None]:
    """What the run file reads of the events."""
    events = tables.events
    time = ", ".join(events.time) if isinstance(events.time, list) else events.time
    return {"user": events.user, "item": events.item, "time": time, "clicked": events.clicked or events.action}


def where(file: str, row: int) -> str:
    """Where a row stands, as it is told."""
    return f"{Path(file).name}, row {row:,}"
