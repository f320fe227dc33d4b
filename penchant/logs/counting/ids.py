"""How ids are written, and what would have to be done so that two tables write them alike."""

import re
from collections.abc import Callable, Iterable

import polars as pl

from penchant.logs.found import IdsFound, StrangersFound

FLOAT_HOLDS = 2**53
"""From here up, a float does not hold every whole number."""
LONG_DIGITS = 16
EXCEL_DIGITS = 15
"""Excel keeps so many digits of a number, and writes zeros for the others."""
ADORNED = 8
"""Characters of an id, at least, for dashes to be only adornment."""
_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+\d+")
_POINT_ZERO = re.compile(r"[+-]?\d+\.0+")
_WHOLE = re.compile(rf"[1-9]\d{{{LONG_DIGITS - 1},30}}")

Rule = Callable[[pl.Expr], pl.Expr]


def _rounded(ids: pl.Expr) -> pl.Expr:
    """Floats of whole numbers; null for what a float holds exactly anyway, or what is no number."""
    number = ids.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite() & (number.abs() >= FLOAT_HOLDS)).then(number.cast(pl.String))


def _shown(ids: pl.Expr) -> pl.Expr:
    number = ids.cast(pl.Float64, strict=False)
    large = number.is_finite() & (number.abs() >= 1e11)
    return pl.when(large).then(number.round_sig_figs(6).cast(pl.String))


def _bare(ids: pl.Expr) -> pl.Expr:
    """Dashes part the numbers of short ids, such as 1-12 and 11-2, and only adorn long ones."""
    bare = ids.str.replace_all(r"[{}()\[\]\"']", "")
    long = bare.str.replace_all("-", "", literal=True)
    return pl.when(long.str.len_chars() >= ADORNED).then(long).otherwise(bare)


def _number_at_the_end(ids: pl.Expr) -> pl.Expr:
    return ids.str.extract(r"(\d+)$")


RULES: dict[str, Rule] = {
    "“.0” at the end is taken away": lambda ids: ids.str.replace(r"\.0+$", ""),
    "zeros at the front are taken away": lambda ids: ids.str.replace(r"(^|\D)0+(\d)", "$1$2"),
    "space around them is taken away": lambda ids: ids.str.strip_chars(),
    "capital letters are made small": lambda ids: ids.str.to_lowercase(),
    "braces, dashes and quotes are taken away": _bare,
    "whole numbers are rounded as a float rounds them": _rounded,
    "whole numbers are rounded to six digits, as a spreadsheet shows them": _shown,
    "everything before the number at the end is taken away": _number_at_the_end,
}
"""What would have to be done to the ids of both tables, so that they are written alike; the least comes first."""
TOGETHER = "small letters are used, and space, “.0”, braces, dashes, quotes and zeros at the front are taken away"
_SAFE = list(RULES)[:5]


def _together(ids: pl.Expr) -> pl.Expr:
    for name in _SAFE[2:] + _SAFE[:2]:
        ids = RULES[name](ids)
    return ids


def count_ids(ids: Iterable[str], *, named: bool) -> IdsFound:
    """How ids are written. named: whether one may be kept as an example."""
    looked_at = point_zero = scientific = 0
    long, zeros, floats, rounder = 0, 0, 0, 0
    examples: dict[int, str] = {}
    for text in ids:
        looked_at += 1
        if _SCIENTIFIC.fullmatch(text):
            scientific += 1
            examples.setdefault(0, text)
        elif _POINT_ZERO.fullmatch(text):
            point_zero += 1
            examples.setdefault(2, text)
        elif _WHOLE.fullmatch(text) and (number := int(text)) > FLOAT_HOLDS:
            coarse = 4 << (number.bit_length() - 53)
            long += 1
            zeros += not text[EXCEL_DIGITS:].strip("0")
            floats += int(float(number)) == number
            rounder += number % coarse == 0
            examples.setdefault(1, text)
    return {
        "looked_at": looked_at,
        "point_zero": point_zero,
        "scientific": scientific,
        "long": long,
        "zeros": zeros,
        "floats": floats,
        "rounder": rounder,
        "example": examples[min(examples)] if named and examples else None,
    }


def count_alike(strangers: pl.Series, table: pl.Series, *, named: bool) -> StrangersFound:
    """How many ids that a table does not have it would have, if both were written otherwise.

    strangers, table: different ids, text; named: whether one may be kept as an example.
    """
    found: StrangersFound = {"looked_at": len(strangers), "alike": {}, "example": {} if named else None}
    if strangers.is_empty() or table.is_empty():
        return found
    for name, rule in {**RULES, TOGETHER: _together}.items():
        pairs = alike(strangers, table, rule)
        best = max(found["alike"].values(), default=0)
        if len(pairs) > (best if name == TOGETHER else 0):
            found["alike"][name] = len(pairs)
            if found["example"] is not None:
                found["example"][name] = pairs.row(0)
    return found


def alike(strangers: pl.Series, table: pl.Series, rule: Rule | str) -> pl.DataFrame:
    """Pairs of ids that are the same by a rule, or its name: "stranger", and "known", each the only such id."""
    if isinstance(rule, str):
        rule = _together if rule == TOGETHER else RULES[rule]
    ours = pl.DataFrame({"stranger": strangers}).with_columns(same=rule(pl.col("stranger")))
    theirs = pl.DataFrame({"known": table}).with_columns(same=rule(pl.col("known")))
    ours = ours.unique("same", keep="none")
    theirs = theirs.filter(pl.col("same").str.len_bytes() > 0).join(ours, on="same", how="semi")
    theirs = theirs.unique("same", keep="none")
    pairs = ours.join(theirs, on="same", how="inner")
    if rule is _number_at_the_end:
        # Two ids that merely end in the same number are not the same.
        pairs = pairs.filter((pl.col("stranger") == pl.col("same")) | (pl.col("known") == pl.col("same")))
    return pairs.select("stranger", "known").sort("stranger", "known")
