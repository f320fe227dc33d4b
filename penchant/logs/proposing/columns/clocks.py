"""Whether a column is a clock, of which kind, and what it says in seconds."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from penchant.logs.proposing.columns.shares import bounds, share

OLDEST, NEWEST = 631_152_000.0, 2_208_988_800.0
"""1990 and 2040, in seconds."""
DAY_S = 86_400.0
ENOUGH = 0.95
"""The share of the values that has to be read."""

_EPOCHS = {"s": 1e0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_DIGITS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_READ_BY_ITSELF = {"%Y%m%d", "%Y%m%d%H%M%S"}
"""Numbers of digits that need no format in a run file."""
_ISO = [
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f %Z",
]
_LIKE_A_DATE = (
    r"^([A-Za-z]{3},? )?(\d{1,4}|[^\W\d_]{3,9}\.?)[-/. ]+(\d{1,2}|[^\W\d_]{3,9}\.?)[-/., ]+\d|^\d{8}[T ]\d|^\d{4}年"
)
_WRITTEN = [
    f"{date}{time}"
    for date in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%m-%d-%Y", "%d.%m.%y", "%m/%d/%y")
    for time in ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", " %I:%M:%S %p", " %I:%M %p", ", %H:%M", ", %H:%M:%S")
] + [
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%a %b %d %H:%M:%S %z %Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%m %d, %Y",
    "%b %d, %Y, %I:%M %p",
    "%d %b %Y %H:%M:%S",
    "%Y%m%dT%H%M%SZ",
    "%Y%m%d %H:%M:%S",
    "%Y年%m月%d日",
    "%Y年%m月%d日 %H:%M:%S",
]


@dataclass(frozen=True)
class ColumnClock:
    """seconds: of each row of the sample, null where the value is no time; fine: whether it tells moments of a day
    apart; format: how the run file has to say it is written, where it must; two_ways: whether days and months cannot
    be told apart by what was seen; sure: whether the type itself says that it is a time; digits: whether numbers are
    written as dates, 20260301; mixed: whether numbers count in several units since 1970."""

    seconds: pl.Series
    fine: bool
    format: str | None = None
    two_ways: bool = False
    sure: bool = False
    digits: bool = False
    mixed: bool = False


def clock_of(values: pl.Series) -> ColumnClock | None:
    """The clock that a column is; None where it is none.

    >>> clock_of(pl.Series(["03/01/2026", "03/28/2026"])).format
    '%m/%d/%Y'
    >>> clock_of(pl.Series([20260301, 20260302])).fine, clock_of(pl.Series([1.5, 2.5]))
    (False, None)
    """
    dtype = values.dtype
    if dtype in (pl.Date, pl.Datetime):
        return _clock(_seconds(values.cast(pl.Datetime("us"))), sure=True)
    if dtype.is_numeric():
        return _of_numbers(values)
    if dtype == pl.String:
        return _of_texts(values)
    return None


def _clock(
    seconds: pl.Series, written: str | None = None, *, two_ways: bool = False, sure: bool = False
) -> ColumnClock | None:
    known = seconds.drop_nulls().to_numpy()
    if not len(known) or np.mean((known >= OLDEST) & (known <= NEWEST)) < ENOUGH:
        return None
    # Times of day are one and the same where only the day is known.
    of_day, distinct = np.unique(known % DAY_S), np.unique(known)
    fine = bool(of_day[0] > 0) if len(distinct) == 1 else len(of_day) > max(1, min(5, len(distinct) // 3))
    return ColumnClock(seconds, fine, written, two_ways, sure)


def _seconds(moments: pl.Series) -> pl.Series:
    return moments.dt.epoch("us").cast(pl.Float64) / 1e6


def _of_numbers(values: pl.Series) -> ColumnClock | None:
    numbers = values.cast(pl.Float64, strict=False).fill_nan(None)
    known = numbers.drop_nulls()
    if known.is_empty():
        return None
    size = float(np.median(known.abs().to_numpy()))
    whole = bool((known == known.floor()).all())
    digits = len(str(int(size)))
    if whole and digits in _DIGITS and size < 1e15:
        texts = numbers.cast(pl.Int64).cast(pl.String)
        written = _read(texts, _DIGITS[digits])
        if written is not None:
            named = None if _DIGITS[digits] in _READ_BY_ITSELF else _DIGITS[digits]
            found = _clock(written, named)
            if found:
                return replace(found, digits=True)
    for per_second in _EPOCHS.values():
        if OLDEST * per_second <= size <= NEWEST * per_second:
            found = _clock(numbers / per_second) or _of_several_units(numbers)
            return None if found and found.fine and _comes_back(known) else found
    return _of_several_units(numbers)


def unit_of(number: float) -> str | None:
    """The unit in which a number counts from 1970 to a moment between 1990 and 2040; None where there is none.

    >>> [unit_of(number) for number in (1_767_225_600, 1_767_225_600_000, 1e9 * 1e9, 7)]
    ['s', 'ms', 'ns', None]
    """
    return next((unit for unit, per in _EPOCHS.items() if OLDEST * per <= number <= NEWEST * per), None)


def _of_several_units(numbers: pl.Series) -> ColumnClock | None:
    """The clock of numbers that count in seconds in some rows, and in milliseconds or finer in others."""
    number = pl.col("number")
    inside = [(number.is_between(OLDEST * per, NEWEST * per), per) for per in _EPOCHS.values()]
    frame = pl.DataFrame({"number": numbers})
    if sum(share(frame.select(found).to_series()) > 0.0 for found, _ in inside) < 2:
        return None
    read = pl.coalesce(*(pl.when(found).then(number / per) for found, per in inside))
    seconds = frame.select(read).to_series()
    if len(seconds.drop_nulls()) < ENOUGH * len(numbers.drop_nulls()):
        return None
    clock = _clock(seconds)
    return replace(clock, mixed=True) if clock else None


def _comes_back(known: pl.Series) -> bool:
    """Whether most values stood there before, and far away: ids do so, the moments of a log by user do not."""
    turns = known.filter((known != known.shift(1)).fill_null(True))
    if len(turns) <= 20 or turns.n_unique() >= 0.5 * len(turns):
        return False
    places = pl.DataFrame({"value": known}).with_row_index("place").group_by("value").agg(pl.len(), pl.col("place"))
    reach = places.filter(pl.col("len") > 1).select(pl.col("place").list.max() - pl.col("place").list.min())
    return float(np.median(reach.to_series().to_numpy())) > 0.05 * len(known)


def _of_texts(values: pl.Series) -> ColumnClock | None:
    known = values.drop_nulls()
    known = known.filter(known.str.len_bytes() > 0)
    first = known.head(50)
    if len(first) and first.str.contains(r"^\d+(\.0+)?$").all():
        return _of_numbers(values.cast(pl.Float64, strict=False))
    if bounds(first.str.len_chars())[1] > 40 or share(first.str.contains(_LIKE_A_DATE)) < ENOUGH:
        return None
    if any(_read(first, written) is not None for written in _ISO):
        return _clock(_iso(values))
    fitting = [written for written in _WRITTEN if _read(first, written) is not None]
    fitting = [written for written in fitting if _read(known, written) is not None]
    if not fitting:
        return None
    two_ways = any(_swapped(written) in fitting for written in fitting if _swapped(written) != written)
    return _clock(_parsed(values, fitting[0]), fitting[0], two_ways=two_ways)


def _swapped(written: str) -> str:
    """The format with days and months in each other's places."""
    return written.replace("%m", "?").replace("%d", "%m").replace("?", "%d")


def _iso(values: pl.Series) -> pl.Series:
    read = [_parsed(values, written) for written in _ISO]
    return pl.select(pl.coalesce(*(pl.lit(one) for one in read))).to_series()


def _parsed(values: pl.Series, written: str) -> pl.Series:
    moments = (
        values.str.to_date(written, strict=False).cast(pl.Datetime("us"))
        if "H" not in written and "I" not in written
        else values.str.to_datetime(written.replace(" %Z", " UTC"), strict=False, time_unit="us")
    )
    return _seconds(moments.dt.replace_time_zone(None))


def _read(values: pl.Series, written: str) -> pl.Series | None:
    """The texts in seconds, if nearly all can be read so."""
    if written == "%Y%m%d%H":
        values, written = values + "00", "%Y%m%d%H%M"
    try:
        seconds = _parsed(values, written)
    except pl.exceptions.PolarsError:
        return None
    there = len(values) - values.null_count()
    return seconds if there and len(seconds.drop_nulls()) >= ENOUGH * there else None
