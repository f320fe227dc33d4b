"""How people write a list as one text: a|b, "a, b", JSON, Python, Postgres; and what is free text instead."""

from dataclasses import dataclass

import polars as pl

from penchant.logs.proposing.columns.shares import mean, share
from penchant.logs.rows.lists import as_lists

MARKS = ("|", ";", ",", "/", ">", " ")
"""In the order in which they are tried."""
SELF_TOLD = r"^\s*(\[[\s\S]*\]|\{[^:]*\}|\([\s\S]*\))\s*$"
"""Lists of JSON, Python and Postgres, which are read as lists without being told."""

_PARSED = 1_000
"""Texts that are parsed as lists."""


@dataclass(frozen=True)
class Listing:
    """mark: what separates the parts, None where the text says it by itself; parts: of all rows in one column."""

    mark: str | None
    parts: pl.Series


def listing_of(texts: pl.Series, is_sequence: bool = False) -> Listing | None:
    """How the texts of a column are lists; None where they are not. `is_sequence`: the name says that they are lists
    with spaces between.

    >>> listing_of(pl.Series(["a|b", "b", "a|c", "c"])).mark
    '|'
    >>> listing_of(pl.Series(["['jazz', 'blues']", "[]", "['jazz']"])).parts.to_list()
    ['jazz', 'blues', 'jazz']
    """
    known = texts.drop_nulls()
    known = known.filter(known.str.len_bytes() > 0)
    if known.is_empty():
        return None
    if share(known.str.contains(SELF_TOLD)) > 0.9:
        parts = as_lists(known.head(_PARSED)).list.explode(keep_nulls=False, empty_as_null=False)
        return Listing(None, parts.filter(parts.str.len_bytes() > 0))
    if is_sequence:
        return Listing(" ", known.str.split(" ").list.explode())
    for mark in MARKS:
        parted = _parts(known, mark)
        if parted is not None:
            return Listing(mark, parted)
    return None


def _parts(known: pl.Series, mark: str) -> pl.Series | None:
    """The parts between the marks, if they look like the values of a list: short, and many of them again and again."""
    with_mark = known.str.contains(mark, literal=True)
    marked = share(with_mark)
    if marked <= (0.2 if mark != " " else 0.3):
        return None
    parts = known.str.split(mark).list.explode().str.strip_chars(" ")
    parts = parts.filter(parts.str.len_bytes() > 0)
    if parts.is_empty() or mark in "|;":
        return None if parts.is_empty() or mean(parts.str.len_chars()) > 60 else parts
    longest = float(parts.str.len_chars().quantile(0.95) or 0.0)
    again = 1.0 - parts.n_unique() / len(parts)
    of_whole = 1.0 - known.n_unique() / len(known)
    if longest > 40 or again < 0.5 or parts.n_unique() >= known.n_unique() * (2.0 if mark in ",;" else 1.0):
        return None
    if mark in " />" and (again < 0.8 or of_whole > 0.7 or _is_prose(parts)):
        return None
    if mark == "," and parts.str.contains(r"^-?\d+$").all() and of_whole == 0.0 and marked == 1.0:
        return None
    return parts


def _is_prose(parts: pl.Series) -> bool:
    return bool(parts.str.to_lowercase().is_in(["the", "of", "and", "a", "&", "och", "der", "die", "-"]).any())
