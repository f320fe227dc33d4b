"""What times are: a table of the ways to write them, what is refused, and that no time is ever read wrongly."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.errors import ConfigError, DataError
from penchant.logs.rows.clocks import Clock, read_clock, settle_clock
from penchant.logs.tables import EventsTable

MOMENT = datetime(2026, 3, 13, 14, 5, 9, tzinfo=UTC)
DAY = datetime(2026, 3, 13, tzinfo=UTC)
MINUTE, HOUR = MOMENT.replace(second=0), MOMENT.replace(minute=0, second=0)

KNOWN: list[tuple[Any, datetime]] = [
    ("2026-03-13 14:05:09", MOMENT),
    ("2026-03-13T14:05:09", MOMENT),
    ("2026-03-13T14:05:09Z", MOMENT),
    ("2026-03-13t14:05:09z", MOMENT),
    ("2026-03-13 14:05:09 UTC", MOMENT),
    ("2026-03-13 14:05:09+00", MOMENT),
    ("2026-03-13T16:05:09+0200", MOMENT),
    ("2026-03-13T19:35:09.000+05:30", MOMENT),
    ("2026-03-13 14:05:09 +0000", MOMENT),
    ("2026-03-13 15:05:09 +0100 CET", MOMENT),
    ("2026-03-13T15:05:09+01:00[Europe/Paris]", MOMENT),
    ("2026-03-13 14:05:09,000", MOMENT),
    ("2026/03/13 14:05:09", MOMENT),
    ("2026.03.13 14:05:09", MOMENT),
    ("20260313T140509", MOMENT),
    ("20260313T140509Z", MOMENT),
    ("2026-03-13 14:05", MINUTE),
    ("2026-03-13T14:05Z", MINUTE),
    ("2026/3/13 14:05", MINUTE),
    ("2026-03-13 14", HOUR),
    ("2026-03-13", DAY),
    ("2026/03/13", DAY),
    ("13.03.2026 14:05", MINUTE),
    ("13.3.2026 14:05:09", MOMENT),
    ("13/03/2026 14:05", MINUTE),
    ("13-03-2026", DAY),
    ("13-Mar-2026 14:05", MINUTE),
    ("13-Mar-26", DAY),
    ("3/13/2026 2:05 PM", MINUTE),
    ("3/13/2026 2:05:09 PM", MOMENT),
    ("3/13/2026, 2:05:09 pm", MOMENT),
    ("3/13/26 14:05", MINUTE),
    ("03 13, 2026", DAY),
    ("Mar 13, 2026", DAY),
    ("March 13, 2026 2:05 PM", MINUTE),
    ("13 March 2026", DAY),
    ("2026年03月13日 14:05", MINUTE),
    ("Fri Mar 13 14:05:09 2026", MOMENT),
    ("Fri Mar 13 14:05:09 UTC 2026", MOMENT),
    ("Fri Mar 13 14:05:09 +0000 2026", MOMENT),
    ("Fri, 13 Mar 2026 14:05:09 GMT", MOMENT),
    ("Fri, 13 Mar 2026 15:05:09 +0100", MOMENT),
    ("13/Mar/2026:14:05:09 +0000", MOMENT),
    ("[13/Mar/2026:14:05:09 +0000]", MOMENT),
    ("1773410709", MOMENT),
    ("1773410709000", MOMENT),
    ("1.773410709e9", MOMENT),
    (1773410709, MOMENT),
    (1773410709_000_000_000, MOMENT),
    (20260313, DAY),
    (2026031314, HOUR),
    (202603131405, MINUTE),
    (20260313140509, MOMENT),
    (20260313140509000, MOMENT),
    ("20260313", DAY),
    ("20260313140509", MOMENT),
]

UNKNOWN = {
    "2026-W11-5": "is no time that is known; say how it is written, such as time_format",
    "2026-072": "is no time",
    "14:05:09": "is no time",
    "2026-03-13 14:05:09 EST": "is no time",
    "2026-13-03": "is no time",
    "yesterday": "'yesterday', which is no time",
    "03/04/2026": "%m/%d/%Y or as %d/%m/%Y, and the rows do not say which; say it in the run file",
    "03-04-26": "%d-%m-%y or as %m-%d-%y",
    "13.03.26": "%d.%m.%y or as %y.%m.%d",
    "13/03/26 10:00": "%d/%m/%y %H:%M or as %y/%m/%d %H:%M",
    "03/04/2026 10:00 AM": "%m/%d/%Y %I:%M %p or as %d/%m/%Y %I:%M %p",
}

NO_CLOCK: dict[Any, str] = {
    46094.58: "46094.58, which are days; write times as dates",
    46094: '46094, which look like days; .* time_unit = "position"',
    20525: "20525, which look like days",
    2026: "2026, which look like years",
    202603: "202603, which look like months",
    260313: 'time_format = "%y%m%d" or time_unit = "position"',
    14102100: 'time_format = "%y%m%d%H" or time_unit = "position"',
    2026060: '2026060, which look like years and their days; say time_format = "%Y%j"',
    492_336: "492336, which look like hours since 1970; write times as dates",
    29_540_160: "29540160, which look like minutes since 1970",
    639_079_632_000_000_000: "639079632000000000, which look like ticks of .NET",
    0.5: "0.5, which are neither a clock nor places in a history",
}


def table(**said: Any) -> EventsTable:
    return EventsTable.parse({"files": "x", "user": "u", "item": "i", "time": "t", **said}, origin="test")


def read(*batches: list[Any], **said: Any) -> list[datetime | None]:
    """The times of all batches, by the clock that they settle together."""
    frames = [pl.DataFrame({"t": batch}) for batch in batches]
    clock = settle_clock(frames, table(**said), "log")
    seconds = [one for frame in frames for one in read_clock(frame, table(**said), clock)]
    return [None if one is None else datetime.fromtimestamp(one, UTC) for one in seconds]


@pytest.mark.parametrize(("written", "meant"), KNOWN, ids=lambda one: str(one)[:40])
def test_each_way_to_write_a_time_is_read(written: Any, meant: datetime) -> None:
    assert read([written, None]) == [meant, None]


@pytest.mark.parametrize(("written", "why"), UNKNOWN.items())
def test_texts_that_are_no_time_or_two_are_refused(written: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        read([written, None, written])


@pytest.mark.parametrize(("written", "why"), NO_CLOCK.items())
def test_numbers_that_are_no_clock_are_refused(written: Any, why: str) -> None:
    with pytest.raises(DataError, match=why):
        read([written, written])


def test_small_numbers_are_places_in_a_history() -> None:
    assert settle_clock([pl.DataFrame({"t": [1, 2, 2026, 50_000]})], table(), "log").unit == "position"


@pytest.mark.parametrize("last", [50_000, 1_200_000, 70_000_000])
def test_places_that_begin_at_one_are_places_however_many_there_are(last: int) -> None:
    places = pl.select(t=pl.int_range(1, last, last // 5_000)).to_series().to_list()
    assert settle_clock([pl.DataFrame({"t": places})], table(), "log").unit == "position"


@pytest.mark.parametrize("mark", "/-.")
@pytest.mark.parametrize("hour", ["", " 10:00:00"])
def test_a_year_of_two_figures_is_first_or_last_by_what_makes_the_log_shorter(mark: str, hour: str) -> None:
    days = [f"{day:02}" for day in range(1, 32)]
    first, last = (
        [mark.join(parts) + hour for parts in some]
        for some in ([("26", "03", day) for day in days], [(day, "03", "26") for day in days])
    )
    meant = [datetime(2026, 3, int(day), 10 if hour else 0, tzinfo=UTC) for day in days]
    assert read(first) == read(last) == meant
    assert read(first[:1], first) == [meant[0], *meant]
    with pytest.raises(DataError, match=r"can be read as .*%y"):
        read(first[:1] * 5)


def test_a_first_batch_without_a_time_says_nothing_of_the_clock() -> None:
    with pytest.raises(DataError, match="46094, which look like days"):
        read([None, None], [46094, 46094])
    assert read([None, None], [20260313])[2] == DAY
    assert read([None, None], ["13.03.2026"])[2] == DAY
    assert read([None]) == [None]


EARLY: list[Any] = [0, "0", -1, "-1"]


@pytest.mark.parametrize("none", EARLY)
def test_zeros_say_nothing_of_the_clock_first_or_among_times(none: Any) -> None:
    seconds = type(none)(1773410709)
    assert read(*[[none] * 3] * 7, [none, seconds])[-1] == MOMENT
    assert read([none] * 6 + [seconds] * 4)[-1] == MOMENT


@pytest.mark.parametrize("odd", [0, -1, 99999999])
def test_a_few_numbers_that_are_no_day_do_not_make_days_places(odd: int) -> None:
    assert read([odd] * 3 + [20260313] * 97) == [None] * 3 + [DAY] * 97


def test_the_run_file_may_say_that_numbers_which_look_like_dates_are_places() -> None:
    said = table(time_unit="position")
    assert settle_clock([pl.DataFrame({"t": [2025, 2026]})], said, "log") == Clock("position")


@pytest.mark.parametrize(
    ("form", "written", "meant"),
    [
        ("%y%m%d%H", 26031314, HOUR),
        ("%Y%j", 2026072, DAY),
        ("%d%m%Y", 1042026, datetime(2026, 4, 1, tzinfo=UTC)),
        ("%Y-%d-%m", "2026-04-03", datetime(2026, 3, 4, tzinfo=UTC)),
        ("%d/%m/%Y %H", "13/03/2026 14", HOUR),
        ("%G-W%V-%u", "2026-W11-5", DAY),
        ("%s", "1773410709", MOMENT),
    ],
)
def test_a_format_of_the_run_file_counts_for_texts_and_numbers(form: str, written: Any, meant: datetime) -> None:
    assert read([written], time_format=form) == [meant]


def test_where_the_run_file_says_a_format_no_other_counts() -> None:
    assert read(["2026-04-03", "2026-03-13"], time_format="%Y-%d-%m")[1] is None


def test_a_format_that_reads_nothing_is_named_beside_what_is_there() -> None:
    with pytest.raises(DataError, match=r"'t' holds '2026-03-13', which time_format = '%d/%m/%Y' does not read"):
        read(["2026-03-13"], time_format="%d/%m/%Y")
    with pytest.raises(ConfigError, match="time_format = '%Q' cannot be used"):
        read(["2026-03-13"], time_format="%Q")


def test_day_or_month_first_is_decided_by_a_later_batch() -> None:
    first, later = ["01/02/2026", "03/04/2026"], ["05/06/2026", "13/07/2026"]
    assert read(first, ["x"], later)[0] == datetime(2026, 2, 1, tzinfo=UTC)
    assert read(first, ["07/13/2026"])[0] == datetime(2026, 1, 2, tzinfo=UTC)


def test_dates_of_which_some_are_written_one_way_and_some_the_other_are_refused() -> None:
    with pytest.raises(DataError, match="can be read as"):
        read(["13/02/2026", "02/14/2026", "15/02/2026", "01/02/2026"])


def test_one_mistake_among_many_dates_is_no_second_way() -> None:
    dates = [f"{1 + n % 28:02}/02/2026" for n in range(100)]
    assert read([*dates, "02/14/2026"])[100] is None


def test_texts_beside_the_format_of_most_are_read_where_they_say_what_they_mean() -> None:
    mixed = [
        "2026-03-13 14:05:09",
        "2026-03-13 14:05:09.5",
        "2026-03-13T14:05:09Z",
        "1773410709",
        "13/03/2026",
        "",
        "x",
    ]
    assert read(mixed) == [MOMENT, MOMENT.replace(microsecond=500_000), MOMENT, MOMENT, None, None, None]
    assert read(["1773410709", "1773410709", "2026-03-13 14:05:09"]) == [MOMENT] * 3
    assert read(["13.03.2026 14:05", "13.03.2026", "2026-03-13", "13.03.2026 14:05"]) == [MINUTE, DAY, DAY, MINUTE]


def test_texts_that_stand_for_none_do_not_say_what_the_others_are() -> None:
    assert read(["NULL", "NULL", "", "1773410709"]) == [None, None, None, MOMENT]
    assert read(["\\N"] * 3, ["NULL"], ["13.03.2026"])[-1] == DAY


def test_below_a_microsecond_is_cut_off_and_nothing_else() -> None:
    exact = MOMENT.replace(microsecond=123_456)
    written = ["2026-03-13 14:05:09.123456789", "2026-03-13 14:05:09.123456999"]
    assert read(written) == [exact, exact]
    assert read([1773410709_123_456_789]) == [exact]
    assert read([20260313140509123]) == [MOMENT.replace(microsecond=123_000)]


def test_times_without_a_zone_are_of_the_zone_that_is_told_and_others_are_not() -> None:
    stockholm = {"time_zone": "Europe/Stockholm"}
    in_stockholm = MOMENT - timedelta(hours=1)
    for written in ("2026-03-13 14:05:09", "Fri Mar 13 14:05:09 2026", 20260313140509):
        assert read([written], **stockholm) == [in_stockholm]
    for written in ("2026-03-13T14:05:09Z", "2026-03-13 14:05:09 UTC", "Fri Mar 13 14:05:09 UTC 2026", 1773410709):
        assert read([written], **stockholm) == [MOMENT]


def test_an_hour_that_a_zone_has_twice_is_its_first_and_one_that_it_skips_is_no_time() -> None:
    twice, skipped = "2026-10-25 02:30:00", "2026-03-29 02:30:00"
    assert read([twice, skipped], time_zone="Europe/Stockholm") == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), None]


@pytest.mark.parametrize("day", ["2018-11-04", datetime(2018, 11, 4).date(), 20181104])
def test_a_day_whose_midnight_a_zone_skips_begins_an_hour_later(day: Any) -> None:
    assert read([day], time_zone="America/Sao_Paulo") == [datetime(2018, 11, 4, 3, tzinfo=UTC)]


def test_year_month_and_day_may_stand_in_three_columns() -> None:
    frame = pl.DataFrame({"y": [2026, 2026], "m": [3, 2], "d": ["13", "30"]})
    said = table(time=["y", "m", "d"])
    assert read_clock(frame, said, settle_clock([frame], said, "log")).to_list() == [DAY.timestamp(), None]


FORMS = [
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%d.%m.%Y %H:%M", "%m/%d/%Y"),
    *("%d/%m/%Y", "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y, %H:%M:%S", "%d-%m-%Y", "%m-%d-%y", "%d/%m/%y %H:%M", "%d.%m.%y"),
    *(
        "%b %d, %Y",
        "%d %B %Y",
        "%a %b %d %H:%M:%S %Y",
        "%Y%m%d",
        "%Y%m%d%H%M",
        "%Y%m%dT%H%M%S",
        "%y%m%d",
        "%Y",
        "%m/%Y",
    ),
    *("%H:%M:%S", "%d%m%Y", "%s", "%Y.%m.%d", "%d %m %Y", "%j"),
]
ZONES = ["UTC", "Europe/Stockholm", "America/New_York", "Asia/Kolkata"]


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(FORMS),
    st.sampled_from(ZONES),
    st.lists(st.datetimes(datetime(1991, 1, 1), datetime(2035, 1, 1)), min_size=1, max_size=30),
    st.integers(1, 30),
)
def test_a_time_is_read_as_what_it_is_or_not_at_all(form: str, zone: str, times: list[datetime], first: int) -> None:
    texts = [str(int(time.timestamp())) if form == "%s" else time.strftime(form) for time in times]
    try:
        found = read(texts[:first], texts[first:], time_zone=zone)
    except DataError:
        return
    for text, time, seen in zip(texts, times, found, strict=True):
        if seen is None:
            continue
        meant = time.replace(microsecond=0, tzinfo=UTC) if form == "%s" else datetime.strptime(text, form)
        if form != "%s":
            meant = meant.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        assert seen == meant or not 1990 <= seen.year < 2100, f"{text!r} was read as {seen}"
