"""Rows that hold lists, such as all items of one showing: each becomes a row per value."""

from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from penchant.logs.formats.nested import flat
from penchant.logs.formats.part import ROW, column
from penchant.logs.rows.ids import as_id
from penchant.logs.rows.lists import as_lists, is_list
from penchant.logs.tables import EventsTable

REASON = "reason"
EMPTY = "an empty list"
MOSTLY = 0.5
"""Share of the rows whose lists are equally long, from which on the others are mistakes."""

NEARLY_ALL = 0.9
"""Share of the texts that are lists, from which on a column holds lists."""

LOOKED_AT = 100
"""Texts that tell whether a column holds lists."""

_NUMBER = "number of the row"
_TOLD = {ROW: pl.Int64, REASON: pl.String}


@dataclass(frozen=True)
class Parted:
    """Rows without lists, and their numbers; ROW, REASON of those whose lists hold nothing, and of those whose lists
    do not belong together."""

    frame: pl.DataFrame
    numbers: pl.Series
    left_out: pl.DataFrame
    rejected: pl.DataFrame


def part_lists(frame: pl.DataFrame, numbers: pl.Series, table: EventsTable) -> Parted:
    """A row per value of the columns that hold lists. `clicked` may be a list beside the items, a value of each, or a
    list of the items that were clicked."""
    frame = _texts_as_lists(_flat_lists(frame, table), table)
    lists = list_columns(frame, table)
    if not lists:
        return Parted(frame, numbers, pl.DataFrame(schema=_TOLD), pl.DataFrame(schema=_TOLD))
    frame = frame.with_columns(pl.lit(numbers).alias(_NUMBER))
    clicks = table.clicked if table.clicked in lists and _names_items(frame, table) else None
    frame, empty, uneven = _explode(frame, [name for name in lists if name != clicks])
    if clicks:
        item = as_id(frame, table.item)
        inner = frame.schema[clicks].inner  # type: ignore[attr-defined]
        inside = column(clicks).list.eval(_id_of_element(inner)).list.contains(item).fill_null(False)
        frame = frame.with_columns(inside.alias(clicks))
    return Parted(frame.drop(_NUMBER), frame[_NUMBER].rename(ROW), empty, uneven)


def list_columns(frame: pl.DataFrame, table: EventsTable) -> list[str]:
    """The columns of the events that hold lists, the item's first. Lists of records stay: they are no values."""
    times = table.time if isinstance(table.time, list) else [table.time]
    names = dict.fromkeys([table.item, table.user, *times, table.clicked, table.action])
    return [
        name
        for name in names
        if name is not None
        and isinstance(dtype := frame.schema[name], pl.List | pl.Array)
        and not pl.List(dtype.inner).inner.is_nested()
    ]


def _flat_lists(frame: pl.DataFrame, table: EventsTable) -> pl.DataFrame:
    """Lists of lists become one list of all values, as in JSON lines."""
    names = [name for name in dict.fromkeys([table.item, table.clicked]) if name]
    return frame.with_columns(flat(column(name), frame.schema[name])[0].alias(name) for name in names)


def _texts_as_lists(frame: pl.DataFrame, table: EventsTable) -> pl.DataFrame:
    """Texts that are lists become lists: parted by `separator` where one is named, else as programs write lists."""
    time = None if isinstance(table.time, list) else table.time
    names = dict.fromkeys([table.item, time, table.clicked])
    for name in [name for name in names if name and frame.schema[name] == pl.String]:
        parted = table.separator and _values(frame, name).str.contains(table.separator, literal=True).any()
        if table.separator and (parted or name == table.item):
            parts = column(name).str.split(table.separator).list.eval(pl.element().filter(pl.element() != ""))
            frame = frame.with_columns(parts.alias(name))
        elif _are_lists(_values(frame, name).drop_nulls().head(LOOKED_AT)):
            frame = frame.with_columns(as_lists(frame[name]).alias(name))
    return frame


def _are_lists(texts: pl.Series) -> bool:
    return len(texts) > 0 and sum(map(is_list, texts)) >= NEARLY_ALL * len(texts)


def _values(frame: pl.DataFrame, name: str) -> pl.Series:
    """A column under a name that is no pattern to Polars."""
    return frame[name].rename("")


def _names_items(frame: pl.DataFrame, table: EventsTable) -> bool:
    """Whether a list of clicks names the items that were clicked, instead of saying yes or no for each."""
    assert table.clicked
    inner = frame.schema[table.clicked].inner  # type: ignore[attr-defined]
    if inner == pl.Boolean or table.clicked_at_least is not None:
        return False
    items = frame.schema[table.item]
    if not isinstance(items, pl.List | pl.Array):
        return True
    alike = (column(table.item).list.len() == column(table.clicked).list.len()).fill_null(True).mean() >= MOSTLY
    values = column(table.clicked).list.explode().cast(pl.String).str.to_lowercase().unique()
    answers = values.drop_nulls().is_in(["0", "1", "0.0", "1.0", "true", "false", "yes", "no"]).all()
    return not frame.select(alike & answers).item()


def _id_of_element(dtype: pl.DataType) -> pl.Expr:
    text = pl.element().cast(pl.String)
    return text.str.replace(r"\.0*$", "") if dtype.is_float() or isinstance(dtype, pl.Decimal) else text


def _explode(frame: pl.DataFrame, lists: list[str]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A row per value; ROW, REASON of rows whose lists are empty; and of rows whose lists do not belong together."""
    if not lists:
        return frame, pl.DataFrame(schema=_TOLD), pl.DataFrame(schema=_TOLD)
    lengths = frame.select(column(name).list.len().fill_null(0) for name in lists)
    even = lengths.select(pl.all_horizontal(pl.all() == pl.nth(0))).to_series()
    filled = lengths.to_series() > 0
    uneven = f"the lists in {' and '.join(map(repr, lists))} are not equally long"
    return (
        frame.filter(even & filled).explode(cs.by_name(*lists)),
        _told(frame.filter(even & ~filled), EMPTY),
        _told(frame.filter(~even), uneven),
    )


def _told(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    return rows.select(pl.col(_NUMBER).alias(ROW), pl.lit(reason, pl.String).alias(REASON))
