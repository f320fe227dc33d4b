"""Texts of moments: the formats that programs write, which of them a column has, and UTC seconds by a format."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from penchant.logs.times import seconds

_DATE, _SPACE, _T = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"
RAW = (
    *(_SPACE, _T, f"{_T}Z", f"{_SPACE} UTC", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y/%m/%d %H:%M:%S", _DATE),
    *("%Y/%m/%d", f"{_SPACE},%3f", f"{_SPACE}%.f", f"{_T}%.f", "%+", f"{_SPACE}%.f%#z", f"{_T}%.f%z", f"{_T}%.f%#z"),
)
"""Formats of ISO 8601 that most logs have as they are, those that Polars reads fastest first."""

ISO = (f"{_SPACE}%.f%z", f"{_SPACE}%.f", "%Y-%m-%d %H:%M%z", "%Y-%m-%d %H:%M", "%Y-%m-%d %H", _DATE)
"""Those of texts that `normal` made alike."""

_DAYS = (
    *("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y"),
    *("%m-%d-%y", "%y/%m/%d", "%y-%m-%d", "%y.%m.%d"),
    *("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%m %d, %Y"),
    "%Y年%m月%d日",
)
_HOURS = (
    *("", " %H:%M:%S%.f", " %H:%M", " %I:%M:%S %p", " %I:%M %p"),
    *(", %H:%M:%S", ", %H:%M", ", %I:%M:%S %p", ", %I:%M %p"),
)
_WHOLE = (
    *("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S UTC %Y", "%a %b %d %H:%M:%S GMT %Y", "%a %b %d %H:%M:%S %z %Y"),
    *("%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S GMT", "%d/%b/%Y:%H:%M:%S %z", "[%d/%b/%Y:%H:%M:%S %z]"),
)
OTHERS = (*(day + hour for day in _DAYS for hour in _HOURS), *_WHOLE)
"""Formats of texts that are no ISO 8601, in English."""

LOOKED_AT = 2_000
"""Distinct texts from which the formats in question are found."""

FEW = 0.05
"""Below this share of the dates that only one of two formats reads, those of the other are mistakes."""

NARROW = 10
"""How many times shorter a log has to be by one place of a year of two figures than by the other, so that it counts."""

DAYS_ENOUGH = 3
"""Distinct days from which that is seen."""

NO_RIVAL, ALIKE, DIFFERENT = range(3)

_YEAR_1000 = -30_610_224_000
"""A year of four figures is read of two as well, as one before this."""


def read_texts(texts: pl.Series, formats: Sequence[str], zone: str) -> pl.Series:
    """UTC seconds, each text by the first format that reads it; null where none does."""
    found = pl.Series(texts.name, [None], dtype=pl.Float64).new_from_index(0, len(texts))
    for form in formats:
        left = (found.is_null() & texts.is_not_null()).arg_true()
        if left.is_empty():
            break
        some = texts if len(left) == len(texts) else texts.gather(left)
        read = _moments(some, form, zone)
        found = read if len(left) == len(texts) else found.scatter(left, read)
    return found


@dataclass(frozen=True)
class Formats:
    """found: the formats to read a column with, the one that reads most first, none where no format reads any; rivals:
    those that could be meant as well; differ: whether these mean other moments."""

    found: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    differ: bool = False

    @property
    def in_question(self) -> tuple[str, ...]:
        """What the next texts may decide."""
        days = {_day_of(form) for form in (*self.found[:1], *self.rivals)}
        return tuple(form for form in OTHERS if not self.found or _day_of(form) in days)


def find_formats(texts: pl.Series, others: Sequence[str] = OTHERS) -> Formats:
    """The formats of distinct texts. others: those in question beside ISO 8601."""
    looked_at = texts.head(LOOKED_AT)
    letters = set("".join(looked_at))
    iso = _understood(normal(looked_at), ISO)
    if iso >= 0.5:
        shares = {form: _understood(looked_at, (form,)) for form in RAW if _literals(form) <= letters}
        return Formats(
            tuple(sorted((form for form in shares if shares[form]), key=lambda form: -shares[form])) or RAW[:1]
        )
    shares = {form: _understood(looked_at, (form,)) for form in others if _literals(form) <= letters}
    likely = [form for form in shares if shares[form] and shares[form] >= max(shares.values()) / 2]
    if not likely:
        return Formats(RAW[:1] if iso else ())
    if len(likely) > 1 and len(texts) > len(looked_at):
        shares = {form: _understood(texts, (form,)) for form in likely}
    best = max(likely, key=lambda form: shares[form])
    others_days = [form for form in likely if _day_of(form) != _day_of(best)]
    compared = {form: _compare(texts, best, form) for form in others_days}
    rivals = tuple(form for form in others_days if compared[form] != NO_RIVAL)
    best, *rest = _one_place_of_year(texts, (best, *rivals))
    rivals = tuple(rest)
    same_day = [form for form in OTHERS if form != best and _day_of(form) == _day_of(best)]
    return Formats((best, *same_day), rivals, any(compared[form] == DIFFERENT for form in rivals))


def _one_place_of_year(texts: pl.Series, forms: tuple[str, ...]) -> tuple[str, ...]:
    """Of formats with a year of two figures, those that have it where the log is shorter: 26/03/01 and 26/03/31 are a
    month apart where the year stands first, and 30 years where it stands last. All, where both are much alike, or the
    texts are of too few days."""
    first = tuple(form for form in forms if form.startswith("%y"))
    last = tuple(form for form in forms if "%y" in form and form not in first)
    if not first or not last or len(first + last) < len(forms):
        return forms
    spans = {form: _span_s(read_texts(texts, (form,), "UTC")) for form in forms}
    one, two = (min(spans[form] for form in some) for some in (first, last))
    if not one or not two:
        return forms
    return first if NARROW * one <= two else last if NARROW * two <= one else forms


def _span_s(moments: pl.Series) -> float:
    """Seconds from the first to the last; 0 where they are of too few days to say anything."""
    days = (moments / 86_400).floor().n_unique()
    return float(moments.max() - moments.min()) if days >= DAYS_ENOUGH else 0.0  # type: ignore[operator, arg-type]


def in_zone(times: pl.Series, zone: str, *, days: bool = False) -> pl.Series:
    """UTC seconds of times that do not say their zone. An hour that is there twice is its first; one that a zone skips
    is null. days: times are midnights, and where a zone skips one, the day begins an hour later."""
    if zone != "UTC":
        local = times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        if days and local.null_count() > times.null_count():
            before = times.dt.offset_by("-1d").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
            local = local.zip_with(local.is_not_null(), before.dt.offset_by("24h"))
        times = local
    # A column of its own, because an expression that stands twice in another is computed twice.
    return pl.select(seconds(pl.lit(times.to_physical()), "us")).to_series()


def normal(texts: pl.Series) -> pl.Series:
    """ISO 8601 in one way: a space before the hour, hyphens in the date, a point before parts of a second, no space
    before the zone, +00:00 for Z, UTC and GMT. Other texts stay.

    >>> normal(pl.Series(["2026/03/01T10:00Z", " 2026.3.1 10:00:00 UTC", "20260301T100000", "1 March"])).to_list()
    ['2026-03-01 10:00+00:00', '2026-3-1 10:00:00+00:00', '2026-03-01 10:00:00', '1 March']
    """
    plain = pl.col("text").str.strip_chars()
    for written, alike in (
        (r"^(\d{4})(\d\d)(\d\d)[Tt ](\d\d):?(\d\d):?(\d\d)", "$1-$2-$3 $4:$5:$6"),
        (r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[Tt ]+(\d)", "$1-$2-$3 $4"),
        (r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})$", "$1-$2-$3"),
        (r"^(\d{4}-\d.*:\d\d),(\d+)", "$1.$2"),
        (r"^(\d{4}-\d.*[+-]\d\d:?\d\d)(?: [A-Z]{3,4}|\[[\w/+-]+\])$", "$1"),
        (r"^(\d{4}-\d.*\d)\s*(?:[Zz]|UTC|GMT)$", "$1+00:00"),
        (r"^(\d{4}-\d.*:\d\d(?:\.\d+)?)\s*([+-]\d\d)$", "$1$2:00"),
        (r"^(\d{4}-\d.*:\d\d(?:\.\d+)?)\s+([+-]\d\d:?\d\d)$", "$1$2"),
    ):
        plain = plain.str.replace(written, alike)
    return texts.to_frame("text").select(plain).to_series()


def _moments(texts: pl.Series, form: str, zone: str) -> pl.Series:
    """UTC seconds of texts of a format. Polars reads no hours without minutes."""
    if re.search(r"%[HI]", form) and not re.search(r"%[MRTcXr]", form):
        texts, form = texts + " 00", f"{form} %M"
    if not re.search(r"%[HIRTcXrs+]", form):
        return in_zone(texts.str.to_date(form, strict=False).cast(pl.Datetime("us")), zone, days=True)
    told = re.search(r"%[#:]*z|%\+|Z$|\b(UTC|GMT)\b|%s", form)
    return in_zone(texts.str.to_datetime(form, time_unit="us", strict=False), "UTC" if told else zone)


def _understood(texts: pl.Series, formats: Sequence[str]) -> float:
    """The share of the texts that the formats read."""
    read = read_texts(texts, formats, "UTC")
    return float((read >= _YEAR_1000).fill_null(False).mean() or 0.0)  # type: ignore[arg-type]


def _compare(texts: pl.Series, best: str, other: str) -> int:
    """Whether another format could be meant: it reads as many texts, or each of the two reads more than a few that the
    other does not."""
    one, two = (read_texts(texts, (form,), "UTC") for form in (best, other))
    one, two = one.set(one < _YEAR_1000, None), two.set(two < _YEAR_1000, None)
    only_one, only_two = int((one.is_not_null() & two.is_null()).sum()), int((two.is_not_null() & one.is_null()).sum())
    if only_two < only_one and only_two <= FEW * (only_one + only_two):
        return NO_RIVAL
    return DIFFERENT if only_two or (one != two).any() else ALIKE


def _day_of(form: str) -> str:
    """What a format says of the day, with one sign for the names of months, short or long."""
    return next((day for day in _DAYS if form.startswith(day)), form).replace("%B", "%b")


def _literals(form: str) -> set[str]:
    """The marks and letters that every text of a format has."""
    return set(re.sub(r"%[.:#]*\d?[A-Za-z+]", "", form)) - {" "}
