"""What the fields of the items hold: how many values, which are common, and whether a text looks like several."""

import polars as pl

from penchant.logs.counting.buckets import ABSENT
from penchant.logs.found import AlikeValues, FieldFound, JoinedText
from penchant.schema import ITEM

NEARLY_ALL = 0.9
"""A value that more than this share of the items have tells them apart no more."""
MOST_VALUES = 3
SEPARATORS = ("|", ";", ", ", ",", "/", " > ", "\t", "\x01", "\x02", "\x1f", "^", "、", "，", "；", "·")
SPACE = " "
FEW_WORDS = 1 / 3
"""Words that a space parts are values of their own only where different words are so few beside different texts; titles
and names of two words have about as many words as there are texts."""
BRACKETS = "[ ]"
_IN_BRACKETS = r"(?s)^\s*(\[.*\]|\{.*\})\s*$"
LONGEST = 80
"""Characters of a value that is kept as an example."""
_NOT_SAID = (
    *(
        "other",
        "others",
        "misc",
        "miscellaneous",
        "sonstige",
        "sonstiges",
        "autre",
        "autres",
        "otro",
        "otros",
        "прочее",
    ),
    *("其他", "その他", "uncategorized", "uncategorised", "(no genres listed)", "default", "tbd"),
)
NO_TAGS = (*(word for word in ABSENT if not word.removesuffix(".0").lstrip("-").isdigit()), *_NOT_SAID)
"""Values that say nothing of an item, in small letters. Numbers are not among them: 0 may be a category."""


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
        "shared": _having(items, name, counts.filter(pl.col("len") > 1)[name]),
        "absent": _absent(counts, name),
        "joined": _joined(counts, name),
        "alike": _alike(counts, name),
    }


def _having(items: pl.DataFrame, name: str, values: pl.Series) -> int:
    """Items that have any of the values."""
    rows = items.select(ITEM, name).explode(name, keep_nulls=False, empty_as_null=False)
    return rows.filter(pl.col(name).is_in(values.implode()))[ITEM].n_unique()


def _absent(counts: pl.DataFrame, name: str) -> dict[str, int]:
    words = counts.filter(pl.col(name).str.strip_chars().str.to_lowercase().is_in(NO_TAGS))
    return dict(words.head(MOST_VALUES).iter_rows())


def _alike(counts: pl.DataFrame, name: str) -> AlikeValues | None:
    """counts: the commonest first, so that a way of writing is compared with one that is as common or commoner."""
    case, bare = pl.col(name).str.to_lowercase(), pl.col(name).str.to_lowercase().str.replace_all(r"\s+", "")
    folded = counts.with_columns(case=case, bare=bare).filter(bare.str.len_bytes() > 0)
    others = folded.filter(~pl.col("bare").is_first_distinct())
    if others.is_empty():
        return None
    first = folded.filter(pl.col("bare") == others["bare"][0])[name][0]
    return {
        "values": len(others),
        "texts": int(others["len"].sum()),
        "all_texts": int(counts["len"].sum()),
        "case": int((~folded["case"].is_first_distinct()).sum()),
        "example": (others[name][0][:LONGEST], first[:LONGEST]),
    }


def _beside(items: pl.DataFrame, name: str, common: pl.Series) -> int:
    """Items that have a value which is not among the common ones."""
    rows = items.select(ITEM, name).explode(name, keep_nulls=False, empty_as_null=False)
    return rows.filter(~pl.col(name).is_in(common.implode()))[ITEM].n_unique()


def _joined(counts: pl.DataFrame, name: str) -> JoinedText | None:
    """The way to cut the texts that makes most of them into few different ones. counts: values and "len", items."""
    found = [_brackets(counts, name), *(_cut(counts, name, separator) for separator in SEPARATORS)]
    there = [one for one in found if one is not None]
    best = max(there, key=lambda one: one["texts"] * (1 - one["parts"] / one["pieces"]), default=None)
    words = _cut(counts, name, SPACE)
    if words is None or words["parts"] > FEW_WORDS * words["values"]:
        return best
    return words if best is None or 2 * best["texts"] < words["texts"] else best


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
