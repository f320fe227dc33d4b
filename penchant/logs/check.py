"""Judge event rows: each becomes an event, is left out by a rule of the run file, or is set aside with its reason."""

from dataclasses import dataclass

import polars as pl

from penchant.errors import DataError
from penchant.logs.read import ROW, column
from penchant.logs.tables import EventsTable, ItemValuesTable
from penchant.logs.times import TimeUnit, seconds
from penchant.schema import CLICKED, ITEM, TIME, USER

REASON = "reason"
OLDEST_S, NEWEST_S = 631_152_000, 4_102_444_800
"""1990 and 2100: a clock outside them is a mistake of units."""

_TRUE = ["true", "1", "1.0", "yes", "t", "y"]
_FALSE = ["false", "0", "0.0", "no", "f", "n"]


@dataclass(frozen=True)
class Checked:
    """events: USER, ITEM text, TIME (UTC seconds, or positions), CLICKED, ROW; rejected: ROW, REASON; left_out: rows
    that a rule of the run file leaves out (a rating between the two thresholds)."""

    events: pl.DataFrame
    rejected: pl.DataFrame
    left_out: int


def check_rows(frame: pl.DataFrame, numbers: pl.Series, table: EventsTable, unit: TimeUnit) -> Checked:
    """Split the rows of one batch into events and rejected rows. numbers: of the rows, called ROW; unit: of a numeric
    time, never "auto"."""
    rows = frame.select(
        numbers,
        as_id(frame, table.user).alias(USER),
        as_id(frame, table.item).alias(ITEM),
        _time(frame, numbers, table, unit).alias(TIME),
        _clicked(frame, table).alias(CLICKED),
        _neutral(table).alias("neutral"),
    )
    rows = rows.with_columns(_reason(table, unit).alias(REASON))
    return Checked(
        events=rows.filter(pl.col(REASON).is_null() & ~pl.col("neutral")).select(USER, ITEM, TIME, CLICKED, ROW),
        rejected=rows.filter(pl.col(REASON).is_not_null()).select(ROW, REASON),
        left_out=rows.filter(pl.col(REASON).is_null() & pl.col("neutral")).height,
    )


def settle_unit(frame: pl.DataFrame, table: EventsTable | ItemValuesTable) -> TimeUnit:
    """The unit of a numeric time, by its size where the run file says "auto"; "s" where it is a date or a text."""
    if table.time is None:
        return "position"
    if isinstance(table.time, list) or table.time_unit != "auto":
        return "s" if isinstance(table.time, list) else table.time_unit
    times = frame[table.time]
    if not times.dtype.is_numeric() and times.dtype != pl.String:
        return "s"
    numbers = times.cast(pl.Float64, strict=False).fill_nan(None).drop_nulls()
    if numbers.is_empty():
        return "s"
    size = float(numbers.abs().median() or 0.0)  # type: ignore[arg-type]
    if size < 1e8:
        return "position"
    return "s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns"


def as_id(frame: pl.DataFrame, name: str) -> pl.Expr:
    """The column as text ids, null where empty. Raises DataError for a float column: such ids are not exact."""
    if frame.schema[name].is_float():
        raise DataError(f"column {name!r} holds floats, which cannot hold every id; store integers or text")
    text = column(name).cast(pl.String)
    return pl.when(text.str.len_bytes() > 0).then(text)


def _time(frame: pl.DataFrame, numbers: pl.Series, table: EventsTable, unit: TimeUnit) -> pl.Expr:
    return pl.lit(numbers).cast(pl.Float64) if table.time is None else clock(frame, table, unit)


def clock(frame: pl.DataFrame, table: EventsTable | ItemValuesTable, unit: TimeUnit) -> pl.Expr:
    """Return the times of a table that has a column of them: UTC seconds, or positions; null where a time is not
    understood."""
    assert table.time is not None
    if isinstance(table.time, list):
        year, month, day = (column(name).cast(pl.Int64, strict=False) for name in table.time)
        text = pl.format("{}-{}-{}", year, month, day)
        return seconds(text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).to_physical(), "us")
    said, dtype = column(table.time), frame.schema[table.time]
    if isinstance(dtype, pl.Datetime):
        return seconds(said.to_physical(), dtype.time_unit)
    if dtype == pl.Date:
        return seconds(said.cast(pl.Datetime("us")).to_physical(), "us")
    number = seconds(said.cast(pl.Float64, strict=False), unit)
    if unit == "ns" and not dtype.is_float():
        number = pl.coalesce(seconds(said.cast(pl.Int64, strict=False), unit), number)
    if dtype != pl.String:
        return number
    plain = said.str.to_datetime(time_unit="us", strict=False)
    with_offset = said.str.to_datetime("%+", time_unit="us", strict=False)
    return pl.coalesce(number, *(seconds(times.to_physical(), "us") for times in (plain, with_offset)))


def _clicked(frame: pl.DataFrame, table: EventsTable) -> pl.Expr:
    if table.clicked is None:
        return pl.lit(True)
    if table.clicked_at_least is not None:
        return _rating(table.clicked) >= table.clicked_at_least
    if frame.schema[table.clicked] == pl.Boolean:
        return column(table.clicked)
    text = column(table.clicked).cast(pl.String).str.to_lowercase()
    return pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False)


def _neutral(table: EventsTable) -> pl.Expr:
    """Say where a rating lies between the two thresholds, so that it is neither a click nor a dislike."""
    if table.clicked is None or table.not_clicked_at_most is None:
        return pl.lit(False)
    rating = _rating(table.clicked)
    neutral = (rating < table.clicked_at_least) & (rating > table.not_clicked_at_most)
    return neutral.fill_null(False)


def _rating(name: str) -> pl.Expr:
    """Return the ratings with NaN as null, because NaN would count as greater than any number."""
    return column(name).cast(pl.Float64, strict=False).fill_nan(None)


def _reason(table: EventsTable, unit: TimeUnit) -> pl.Expr:
    oldest, newest = (0, float("inf")) if unit == "position" else (OLDEST_S, NEWEST_S)
    time = pl.col(TIME)
    return (
        pl.when(pl.col(USER).is_null())
        .then(pl.lit(f"no user in {table.user!r}"))
        .when(pl.col(ITEM).is_null())
        .then(pl.lit(f"no item in {table.item!r}"))
        .when(time.is_null() | time.is_nan())
        .then(pl.lit(f"time not understood in {table.time!r}"))
        .when((time < oldest) | (time > newest))
        .then(pl.lit("time outside 1990 to 2100" if unit != "position" else "negative position"))
        .when(pl.col(CLICKED).is_null())
        .then(pl.lit(f"neither clicked nor not in {table.clicked!r}"))
    )
