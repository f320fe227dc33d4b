"""Texts of the log that hold more than one value, which no key of a run file takes apart: lists, and JSON."""

import json
from pathlib import Path

from penchant.logs.proposing import words
from penchant.logs.proposing.columns.pairs import quoted_name, quoted_text
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.columns.shares import share
from penchant.logs.proposing.roles import LikelyLog
from penchant.logs.proposing.seen import SeenTable

_MOST_KEYS = 12


def listed_in_log(log: LikelyLog, column: Column, beside: Path) -> str:
    """What to write where a column of the log has the tags of each item as one text, "a; b"."""
    assert log.item
    assert column.listing
    item, name, mark = quoted_name(log.item.column.name), quoted_name(column.name), column.listing.mark or ""
    parted = f"unnest(string_split({name}, {quoted_text(mark)}))"
    query = f"select distinct {item}, trim({parted}) as value from {log.table.source(beside)}"  # noqa: S608
    return (
        f"{column.name!r} of the log holds lists such as {str(column.flat[0])[:40]!r}; if they are what an item is, "
        f'make tags of them: [[logs.tables.item_values]] with field = "tags", item = "{log.item.column.name}", '
        f"value = \"value\" and query = '''{query}'''"
    )


def lists_of(log: LikelyLog) -> list[Column]:
    """The columns of the log whose texts are lists with a mark between, and are called as tags are or follow from the
    item."""
    assert log.item
    item = log.item.column
    return [
        one
        for one in log.table.columns
        if one is not item
        and one.listing
        and one.listing.mark
        and (words.said(one.name, f"{words.TAG}|{words.LABEL}") == 1.0 or log.table.determines(item, one))
    ]


def told_json(table: SeenTable, beside: Path) -> list[str]:
    """A sentence for each column whose texts are JSON, with a query that takes it apart."""
    said = []
    for column in table.columns:
        keys = _keys(column)
        if keys:
            name = quoted_name(column.name)
            taken = ", ".join(f"{name} ->> {quoted_text(_path(key))} as {quoted_name(key)}" for key in keys)
            query = f"select * exclude ({name}), {taken} from {table.source(beside)}"  # noqa: S608
            clash = [one for one in keys if one.lower() in {other.lower() for other in table.by_name}]
            if clash:
                query = f"select {taken} from {table.source(beside)}"  # noqa: S608
            said.append(
                f"{column.name!r} of {table.name} holds JSON; take it apart, with instead of `files` "
                f"query = '''{query}'''"
            )
    return said


def _keys(column: Column) -> list[str]:
    """The keys of the objects that texts hold, the commonest first; none where they are no JSON."""
    if column.is_list or column.is_number:
        return []
    head = column.flat.head(50)
    if not len(head) or share(head.str.contains(r"^\s*\{\s*\"[\s\S]*\}\s*$")) < 0.9:
        return []
    counts: dict[str, int] = {}
    for text in head:
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            continue
        for key in read if isinstance(read, dict) else ():
            counts[key] = counts.get(key, 0) + 1
    return [key for key in sorted(counts, key=lambda key: -counts[key]) if '"' not in key and key][:_MOST_KEYS]


def _path(key: str) -> str:
    return f'$."{key}"'
