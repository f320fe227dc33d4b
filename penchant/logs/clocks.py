"""What the times of a table are: settled once for the whole column, so that no batch is read otherwise than another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from penchant.errors import ConfigError, DataError
from penchant.logs.formats.part import column
from penchant.logs.tables import EventsTable, ItemValuesTable
from penchant.logs.times import TimeUnit, seconds

Timed = EventsTable | ItemValuesTable

RAW = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%+", "%Y-%m-%d")
"""Formats of ISO 8601 that most logs have as they are, fast to read."""

ISO = ("%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M%z", "%Y-%m-%d %H:%M", "%Y-%m-%d")
"""Those of texts that `_normal` made alike."""

_DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y")
_NAMED_DAYS = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%m %d, %Y")
_HOURS = ("", " %H:%M:%S%.f", " %H:%M", " %I:%M:%S %p", " %I:%M %p", ", %H:%M:%S", ", %I:%M:%S %p", ", %I:%M %p")
_WHOLE = (
    *("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S UTC %Y", "%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z"),
    *("%a, %d %b %Y %H:%M:%S GMT", "%d/%b/%Y:%H:%M:%S %z"),
)
OTHERS = (*(day + hour for day in (*_DAYS, *_NAMED_DAYS) for hour in _HOURS), *_WHOLE)
"""Formats of texts that are no ISO 8601, in English."""

_NUMBERED = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%3f"}
"""Moments that are written as one number, by their figures."""

LOOKED_AT = 2_000
"""Distinct texts from which the formats in question are found."""


@dataclass(frozen=True)
class Clock:
    """How times are read. unit: of numbers; formats: of texts, tried in order, and of numbers that are written days;
    zone: of times that do not say theirs."""

    unit: TimeUnit = "s"
    formats: tuple[str, ...] = ()
    numbered: str | None = None
    zone: str = "UTC"

    @property
    def told(self) -> str | None:
        """What had to be guessed, a sentence; None where nothing was."""
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
    if table.time_format is not None:
        return Clock(formats=(_usable(table.time_format),), zone=zone)
    undecided: tuple[str, ...] = OTHERS
    for frame in batches:
        times = frame[table.time]
        if not times.dtype.is_numeric() and times.dtype != pl.String:
            _refuse_no_time(times, table.time)
            return Clock(zone=zone)
        numbers = _numbers(times)
        if times.dtype.is_numeric() or numbers.count() > times.count() / 2:
            return _of_numbers(numbers, table, zone)
        texts = _normal(times).drop_nulls().unique()
        formats, undecided = _formats(texts, undecided)
        if len(undecided) <= 1:
            return Clock(formats=formats, zone=zone)
    if undecided in ((), OTHERS):
        return Clock(formats=RAW[:1], zone=zone)
    raise DataError(
        f"{name}: the dates in {table.time!r} can be read as {' or as '.join(undecided[:2])}, and no row says which; "
        f'say it in the run file, such as time_format = "{undecided[0]}"'
    )


def read_clock(frame: pl.DataFrame, table: Timed, clock: Clock) -> pl.Series:
    """The times of a table that has a column of them: UTC seconds, or positions; null where a time is not
    understood."""
    assert table.time is not None
    if isinstance(table.time, list):
        year, month, day = (column(name).cast(pl.Int64, strict=False) for name in table.time)
        days = pl.format("{}-{}-{}", year, month, day).str.to_date("%Y-%m-%d", strict=False)
        return frame.select(_in_zone(days.cast(pl.Datetime("us")), clock.zone)).to_series()
    times = frame[table.time]
    if isinstance(times.dtype, pl.Datetime) and (times.dtype.time_zone is not None or clock.zone == "UTC"):
        return pl.select(seconds(pl.lit(times).to_physical(), times.dtype.time_unit)).to_series()
    if times.dtype.is_temporal():
        return pl.select(_in_zone(pl.lit(times).cast(pl.Datetime("us")), clock.zone)).to_series()
    if clock.numbered:
        return _read_digits(times, clock.numbered, clock.zone)
    if times.dtype == pl.String and clock.formats:
        return _read_by(times, clock)
    return pl.select(_read_numbers(pl.lit(times), times.dtype, clock.unit)).to_series()


def _read_by(texts: pl.Series, clock: Clock) -> pl.Series:
    """Texts by the format that most have; those that it does not read by all others, and as numbers."""
    found = _read_texts(texts, clock.formats[:1], clock.zone)
    left = found.is_null() & texts.is_not_null()
    if not left.any() or clock.formats[0] not in RAW:
        return found
    rest = texts.filter(left)
    numbers = pl.select(_read_numbers(pl.lit(rest), rest.dtype, clock.unit)).to_series()
    again = numbers.zip_with(numbers.is_not_null(), _read_texts(_normal(rest), ISO, clock.zone))
    return found.scatter(left.arg_true(), again)


def _read_digits(numbers: pl.Series, form: str, zone: str) -> pl.Series:
    """Moments that are written as one number. Polars reads no hours without minutes."""
    digits = numbers.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False).cast(pl.String)
    return (
        _read_texts(digits + "00", (f"{form}%M",), zone) if form.endswith("%H") else _read_texts(digits, (form,), zone)
    )


def _read_numbers(said: pl.Expr, dtype: pl.DataType, unit: TimeUnit) -> pl.Expr:
    number = seconds(said.cast(pl.Float64, strict=False), unit)
    if unit == "ns" and not dtype.is_float():
        return pl.coalesce(seconds(said.cast(pl.Int64, strict=False), unit), number)
    return number


def _numbers(times: pl.Series) -> pl.Series:
    return times.cast(pl.Float64, strict=False).fill_nan(None)


def _of_numbers(numbers: pl.Series, table: Timed, zone: str) -> Clock:
    if table.time_unit != "auto":
        return Clock(table.time_unit, zone=zone)
    numbers = numbers.drop_nulls()
    if numbers.is_empty():
        return Clock(zone=zone)
    size = float(numbers.abs().median() or 0.0)  # type: ignore[arg-type]
    numbered = _numbered(numbers, size)
    if numbered:
        return Clock(numbered=numbered, zone=zone)
    if size < 1e8:
        if (numbers != numbers.floor()).any():
            raise DataError(
                f"{table.time!r} holds numbers such as {numbers[0]}, which are neither a clock nor places in a "
                f"history; write times as dates, or as seconds since 1970"
            )
        return Clock("position")
    return Clock("s" if size < 1e11 else "ms" if size < 1e14 else "us" if size < 1e17 else "ns", zone=zone)


def _numbered(numbers: pl.Series, size: float) -> str | None:
    """The format of moments that are written as one number, such as 20260301, where nearly all are."""
    form = _NUMBERED.get(len(f"{size:.0f}"))
    if form is None:
        return None
    found = _read_digits(numbers.head(LOOKED_AT), form, "UTC")
    plausible = found.is_between(631_152_000, 4_102_444_800)
    return form if plausible.fill_null(False).mean() >= 0.99 else None  # type: ignore[operator]


def _formats(texts: pl.Series, others: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The format to read texts with, and those between which these texts do not decide: none where they are ISO
    8601."""
    looked_at = texts.head(LOOKED_AT)
    if texts.is_empty() or _read_texts(_normal(looked_at), ISO, "UTC").is_not_null().any():
        return (max(RAW, key=lambda form: _understood(looked_at, form)),), ()
    shares = {form: _understood(looked_at, form) for form in others}
    likely = [form for form in others if shares[form] >= 0.5]
    if len(likely) > 1 and len(texts) > len(looked_at):
        shares = {form: _understood(texts, form) for form in likely}
    best = [form for form in likely if shares[form] == max(shares.values())]
    different = [form for form in best if form == best[0] or not _alike(texts, best[0], form)]
    return tuple(different[:1]), tuple(different)


def _understood(texts: pl.Series, form: str) -> float:
    """The share of the texts that a format reads."""
    return float(_read_texts(texts, (form,), "UTC").is_not_null().mean() or 0.0)  # type: ignore[arg-type]


def _alike(texts: pl.Series, one: str, other: str) -> bool:
    return bool((_read_texts(texts, (one,), "UTC") == _read_texts(texts, (other,), "UTC")).all())


def _read_texts(texts: pl.Series, formats: Sequence[str], zone: str) -> pl.Series:
    return pl.select(pl.coalesce(_moment(pl.lit(texts), form, zone) for form in formats)).to_series()


def _moment(texts: pl.Expr, form: str, zone: str) -> pl.Expr:
    """UTC seconds of texts of a format."""
    if form.endswith(("z", "%+")) or "%z" in form:
        return seconds(texts.str.to_datetime(form, time_unit="us", strict=False).to_physical(), "us")
    if not any(hour in form for hour in ("%H", "%I", "%T", "%s")):
        return _in_zone(texts.str.to_date(form, strict=False).cast(pl.Datetime("us")), zone)
    return _in_zone(texts.str.to_datetime(form, time_unit="us", strict=False), zone)


def _in_zone(times: pl.Expr, zone: str) -> pl.Expr:
    """UTC seconds of times that do not say their zone. An hour that is there twice is its first; one that a zone skips
    is null."""
    if zone != "UTC":
        times = times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    return seconds(times.to_physical(), "us")


def _normal(texts: pl.Series) -> pl.Series:
    """ISO 8601 in one way: a space before the hour, hyphens in the date, no space before the zone, +00:00 for Z, UTC
    and GMT. Other texts stay.

    >>> _normal(pl.Series(["2026/03/01T10:00Z", " 2026-03-01 10:00:00 UTC", "2026-3-1", "1 March"])).to_list()
    ['2026-03-01 10:00+00:00', '2026-03-01 10:00:00+00:00', '2026-3-1', '1 March']
    """
    plain = pl.col("text").str.strip_chars()
    plain = plain.str.replace(r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})[T ]+(\d)", "$1-$2-$3 $4")
    plain = plain.str.replace(r"^(\d{4})/(\d{1,2})/(\d{1,2})$", "$1-$2-$3")
    plain = plain.str.replace(r"^(\d{4}-.*\d)\s*(?:Z|UTC|GMT)$", "$1+00:00")
    plain = plain.str.replace(r"^(\d{4}-\d.*:\d\d(?:\.\d+)?)\s*([+-]\d\d)$", "$1$2:00")
    plain = plain.str.replace(r"^(\d{4}-\d.*:\d\d(?:\.\d+)?)\s+([+-]\d\d:?\d\d)$", "$1$2")
    return texts.to_frame("text").select(plain).to_series()


def _usable(form: str) -> str:
    """The format, or ConfigError where Polars cannot read by it."""
    try:
        _read_texts(pl.Series(["2026-03-01"]), (form,), "UTC")
    except pl.exceptions.PolarsError as error:
        said = str(error).partition("\n")[0]
        raise ConfigError(f"time_format = {form!r} cannot be used: {said}") from None
    return form


def _refuse_no_time(times: pl.Series, name: str) -> None:
    if times.dtype != pl.Date and not isinstance(times.dtype, pl.Datetime) and times.dtype != pl.Null:
        raise DataError(
            f"{name!r} holds {times.dtype}, which is no time; name a column of moments, or leave out `time`"
        )
