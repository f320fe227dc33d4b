"""Which columns of a table of items or users are fields, which of them has tags, and which one names an item."""

from dataclasses import dataclass

import polars as pl

from penchant.logs.proposing import words
from penchant.logs.proposing.candidates import is_title
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.columns.shares import bounds, mean
from penchant.logs.proposing.seen import SeenTable


@dataclass(frozen=True)
class Fields:
    """Columns of a table: those that are fields, best tags first among `tags`; the one to show; others by reason."""

    chosen: tuple[Column, ...]
    title: Column | None
    left_out: dict[str, list[str]]


def find_fields(table: SeenTable, besides: Column, of_items: bool) -> Fields:
    """Judge all columns of a table but `besides`."""
    chosen: list[Column] = []
    left_out: dict[str, list[str]] = {}
    titles = _titles(table, besides) if of_items else []
    for column in table.columns:
        if column is besides or column in titles[:1]:
            continue
        why = why_no_field(column)
        if why:
            left_out.setdefault(why, []).append(column.name)
        else:
            chosen.append(column)
    return Fields(tuple(chosen), titles[0] if titles else None, left_out)


def why_no_field(column: Column) -> str | None:
    """Why a column is no field: a field has few values that many rows share, or lists of such values."""
    if not len(column.flat):
        return "empty"
    if column.clock or column.flat_values.dtype.is_temporal():
        return "a time"
    if _is_measure(column):
        return "numbers"
    if column.is_list or column.listing:
        return _why_no_lists(column.listing.parts if column.listing else column.flat)
    return _why_no_values(column)


def _why_no_values(column: Column) -> str | None:
    if len(column.distinct) < 2 and column.rows > 4:
        return "one value only"
    few = len(column.distinct) <= max(2, len(column.flat) // 2)
    return None if few and not (column.is_prose and len(column.distinct) > 50) else "no field of few values"


def _why_no_lists(parts: pl.Series) -> str | None:
    if parts.is_empty():
        return "empty"
    alone = parts.n_unique() > 0.8 * len(parts) and len(parts) > 20
    return "lists of values that do not repeat" if alone or mean(parts.str.len_chars()) > 60 else None


def _is_measure(column: Column) -> bool:
    """Whether it holds numbers that measure something, and are no codes."""
    if not column.is_number or _are_codes(column):
        return False
    if not column.is_whole or column.flat_values.dtype.is_float():
        return True
    measured = words.holds(column.name, words.MEASURE) and not words.holds(column.name, "age|year")
    return measured and (column.is_list or len(column.distinct) > 20)


def _are_codes(column: Column) -> bool:
    """Whole numbers that pandas wrote as floats, because some were missing: few, and again and again."""
    return column.is_whole and column.nulls > 0 and len(column.distinct) <= max(2, len(column.flat) // 10)


def _titles(table: SeenTable, besides: Column) -> list[Column]:
    """Columns that could name an item, best first: those that are called so, then short texts that hardly repeat."""
    able = [
        one
        for one in table.columns
        if one is not besides and not one.is_list and one.values.dtype in (pl.String, pl.Binary)
    ]
    able = [one for one in able if not one.clock and one.length <= 200]
    named = [one for one in able if is_called_title(one.name) and not (one.listing and one.repeats > 0.3)]
    texts = [one for one in able if is_title(one) and not one.listing]
    named.sort(key=lambda one: (one.repeats > 0.5, len(words.tokens_of(one.name)), one.repeats))
    return named + sorted(texts, key=lambda one: one.length)


def is_called_title(name: str) -> bool:
    return words.tokens_of(name.rpartition(".")[2])[-1:] != [] and words.tokens_of(name.rpartition(".")[2])[
        -1
    ] in words.TITLE.split("|")


def _is_code(parts: pl.Series) -> bool:
    """Whether values are long ids, which say nothing to people."""
    head = parts.head(50)
    return len(head) > 0 and bool(head.str.contains(r"^[0-9a-fA-F-]{16,}$").all())


def as_label(column: Column) -> float:
    """How well a field would do as what is predicted: tags and genres, lists of them first, many values but not one for
    each item, and none that nearly all items have."""
    parts = column.listing.parts if column.listing else column.flat
    values = parts.n_unique()
    rows = max(1, column.rows)
    points = 3.0 if words.said(column.name, words.TAG) == 1.0 else 0.0
    points += 2.0 if words.said(column.name, words.LABEL) == 1.0 else 0.5 * (words.said(column.name, words.LABEL) > 0)
    points += 1.5 if column.is_list or column.listing else 0.0
    points += 0.7 if 4 <= values <= 0.5 * rows else 0.0
    points -= 2.0 if column.is_flag or values < 2 else 0.0
    points -= 2.0 * column.nulls
    points -= 1.0 if _is_code(parts) else 0.5 if column.is_number else 0.0
    often = bounds(parts.alias("value").value_counts()["count"])[1] / rows
    return points - (3.0 if often > 0.9 and rows > 10 else 0.0)
