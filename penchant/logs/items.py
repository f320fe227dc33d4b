"""The tables beside the log, of items and of users: each field becomes a list of texts per item or user."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import polars.selectors as cs

from penchant.errors import DataError, QuotingError
from penchant.logs.check import keep_rows
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import column
from penchant.logs.pseudonyms import Pseudonyms
from penchant.logs.rows.clocks import read_clock, settle_clock
from penchant.logs.rows.ids import as_id, as_user, stands_for_none
from penchant.logs.rows.lists import as_lists, values_as_lists
from penchant.logs.said import SINCE, UNTIL, WEIGHT, spans
from penchant.logs.tables import (
    EventsTable,
    ItemsTable,
    ItemValuesTable,
    NamesTable,
    TableConfig,
    Tables,
    UsersTable,
)
from penchant.logs.times import NEWEST_S, OLDEST_S
from penchant.schema import ITEM, TIME, USER, VALUE

LeftOut = Counter[str]
"""Rows of the tables beside the log that say nothing, by table and reason."""


FIELD = "field"
_SAID_TYPES = {FIELD: pl.String, ITEM: pl.String, VALUE: pl.String, SINCE: pl.Float64, UNTIL: pl.Float64}


@dataclass(frozen=True)
class ItemTables:
    """table: one row per item, ITEM and a list of texts per field, in the table's order, without repeats; sorted by
    ITEM. said: FIELD, ITEM, VALUE, SINCE, UNTIL of the fields whose values have a time, see `said.spans`."""

    table: pl.DataFrame
    said: pl.DataFrame


def read_items(tables: Tables, base: Path, left_out: LeftOut) -> ItemTables:
    """All items. Those that stand in several tables are joined; a field that a table does not fill is an empty list.

    Rows without an id, a value, a weight, a name or, where there are times, a time are added to `left_out`.
    """
    parts = [_items_table(tables.items, base, left_out)] if tables.items else []
    said = [pl.DataFrame(schema=_SAID_TYPES)]
    for table in tables.item_values:
        rows = _item_values(table, tables.events, base, left_out)
        parts.append(_ranked(rows, table, left_out))
        if TIME in rows.columns:
            found = spans(rows, top=table.top, min_items=table.min_items)
            said.append(found.select(pl.lit(table.field).alias(FIELD), *list(_SAID_TYPES)[1:]))
    items = parts[0] if parts else pl.DataFrame(schema={ITEM: pl.String})
    for part in parts[1:]:
        items = items.join(part, on=ITEM, how="full", coalesce=True)
    return ItemTables(items.with_columns(pl.col(tables.item_fields).fill_null([])).sort(ITEM), pl.concat(said))


def read_users(table: UsersTable, base: Path, left_out: LeftOut, pseudonyms: Pseudonyms | None = None) -> pl.DataFrame:
    """One row per user: USER and a list of texts per field (one value, or none)."""
    frame = _read_all(table, base, [table.user, *table.fields.values()], "users", left_out)
    lists = [_as_list(frame, source, table.none).alias(name) for name, source in table.fields.items()]
    users = frame.select(as_user(frame, table.user, table.none, pseudonyms).alias(USER), *lists)
    return _one_row_each(_whole_rows(users, [USER], "users: no id", left_out), USER)


def _items_table(table: ItemsTable, base: Path, left_out: LeftOut) -> pl.DataFrame:
    frame = _read_all(table, base, [table.item, *table.fields.values()], "items", left_out)
    lists = [_as_list(frame, source, table.none, table.separator).alias(name) for name, source in table.fields.items()]
    items = frame.select(as_id(frame, table.item, table.none).alias(ITEM), *lists)
    items = _one_row_each(_whole_rows(items, [ITEM], "items: no id", left_out), ITEM)
    return _without_common(items, table.most_items, left_out)


def _item_values(table: ItemValuesTable, events: EventsTable, base: Path, left_out: LeftOut) -> pl.DataFrame:
    """ITEM, VALUE, WEIGHT, and TIME where values have one."""
    timed = _timed(table, events, base)
    frame = _a_row_each(_read_all(table, base, timed.columns, table.field, left_out), table, left_out)
    weight = column(table.weight).cast(pl.Float64, strict=False) if table.weight else pl.lit(1.0)
    rows = frame.select(
        as_id(frame, table.item, table.none).alias(ITEM),
        _clean(frame, table).alias(VALUE),
        weight.alias(WEIGHT),
        *_times(frame, timed, told=table.time is not None),
    )
    needed = "value or weight" if TIME not in rows.columns else "value, weight or time"
    rows = _whole_rows(rows, rows.columns, f"{table.field}: no item, {needed}", left_out)
    rows = _of_few_items(rows, table, left_out)
    if table.names:
        named = rows.join(_names(table.names, base, left_out), on=VALUE, how="left").drop(VALUE).rename({"name": VALUE})
        rows = _whole_rows(named, [VALUE], f"{table.field}: a value without a name", left_out)
    return rows


def _a_row_each(frame: pl.DataFrame, table: ItemValuesTable, left_out: LeftOut) -> pl.DataFrame:
    """A row per value of the columns that hold lists, such as all items of one event, each with its category. Rows
    whose lists do not belong together are added to `left_out`."""
    frame = _values_as_lists(frame, table)
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List | pl.Array)]
    if not lists:
        return frame
    lengths = frame.select(_length(name, frame.schema[name]) for name in lists)
    even = lengths.select(pl.all_horizontal(pl.all() == pl.nth(0))).to_series()
    if not even.all():
        reason = f"{table.field}: the lists in {' and '.join(map(repr, lists))} are not equally long"
        left_out[reason] += int((~even).sum())
    return frame.filter(even).explode(cs.by_name(lists))


def _length(name: str, dtype: pl.DataType) -> pl.Expr:
    lists = column(name)
    return (lists.list if isinstance(dtype, pl.List) else lists.arr).len().cast(pl.UInt32).fill_null(0)


def _values_as_lists(frame: pl.DataFrame, table: ItemValuesTable) -> pl.DataFrame:
    """The values, and the weights beside them, as lists where they are lists in texts, lists of lists, or records."""
    dtype = frame.schema[table.value]
    if not (dtype == pl.String or dtype.is_nested()):
        return frame
    if table.separator is not None and dtype == pl.String:
        parts = column(table.value).str.split(table.separator)
        return frame.with_columns(parts.list.eval(pl.element().filter(pl.element() != "")).alias(table.value))
    values = values_as_lists(frame[table.value], table.value)
    if dtype == pl.String and (values.list.len().fill_null(1) == 1).all():
        return frame.with_columns(values.list.first().alias(table.value))
    frame = frame.with_columns(values.alias(table.value))
    if table.weight and frame.schema[table.weight] == pl.String:
        weights = as_lists(frame[table.weight])
        if (weights.list.len() > 1).any():
            frame = frame.with_columns(weights.alias(table.weight))
    return frame


def _timed(table: ItemValuesTable, events: EventsTable, base: Path) -> ItemValuesTable:
    """Give the table the time of the events where it is read from the same files and names no time of its own."""
    if table.time is not None or events.time is None:
        return table
    if {part.name for part in open_parts(table, base)} != {part.name for part in open_parts(events, base)}:
        return table
    said = ("time", "time_unit", "time_format", "time_zone")
    return table.model_copy(update={name: getattr(events, name) for name in said})


def _times(frame: pl.DataFrame, table: ItemValuesTable, *, told: bool) -> list[pl.Expr]:
    """Return the column TIME, or no column where the table has no time. told: whether the run file names one."""
    if table.time is None:
        return []
    clock = settle_clock([frame], table, f"item_values of {table.field!r}")
    if clock.unit == "position":
        if told:
            raise DataError(
                f"item_values of {table.field!r}: {table.time!r} holds positions, which are no time that users share; "
                f"leave out `time`, or say its `time_unit` if it is one"
            )
        return []
    at = pl.lit(read_clock(frame, table, clock))
    return [pl.when(at.is_between(OLDEST_S, NEWEST_S)).then(at).alias(TIME)]


def _ranked(rows: pl.DataFrame, table: ItemValuesTable, left_out: LeftOut) -> pl.DataFrame:
    """One row per item: ITEM and the list of its values."""
    pairs = rows.group_by(ITEM, "value").agg(pl.col("weight").sum())
    ranked = pairs.filter(pl.len().over("value") >= table.min_items)
    if len(ranked) < len(pairs):
        left_out[f"{table.field}: a value of fewer than {table.min_items} items"] += len(pairs) - len(ranked)
    ranked = ranked.sort(ITEM, "weight", "value", descending=[False, True, False])
    kept = pl.col("value").head(table.top) if table.top else pl.col("value")
    lists = ranked.group_by(ITEM, maintain_order=True).agg(kept.alias(table.field))
    cut = len(ranked) - int(lists[table.field].list.len().sum() or 0)
    if cut:
        left_out[f"{table.field}: a value behind the first {table.top} of its item"] += cut
    return lists


def _whole_rows(rows: pl.DataFrame, needed: list[str], reason: str, left_out: LeftOut) -> pl.DataFrame:
    whole = rows.drop_nulls(needed)
    if len(whole) < len(rows):
        left_out[reason] += len(rows) - len(whole)
    return whole


def _clean(frame: pl.DataFrame, table: ItemValuesTable) -> pl.Expr:
    text = as_id(frame, table.value, table.none).str.strip_chars()
    text = text.str.to_lowercase() if table.lowercase else text
    return pl.when(text.str.len_bytes() > 0).then(text)


def _names(table: NamesTable, base: Path, left_out: LeftOut) -> pl.DataFrame:
    frame = _read_all(table, base, [table.value, table.name], "names", left_out)
    names = frame.select(as_id(frame, table.value).alias("value"), as_id(frame, table.name).alias("name"))
    return names.drop_nulls().unique("value", keep="first", maintain_order=True)


def _as_list(frame: pl.DataFrame, source: str, none: Sequence[str], separator: str | None = None) -> pl.Expr:
    """The column as a list of texts without empty ones, those in `none` and repeats, order kept."""
    lists = values_as_lists(frame[source], source)
    values = pl.lit(lists)
    if separator and frame.schema[source] == pl.String:
        values = pl.when(values.list.len() == 1).then(values.list.first().str.split(separator)).otherwise(values)
    values = values.list.eval(pl.element().str.strip_chars())
    said = (pl.element().str.len_bytes() > 0) & ~stands_for_none(pl.element(), none)
    return values.list.eval(pl.element().filter(said)).list.unique(maintain_order=True)


def _without_common(items: pl.DataFrame, most: Mapping[str, float], left_out: LeftOut) -> pl.DataFrame:
    """The items without values that more than a share of them have."""
    for name, share in most.items():
        values = items.select(pl.col(name).list.explode(keep_nulls=False, empty_as_null=False)).to_series()
        common = values.value_counts().filter(pl.col("count") > share * len(items))
        for value, count in common.sort(name).iter_rows():
            left_out[f"{name}: {value!r}, which more than {share:.0%} of the items have"] += count
        stays = ~pl.element().is_in(common[name].to_list())
        items = items.with_columns(pl.col(name).list.eval(pl.element().filter(stays)))
    return items


def _of_few_items(rows: pl.DataFrame, table: ItemValuesTable, left_out: LeftOut) -> pl.DataFrame:
    """The rows without values that more than a share of the items have."""
    if table.most_items is None:
        return rows
    items = rows.group_by(VALUE).agg(pl.col(ITEM).n_unique().alias("items"))
    common = items.filter(pl.col("items") > table.most_items * rows[ITEM].n_unique()).sort(VALUE)
    for value, count in common.iter_rows():
        left_out[f"{table.field}: {value!r}, which more than {table.most_items:.0%} of the items have"] += count
    return rows.join(common, on=VALUE, how="anti", maintain_order="left")


def _read_all(table: TableConfig, base: Path, columns: list[str], what: str, left_out: LeftOut) -> pl.DataFrame:
    """All rows of a table that fits in memory, without those that its filters leave out. what: its name in `left_out`.
    Raises DataError at the first line without sense."""
    wanted = list(dict.fromkeys([*columns, *table.filters]))
    frames = []
    for part in open_parts(table, base):
        for batch in part.batches(wanted):
            for row, text in batch.malformed:
                raise QuotingError(f"{part.name}, row {row} cannot be parsed: ", repr(text[:80]), "; mend or remove it")
            kept = keep_rows(batch.frame, batch.rows, table)
            left_out.update(f"{what}: {reason}" for reason in kept.left_out["reason"])
            frames.append(kept.frame)
    return (
        pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame(schema=dict.fromkeys(wanted, pl.String))
    )


def _one_row_each(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """Raises DataError for a key that stands twice with different values; the same row twice is one row."""
    frame = frame.unique(maintain_order=True)
    twice = frame.filter(pl.col(key).is_duplicated())
    if len(twice):
        first = twice[key][0]
        raise DataError(
            f"{key} {first!r} stands in the {key}s table {(twice[key] == first).sum()} times with "
            f"different values; keep one row per {key}, or give a list column as [[item_values]], a row per value"
        )
    return frame
