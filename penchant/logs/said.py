"""Values of items that were given one after the other: from when to when an item had each value."""

from collections.abc import Iterable, Iterator
from math import inf

import polars as pl

from penchant.schema import ITEM, TIME, VALUE

WEIGHT, SINCE, UNTIL = "weight", "since", "until"

_SPAN_TYPES = {"pair": pl.Int64, SINCE: pl.Float64, UNTIL: pl.Float64}


def spans(said: pl.DataFrame, *, top: int | None, min_items: int) -> pl.DataFrame:
    """ITEM, VALUE, SINCE, UNTIL: who looks at an item after SINCE, and not after UNTIL (infinite for a value that it
    still has), sees the value, by the rules of `tables.ItemValuesTable` and by what had been said before.

    said: ITEM, VALUE, WEIGHT, TIME, a row for each time that a value was said. Linear in them, a microsecond or two per
    row; memory is a few numbers per row.
    """
    rows = _once_frequent(said, min_items).group_by(ITEM, VALUE, TIME).agg(pl.col(WEIGHT).sum())
    if top is None:
        return rows.group_by(ITEM, VALUE).agg(pl.col(TIME).min().alias(SINCE), pl.lit(inf).alias(UNTIL))
    pairs = rows.select(ITEM, VALUE).unique().sort(ITEM, VALUE).with_row_index("pair").cast({"pair": pl.Int64})
    pairs = pairs.with_columns(first=pl.col("pair").min().over(ITEM))
    ordered = rows.join(pairs, on=[ITEM, VALUE]).sort(ITEM, TIME, "pair").select("first", "pair", WEIGHT, TIME)
    found = pl.DataFrame(_hold(ordered.iter_rows(), len(pairs), top), schema=_SPAN_TYPES, orient="row")
    return found.join(pairs, on="pair").select(ITEM, VALUE, SINCE, UNTIL)


def seen_at(spans: pl.DataFrame, moment: float) -> pl.DataFrame:
    """Return the spans of the values that items have at some moment; infinite: those that they still have."""
    return spans.filter((pl.col(SINCE) < moment) & (pl.col(UNTIL) >= moment))


def _once_frequent(said: pl.DataFrame, min_items: int) -> pl.DataFrame:
    """Return the rows of values that enough items have. A row from before that moment gets the time from which on
    enough items had the value."""
    firsts = said.group_by(VALUE, ITEM).agg(pl.col(TIME).min())
    enough = firsts.group_by(VALUE).agg(pl.col(TIME).sort().get(min_items - 1, null_on_oob=True).alias("enough"))
    rows = said.join(enough.drop_nulls(), on=VALUE)
    return rows.with_columns(pl.max_horizontal(TIME, "enough").alias(TIME)).drop("enough")


def _hold(rows: Iterable[tuple[int, int, float, float]], pairs: int, top: int) -> Iterator[tuple[int, float, float]]:
    """Every span in which a pair of an item and a value is one of the first `top` of its item: pair, since, until.

    Pairs are numbered by item and name, so that of equal weights the first by name stands first. rows: the first pair
    of the item, the pair, what is added to its weight, and when; by item and time, each pair once at a time.
    """
    weight, held, said, item = [0.0] * pairs, dict[int, float](), set[int](), -1
    none = (-inf, 0)
    least = none  # none of the held stands lower than this

    def standing(pair: int) -> tuple[float, int]:
        return weight[pair], -pair

    for first, pair, added, at in rows:
        if first != item:
            yield from ((one, since, inf) for one, since in held.items())
            item, held, said, least = first, {}, set(), none
        weight[pair] += added
        said.add(pair)
        rival = pair
        if pair in held:
            if added >= 0 or len(said) == len(held):
                continue
            # What has lost weight may fall behind the best of the others.
            rival, least = max(said.difference(held), key=standing), none
        if len(held) < top:
            held[rival] = at
        elif standing(rival) > least:
            last = min(held, key=standing)
            least = standing(last)
            if standing(rival) > least:
                since = held.pop(last)
                if since < at:
                    yield last, since, at
                held[rival] = at
    yield from ((one, since, inf) for one, since in held.items())
