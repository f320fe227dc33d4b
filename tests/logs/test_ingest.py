"""The log as a whole: order, repeats, buckets, counts, and going on after an interruption."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import DataError
from penchant.logs.formats.part import Portions
from penchant.logs.ingest import REPEATED, Log, ingest
from penchant.logs.tables import Tables
from penchant.logs.users import bucket_of, uniform, user_hash
from penchant.progress import Progress, Report, quiet
from tests.logs.logs_on_disk import NOON, all_events, read_log, rejected

TABLES = Tables.parse(
    {"events": {"files": "events-*.parquet", "user": "u", "item": "i", "time": "t", "clicked": "c"}}, origin="test"
)


def some_events(rows: int = 400) -> pl.DataFrame:
    dice = np.random.default_rng(3)
    return pl.DataFrame(
        {
            "u": [f"user {dice.integers(40)}" for _ in range(rows)],
            "i": [f"item {dice.integers(20)}" for _ in range(rows)],
            "t": [NOON + int(dice.integers(300)) for _ in range(rows)],
            "c": [bool(dice.random() < 0.5) for _ in range(rows)],
        }
    )


SMALL = Portions(bucket=50)


def in_buckets(folder: Path, name: str, report: Report = quiet) -> Log:
    """A log of what lies in a folder, in many buckets."""
    return ingest(TABLES, folder, folder / name, max_rejected_share=0.0, portions=SMALL, report=report)


def files_of(folder: Path) -> dict[str, bytes]:
    """What a log folder holds; source.json apart, which knows the time of writing of its sources."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "source.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_repeat_is_set_aside_and_a_click_outlives_its_showing(tmp_path: Path) -> None:
    shown = pl.DataFrame({"u": ["a"] * 3, "i": ["x"] * 3, "t": [NOON] * 3, "c": [False, True, True]})
    log = read_log(tmp_path, [shown, shown])
    assert all_events(log).rows() == [("a", "x", float(NOON), True)]
    assert rejected(log) == [
        ("events-0.parquet", 1, REPEATED),
        ("events-0.parquet", 3, REPEATED),
        *(("events-1.parquet", row, REPEATED) for row in (1, 2, 3)),
    ]
    assert log.found["rejected"] == {REPEATED: 5}


def test_repeats_do_not_count_against_the_share_of_rejected_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["a"] * 10, "i": ["x"] * 10, "t": [NOON] * 10})
    assert read_log(tmp_path, frame, limit=0.0).found["events"] == 1


def test_time_going_backwards_is_sorted_and_counted(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["a", "b", "a", "a", "b"], "i": list("vwxyz"), "t": [NOON + n for n in (5, 0, 3, 4, 1)]})
    log = read_log(tmp_path, frame)
    assert all_events(log)["item"].to_list() == ["x", "y", "v", "w", "z"]
    assert log.found["backwards"] == 1


def test_without_a_time_column_the_order_of_rows_counts_across_batches_and_files(
    tmp_path: Path,
) -> None:
    items = [f"item {number:03}" for number in np.random.default_rng(0).permutation(1000)[:30]]
    parts = [pl.DataFrame({"u": ["a"] * len(part), "i": part}) for part in (items[:10], items[10:12], items[12:])]
    log = read_log(tmp_path, parts, portions=Portions(rows=3))
    assert log.position
    assert all_events(log)["item"].to_list() == items


def test_what_the_log_holds_is_counted(tmp_path: Path) -> None:
    events = pl.DataFrame(
        {"u": ["a", "a", "b"], "i": ["x", "y", "z"], "t": [NOON, NOON + 5, NOON + 9], "c": [True, False, True]}
    )
    pl.DataFrame({"id": ["x", "y", "q"], "tag": [["t1", "t2"], [], ["t1"]]}).write_parquet(tmp_path / "items.parquet")
    log = read_log(tmp_path, events, items={"files": "items.parquet", "item": "id", "fields": {"tags": "tag"}})
    found = log.found
    counted = {
        "columns": {"user": "u", "item": "i", "time": "t", "clicked": "c"},
        "rows": 3,
        "left_out": {},
        "buckets": 1,
        "time_unit": "s",
        "first": NOON,
        "last": NOON + 9,
        "events": 3,
        "clicked": 2,
        "users": 2,
        "users_with_one_event": 1,
        "users_with_row": 0,
        "events_of_items": 2,
        "backwards": 0,
        "items_in_table": 3,
        "users_in_table": 0,
        "rejected": {},
        "rows_beside_left_out": {},
        "examples": {},
        "guessed": {},
    }
    assert {name: found[name] for name in counted} == counted  # type: ignore[literal-required]
    tags = found["fields"]["tags"]
    assert (tags["values"], tags["items_with"], tags["per_item"], tags["events_with"]) == (2, 2, 1.0, 1)


def test_all_rows_of_a_user_stand_in_one_bucket_in_order(tmp_path: Path) -> None:
    frame = some_events()
    log = read_log(tmp_path, frame, portions=SMALL)
    assert log.buckets == 9
    buckets = [log.events(bucket) for bucket in range(log.buckets)]
    assert sum(bucket["user"].n_unique() for bucket in buckets) == frame["u"].n_unique()
    expected = frame.select(user="u", item="i", time=pl.col("t").cast(pl.Float64), clicked="c")
    expected = expected.group_by("user", "item", "time").agg(pl.col("clicked").any()).sort("user", "time", "item")
    assert all_events(log).equals(expected)


def test_there_may_be_more_buckets_than_users(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["a"] * 5, "i": list("vwxyz"), "t": [NOON] * 5})
    log = read_log(tmp_path, frame, portions=Portions(bucket=1))
    assert log.buckets == 6
    assert all_events(log)["item"].to_list() == list("vwxyz")


def test_the_same_log_gives_the_same_files(tmp_path: Path) -> None:
    some_events().write_parquet(tmp_path / "events-0.parquet")
    logs = [in_buckets(tmp_path, name) for name in ("one", "two")]
    assert files_of(logs[0].folder) == files_of(logs[1].folder)


def test_an_interrupted_log_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    some_events().write_parquet(tmp_path / "events-0.parquet")
    whole = in_buckets(tmp_path, "whole")

    def pull_the_plug(progress: Progress) -> None:
        if progress.step == "sort":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_buckets(tmp_path, "broken", report=pull_the_plug)
    first = tmp_path / "broken" / "events" / "00000.parquet"
    settled = first.stat().st_mtime_ns
    steps: list[str] = []
    broken = in_buckets(tmp_path, "broken", report=lambda told: steps.append(told.step))
    assert files_of(broken.folder) == files_of(whole.folder)
    assert first.stat().st_mtime_ns == settled
    assert "read" not in steps


def test_an_interrupted_read_leaves_nothing_half_written(tmp_path: Path) -> None:
    some_events().write_parquet(tmp_path / "events-0.parquet")

    def pull_the_plug(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(TABLES, tmp_path, tmp_path / "log", max_rejected_share=0.0, report=pull_the_plug)
    assert not [path for path in (tmp_path / "log").iterdir() if path.name.startswith("scattered")]


def test_a_finished_log_is_opened_without_reading_again(tmp_path: Path) -> None:
    log = read_log(tmp_path, pl.DataFrame({"u": ["a"], "i": ["x"], "t": [NOON]}))
    told: list[Progress] = []
    tables = Tables.parse(
        {"events": {"files": "events-*.parquet", "user": "u", "item": "i", "time": "t"}}, origin="test"
    )
    assert (
        ingest(tables, tmp_path, log.folder, max_rejected_share=1.0, report=told.append) == log == Log.open(log.folder)
    )
    assert told == []


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    read_log(tmp_path, pl.DataFrame({"u": ["a"], "i": ["x"], "t": [NOON]}))
    log = read_log(tmp_path, pl.DataFrame({"u": ["a", "b"], "i": ["x", "y"], "t": [NOON, NOON]}))
    assert all_events(log)["user"].to_list() == ["a", "b"]


def test_a_changed_mapping_is_read_again(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["a"], "i": ["x"], "t": [NOON], "who": ["z"]})
    read_log(tmp_path, frame)
    assert all_events(read_log(tmp_path, frame, mapping={"user": "who"}))["user"].to_list() == ["z"]


def test_a_table_without_rows_holds_no_events(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no events in .*events-0\.parquet; check `files`"):
        read_log(tmp_path, pl.DataFrame(schema={"u": pl.String, "i": pl.String, "t": pl.Int64}))


def test_a_log_of_which_every_row_is_left_out_says_what_it_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["a", "b"], "i": ["x", None], "t": [NOON, NOON], "c": [3.0, 3.0]})
    with pytest.raises(
        DataError,
        match=r"none of 2 rows is an event: 1 × no item in 'i', 1 × a rating between the two thresholds; mend",
    ):
        read_log(tmp_path, frame, mapping={"clicked_at_least": 4.0, "not_clicked_at_most": 2.0})


def test_too_many_rejected_rows_stop_the_run_with_the_commonest_reasons(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["a", None, None, "b"], "i": ["x", "y", "z", None], "t": [NOON] * 4})
    said = (
        r"75\.0% of 4 rows make no sense, more than max_rejected_share = 50\.0%: 2 × no user in 'u', 1 × no item in 'i'"
    )
    with pytest.raises(DataError, match=said):
        read_log(tmp_path, frame, limit=0.5)
    assert read_log(tmp_path, frame, limit=0.75).found["events"] == 1


def test_a_users_number_never_changes() -> None:
    users = pl.Series(["007", "ユーザー", "пользователь"])
    assert user_hash(users)[0] == 13655456112802015817
    assert bucket_of(users, 10).to_list() == [7, 2, 5]
    assert uniform(users, seed=0)[0].tolist() == pytest.approx([0.664027, 0.152661, 0.253834], abs=1e-6)


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=30), st.integers(1, 9), st.integers(0, 5))
def test_a_users_place_does_not_depend_on_its_company(users: list[str], buckets: int, seed: int) -> None:
    together = bucket_of(pl.Series(users), buckets).to_list()
    alone = [bucket_of(pl.Series([user]), buckets)[0] for user in users]
    assert together == alone
    assert all(0 <= bucket < buckets for bucket in together)
    first, second = uniform(pl.Series(users), seed)
    assert first[-1] == uniform(pl.Series([users[-1]]), seed)[0][0]
    for numbers in (first, second):
        assert numbers.min() >= 0
        assert numbers.max() < 1
