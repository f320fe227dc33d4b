"""What a time is, batch and live: UTC seconds as a float, whole microseconds where the source counts finer."""

from typing import Literal

import polars as pl

TimeUnit = Literal["auto", "s", "ms", "us", "ns", "position"]
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


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
