"""What the times of a table are: settled once for the whole column, so that no batch is read otherwise than another."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from penchant.errors import ConfigError, DataError
from penchant.logs.formats.part import column
from penchant.logs.rows.ids import stands_for_none
from penchant.logs.rows.moments import ISO, LOOKED_AT, RAW, Formats, find_formats, in_zone, normal, read_texts
from penchant.logs.tables import EventsTable, ItemValuesTable
from penchant.logs.times import NEWEST_S, OLDEST_S, TimeUnit, seconds

Timed = EventsTable | ItemValuesTable

MOSTLY = 0.9
"""Share of the numbers that has to be dates; the others are mistakes."""

TRIES = 5
"""Batches without a single time that is understood, after which a column holds none."""

_NUMBERED = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%3f"}
"""Moments that are written as one number, by their figures."""

_SHORT = {6: "%y%m%d", 8: "%y%m%d%H"}
"""Those with a year of two figures, which could be places in a history."""

_CALENDARS = {"years": (1990, 2100), "months": (199_001, 210_012), "days": (7_305, 73_050)}
"""Numbers, from and to, that could be dates, though not such as can be read: days since 1970, or since 1900."""

_COUNTED = {"hours since 1970": (175_000, 1_140_000), "minutes since 1970": (10_500_000, 68_000_000)}
"""Numbers, from and to, that could be so many hours or minutes of the years 1990 to 2100. Places in a history begin at
0 or 1, so that fewer than MOSTLY of them lie here."""

_TICKS = (6.2e17, 6.7e17)
"""Numbers, from and to, that .NET writes for the years 1965 to 2124, in tenths of a microsecond since the year 1."""

_FIGURES = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "j": 3}


_SOME_DAY = datetime(2026, 3, 13, 14, 5, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Clock:
    """How times are read. unit: of numbers; formats: of texts, tried in order; numbered: of moments that are written as
    one number; zone: of times that do not say theirs; exact: whether the run file names the format, so that no other
    counts."""

    unit: TimeUnit = "s"
    formats: tuple[str, ...] = ()
    numbered: str | None = None
    zone: str = "UTC"
    exact: bool = False

    @property
    def told(self) -> str | None:
        """What had to be guessed, a sentence; None where nothing was."""
        if self.exact:
            return None
        if self.unit == "position":
            return "holds numbers too small for a clock, which are read as places in each user's history"
        if self.numbered:
            return f"holds moments as one number, read as {self.numbered}"
        odd = [one for one in self.formats if one not in RAW]
        return f"holds texts that are no ISO 8601, read as {odd[0]}" if odd else None


def settle_clock(batches: Iterable[pl.DataFrame], table: Timed, name: str) -> Clock:
    """Settle what the times of a table are, by as many batches as that takes: one, but for dates that could be read two
    ways. name: of the table. Raises DataError where all of them can, or where a column holds no times."""
    zone = table.time_zone or "UTC"
    if table.time is None or isinstance(table.time, list):
        return Clock("s" if table.time else "position", zone=zone)
    found, odd = Formats(), list[str]()
    for frame in batches:
        times = _said(_plain(frame[table.time]), table)
        if times.dtype == pl.Null or (times.is_empty() and _may_be_numbers(times)):
            continue
        if not _may_be_numbers(times):
            _refuse_no_time(times, table.time)
            return Clock(zone=zone)
        clock = _of_format(times, table) if table.time_format else _of_numbers(times, table)
        if clock is not None:
            return clock
        if not table.time_format and _are_numbers(times):
            continue
        more = Formats() if table.time_format else find_formats(times.unique(maintain_order=True), found.in_question)
        if more.found:
            found = replace(more, differ=found.differ or more.differ)
            if not found.rivals:
                break
        elif len(odd := [*odd, str(times[0])]) == TRIES:
            break
    return _of_texts(found, odd, table, name)


def read_clock(frame: pl.DataFrame, table: Timed, clock: Clock) -> pl.Series:
    """The times of a table that has a column of them: UTC seconds, or positions; null where a time is not
    understood."""
    assert table.time is not None
    if isinstance(table.time, list):
        year, month, day = (column(name).cast(pl.Int64, strict=False) for name in table.time)
        return read_texts(frame.select(pl.format("{}-{}-{}", year, month, day)).to_series(), ("%Y-%m-%d",), clock.zone)
    return _read_one(_plain(frame[table.time]), clock)


def _read_one(times: pl.Series, clock: Clock) -> pl.Series:
    if isinstance(times.dtype, pl.Datetime) and (times.dtype.time_zone is not None or clock.zone == "UTC"):
        return pl.select(seconds(pl.lit(times).to_physical(), times.dtype.time_unit)).to_series()
    if times.dtype.is_temporal():
        return in_zone(times.cast(pl.Datetime("us")), clock.zone, days=times.dtype == pl.Date)
    if clock.numbered and (times.dtype.is_numeric() or not clock.formats):
        return _read_digits(times, clock.numbered, clock.zone)
    if times.dtype != pl.String:
        return pl.select(_read_numbers(pl.lit(times), times.dtype, clock.unit)).to_series()
    return _read_by(times, clock)


def _of_texts(found: Formats, odd: list[str], table: Timed, name: str) -> Clock:
    """The clock of texts. odd: one of each batch of which no text is understood."""
    if found.rivals and found.differ:
        first, second = found.found[0], found.rivals[0]
        raise DataError(
            f"{name}: the dates in {table.time!r} can be read as {first} or as {second}, and the rows do not say "
            f'which; say it in the run file, such as time_format = "{first}"'
        )
    if odd and not found.found:
        raise DataError(f"{name}: {table.time!r} holds {odd[0]!r}, {_not_read(table.time_format)}")
    unit: TimeUnit = table.time_unit if table.time_unit != "auto" else "s"
    return Clock(unit, found.found or RAW[:1], zone=table.time_zone or "UTC")


def _of_format(times: pl.Series, table: Timed) -> Clock | None:
    """The clock that the run file says, None where it reads none of these times."""
    assert table.time_format is not None
    form = _usable(table.time_format)
    clock = Clock(formats=(form,), numbered=form, zone=table.time_zone or "UTC", exact=True)
    return clock if _read_one(times, clock).count() else None


def _plain(times: pl.Series) -> pl.Series:
    """The times under a name that is no pattern to Polars; bytes as the texts that they are."""
    times = times.rename("")
    with suppress(pl.exceptions.ComputeError):  # no UTF-8
        return times.cast(pl.String) if times.dtype == pl.Binary else times
    return times


def _said(times: pl.Series, table: Timed) -> pl.Series:
    """The times without those that stand for none."""
    times = times.drop_nulls()
    if times.dtype != pl.String:
        return times
    said = ~stands_for_none(pl.lit(times), table.none)
    return times.filter((times != "") & pl.select(said).to_series())


def _read_by(texts: pl.Series, clock: Clock) -> pl.Series:
    """Texts by the formats that the clock has; those that these do not read as numbers, and by all ways to write ISO
    8601."""
    found = (
        read_texts(texts, clock.formats, clock.zone)
        if clock.formats
        else pl.select(_read_numbers(pl.lit(texts), texts.dtype, clock.unit)).to_series()
    )
    left = (found.is_null() & texts.is_not_null()).arg_true()
    if clock.exact or clock.unit == "position" or left.is_empty():
        return found
    rest = texts.gather(left).str.strip_chars()
    numbers = pl.select(_read_numbers(pl.lit(rest), rest.dtype, clock.unit)).to_series()
    again = numbers.zip_with(numbers.is_not_null(), read_texts(normal(rest), ISO, clock.zone))
    return found.scatter(left, again)


def _read_digits(numbers: pl.Series, form: str, zone: str) -> pl.Series:
    """Moments that are written as one number; a figure 0 at its beginning may be missing."""
    whole = pl.coalesce(
        pl.lit(numbers).cast(pl.Int64, strict=False),
        pl.lit(numbers).cast(pl.Float64, strict=False).cast(pl.Int64, strict=False),
    )
    width = sum(_FIGURES.get(letter, 0) for letter in re.findall(r"%(\w)", form))
    digits = pl.select(whole.cast(pl.String).str.zfill(width)).to_series()
    if not form.endswith("%3f"):
        return read_texts(digits, (form,), zone)
    seconds_s = read_texts(digits.str.head(14), (form.removesuffix("%3f"),), zone)
    return seconds_s + digits.str.slice(14).cast(pl.Float64, strict=False) / 1000


def _read_numbers(said: pl.Expr, dtype: pl.DataType, unit: TimeUnit) -> pl.Expr:
    number = seconds(said.cast(pl.Float64, strict=False), unit)
    if unit == "ns" and not dtype.is_float():
        return pl.coalesce(seconds(said.cast(pl.Int64, strict=False), unit), number)
    return number


def _may_be_numbers(times: pl.Series) -> bool:
    return times.dtype.is_numeric() or times.dtype == pl.String


def _are_numbers(times: pl.Series) -> bool:
    """Whether they are numbers, or texts most of which are."""
    return times.dtype.is_numeric() or _numbers(times).count() > len(times) / 2


def _numbers(times: pl.Series) -> pl.Series:
    texts = times.str.strip_chars() if times.dtype == pl.String else times
    return texts.cast(pl.Float64, strict=False).fill_nan(None)


def _of_numbers(times: pl.Series, table: Timed) -> Clock | None:
    """The clock of numbers, and of texts most of which are numbers; None of other texts, and where no number is above
    0."""
    zone = table.time_zone or "UTC"
    if not _are_numbers(times):
        return None
    if table.time_unit != "auto":
        return Clock(table.time_unit, zone=zone)
    numbers = _numbers(times).drop_nulls()
    numbers = numbers.filter(numbers > 0)  # 0 and -1 are written where there is no time
    if numbers.is_empty():
        return None
    size = float(numbers.abs().median() or 0.0)  # type: ignore[arg-type]
    form = _NUMBERED.get(len(f"{size:.0f}"))
    if form and _are_moments(numbers, form, MOSTLY):
        return Clock(numbered=form, zone=zone)
    if size < 1e8:
        _refuse_dates(numbers, size, str(table.time))
        return Clock("position")
    if _TICKS[0] <= size <= _TICKS[1]:
        raise DataError(
            f"{str(table.time)!r} holds numbers such as {numbers[0]:.0f}, which look like ticks of .NET (tenths of a "
            f"microsecond since the year 1); write times as dates or as seconds since 1970, or say "
            f'time_unit = "ns" if they are nanoseconds'
        )
    return Clock("s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns", zone=zone)


def _refuse_dates(numbers: pl.Series, size: float, name: str) -> None:
    """Raise DataError for small numbers that are no places in a history, or need not be."""
    dates = [what for what, (first, last) in _CALENDARS.items() if _mostly(numbers.is_between(first, last))]
    if dates == ["months"] and not _mostly((numbers % 100).is_between(1, 12)):
        dates = []
    if (numbers != numbers.floor()).any():
        what = dates[0] if dates else "neither a clock nor places in a history"
        raise DataError(
            f"{name!r} holds numbers such as {numbers[0]}, which are {what}; write times as dates, or as seconds since "
            f"1970"
        )
    if dates:
        raise DataError(
            f"{name!r} holds numbers such as {numbers[0]:.0f}, which look like {dates[0]}; write times as dates, or "
            f'say time_unit = "position" if they are places in a history'
        )
    form = _SHORT.get(len(f"{size:.0f}"))
    if form and _are_moments(numbers, form, 1.0):
        raise DataError(
            f"{name!r} holds numbers such as {numbers[0]:.0f}, which may be moments or places in a history; say "
            f'time_format = "{form}" or time_unit = "position" in the run file'
        )
    _refuse_counted(numbers, name)


def _refuse_counted(numbers: pl.Series, name: str) -> None:
    """Raise DataError for numbers nearly all of which lie where hours, minutes or days of a year do."""
    if _mostly(numbers.is_between(1_990_001, 2_100_366) & (numbers % 1000).is_between(1, 366)):
        raise DataError(
            f"{name!r} holds numbers such as {numbers[0]:.0f}, which look like years and their days; say "
            f'time_format = "%Y%j", or time_unit = "position" if they are places in a history'
        )
    for what, (first, last) in _COUNTED.items():
        if _mostly(numbers.is_between(first, last)):
            raise DataError(
                f"{name!r} holds numbers such as {numbers[0]:.0f}, which look like {what}; write times as dates or as "
                f'seconds since 1970, or say time_unit = "position" if they are places in a history'
            )


def _mostly(true: pl.Series) -> bool:
    return int(true.sum()) >= MOSTLY * len(true)


def _are_moments(numbers: pl.Series, form: str, share: float) -> bool:
    """Whether nearly all are moments of our time that are written as one number, such as 20260301."""
    found = _read_digits(numbers.head(LOOKED_AT), form, "UTC")
    return float(found.is_between(OLDEST_S, NEWEST_S).fill_null(False).mean() or 0.0) >= share  # type: ignore[arg-type]


def _usable(form: str) -> str:
    """The format, or ConfigError where a date cannot be written and read by it."""
    try:
        written = pl.Series([_SOME_DAY]).dt.strftime(form)
        read = read_texts(written, (form,), "UTC").count()
    except pl.exceptions.PolarsError:
        read = 0
    if not read:
        raise ConfigError(
            f"time_format = {form!r} cannot be used: it says no whole date, or has a letter that strptime does not "
            f'know; write one such as "%d/%m/%Y %H:%M"'
        )
    return form


def _not_read(form: str | None) -> str:
    if form is not None:
        return f"which time_format = {form!r} does not read; mend the format in the run file"
    return (
        'which is no time that is known; say how it is written, such as time_format = "%d/%m/%Y %H:%M", or write times '
        "as dates (2026-03-01 10:00:00) or seconds since 1970"
    )


def _refuse_no_time(times: pl.Series, name: str) -> None:
    if times.dtype != pl.Date and not isinstance(times.dtype, pl.Datetime) and times.dtype != pl.Null:
        raise DataError(
            f"{name!r} holds {times.dtype}, which is no time; name a column of moments, or leave out `time`"
        )
