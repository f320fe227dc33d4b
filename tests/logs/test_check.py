"""Which rows become events, at what time, and why the others do not."""

import datetime as dt
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest

from penchant.errors import ConfigError, DataError
from penchant.logs.tables import EventsTable
from tests.logs.logs_on_disk import NOON, all_events, read_log, rejected


def clicks(times: list[Any], **more: Any) -> pl.DataFrame:
    return pl.DataFrame({"u": ["u"] * len(times), "i": [f"i{n}" for n in range(len(times))], "t": times, **more})


def times_of(folder: Path, times: list[Any] | pl.Series, **mapping: Any) -> list[float]:
    """The times of good rows, in their order in time."""
    frame = pl.DataFrame({"u": ["u"] * len(times), "i": [f"i{n}" for n in range(len(times))], "t": times})
    return all_events(read_log(folder, frame, mapping=mapping))["time"].to_list()


def test_each_reason_to_set_a_row_aside_is_written_with_its_row(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "u": ["good", None, "", "u", "u", "u", "u", "u", "good"],
            "i": ["x", "x", "x", None, "x", "x", "x", "x", "x"],
            "t": [NOON, NOON, NOON, NOON, None, 1, 10**11, NOON, NOON],
            "c": ["1", "1", "1", "1", "1", "1", "1", "maybe", "0"],
        }
    )
    log = read_log(tmp_path, frame, mapping={"time_unit": "s"})
    assert rejected(log) == [
        ("events-0.parquet", 2, "no user in 'u'"),
        ("events-0.parquet", 3, "no user in 'u'"),
        ("events-0.parquet", 4, "no item in 'i'"),
        ("events-0.parquet", 5, "time not understood in 't'"),
        ("events-0.parquet", 6, "time in 't': this is before 1990"),
        ("events-0.parquet", 7, "time in 't': this is after 2100"),
        ("events-0.parquet", 8, "neither clicked nor not in 'c'"),
        ("events-0.parquet", 9, "repeats an earlier row: same user, item and time"),
    ]
    assert all_events(log).rows() == [("good", "x", float(NOON), True)]
    assert log.found["rows"] == 9
    assert sum(log.found["rejected"].values()) == 8


def test_a_negative_position_is_set_aside(tmp_path: Path) -> None:
    log = read_log(tmp_path, clicks([0, -1, 2]), mapping={"time_unit": "position"})
    assert rejected(log) == [("events-0.parquet", 2, "negative position")]
    assert all_events(log)["time"].to_list() == [0, 2]


def test_a_malformed_line_is_set_aside_with_its_text(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(f"u,i,t\na,x,{NOON}\noops\na,y,{NOON}\n")
    log = read_log(tmp_path, clicks([NOON]), mapping={"files": "log.csv"})
    assert rejected(log) == [("log.csv", 3, "cannot be parsed: 'oops'")]
    assert all_events(log)["item"].to_list() == ["x", "y"]


@pytest.mark.parametrize("column", ["u", "i"])
@pytest.mark.parametrize(("value", "why"), [(7.5, "numbers such as 7.5"), (2.0**53, "9007199254740992 as floats")])
def test_float_ids_that_lost_something_are_refused_by_column(
    column: str, value: float, why: str, tmp_path: Path
) -> None:
    frame = clicks([NOON]).with_columns(pl.lit(value).alias(column))
    with pytest.raises(DataError, match=f"column '{column}' holds .*{why}"):
        read_log(tmp_path, frame)


IDS: dict[str, tuple[pl.Series, list[str]]] = {
    "whole floats, as pandas writes ids after a gap": (pl.Series([7.0, 12.0]), ["12", "7"]),
    "decimals": (pl.Series(["7", str(10**30)]).cast(pl.Decimal(38, 0)), [str(10**30), "7"]),
    "categories": (pl.Series(["a", "b"], dtype=pl.Categorical), ["a", "b"]),
    "bytes of text": (pl.Series([b"a", "å".encode()]), ["a", "å"]),
    "UUIDs of 16 bytes": (
        pl.Series([bytes(15) + b"\xff", bytes(14) + b"\xff\xff"]),
        [str(UUID(int=255)), str(UUID(int=65535))],
    ),
    "booleans": (pl.Series([True, False]), ["false", "true"]),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_are_texts_whatever_holds_them(kind: str, tmp_path: Path) -> None:
    values, ids = IDS[kind]
    frame = pl.DataFrame({"u": values, "i": ["x", "x"], "t": [NOON, NOON]})
    assert sorted(all_events(read_log(tmp_path, frame))["user"]) == ids


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([[{"id": "a", "n": 1}]], "holds lists of records, .* by its path: i.id, i.n"),
        ([{"id": "a"}], "holds records, .* by its path: i.id"),
        ([b"\xff"], "holds bytes that are neither UTF-8 nor UUIDs"),
    ],
)
def test_what_is_no_id_is_refused_with_its_column_and_type(values: list[Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"column 'i' {why}"):
        read_log(tmp_path, pl.DataFrame({"u": ["u"], "i": values, "t": [NOON]}))


@pytest.mark.parametrize("ids", [[2**40, 2**31], [2**63 + 1, 7]])
def test_integer_ids_keep_every_digit(ids: list[int], tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": pl.Series(ids, dtype=pl.UInt64), "i": ["x", "x"], "t": [NOON, NOON]})
    assert set(all_events(read_log(tmp_path, frame))["user"]) == {str(number) for number in ids}


@pytest.mark.parametrize(("unit", "per_second"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
@pytest.mark.parametrize("said", ["auto", "written down"])
def test_times_in_any_unit_become_seconds(said: str, unit: str, per_second: int, tmp_path: Path) -> None:
    mapping = {} if said == "auto" else {"time_unit": unit}
    times = [NOON * per_second, (NOON + 60) * per_second]
    assert times_of(tmp_path, times, **mapping) == pytest.approx([NOON, NOON + 60])


@pytest.mark.parametrize(
    "times",
    [
        ["2001-01-01T12:00:00", "2001-01-01T12:01:00"],
        ["2001-01-01T12:00:00Z", "2001-01-01T12:01:00.000Z"],
        ["2001-01-01 12:00:00+00:00", "2001-01-01 12:01:00+00:00"],
        ["2001-01-01T14:00:00+02:00", "2001-01-01T09:31:00.000-0230"],
        [str(NOON), str(NOON + 60)],
        [dt.datetime(2001, 1, 1, 12), dt.datetime(2001, 1, 1, 12, 1)],
        [dt.datetime(2001, 1, 1, 12, tzinfo=dt.UTC), dt.datetime(2001, 1, 1, 12, 1, tzinfo=dt.UTC)],
    ],
    ids=[
        "iso",
        "iso with Z",
        "iso with offset",
        "iso with offsets that differ",
        "digits",
        "datetime",
        "datetime in UTC",
    ],
)
def test_texts_and_datetimes_become_utc_seconds(times: list[Any], tmp_path: Path) -> None:
    assert times_of(tmp_path, times) == [NOON, NOON + 60]


def test_a_time_zone_is_taken_into_account(tmp_path: Path) -> None:
    times = pl.Series([dt.datetime(2001, 1, 1, 12)]).dt.replace_time_zone("Asia/Tokyo")
    assert times_of(tmp_path, times) == [NOON - 9 * 3600]


def test_dates_are_midnights(tmp_path: Path) -> None:
    assert times_of(tmp_path, [dt.date(2001, 1, 1)]) == [NOON - 12 * 3600]
    (tmp_path / "text").mkdir()
    assert times_of(tmp_path / "text", ["2001-01-01"]) == [NOON - 12 * 3600]


def test_year_month_and_day_stand_in_three_columns(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"u": ["u"] * 3, "i": ["x", "y", "z"], "y": [2001, 2001, 2001], "m": [1, 2, 13], "d": [1, 3, 1]}
    )
    log = read_log(tmp_path, frame, mapping={"time": ["y", "m", "d"]})
    assert all_events(log)["time"].to_list() == [NOON - 12 * 3600, NOON - 12 * 3600 + 33 * 86_400]
    assert rejected(log) == [("events-0.parquet", 3, "time not understood in ['y', 'm', 'd']")]


def test_words_for_a_time_are_set_aside(tmp_path: Path) -> None:
    log = read_log(tmp_path, clicks(["2001-01-01 12:00:00", "yesterday"]))
    assert rejected(log) == [("events-0.parquet", 2, "time not understood in 't'")]


def test_small_numbers_are_positions(tmp_path: Path) -> None:
    log = read_log(tmp_path, clicks([3, 1, 2]))
    assert log.position
    assert all_events(log)["time"].to_list() == [1, 2, 3]


def test_nan_says_nothing_about_the_unit_and_is_no_time(tmp_path: Path) -> None:
    log = read_log(tmp_path, clicks([float("nan"), float("nan"), float(NOON)]))
    assert log.found["time_unit"] == "s"
    assert [reason for _, _, reason in rejected(log)] == ["time not understood in 't'"] * 2


def test_the_unit_is_settled_once_for_all_files(tmp_path: Path) -> None:
    early = 700_000_000  # 1992: as milliseconds it would be 1970
    log = read_log(tmp_path, [clicks([NOON * 1000]), clicks([early * 1000])])
    assert all_events(log)["time"].to_list() == [early, NOON]


@pytest.mark.parametrize(
    ("values", "clicked"),
    [
        ([True, False], [True, False]),
        ([1, 0], [True, False]),
        ([1.0, 0.0], [True, False]),
        (["YES", "No"], [True, False]),
        (["t", "F"], [True, False]),
    ],
)
def test_clicked_may_be_written_in_several_ways(values: list[Any], clicked: list[bool], tmp_path: Path) -> None:
    assert all_events(read_log(tmp_path, clicks([NOON, NOON + 1], c=values)))["clicked"].to_list() == clicked


def test_without_a_clicked_column_every_row_is_a_click(tmp_path: Path) -> None:
    assert all_events(read_log(tmp_path, clicks([NOON, NOON])))["clicked"].all()


def test_ratings_between_the_thresholds_are_left_out_and_counted(tmp_path: Path) -> None:
    ratings = [5.0, 3.5, 3.0, 2.0, 1.5, 0.5, None, float("nan")]
    frame = clicks(list(range(NOON, NOON + 8)), c=ratings)
    log = read_log(tmp_path, frame, mapping={"clicked_at_least": 3.5, "not_clicked_at_most": 1.5})
    assert all_events(log).select("item", "clicked").rows() == [
        ("i0", True),
        ("i1", True),
        ("i4", False),
        ("i5", False),
    ]
    assert log.found["left_out"] == {"a rating between the two thresholds": 2}
    assert [(row, reason) for _, row, reason in rejected(log)] == [
        (7, "neither clicked nor not in 'c'"),
        (8, "neither clicked nor not in 'c'"),
    ]


def test_with_one_threshold_every_rating_below_it_is_no_click(tmp_path: Path) -> None:
    log = read_log(tmp_path, clicks([NOON, NOON + 1], c=["4", "3.9"]), mapping={"clicked_at_least": 4.0})
    assert all_events(log)["clicked"].to_list() == [True, False]
    assert log.found["left_out"] == {}


def test_thresholds_without_their_column_are_refused() -> None:
    table = {"files": "x", "user": "u", "item": "i", "clicked_at_least": 3.5}
    with pytest.raises(ConfigError, match="clicked_at_least and not_clicked_at_most need `clicked`"):
        EventsTable.parse(table, origin="test")


def test_a_lower_threshold_without_the_upper_one_is_refused() -> None:
    table = {"files": "x", "user": "u", "item": "i", "clicked": "c", "not_clicked_at_most": 1.5}
    with pytest.raises(ConfigError, match="not_clicked_at_most needs clicked_at_least"):
        EventsTable.parse(table, origin="test")
