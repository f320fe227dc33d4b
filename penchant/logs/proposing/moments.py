"""Which column tells when an event was."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from penchant.logs.proposing import words
from penchant.logs.proposing.columns.clocks import unit_of
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.columns.shares import bounds, share
from penchant.logs.proposing.seen import SeenTable

SOON_S = 10.0
"""Seconds within which two clocks tell of the same."""
_OF_THINGS = "birth|born|signup|registered|joined|first|last|published|release|released|publish|start|end|expires"
"""What is said of times that belong to people and things, not to events."""


def best_clock(table: SeenTable, attributes_of: Sequence[Column]) -> Column | None:
    """The column that tells when an event was: the finest clock that does not follow from the user or the item."""
    lists = any(one.is_list for one in attributes_of)
    clocks = [one for one in table.columns if one.clock and one.nulls < 0.5 and (lists or not one.is_list)]
    points = {one.name: as_clock(one, table, attributes_of) for one in clocks}
    best = max(clocks, key=lambda one: points[one.name], default=None)
    if best is None:
        return None
    # What happened is noted before it is sent, received and stored.
    alike = [one for one in clocks if points[one.name] > points[best.name] - 0.4]
    earliest = min(map(_middle, alike))
    return max((one for one in alike if _middle(one) < earliest + SOON_S), key=lambda one: points[one.name])


def _middle(column: Column) -> float:
    assert column.clock
    return float(np.median(column.clock.seconds.drop_nulls().to_numpy()))


def as_clock(column: Column, table: SeenTable, attributes_of: Sequence[Column]) -> float:
    """The points of a column as the clock of the events. attributes_of: the user and the item; a time that follows from
    one of them is theirs."""
    assert column.clock
    clock = column.clock
    points = 3.0 if clock.fine else 0.0
    points += 1.0 if clock.sure else 0.0
    points -= 4.0 * column.nulls
    points -= 4.0 * any(table.determines(one, column) for one in attributes_of)
    points += 1.5 * words.said(column.name, words.TIME)
    points += 0.7 if words.tokens_of(column.name)[-1:] == ["at"] else 0.0
    points -= 1.0 * words.holds(column.name, words.LATE)
    points -= 1.0 * words.holds(column.name, _OF_THINGS)
    points -= 2.0 if column.name in table.partition else 0.0
    points += min(1.0, len(column.distinct) / max(1, len(column.flat)))
    points += 0.5 * _in_order(clock.seconds)
    if not (clock.sure or clock.digits) and column.is_number and not words.said(column.name, words.TIME):
        points -= 1.0
    return points - 0.001 * len(column.name)


def _in_order(seconds: pl.Series) -> float:
    """The share of rows that are not earlier than the row before."""
    steps = seconds.drop_nulls().diff().drop_nulls()
    return share(steps >= 0)


def since_start(table: SeenTable, attributes_of: Sequence[Column]) -> str | None:
    """A column that is called a time and counts from a start that it does not tell: many numbers, from near 0 on."""
    for column in table.columns:
        if column in attributes_of or column.is_list or not column.is_number or column.clock or column.nulls:
            continue
        low, high = bounds(column.numbers)
        many = len(column.distinct) > 0.2 * column.rows
        if (
            words.said(column.name, words.TIME) == 1.0
            and many
            and 0 <= low <= 0.05 * high
            and not _since_1970(column.numbers)
        ):
            return column.name
    return None


def _since_1970(numbers: pl.Series) -> bool:
    """Whether numbers are times since 1970 after all, in several units or with others among them: all are large, or
    most are as large as such times."""
    if bounds(numbers)[0] >= 1e8:
        return True
    units = [unit_of(number) for number in numbers.head(2_000).to_list()]
    return sum(unit is not None for unit in units) > 0.8 * len(units)


def position_of(table: SeenTable, user: Column, item: Column | None) -> str | None:
    """A column that counts the events of each user, from 0 or 1 on."""
    for column in table.columns:
        if column in (user, item) or column.is_list or column.is_flag or column.is_unique or column.nulls:
            continue
        if column.is_whole and _counts(user, column):
            return column.name
    return None


def _counts(user: Column, column: Column) -> bool:
    frame = pl.DataFrame({"user": user.texts, "place": column.texts.cast(pl.Int64, strict=False)})
    place, rows = pl.col("place"), pl.len()
    counted = (place.n_unique() == rows) & place.min().is_between(0, 1) & (place.max() <= rows + 1)
    users = frame.group_by("user").agg(rows.alias("rows"), counted.alias("counted")).filter(pl.col("rows") > 1)
    return users.height >= 5 and share(users["counted"]) > 0.9
