"""The snapshot of a log in two buckets: every row is found again, by name, by hash and by item."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

from penchant.errors import DataError
from penchant.features.ragged import Ragged
from penchant.files import read_json, write_json
from penchant.logs.formats.part import Portions
from penchant.logs.ingest import Log
from penchant.logs.users import hash_of
from penchant.models.lookalikes.promise import Crowd
from penchant.progress import Progress
from penchant.serving.snapshot import HASH, Snapshot, is_written, refuse_broken, write_snapshot
from tests.logs.logs_on_disk import DAY_S, NOON, all_events, read_log

SAID = {"name": "one"}
USERS = ["anna", "ben", "carl", "dora", "emil", "fred", "gesa", "søren"]


def log_in_two_buckets(folder: Path, events: pl.DataFrame) -> Log:
    table = {"files": "items.parquet", "item": "item", "fields": {"tags": "tags"}}
    pl.DataFrame({"item": ["only in the table"], "tags": [["jazz"]]}).write_parquet(folder / "items.parquet")
    log = read_log(folder, events, items=table, portions=Portions(bucket=len(events) // 2 + 1))
    assert log.buckets == 2
    return log


def some_events() -> pl.DataFrame:
    dice = np.random.default_rng(1)
    rows = [
        (USERS[dice.integers(8)], f"item {dice.integers(6)}", NOON + int(dice.integers(3 * DAY_S)), dice.random() < 0.6)
        for _ in range(60)
    ]
    return pl.DataFrame(rows, {"u": pl.String, "i": pl.String, "t": pl.Int64, "c": pl.Boolean}, orient="row")


def crowd_of(users: list[str]) -> Crowd:
    """Nothing is known of the first."""
    lengths = [0] + [1] * (len(users) - 1)
    vectors_NX = np.arange(3 * len(users), dtype=np.float32).reshape(-1, 3)
    values = Ragged(np.concatenate([[0], np.cumsum(lengths)]), np.zeros(sum(lengths), np.int32))
    return Crowd(pl.Series("user", users), vectors_NX, values, 1)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return log_in_two_buckets(tmp_path, some_events())


@pytest.fixture
def snapshot(log: Log, tmp_path: Path) -> Snapshot:
    write_snapshot(log, crowd_of(USERS[:6]), tmp_path / "serving", SAID, made=7.0)
    return Snapshot(tmp_path / "serving")


def rows_of(log: Log, **equal: Any) -> pl.DataFrame:
    events = all_events(log)
    return events.filter(*(pl.col(name) == value for name, value in equal.items()))


def test_every_user_has_one_row_and_is_found_by_name_and_by_hash(snapshot: Snapshot, log: Log) -> None:
    users = set(all_events(log)["user"])
    assert {snapshot.user(row) for row in range(len(snapshot))} == users == set(USERS)
    for row in range(len(snapshot)):
        user = snapshot.user(row)
        assert snapshot.row(user) == snapshot.row_of_hash(hash_of(user)) == row
    hashes = snapshot.hashes(np.arange(len(snapshot))[::-1])
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [hash_of(snapshot.user(row)) for row in range(len(snapshot))][::-1]


def test_who_is_absent_has_no_row(snapshot: Snapshot) -> None:
    absent = [f"stranger {number}" for number in range(50)] + [""]
    assert {snapshot.row(user) for user in absent} == {-1}
    assert {snapshot.row_of_hash(hash_of(user)) for user in absent} == {-1}


def test_users_of_one_hash_are_told_apart_by_their_names(snapshot: Snapshot) -> None:
    part = snapshot.parts[0]
    part.arrays[HASH][:2] = 5
    assert [part.row(part.user(row), 5) for row in range(2)] == [0, 1]
    assert part.row("another of this hash", 5) == -1


def test_clicks_are_those_of_the_log_in_order(snapshot: Snapshot, log: Log) -> None:
    for user in USERS:
        expected = rows_of(log, user=user, clicked=True).select("time", "item").rows()
        assert snapshot.clicks(snapshot.row(user)) == sorted(expected)


def test_an_item_knows_who_clicked_it_and_who_was_shown_it(snapshot: Snapshot, log: Log) -> None:
    for item in [*snapshot.items, "nowhere"]:
        events = rows_of(log, item=item)
        clicks = dict(events.filter("clicked").group_by("user").agg(pl.col("time").max()).rows())
        rows, times = snapshot.seeds(item)
        assert {snapshot.user(row): time for row, time in zip(rows, times, strict=True)} == clicks
        assert sorted(map(snapshot.user, snapshot.shown(item))) == sorted(set(events["user"]))
        for user in USERS:
            assert snapshot.is_seed(item, snapshot.row(user)) == (user in clicks)
            assert snapshot.has_met(item, snapshot.row(user)) == (user in set(events["user"]))


def test_items_are_those_of_events_and_of_the_table(snapshot: Snapshot, log: Log) -> None:
    assert snapshot.items == sorted({*all_events(log)["item"], "only in the table"})


def test_recent_counts_users_who_clicked_within_a_day_of_the_end(snapshot: Snapshot, log: Log) -> None:
    events = all_events(log)
    last = log.found["last"]
    late = events.filter("clicked", pl.col("time") > last - DAY_S).unique(["user", "item"])
    counts = dict(late["item"].value_counts().rows())
    assert dict(zip(snapshot.items, snapshot.recent.tolist(), strict=True)) == {
        item: counts.get(item, 0) for item in snapshot.items
    }
    assert 0 < snapshot.recent.sum() < len(events.filter("clicked").unique(["user", "item"]))


def test_vectors_are_those_of_the_crowd_whatever_the_order(snapshot: Snapshot) -> None:
    crowd = crowd_of(USERS[:6])
    rows = np.array([snapshot.row(user) for user in USERS])
    np.testing.assert_array_equal(snapshot.vectors(rows)[:6], crowd.vectors_NX)
    np.testing.assert_array_equal(snapshot.vectors(rows)[6:], np.zeros((2, 3)))
    assert snapshot.known(rows).tolist() == [False] + [True] * 5 + [False] * 2
    np.testing.assert_allclose(snapshot.prior, crowd.vectors_NX[1:].mean(0))
    assert snapshot.vectors(rows[:0]).shape == (0, 3)


def test_a_run_without_a_look_alike_has_clicks_and_no_vectors(log: Log, tmp_path: Path) -> None:
    write_snapshot(log, None, tmp_path / "serving", SAID, made=7.0)
    snapshot = Snapshot(tmp_path / "serving")
    assert snapshot.vectors(np.arange(len(snapshot))).shape == (8, 0)
    assert not snapshot.known(np.arange(len(snapshot))).any()
    assert len(snapshot.prior) == 0
    assert snapshot.clicks(snapshot.row("anna"))
    refuse_broken(snapshot)


def test_a_log_without_a_clock_keeps_positions_and_all_clicks_are_recent(tmp_path: Path) -> None:
    events = pl.DataFrame({"u": ["a", "a", "b"], "i": ["x", "y", "x"]})
    log = read_log(tmp_path, events)
    write_snapshot(log, None, tmp_path / "serving", SAID, made=7.0)
    snapshot = Snapshot(tmp_path / "serving")
    assert [item for _, item in snapshot.clicks(snapshot.row("a"))] == ["x", "y"]
    assert dict(zip(snapshot.items, snapshot.recent.tolist(), strict=True)) == {"x": 2, "y": 1}


def test_a_bucket_may_be_empty(tmp_path: Path) -> None:
    alone = next(name for name in map(str, range(9)) if hash_of(name) % 2 == 1)
    events = pl.DataFrame({"u": [alone] * 2, "i": ["x", "y"], "t": [NOON, NOON + 1]})
    log = log_in_two_buckets(tmp_path, events)
    write_snapshot(log, crowd_of(["x", alone]), tmp_path / "serving", SAID, made=7.0)
    snapshot = Snapshot(tmp_path / "serving")
    assert [len(part) for part in snapshot.parts] == [0, 1]
    assert (snapshot.row(alone), snapshot.user(0), len(snapshot.clicks(0))) == (0, alone, 2)
    np.testing.assert_array_equal(snapshot.vectors(np.array([0])), [[3, 4, 5]])


def test_a_snapshot_belongs_to_what_it_says_and_to_the_form_of_today(log: Log, tmp_path: Path) -> None:
    folder = tmp_path / "serving"
    assert not is_written(folder, SAID)
    told = list[Progress]()
    write_snapshot(log, None, folder, SAID, made=7.0, report=told.append)
    assert told == [Progress("snapshot", 1, 2), Progress("snapshot", 2, 2)]
    assert is_written(folder, SAID)
    assert not is_written(folder, {"name": "two"})
    assert Snapshot(folder).manifest["made"] == 7.0
    manifest = read_json(folder / "manifest.json")
    write_json(folder / "manifest.json", {**manifest, "said": {**manifest["said"], "form": 0}})
    assert not is_written(folder, SAID)


def test_another_snapshot_takes_the_place_of_the_one_before(log: Log, tmp_path: Path) -> None:
    folder = tmp_path / "serving"
    write_snapshot(log, None, folder, SAID, made=7.0)
    (folder / "00009.safetensors").touch()
    write_snapshot(log, None, folder, {"name": "two"}, made=8.0)
    assert len(Snapshot(folder).parts) == 2
    assert (is_written(folder, SAID), is_written(folder, {"name": "two"})) == (False, True)
    assert [path.name for path in tmp_path.glob("serving*")] == ["serving"]


def test_vectors_that_are_not_finite_are_refused_and_nobody_is_named(snapshot: Snapshot, tmp_path: Path) -> None:
    refuse_broken(snapshot)
    path = tmp_path / "serving" / "00001.safetensors"
    arrays = {name: array.copy() for name, array in load_file(path).items()}
    arrays["vectors"][:2, 1] = np.nan, np.inf
    save_file(arrays, path)
    with pytest.raises(DataError, match=r"the vectors of 2 of 8 users are not finite; remove the run's") as refused:
        refuse_broken(Snapshot(tmp_path / "serving"))
    assert not any(user in str(refused.value) for user in USERS)
