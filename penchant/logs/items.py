"""The tables beside the log, of items and of users: each field becomes a list of texts per item or user."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from penchant.errors import DataError
from penchant.logs.check import as_id
from penchant.logs.read import column, read_whole
from penchant.logs.tables import ItemsTable, ItemValuesTable, NamesTable, Tables, UsersTable, find_files
from penchant.schema import ITEM, USER

LeftOut = Counter[str]
"""Rows of the tables beside the log that say nothing, by table and reason."""


def read_items(tables: Tables, base: Path, left_out: LeftOut) -> pl.DataFrame:
    """One row per item: ITEM and a list of texts per field, in the table's order, without repeats; sorted by ITEM.

    Items that stand in several tables are joined; a field that a table does not fill is an empty list. Rows without an
    id, a value, a weight or a name are added to `left_out`.
    """
    parts = [_items_table(tables.items, base, left_out)] if tables.items else []
    parts += [_item_values(table, base, left_out) for table in tables.item_values]
    items = parts[0] if parts else pl.DataFrame(schema={ITEM: pl.String})
    for part in parts[1:]:
        items = items.join(part, on=ITEM, how="full", coalesce=True)
    return items.with_columns(pl.col(tables.item_fields).fill_null([])).sort(ITEM)


def read_users(table: UsersTable, base: Path, left_out: LeftOut) -> pl.DataFrame:
    """One row per user: USER and a list of texts per field (one value, or none)."""
    frame = _read_all(table.files, base, [table.user, *table.fields.values()])
    lists = [_as_list(frame, source).alias(name) for name, source in table.fields.items()]
    users = frame.select(as_id(frame, table.user).alias(USER), *lists)
    return _one_row_each(_whole_rows(users, [USER], "users: no id", left_out), USER)


def _items_table(table: ItemsTable, base: Path, left_out: LeftOut) -> pl.DataFrame:
    frame = _read_all(table.files, base, [table.item, *table.fields.values()])
    lists = [
        _as_list(frame, source, table.separator, table.without).alias(name) for name, source in table.fields.items()
    ]
    items = frame.select(as_id(frame, table.item).alias(ITEM), *lists)
    return _one_row_each(_whole_rows(items, [ITEM], "items: no id", left_out), ITEM)


def _item_values(table: ItemValuesTable, base: Path, left_out: LeftOut) -> pl.DataFrame:
    columns = [table.item, table.value, *([table.weight] if table.weight else [])]
    frame = _read_all(table.files, base, columns)
    weight = column(table.weight).cast(pl.Float64, strict=False) if table.weight else pl.lit(1.0)
    rows = frame.select(
        as_id(frame, table.item).alias(ITEM), _clean(frame, table).alias("value"), weight.alias("weight")
    )
    rows = _whole_rows(rows, [ITEM, "value", "weight"], f"{table.field}: no item, value or weight", left_out)
    rows = rows.filter(~pl.col(ITEM).is_in(table.without_items))
    if table.names:
        named = rows.join(_names(table.names, base), on="value", how="left").drop("value").rename({"name": "value"})
        rows = _whole_rows(named, ["value"], f"{table.field}: a value without a name", left_out)
    ranked = rows.group_by(ITEM, "value").agg(pl.col("weight").sum())
    ranked = ranked.filter(pl.len().over("value") >= table.min_items)
    ranked = ranked.sort(ITEM, "weight", "value", descending=[False, True, False])
    kept = pl.col("value").head(table.top) if table.top else pl.col("value")
    return ranked.group_by(ITEM, maintain_order=True).agg(kept.alias(table.field))


def _whole_rows(rows: pl.DataFrame, needed: list[str], reason: str, left_out: LeftOut) -> pl.DataFrame:
    whole = rows.drop_nulls(needed)
    if len(whole) < len(rows):
        left_out[reason] += len(rows) - len(whole)
    return whole


def _clean(frame: pl.DataFrame, table: ItemValuesTable) -> pl.Expr:
    text = as_id(frame, table.value).str.strip_chars()
    text = text.str.to_lowercase() if table.lowercase else text
    return pl.when(text.str.len_bytes() > 0).then(text)


def _names(table: NamesTable, base: Path) -> pl.DataFrame:
    frame = _read_all(table.files, base, [table.value, table.name])
    names = frame.select(as_id(frame, table.value).alias("value"), as_id(frame, table.name).alias("name"))
    return names.drop_nulls().unique("value", keep="first", maintain_order=True)


def _as_list(frame: pl.DataFrame, source: str, separator: str | None = None, without: Sequence[str] = ()) -> pl.Expr:
    """The column as a list of texts without empty ones, those in `without` and repeats, order kept."""
    dtype = frame.schema[source]
    if isinstance(dtype, pl.List | pl.Array):
        values = column(source).cast(pl.List(pl.String))
    elif separator and dtype == pl.String:
        values = column(source).str.split(separator)
    else:
        values = pl.concat_list(column(source).cast(pl.String))
    values = values.list.eval(pl.element().str.strip_chars())
    said = (pl.element().str.len_bytes() > 0) & ~pl.element().is_in(list(without))
    return values.list.eval(pl.element().filter(said)).list.unique(maintain_order=True)


def _read_all(files: str | list[str], base: Path, columns: list[str]) -> pl.DataFrame:
    frames = [read_whole(path, list(dict.fromkeys(columns))) for path in find_files(files, base)]
    return pl.concat(frames, how="vertical_relaxed")


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
