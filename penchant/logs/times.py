"""What a time is, batch and live: UTC seconds as a float, whole microseconds where the source counts finer."""

import re
from datetime import date
from math import isfinite
from typing import Literal

import polars as pl

TimeUnit = Literal["auto", "s", "ms", "us", "ns", "position"]
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
OLDEST_S, NEWEST_S = 631_152_000, 4_102_444_800
"""1990 and 2100, UTC seconds: a clock outside them is a mistake."""

_FINER = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_DAY = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d(\d\d){1,2})?")
"""20260301, and perhaps the hour, minute and second behind it."""


def seconds(count: pl.Expr, unit: TimeUnit) -> pl.Expr:
    """Numbers of a unit since 1970 (or positions) as a float, the nearest to what they say. Of whole nanoseconds, those
    below a microsecond are cut off first, as they are in texts: a float of seconds cannot hold them.

    >>> counts = pl.Series([1_700_000_000_123_456_789, None])
    >>> pl.select(seconds(pl.lit(counts), "ns")).to_series().to_list()
    [1700000000.123456, None]
    """
    if unit == "ns":
        return seconds(count // 10**3, "us")
    exact, per_second = count.cast(pl.Float64), PER_SECOND.get(unit, 1)
    # A column by a column: by a number, Polars multiplies with its inverse, which is another click in the last digit.
    return exact if per_second == 1 else exact / (0.0 * exact + float(per_second))


def clock_problem(seconds: float) -> str | None:
    """Return what UTC seconds look like that are no clock of an event; None where they are one.

    The words name no value, so that the rows with one mistake are counted together; what to do is for the caller to
    say, because a log has its time_unit, and who sends an event counts otherwise.

    >>> clock_problem(1_700_000_000.5), clock_problem(1_700_000_000_000), clock_problem(20260301)
    (None, 'these look like milliseconds', 'this looks like a day written as a number')
    >>> clock_problem(0), clock_problem(1e12 / 4), clock_problem(float("nan"))
    ('this is before 1990', 'this is after 2100', 'this is no finite number')
    """
    if not isfinite(seconds):
        return "this is no finite number"
    if OLDEST_S <= seconds <= NEWEST_S:
        return None
    for unit, words in _FINER.items():
        if OLDEST_S <= seconds / PER_SECOND[unit] <= NEWEST_S:
            return f"these look like {words}"
    if _is_day(seconds):
        return "this looks like a day written as a number"
    return "this is before 1990" if seconds < OLDEST_S else "this is after 2100"


def _is_day(number: float) -> bool:
    """Whether a number is a day of 1990 to 2100 in digits, perhaps with its time: 20260301, 20260301103000."""
    found = _DAY.fullmatch(f"{number:.0f}") if float(number).is_integer() else None
    try:
        return found is not None and 1990 <= date(*map(int, found.group(1, 2, 3))).year <= 2100
    except ValueError:
        return False
