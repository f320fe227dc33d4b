"""What the fields of the items hold: how many values, which are common, and whether a text looks like several."""

import polars as pl

from penchant.logs.found import FieldFound, JoinedText
from penchant.schema import ITEM

NEARLY_ALL = 0.9
"""A value that more than this share of the items have tells them apart no more."""
MOST_VALUES = 3
SEPARATORS = ("|", ";", ", ", ",", "/", " > ", "\t")
BRACKETS = "[ ]"
_IN_BRACKETS = r"(?s)^\s*(\[.*\]|\{.*\})\s*$"
LONGEST = 80
"""Characters of a value that is kept as an example."""


def count_field(items: pl.DataFrame, name: str, events_with: int) -> FieldFound:
    """One field. items: ITEM and a list of values per field, without repeats."""
    lists = items[name]
    values = lists.explode(keep_nulls=False, empty_as_null=False)
    counts = values.value_counts(name="len").sort("len", name, descending=[True, False])
    items_with = int((lists.list.len() > 0).sum())
    nearly_all = counts.filter(pl.col("len") > NEARLY_ALL * items_with)[name]
    return {
        "values": len(counts),
        "items_with": items_with,
        "per_item": float(lists.list.len().mean() or 0),  # type: ignore[arg-type]
        "events_with": events_with,
        "commonest": [(value[:LONGEST], count) for value, count in counts.head(MOST_VALUES).rows()],
        "beside": _beside(items, name, nearly_all) if len(nearly_all) else items_with,
        "joined": _joined(counts, name),
    }


def _beside(items: pl.DataFrame, name: str, common: pl.Series) -> int:
    """Items that have a value which is not among the common ones."""
    rows = items.select(ITEM, name).explode(name, keep_nulls=False, empty_as_null=False)
    return rows.filter(~pl.col(name).is_in(common.implode()))[ITEM].n_unique()


def _joined(counts: pl.DataFrame, name: str) -> JoinedText | None:
    """The way to cut the texts that makes most of them into few different ones. counts: values and "len", items."""
    found = [_brackets(counts, name), *(_cut(counts, name, separator) for separator in SEPARATORS)]
    there = [one for one in found if one is not None]
    return max(there, key=lambda one: one["texts"] * (1 - one["parts"] / one["pieces"]), default=None)


def _brackets(counts: pl.DataFrame, name: str) -> JoinedText | None:
    """Texts that look like a list, such as ['jazz', 'blues']."""
    parts = counts[name].str.strip_chars("[]{} ").str.split(",").explode().str.strip_chars(" '\"")
    return _told(counts, pl.col(name).str.contains(_IN_BRACKETS), parts, BRACKETS)


def _cut(counts: pl.DataFrame, name: str, separator: str) -> JoinedText | None:
    parts = counts[name].str.split(separator).explode().str.strip_chars()
    return _told(counts, pl.col(name).str.contains(separator, literal=True), parts, separator)


def _told(counts: pl.DataFrame, such: pl.Expr, parts: pl.Series, separator: str) -> JoinedText | None:
    texts = counts.filter(such)
    if texts.is_empty():
        return None
    return {
        "separator": separator,
        "texts": int(texts["len"].sum()),
        "values": len(counts),
        "pieces": len(parts),
        "parts": parts.n_unique(),
        "example": texts.row(0)[0][:LONGEST],
    }
