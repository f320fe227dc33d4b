"""Who belongs to which split, and where histories end and labels begin."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import ConfigError
from penchant.features.cuts.by_user import ByUser, LabelsConfig, UsersConfig
from penchant.features.cuts.cut import DAY_S
from tests.logs.logs_on_disk import read_log

USERS = pl.Series([f"user {number}" for number in range(300)])
MIDNIGHT = 978_307_200.0  # 2001-01-01
Window = tuple[int, int, int]


def one_of(split: str, config: UsersConfig) -> str:
    """A user of a split."""
    return str(ByUser(users=config).split(USERS).filter(pl.col("split") == split)["user"][0])


def windows_of(user: str, times: list[float], labels: LabelsConfig, *, last: float | None = None) -> list[Window]:
    """Window, start and stop of a user's samples; "latest" apart."""
    events = pl.DataFrame({"user": [user] * len(times), "time": times})
    samples = ByUser(labels).samples(events, max(times) if last is None else last)
    return samples.filter(pl.col("split") != "latest").select("window", "start", "stop").rows()


def days(count: int, per_day: int = 1) -> list[float]:
    """`per_day` events in each of `count` days, an hour apart, from midnight on."""
    return [MIDNIGHT + day * DAY_S + hour * 3600 for day in range(count) for hour in range(per_day)]


def splits(folds: int) -> Iterator[pl.DataFrame]:
    for fold in range(folds):
        yield ByUser(users=UsersConfig(folds=folds, fold=fold)).split(USERS)


def test_every_user_is_a_test_user_in_exactly_one_of_five_folds() -> None:
    tests = [set(split.filter(pl.col("split") == "test")["user"]) for split in splits(5)]
    assert sorted(user for fold in tests for user in fold) == sorted(USERS)
    assert all(40 <= len(fold) <= 80 for fold in tests)


def test_validation_users_are_a_share_of_the_rest() -> None:
    counts = dict(ByUser(users=UsersConfig(validation_share=0.25)).split(USERS).group_by("split").len().rows())
    assert counts["valid"] / (counts["valid"] + counts["train"]) == pytest.approx(0.25, abs=0.07)


def test_a_user_has_the_same_split_in_whatever_company() -> None:
    together = dict(ByUser().split(USERS).rows())
    for user in USERS[:20]:
        assert ByUser().split(pl.Series([user]))["split"].item() == together[user]


def test_another_seed_splits_otherwise() -> None:
    assert not ByUser(users=UsersConfig(seed=1)).split(USERS).equals(ByUser().split(USERS))


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_by_share_the_last_events_of_each_user_are_labels(split: str) -> None:
    user = one_of(split, UsersConfig())
    assert windows_of(user, days(10), LabelsConfig(share=0.2)) == [(0, 8, 10)]
    assert windows_of(user, days(7), LabelsConfig(share=0.2)) == [(0, 5, 7)]  # 7 × 0.8 = 5.6


def test_only_training_users_give_several_windows_one_before_the_other() -> None:
    labels = LabelsConfig(share=0.2, windows=3)
    assert windows_of(one_of("train", UsersConfig()), days(10), labels) == [(0, 8, 10), (1, 6, 8), (2, 4, 6)]
    for split in ("valid", "test"):
        assert windows_of(one_of(split, UsersConfig()), days(10), labels) == [(0, 8, 10)]


def test_windows_may_overlap_by_a_stride() -> None:
    labels = LabelsConfig(share=0.2, windows=3, stride=0.1)
    assert windows_of(one_of("train", UsersConfig()), days(10), labels) == [(0, 8, 10), (1, 7, 9), (2, 6, 8)]


def test_windows_that_fall_together_are_one_sample() -> None:
    labels = LabelsConfig(share=0.5, windows=4, stride=0.01)
    found = windows_of(one_of("train", UsersConfig()), days(10), labels)
    assert len({window[1:] for window in found}) == len(found)
    assert (0, 5, 10) in found


@pytest.mark.parametrize("count", [1, 2])
def test_a_user_with_few_events_has_at_most_one_window(count: int) -> None:
    found = windows_of(one_of("train", UsersConfig()), days(count), LabelsConfig(share=0.2, windows=2))
    assert found == ([(0, 1, 2)] if count == 2 else [])


def test_latest_holds_every_user_with_all_events() -> None:
    events = pl.DataFrame({"user": ["a", "b", "b"], "time": [1.0, 1.0, 2.0]})
    latest = ByUser().samples(events, 2.0).filter(pl.col("split") == "latest")
    assert latest.select("user", "start", "stop").rows() == [("a", 1, 1), ("b", 2, 2)]


@given(st.integers(1, 60), st.floats(0.05, 0.45), st.integers(1, 2))
def test_features_end_where_labels_begin(count: int, share: float, windows: int) -> None:
    labels = LabelsConfig(share=share, windows=windows)
    found = windows_of(one_of("train", UsersConfig()), days(count), labels)
    for _, start, stop in found:
        assert 0 < start < stop <= count
    stops = [stop for *_, stop in found]
    assert stops == sorted(stops, reverse=True)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 8, 9], [(0, 9, 10)]),  # 8 of 10 would part the two at 8
        ([1, 2, 3, 4, 5, 6, 7, 8, 8, 8], []),  # and here nothing is left
        ([1, 2, 3, 4, 5, 6, 6, 7, 8, 9], [(0, 8, 10)]),
        ([5, 5, 5], []),
    ],
)
def test_a_border_that_would_part_events_at_one_time_moves_behind_them(times: list[float], expected: list[Any]) -> None:
    assert windows_of(one_of("test", UsersConfig()), times, LabelsConfig(share=0.2)) == expected


def test_both_ends_of_an_earlier_window_keep_events_at_one_time_together() -> None:
    times = [1.0, 2, 2, 3, 4, 4, 5, 6, 7, 8]
    labels = LabelsConfig(share=0.3, stride=0.5, windows=2)  # 7 to 10, and 2 to 5, which parts 2 2 and 4 4
    assert windows_of(one_of("train", UsersConfig()), times, labels) == [(0, 7, 10), (1, 3, 6)]


TIMES = st.dictionaries(
    st.sampled_from([*USERS[:12]]), st.lists(st.integers(0, 20), min_size=1, max_size=15), min_size=1, max_size=5
)
PLANS = st.sampled_from(
    [
        LabelsConfig(share=0.3, windows=2),
        LabelsConfig(share=0.2, windows=3, stride=0.1),
        LabelsConfig(by="days", days=3 / DAY_S, windows=2),
    ]
)


@given(TIMES, PLANS, st.permutations(range(15)))
def test_no_label_is_as_early_as_its_history_and_other_names_of_items_change_no_window(
    times: dict[str, list[int]], labels: LabelsConfig, names: list[int]
) -> None:
    rows = [
        (user, f"item {place:02}", float(at), names[place])
        for user, own in times.items()
        for place, at in enumerate(own)
    ]
    frame = pl.DataFrame(rows, schema=["user", "item", "time", "other"], orient="row")
    events = frame.sort("user", "time", "item")
    last = float(str(frame["time"].max()))
    samples = ByUser(labels).samples(events, last)
    renamed = ByUser(labels).samples(frame.sort("user", "time", "other"), last)
    assert samples.equals(renamed)
    for user, split, start, stop, moment in samples.select("user", "split", "start", "stop", "moment").rows():
        own = events.filter(pl.col("user") == user)["time"].to_list()
        if split != "latest":
            assert max(own[:start]) < moment <= min(own[start:stop])
        else:
            assert moment == float("inf")


def test_by_days_test_users_have_the_last_day_and_training_ends_before_it() -> None:
    labels = LabelsConfig(by="days", days=1.0, windows=2)
    times = days(
        5, per_day=2
    )  # the last event at 01:00 of day 4 ends the last window, so each runs from 01:00 to 01:00
    assert windows_of(one_of("test", UsersConfig()), times, labels) == [(0, 8, 10)]
    assert windows_of(one_of("valid", UsersConfig()), times, labels) == [(1, 6, 8)]
    assert windows_of(one_of("train", UsersConfig()), times, labels) == [(1, 6, 8), (2, 4, 6)]


def test_by_days_windows_may_end_at_a_date() -> None:
    labels = LabelsConfig(by="days", days=1.0, until=dt.date(2001, 1, 5), windows=1)
    times = days(6, per_day=3)
    assert windows_of(one_of("test", UsersConfig()), times, labels) == [(0, 9, 12)]
    assert windows_of(one_of("train", UsersConfig()), times, labels) == [(1, 6, 9)]


def test_an_event_at_the_border_belongs_to_the_labels() -> None:
    labels = LabelsConfig(by="days", days=1.0, until=dt.date(2001, 1, 3))
    times = [MIDNIGHT, MIDNIGHT + DAY_S, MIDNIGHT + 2 * DAY_S]
    assert windows_of(one_of("test", UsersConfig()), times, labels) == [(0, 1, 2)]


def test_training_ends_where_the_test_window_begins() -> None:
    by_days = LabelsConfig(by="days", days=2.0, until=dt.date(2001, 1, 5))
    assert ByUser(by_days).training_end(last=0.0) == MIDNIGHT + 2 * DAY_S
    assert ByUser().training_end(last=0.0) == float("inf")


@given(st.lists(st.floats(0, 20 * DAY_S), min_size=1, max_size=40), st.integers(1, 4), st.floats(0.5, 5))
def test_by_days_nobody_trains_on_the_test_window(offsets: list[float], windows: int, length: float) -> None:
    labels = LabelsConfig(by="days", days=length, windows=windows)
    times = sorted(MIDNIGHT + offset for offset in offsets)
    end = ByUser(labels).training_end(times[-1])
    for split in ("train", "valid", "test"):
        for _, start, stop in windows_of(one_of(split, UsersConfig()), times, labels):
            assert times[start - 1] < times[start]
            assert (times[stop - 1] < end) == (split != "test")
            assert (times[start] >= end) == (split == "test")


def test_a_user_without_events_in_a_window_has_no_sample_there() -> None:
    labels = LabelsConfig(by="days", days=1.0, windows=2)
    last = MIDNIGHT + 10 * DAY_S
    assert windows_of(one_of("train", UsersConfig()), days(3), labels, last=last) == []


def test_a_fold_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="fold = 5 does not exist: 5 folds are 0 to 4"):
        UsersConfig.parse({"fold": 5}, origin="test")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"share": 0.25, "windows": 4}, "4 windows of 0.25, 0.25 apart, leave no history before the first"),
        ({"share": 0.5, "windows": 6, "stride": 0.1}, "6 windows of 0.5, 0.1 apart, leave no history"),
        ({"by": "days", "stride": 0.1}, 'stride goes with by = "share"'),
    ],
)
def test_windows_that_cannot_be_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        LabelsConfig.parse(values, origin="test")


@pytest.mark.parametrize(
    ("times", "values", "said"),
    [
        (
            days(2),
            {"days": 1.0},
            r"labels.days = 1 is too long for this log, which covers 1\.00 days: .* begins on 2000",
        ),
        (
            days(9),
            {"days": 1.0, "until": dt.date(2001, 1, 3)},
            "begins on 2001-01-01 00:00, and the log begins on 2001-01-01",
        ),
        (
            days(3),
            {"days": 1.0, "until": dt.date(2001, 1, 9)},
            "2001-01-08 00:00, after the last event of 2001-01-03 00:00",
        ),
    ],
)
def test_windows_of_days_that_do_not_lie_within_the_log_are_refused(
    times: list[float], values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    log = read_log(tmp_path, pl.DataFrame({"u": "a", "i": "x", "t": times}))
    with pytest.raises(ConfigError, match=said):
        ByUser(LabelsConfig(by="days", **values)).refuse_unfit(log)
    ByUser().refuse_unfit(log)
    ByUser(LabelsConfig(by="days", days=0.4)).refuse_unfit(log)
