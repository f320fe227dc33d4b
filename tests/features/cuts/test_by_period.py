"""Three periods by both clocks: where they begin, whose events each split holds, and what counts for vocabularies."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import ConfigError
from penchant.features.cuts.by_period import ByPeriod, PeriodsConfig
from penchant.features.cuts.cut import DAY_S
from tests.logs.logs_on_disk import read_log

MIDNIGHT = 978_307_200.0  # 2001-01-01
BY_DAYS: dict[str, Any] = {"by": "days", "learn": 1.0, "test": 2.0, "window": 1.0, "until": dt.date(2001, 1, 8)}
# Represented on days 1 to 4, with labels on the 4th; learned on the 5th; tested on the 6th and 7th; the 8th is left.
SAID = {True: "train", False: "valid"}


def one_who(training: bool, periods: PeriodsConfig) -> str:
    """A user who trains, or one who validates."""
    names = pl.Series([f"user {number}" for number in range(300)])
    return str(names.filter(ByPeriod(periods).trains(names) == training)[0])


def events_of(times: list[float], *users: str) -> pl.DataFrame:
    return pl.concat([pl.DataFrame({"user": user, "time": times}) for user in users])


def samples_of(times: list[float], periods: PeriodsConfig, *, training: bool = True) -> list[tuple[str, int, int, int]]:
    """Split, window, start and stop of one user's samples."""
    events = events_of(times, one_who(training, periods))
    return ByPeriod(periods).samples(events, max(times)).select("split", "window", "start", "stop").rows()


def daily(*days: int) -> list[float]:
    """An event at noon of each day."""
    return [MIDNIGHT + (day - 0.5) * DAY_S for day in days]


@pytest.mark.parametrize("training", [True, False])
def test_by_share_each_user_has_their_own_periods(training: bool) -> None:
    periods = PeriodsConfig(learn=0.1, test=0.2, window=0.3)
    # Of 20 events 14 represent, the last 30 % of them (4.2, so from 9.8 on) as labels; 2 teach; 4 test.
    assert samples_of(daily(*range(1, 21)), periods, training=training) == [
        (SAID[training], 0, 9, 14),
        ("learn", 0, 14, 14),
        ("test", 0, 16, 16),
        ("latest", 0, 20, 20),
    ]


@pytest.mark.parametrize("training", [True, False])
def test_by_days_periods_end_at_a_date(training: bool) -> None:
    times = daily(1, 2, 2, 3, 4, 4, 5, 6, 7, 8)
    assert samples_of(times, PeriodsConfig(**BY_DAYS), training=training) == [
        (SAID[training], 0, 4, 6),
        ("learn", 0, 6, 6),
        ("test", 0, 7, 7),
        ("latest", 0, 10, 10),
    ]


def test_an_event_at_a_border_belongs_to_the_later_period() -> None:
    times = [MIDNIGHT + day * DAY_S for day in (0, 3, 4, 5)]
    found = samples_of(times, PeriodsConfig(**BY_DAYS))
    assert found == [("train", 0, 1, 2), ("learn", 0, 2, 2), ("test", 0, 3, 3), ("latest", 0, 4, 4)]


def test_without_a_date_the_last_event_of_the_log_is_the_last_of_the_test_period() -> None:
    periods = PeriodsConfig(by="days", learn=1.0, test=2.0, window=1.0)
    found = samples_of(daily(1, 2, 3, 4, 5, 6), periods)  # tested after noon of the 4th, learned after noon of the 3rd
    assert found == [("train", 0, 2, 3), ("learn", 0, 3, 3), ("test", 0, 4, 4), ("latest", 0, 6, 6)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"learn": 0.1, "test": 0.2, "window": 0.2}, [("train", 0, 11, 14), ("train", 1, 8, 11)]),
        (BY_DAYS, [("train", 0, 3, 4), ("train", 1, 2, 3)]),
    ],
)
def test_windows_follow_one_another_backwards_for_those_who_train(asked: dict[str, Any], expected: list[Any]) -> None:
    periods = PeriodsConfig(windows=2, **asked)
    found = samples_of(daily(*range(1, 21)), periods)
    assert [sample for sample in found if sample[0] == "train"] == expected
    held_out = samples_of(daily(*range(1, 21)), periods, training=False)
    assert [sample[1:] for sample in held_out if sample[0] == "valid"] == [expected[0][1:]]


@pytest.mark.parametrize("periods", [PeriodsConfig(learn=0.1, test=0.2), PeriodsConfig(**BY_DAYS)])
def test_who_has_no_event_before_a_moment_is_not_in_its_split(periods: PeriodsConfig) -> None:
    assert samples_of(daily(7), periods) == [("latest", 0, 1, 1)]


def test_samples_of_all_users_are_numbered_split_by_split() -> None:
    periods = PeriodsConfig(**BY_DAYS)
    users = [one_who(True, periods), one_who(False, periods)]
    samples = ByPeriod(periods).samples(events_of(daily(1, 4, 5, 6), *users), 0.0)
    assert samples["sample"].to_list() == list(range(8))
    assert samples["split"].to_list() == ["train", "valid", *["learn"] * 2, *["test"] * 2, *["latest"] * 2]


@pytest.mark.parametrize("periods", [PeriodsConfig(learn=0.2, test=0.4), PeriodsConfig(**BY_DAYS)])
def test_vocabularies_are_made_of_what_training_users_did_before_the_learn_period(periods: PeriodsConfig) -> None:
    events = events_of(daily(3, 4, 5, 6, 7), one_who(True, periods), one_who(False, periods))
    assert ByPeriod(periods).counts(events, 0.0).to_list() == [True, True, *[False] * 8]


def test_validation_users_are_a_share_and_another_seed_draws_others() -> None:
    names = pl.Series([f"user {number}" for number in range(2000)])
    first = ByPeriod(PeriodsConfig(validation_share=0.2)).trains(names)
    assert first.mean() == pytest.approx(0.8, abs=0.03)
    assert not ByPeriod(PeriodsConfig(validation_share=0.2, seed=1)).trains(names).equals(first)
    assert ByPeriod(PeriodsConfig(validation_share=0.2)).trains(names[7:9]).to_list() == first[7:9].to_list()


@pytest.mark.parametrize("training", [True, False])
def test_a_border_that_would_part_events_at_one_time_moves_behind_them(training: bool) -> None:
    times = [1.0, 2, 3, 3, 4, 5, 6, 6, 7, 7]
    # 7 of 10 represent, and 6 comes twice; 8 until the test period; the last 3 of the 8 are labels, from 5 on.
    found = samples_of(times, PeriodsConfig(learn=0.1, test=0.2, window=0.3), training=training)
    assert found == [(SAID[training], 0, 5, 8), ("learn", 0, 8, 8), ("test", 0, 8, 8), ("latest", 0, 10, 10)]


@given(
    st.lists(st.integers(0, 192), min_size=1, max_size=30),
    st.sampled_from([PeriodsConfig(**BY_DAYS), PeriodsConfig(windows=3, learn=0.3, test=0.3)]),
)
def test_what_is_known_at_a_moment_is_earlier_and_what_is_asked_is_not(
    hours: list[int], periods: PeriodsConfig
) -> None:
    times = sorted(MIDNIGHT + 3600.0 * hour for hour in hours)
    samples = ByPeriod(periods).samples(events_of(times, one_who(True, periods)), times[-1])
    for split, start, stop, moment in samples.select("split", "start", "stop", "moment").rows():
        assert times[start - 1] < moment
        assert all(moment <= time for time in times[start:stop])
        if split in ("learn", "test") and start < len(times):
            assert moment <= times[start]


@given(
    st.lists(st.floats(0, 8 * DAY_S), min_size=1, max_size=30),
    st.sampled_from([PeriodsConfig(**BY_DAYS), PeriodsConfig(windows=3, learn=0.3, test=0.3)]),
)
def test_no_period_sees_what_comes_after_it(offsets: list[float], periods: PeriodsConfig) -> None:
    found = samples_of(sorted(MIDNIGHT + offset for offset in offsets), periods)
    at = {split: stop for split, _, _, stop in found if split not in ("train", "valid")}
    assert 0 < at.get("learn", 1) <= at.get("test", len(offsets)) <= at["latest"] == len(offsets)
    for split, _, start, stop in found:
        if split == "train":
            assert 0 < start < stop <= at["learn"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"learn": 0.5, "test": 0.5}, "learn = 0.5 and test = 0.5 leave nothing to represent users by"),
        ({"windows": 5, "window": 0.2}, "5 windows of 0.2 leave no history before the first"),
        ({"until": dt.date(2001, 1, 1)}, 'until goes with by = "days"'),
        ({"every_hours": 6.0}, 'every_hours goes with by = "days"'),
        ({"seed": -1}, "'seed' is -1"),
    ],
)
def test_periods_that_cannot_be_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        PeriodsConfig.parse(values, origin="test")


def test_periods_are_the_same_after_they_were_written_and_read() -> None:
    for periods in (PeriodsConfig(), PeriodsConfig(**BY_DAYS)):
        assert PeriodsConfig.model_validate_json(periods.model_dump_json()) == periods


@pytest.mark.parametrize(
    ("times", "values", "said"),
    [
        (None, {}, r'periods\.by = "days" needs a clock, but times are positions; use by = "share"'),
        (daily(3, 8), {"windows": 2}, "begins on 2001-01-03 00:00, but the log begins on 2001-01-03 12:00"),
        (daily(1, 5), {}, "test period begins on 2001-01-06 00:00, after the last event of 2001-01-05 12:00"),
    ],
)
def test_a_log_too_short_for_the_days_is_refused(
    times: list[float] | None, values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    frame = pl.DataFrame({"u": "a", "i": "x", "t": times or [10, 20]})
    with pytest.raises(ConfigError, match=said):
        ByPeriod(PeriodsConfig(**{**BY_DAYS, **values})).refuse_unfit(read_log(tmp_path, frame))
