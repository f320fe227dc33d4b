"""Rounds: hand-written logs by both clocks with the answer in sight, and a slow and simple twin on random logs."""

import datetime as dt
import json
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import ConfigError, DataError, UnknownItemError
from penchant.features.cuts.by_period import ByPeriod, Period, PeriodsConfig
from penchant.features.cuts.rounds import Round, RoundsConfig, make_rounds, now
from penchant.features.vocabulary import Vocabulary
from penchant.logs.found import Found
from penchant.logs.ingest import Log
from tests.logs.logs_on_disk import all_events, read_log

MIDNIGHT = 978_307_200.0  # 2001-01-01
CROWD = ["a", "b", "c", "d", "e", "f"]
ITEMS = Vocabulary(pl.Series(["x", "y"]), pl.Series([2, 1]))
# The 3rd of January (hours 48 to 72) teaches, the 4th tests; audiences are asked for every twelve hours.
BY_DAYS: dict[str, Any] = {"by": "days", "learn": 1.0, "test": 1.0, "until": dt.date(2001, 1, 5), "every_hours": 12.0}
CLICKS = [  # user, item, hour
    *[("a", "x", 30), ("b", "x", 40), ("g", "x", 45), ("c", "x", 48), ("a", "x", 50), ("d", "x", 59.9), ("e", "x", 60)],
    *[("f", "x", 73), ("a", "y", 10), ("b", "y", 12), ("c", "y", 13), ("d", "y", 55), ("e", "y", 61)],
    *[("a", "z", 47), ("b", "z", 49), ("f", "x", 97)],
]
# By share: half represents, a quarter teaches, a quarter tests. Times are 10, 20, 30, 40.
SHARES: dict[str, Any] = {"learn": 0.25, "test": 0.25}
HISTORIES = {"a": "xyzw", "b": "xzyx", "c": "zyxw", "d": "wxyz"}


def log_of(folder: Path, rows: list[tuple[Any, ...]], *, clock: bool = True) -> Log:
    """Rows are user, item, hour since MIDNIGHT (or position) and, if there is a fourth, whether it was clicked."""
    frame = pl.DataFrame(rows, schema=["u", "i", "t", "c"][: len(rows[0])], orient="row", strict=False)
    return read_log(folder, frame.with_columns(pl.col("t") * 3600 + MIDNIGHT) if clock else frame)


def by_share(folder: Path) -> Log:
    rows = [(user, item, 10 * place) for user, items in HISTORIES.items() for place, item in enumerate(items, start=1)]
    return log_of(folder, rows, clock=False)


def rounds_of(
    log: Log, periods: PeriodsConfig, period: Period = "learn", *, whole: bool = False, **config: Any
) -> list[Round]:
    asked = RoundsConfig(**{"least_seeds": 2, **config})
    return make_rounds(log, ByPeriod(periods), period, users=pl.Series(CROWD), items=ITEMS, config=asked, whole=whole)


def seeds_of(one: Round) -> dict[str, str]:
    """The seeds of each candidate, in order."""
    lists = [one.seeds.part(slice(place, place + 1)).values for place in range(len(one.names))]
    return {name: " ".join(CROWD[row] for row in rows) for name, rows in zip(one.names, lists, strict=True)}


def pairs_of(one: Round, *, clicked: bool) -> list[str]:
    """Item and user of each pair of a kind."""
    rows = zip(one.candidate_L, one.user_L, one.clicked_L, strict=True)
    return sorted(one.names[int(candidate)] + CROWD[user] for candidate, user, kind in rows if kind == clicked)


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return log_of(tmp_path_factory.mktemp("clocked"), CLICKS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return by_share(tmp_path_factory.mktemp("shared"))


def test_by_days_each_round_has_the_seeds_and_clicks_worked_by_hand(clocked: Log) -> None:
    first, second = rounds_of(clocked, PeriodsConfig(**BY_DAYS))
    assert [one.at for one in (first, second)] == [MIDNIGHT + 48 * 3600, MIDNIGHT + 60 * 3600]
    assert seeds_of(first) == {"x": "a b"}  # y had gained nobody for 24 hours, z has but one
    assert pairs_of(first, clicked=True) == ["xc", "xd"]  # a clicked x before; g is not of the crowd
    assert seeds_of(second) == {"x": "a b c d", "y": "a b c d", "z": "a b"}
    assert pairs_of(second, clicked=True) == ["xe", "ye"]


def test_by_days_the_test_period_begins_where_the_learn_period_ends(clocked: Log) -> None:
    (only,) = rounds_of(clocked, PeriodsConfig(**BY_DAYS), "test")  # in the second round nothing is clicked
    assert only.at == MIDNIGHT + 72 * 3600
    assert seeds_of(only) == {"x": "a b c d e", "y": "a b c d e", "z": "a b"}
    assert pairs_of(only, clicked=True) == ["xf"]


def test_by_share_seeds_clicked_within_their_own_earlier_share(shared: Log) -> None:
    (learn,) = rounds_of(shared, PeriodsConfig(**SHARES))
    assert learn.at == pytest.approx(0.5)
    assert seeds_of(learn) == {"x": "a b d", "y": "a c", "z": "c b"}
    assert pairs_of(learn, clicked=True) == ["xc", "yb", "yd", "za"]
    (test,) = rounds_of(shared, PeriodsConfig(**SHARES), "test")
    assert test.at == pytest.approx(0.75)
    assert seeds_of(test) == {"x": "a b d c", "y": "a c b d", "z": "c b a"}  # w had but one seed
    assert pairs_of(test, clicked=True) == ["zd"]  # b had clicked x before


def test_items_that_training_never_saw_are_unknown(clocked: Log) -> None:
    (_, second) = rounds_of(clocked, PeriodsConfig(**BY_DAYS))
    assert second.items_C.tolist() == [2, 3, 1]


def test_the_latest_seeds_are_kept(clocked: Log) -> None:
    (_, second) = rounds_of(clocked, PeriodsConfig(**BY_DAYS), most_seeds=3)
    assert seeds_of(second) == {"x": "b c d", "y": "b c d", "z": "a b"}


def test_candidates_have_seeds_enough_and_gained_one_lately(clocked: Log) -> None:
    # In the second round z had gained b eleven hours ago; in the first x had gained b eight hours ago.
    (only,) = rounds_of(clocked, PeriodsConfig(**BY_DAYS), active_hours=6.0)
    assert list(seeds_of(only)) == ["x", "y"]
    (only,) = rounds_of(clocked, PeriodsConfig(**BY_DAYS), least_seeds=3)
    assert list(seeds_of(only)) == ["x", "y"]


def test_a_whole_period_is_asked_about_at_its_beginning(clocked: Log, shared: Log) -> None:
    (one,) = rounds_of(clocked, PeriodsConfig(**BY_DAYS), whole=True, most_tested=1)
    assert (one.at, seeds_of(one)) == (MIDNIGHT + 48 * 3600, {"x": "a b"})
    assert (pairs_of(one, clicked=True), pairs_of(one, clicked=False)) == (["xc", "xd", "xe"], [])
    (one,) = rounds_of(shared, PeriodsConfig(**SHARES), whole=True)
    assert (pairs_of(one, clicked=True), pairs_of(one, clicked=False)) == (["xc", "yb", "yd", "za"], [])


@pytest.mark.parametrize("negatives", ["popularity", "uniform"])
def test_what_stands_against_a_click_is_what_the_user_has_not_clicked_by_the_end_of_the_period(
    negatives: str, shared: Log
) -> None:
    (one,) = rounds_of(shared, PeriodsConfig(**SHARES), negatives=negatives, negatives_per_click=50)
    assert pairs_of(one, clicked=False) == ["zd"]  # d clicks z in the test period; a, b and c have clicked x, y and z
    assert one.clicked_L.dtype == bool


def crowded(folder: Path, gained: dict[str, int]) -> Log:
    """Items that gained so many of 300 seeds in the last day and the others earlier; then 1000 users click the last."""
    rows = [
        (f"{item}{number}", item, 47 if number < gained[item] else 1) for item in gained for number in range(300)
    ] + [(f"later {number}", list(gained)[-1], 50) for number in range(1000)]
    return log_of(folder, rows)


@pytest.mark.parametrize(("negatives", "share"), [("popularity", 0.75), ("uniform", 0.5)])
def test_popular_negatives_follow_the_seeds_gained_lately(negatives: str, share: float, tmp_path: Path) -> None:
    log = crowded(tmp_path, {"x": 300, "y": 100, "z": 1})
    users = all_events(log)["user"].unique()
    cut = ByPeriod(PeriodsConfig(**BY_DAYS))
    config = RoundsConfig.parse({"negatives": negatives, "negatives_per_click": 1}, origin="test")
    (one,) = make_rounds(log, cut, "learn", users=users, items=ITEMS, config=config)
    against = one.names.gather(one.candidate_L[~one.clicked_L])
    assert set(against) == {"x", "y"}
    assert (against == "x").mean() == pytest.approx(share, abs=0.05)


def test_logged_negatives_are_the_rows_of_the_round_that_were_not_clicked(tmp_path: Path) -> None:
    rows = [(user, item, hour, True) for user, item, hour in CLICKS]
    rows += [("f", "x", 50, False), ("f", "x", 51, False), ("e", "x", 52, False)]  # e clicks it later in the period
    rows += [("f", "y", 50, False), ("f", "y", 62, False), ("f", "z", 47, False), ("f", "w", 50, False)]
    log = log_of(tmp_path, rows)
    first, second = rounds_of(log, PeriodsConfig(**BY_DAYS), negatives="logged")
    assert pairs_of(first, clicked=False) == ["xf"]
    assert pairs_of(second, clicked=False) == ["yf"]


def test_clicks_alone_are_no_logged_negatives(clocked: Log) -> None:
    with pytest.raises(ConfigError, match='negatives = "logged", but the log has clicks alone; use "popularity"'):
        rounds_of(clocked, PeriodsConfig(**BY_DAYS), negatives="logged")


def test_labels_beyond_the_bound_are_left_out_evenly(tmp_path: Path) -> None:
    rows = [(f"u{number}", item, 47, True) for item in "xy" for number in range(10)]
    rows += [(f"later {number}", "xy"[number % 2], 49 if number < 200 else 61, True) for number in range(400)]
    rows += [(f"later {number}", "yx"[number % 2], 50, False) for number in range(400)]
    log = log_of(tmp_path, rows)
    users = all_events(log)["user"].unique(maintain_order=True)

    def made(period: Period = "test", **config: Any) -> list[Round]:
        until = dt.date(2001, 1, 4 if period == "test" else 5)  # the period begins at hour 48
        cut = ByPeriod(PeriodsConfig(**(BY_DAYS | {"until": until})))
        return make_rounds(log, cut, period, users=users, items=ITEMS, config=RoundsConfig(**config))

    first, second = made(most_tested=100, negatives="logged")
    clicks = [int(one.clicked_L.sum()) for one in (first, second)]
    assert sum(clicks) == 100
    assert clicks[0] == pytest.approx(50, abs=15)
    assert int((~first.clicked_L).sum()) == pytest.approx(100, abs=25)  # 400 rows, of which a quarter is kept
    assert len(set(first.user_L[first.clicked_L])) == clicks[0]
    for candidate, user, clicked in zip(first.candidate_L, first.user_L, first.clicked_L, strict=True):
        assert (first.names[int(candidate)] == "xy"[int(users[int(user)].split()[1]) % 2]) == clicked
    again, *_ = made(most_tested=100, negatives="logged")
    np.testing.assert_array_equal(first.user_L, again.user_L)
    all_of_them = made(most_tested=400, negatives_per_click=1)
    assert sum(int(one.clicked_L.sum()) for one in all_of_them) == 400
    assert len(made(most_tested=1)) == 1
    assert sum(int(one.clicked_L.sum()) for one in made("learn", most_tested=1)) == 400


def test_a_period_without_any_candidate_is_refused(clocked: Log) -> None:
    said = r"no item with at least least_seeds = 99 seeds is clicked by another of 6 users in the learn period"
    with pytest.raises(DataError, match=said):
        rounds_of(clocked, PeriodsConfig(**BY_DAYS), least_seeds=99)


def test_more_least_seeds_than_most_are_refused() -> None:
    with pytest.raises(ConfigError, match="most_seeds = 5 keeps fewer than least_seeds = 10"):
        RoundsConfig.parse({"most_seeds": 5}, origin="test")


def test_now_the_whole_log_gives_the_seeds_and_whom_the_item_has_reached(tmp_path: Path) -> None:
    rows = [(user, item, hour, user != "e") for user, item, hour in CLICKS]
    log = log_of(tmp_path, rows)
    seeds, reached = now(log, pl.Series(CROWD), "x", most_seeds=99)
    assert [CROWD[row] for row in seeds] == ["a", "b", "c", "d", "f"]
    assert [CROWD[row] for row in reached] == CROWD  # e was shown it
    assert now(log, pl.Series(CROWD), "x", most_seeds=2)[0].tolist() == [3, 5]


def test_now_an_item_that_only_a_table_names_has_nobody_and_one_that_nothing_names_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"item": ["x", "film 7"], "tags": [["t"], ["t"]]}).write_parquet(tmp_path / "items.parquet")
    frame = pl.DataFrame({"u": "a", "i": ["x", "film 12"], "t": [10, 20]})
    table = {"files": "items.parquet", "item": "item", "fields": {"tags": "tags"}}
    log = read_log(tmp_path, frame, items=table)
    assert [len(rows) for rows in now(log, pl.Series(CROWD), "film 7", most_seeds=9)] == [0, 0]
    with pytest.raises(UnknownItemError, match="item 'film 9' is not in the log; did you mean 'film 7' or 'film 12'"):
        now(log, pl.Series(CROWD), "film 9", most_seeds=9)
    with pytest.raises(UnknownItemError, match="item '4711' is not in the log; ids look like 'film 12'"):
        now(log, pl.Series(CROWD), "4711", most_seeds=9)


Firsts = dict[tuple[str, int], tuple[float, float]]
"""By item and user: the time of the first click, and when it was in the terms of the periods."""
BORDERS = {
    "days": {
        "learn": [MIDNIGHT + 3600 * hour for hour in (48, 60, 72)],
        "test": [MIDNIGHT + 3600 * hour for hour in (72, 84, 96)],
    },
    "share": {"learn": [0.5, 0.75], "test": [0.75, 1.0]},
}


def firsts_of(log: Log, by: str) -> Firsts:
    """Event by event, in each user's order."""
    found: Firsts = {}
    rows = all_events(log).rows()
    for user in CROWD:
        events = [row for row in rows if row[0] == user]
        # The last time before each border: events at that time, too, are before it.
        before = {share: ([-1.0] + [row[2] for row in events])[int(share * len(events))] for share in (0.0, 0.5, 0.75)}
        for _, item, time, clicked in events:
            part = max(share for share, last in before.items() if time > last)
            if clicked:
                found.setdefault((item, CROWD.index(user)), (time, time if by == "days" else part))
    return found


def slowly(firsts: Firsts, by: str, borders: list[float], least: int, active_hours: float) -> list[Any]:
    """Moment, seeds of each candidate and first clicks of each round in which there is one."""
    made = []
    for start, stop in pairwise(borders):
        seeds: dict[str, list[int]] = {}
        for (item, user), (_, when) in sorted(firsts.items(), key=lambda pair: (pair[1][0], pair[0][1])):
            if when < start:
                seeds.setdefault(item, []).append(user)
        lately = {item for (item, _), (time, _) in firsts.items() if start - active_hours * 3600 <= time < start}
        active = lately if by == "days" else set(seeds)
        seeds = {item: users for item, users in seeds.items() if len(users) >= least and item in active}
        labels = {pair for pair, (_, when) in firsts.items() if start <= when < stop and pair[0] in seeds}
        if labels:
            made.append((start, seeds, labels))
    return made


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([*CROWD, "g"]), st.sampled_from("wxyz"), st.integers(0, 96), st.booleans() | st.just(True)
    ),
    min_size=15,
    max_size=70,
)


def written(folder: Path, rows: list[tuple[str, str, int, bool]], *, clock: bool) -> Log:
    """What `log_of` gives, without the reading and checking, for many logs in little time."""
    frame = pl.DataFrame(rows, schema=["user", "item", "time", "clicked"], orient="row").cast({"time": pl.Float64})
    frame = frame.with_columns(pl.col("time") * 3600 + MIDNIGHT) if clock else frame
    frame = frame.unique(["user", "item", "time"], keep="first", maintain_order=True).sort("user", "time", "item")
    (folder / "events").mkdir()
    frame.write_parquet(folder / "events" / "00000.parquet")
    counts = {"last": frame["time"].max(), "events": len(frame), "clicked": int(frame["clicked"].sum())}
    found = dict.fromkeys(sorted(Found.__required_keys__)) | counts
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")
    return Log(folder, 1, position=not clock)


@given(EVENTS, st.sampled_from(["learn", "test"]), st.sampled_from(["days", "share"]), st.integers(1, 2))
def test_a_slow_and_simple_twin_finds_the_same(
    events: list[tuple[str, str, int, bool]], period: Period, by: str, least: int
) -> None:
    with TemporaryDirectory() as folder:
        log = written(Path(folder), events, clock=by == "days")
        firsts, borders = firsts_of(log, by), BORDERS[by][period]
        expected = slowly(firsts, by, borders, least, 30.0)
        try:
            periods = PeriodsConfig(**(BY_DAYS if by == "days" else SHARES))
            found = rounds_of(log, periods, period, least_seeds=least, active_hours=30.0)
        except DataError:
            found = []
    clicked = {pair for pair, (_, when) in firsts.items() if when < borders[-1]}
    assert [one.at for one in found] == [at for at, *_ in expected]
    for one, (_, seeds, labels) in zip(found, expected, strict=True):
        assert {name: [CROWD.index(user) for user in users.split()] for name, users in seeds_of(one).items()} == seeds
        assert pairs_of(one, clicked=True) == sorted(item + CROWD[user] for item, user in labels)
        assert_fair(one, clicked)


def assert_fair(one: Round, clicked: set[tuple[str, int]]) -> None:
    """Nobody is asked about an item whose seed they are, no pair stands twice, none that was clicked stands against."""
    pairs = list(zip(one.candidate_L.tolist(), one.user_L.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    for (candidate, user), kind in zip(pairs, one.clicked_L, strict=True):
        assert kind or (one.names[candidate], user) not in clicked
        assert user not in one.seeds.part(slice(candidate, candidate + 1)).values
