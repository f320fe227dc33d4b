"""Who clicked what for the first time: the rows of a log that rounds are made from, in memory, a few numbers each."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from penchant.features.cuts.by_period import NEXT, ByPeriod, Period, place_of
from penchant.features.ragged import Ragged, offsets_of
from penchant.logs.ingest import Log
from penchant.schema import CLICKED, ITEM, TIME, USER

ROW = "row"
ENTRY = "entry"
ROUND = "round"


@dataclass(frozen=True)
class ClickRows:
    """One number per row. entry: of the item; user: row of the crowd; time; round: the number of the moment at or after
    which it happened, -1 before the first."""

    entry: np.ndarray
    user: np.ndarray
    time: np.ndarray
    round: np.ndarray

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "ClickRows":
        return cls(*(frame[name].to_numpy() for name in (ENTRY, ROW, TIME, ROUND)))


@dataclass(frozen=True)
class Firsts:
    """The first click of each user of a crowd on each item, before the end of a period; by item, round and time.

    names: ITEM of each entry; starts: where the clicks of each entry begin, and where the last ones end; unclicked:
    rows of the period that were shown and not clicked, of the same items.
    """

    names: pl.Series
    starts: np.ndarray
    clicks: ClickRows
    unclicked: ClickRows

    def count(self, clicks: np.ndarray) -> np.ndarray:
        """How many of the chosen clicks each entry has."""
        return np.bincount(self.clicks.entry[clicks], minlength=len(self.names))

    def seeds(self, entries: np.ndarray, earlier: np.ndarray, most: int) -> Ragged:
        """The users of the first `earlier` clicks of each of some entries, the latest `most` of them."""
        lengths = np.minimum(earlier, most)
        offsets = offsets_of(lengths)
        shift = self.starts[entries] + earlier - lengths - offsets[:-1]
        return Ragged(offsets, self.clicks.user[np.arange(offsets[-1]) + np.repeat(shift, lengths)])

    def clicked(self, user: np.ndarray, entry: np.ndarray) -> np.ndarray:
        """Whether each of some users clicked an entry before the end of the period."""
        asked, known = self._pairs(user, entry), self._pairs_clicked
        found = np.searchsorted(known, asked)
        return known[np.minimum(found, len(known) - 1)] == asked

    def _pairs(self, user: np.ndarray, entry: np.ndarray) -> np.ndarray:
        return user.astype(np.int64) * len(self.names) + entry

    @cached_property
    def _pairs_clicked(self) -> np.ndarray:
        return np.sort(self._pairs(self.clicks.user, self.clicks.entry))


def read_firsts(
    log: Log, cut: ByPeriod, period: Period, *, users: pl.Series, moments: np.ndarray, unclicked: bool = False
) -> Firsts:
    """The first clicks of a crowd before the end of a period.

    users: of the crowd, in order of its rows; moments: when its rounds begin, in order, the first with the period.
    """
    last = log.found["last"]
    crowd = pl.DataFrame({USER: users}).with_row_index(ROW).cast({ROW: pl.Int32})
    clicks, shown = [], []
    for bucket in range(log.buckets):
        rows = _rows_of_crowd(log.events(bucket), crowd, cut, period, last)
        clicks.append(rows.filter(CLICKED).unique([ROW, ITEM], keep="first", maintain_order=True))
        shown.append(rows.filter(~pl.col(CLICKED) & pl.col("inside")) if unclicked else rows.clear())
    names = pl.concat([part[ITEM] for part in clicks]).unique().sort()
    entries = names.to_frame().with_row_index(ENTRY).cast({ENTRY: pl.Int32})
    by_item, beside = (_numbered(pl.concat(parts), entries, cut, moments) for parts in (clicks, shown))
    first = by_item.sort(ENTRY, ROUND, TIME, ROW)
    starts = offsets_of(np.bincount(first[ENTRY].to_numpy(), minlength=len(names)))
    return Firsts(names, starts, ClickRows.of(first), ClickRows.of(beside))


def _rows_of_crowd(
    events: pl.DataFrame, crowd: pl.DataFrame, cut: ByPeriod, period: Period, last: float
) -> pl.DataFrame:
    """ROW, ITEM, TIME, CLICKED and "inside" (the period) of the crowd's events before the period's end, in order."""
    bounds = cut.count_before(events, last).select(USER, begin=period, end=NEXT[period])
    people = bounds.join(crowd, on=USER, how="inner")
    rows = events.with_columns(place_of(events)).join(people, on=USER, how="inner", maintain_order="left")
    rows = rows.filter(pl.col("place") < pl.col("end"))
    return rows.select(ROW, ITEM, TIME, CLICKED, inside=pl.col("place") >= pl.col("begin"))


def _numbered(rows: pl.DataFrame, entries: pl.DataFrame, cut: ByPeriod, moments: np.ndarray) -> pl.DataFrame:
    """ENTRY, ROW, TIME, ROUND of rows whose item has an entry."""
    rows = rows.join(entries, on=ITEM, how="inner", maintain_order="left")
    if not cut.clock:
        number = rows["inside"].cast(pl.Int32) - 1
    else:
        number = pl.Series(np.searchsorted(moments, rows[TIME].to_numpy(), side="right") - 1, dtype=pl.Int32)
    return rows.select(ENTRY, ROW, TIME, number.alias(ROUND))
