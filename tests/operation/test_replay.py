"""A log played into a running server: everything arrives, in order, at the pace asked for, and once."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from penchant.client import Client
from penchant.errors import ConfigError, PenchantError
from penchant.operation.replay import replay
from penchant.pipeline import Run
from penchant.progress import Progress
from penchant.serving.served import Served
from penchant.store.base import Event, natural_id
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import LONG, events_of
from tests.serving import worlds
from tests.serving.apps import Desk, running

NOON = 1_700_000_000.0
ROWS = [("anna", "x", NOON + 30.0, True), ("ben", "y", NOON, False), ("anna", "y", NOON + 10.0, True)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def client(served: Served, store: MemoryStore) -> Iterator[Client]:
    desk = Desk(served, store=store)
    with running(desk.app) as url, Client(url, None) as client:
        yield client


class Time:
    """A clock that goes on while somebody sleeps, and a second for every call that is sent."""

    def __init__(self) -> None:
        self.now, self.slept = 1_000.0, list[float]()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def table(folder: Path, *, name: str = "events.csv", clicked: bool = True) -> Path:
    rows = pl.DataFrame(ROWS, ["user", "item", "time", "clicked"], orient="row")
    rows = rows if clicked else rows.drop("clicked")
    path = folder / name
    if path.suffix == ".csv":
        rows.write_csv(path)
    elif path.suffix == ".parquet":
        rows.write_parquet(path)
    else:
        rows.write_ndjson(path)
    return path


def events_in(store: MemoryStore) -> list[Event]:
    """Those of the log, in order."""
    return [event for entry in store.take("a test", 10**9) for event in entry.events]


@pytest.mark.parametrize("name", ["events.csv", "events.parquet", "events.jsonl"])
def test_a_table_arrives_in_the_order_in_which_it_happened(
    store: MemoryStore, client: Client, tmp_path: Path, name: str
) -> None:
    totals = replay(table(tmp_path, name=name), client, float("inf"))
    assert totals == {"accepted": 3, "repeated": 0, "forgotten": 0, "refused": 0}
    expected = [
        Event(user, item, time, clicked, natural_id(item, time, clicked=clicked))
        for user, item, time, clicked in sorted(ROWS, key=lambda row: row[2])
    ]
    assert events_in(store) == expected


def test_without_a_column_of_clicks_all_are_clicks(store: MemoryStore, client: Client, tmp_path: Path) -> None:
    replay(table(tmp_path, clicked=False), client, float("inf"))
    assert [event.clicked for event in events_in(store)] == [True] * 3


def test_done_again_everything_is_repeated(client: Client, tmp_path: Path) -> None:
    path = table(tmp_path)
    replay(path, client, float("inf"))
    assert replay(path, client, 1e9) == {"accepted": 0, "repeated": 3, "forgotten": 0, "refused": 0}


def test_a_run_folder_and_its_run_file_are_the_same_log(
    store: MemoryStore, client: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """An item whose name is too long is refused, the rest arrives."""
    run: Run = worlds.trained(tmp_path_factory)
    rows, told = events_of(run), list[Progress]()
    whole = replay(run.folder, client, float("inf"), report=told.append)
    refused = len(rows.filter(pl.col("item") == LONG))
    assert refused > 0
    assert whole == {"accepted": len(rows.unique()) - refused, "repeated": 0, "forgotten": 0, "refused": refused}
    assert told[-1].done == told[-1].total == sum(whole.values())
    found = events_in(store)
    assert [event.time for event in found] == sorted(event.time for event in found)
    again = replay(run.base / "run.toml", client, float("inf"))
    assert again == {"accepted": 0, "repeated": whole["accepted"], "forgotten": 0, "refused": refused}


def test_events_wait_for_their_time_at_the_speed_asked_for(client: Client, tmp_path: Path) -> None:
    time = Time()
    replay(table(tmp_path), client, 10.0, clock=time.clock, sleep=time.sleep)
    assert time.slept == pytest.approx([1.0, 2.0])
    assert time.now == pytest.approx(1_003.0)


def test_no_event_is_sent_before_its_time(client: Client, tmp_path: Path) -> None:
    """Those of one beat are sent together when the last of them is due."""
    path, time = tmp_path / "events.csv", Time()
    path.write_text("user,item,time\nanna,x,1700000000\nanna,y,1700000010\nben,y,1700000011\n", encoding="utf-8")
    replay(path, client, 10.0, clock=time.clock, sleep=time.sleep)
    assert time.slept == pytest.approx([1.1])


def test_time_that_was_lost_is_made_up_for(client: Client, tmp_path: Path) -> None:
    """A server that is slow is not waited for twice."""
    time = Time()

    def sleep(seconds: float) -> None:
        time.sleep(seconds + 1.5)

    replay(table(tmp_path), client, 10.0, clock=time.clock, sleep=sleep)
    assert time.slept == pytest.approx([2.5, 2.0])


def test_as_fast_as_it_goes_nothing_waits(client: Client, tmp_path: Path) -> None:
    time = Time()
    replay(table(tmp_path), client, float("inf"), clock=time.clock, sleep=time.sleep)
    assert time.slept == []


def test_events_of_one_beat_are_one_call_but_not_too_many(store: MemoryStore, client: Client, tmp_path: Path) -> None:
    rows = [(f"u{number}", "x", NOON + 0.01 * number) for number in range(10)] + [("late", "x", NOON + 9.0)]
    path = tmp_path / "events.parquet"
    pl.DataFrame(rows, ["user", "item", "time"], orient="row").write_parquet(path)
    told = list[Progress]()
    time = Time()
    replay(path, client, 1.0, clock=time.clock, sleep=time.sleep, at_once=4, report=told.append)
    assert [one.done for one in told] == [4, 8, 10, 11]
    assert [len(entry.events) for entry in store.take("a test", 10**9)] == [4, 4, 2, 1]


def test_a_log_without_a_clock_cannot_be_replayed(client: Client, tmp_path: Path) -> None:
    pl.DataFrame({"user": ["anna"], "item": ["x"]}).write_parquet(tmp_path / "events.parquet")
    path = tmp_path / "run.toml"
    path.write_text(
        '[logs.tables.events]\nfiles = "events.parquet"\nuser = "user"\nitem = "item"\n'
        '[features]\nfields = [{ name = "item" }]\n[models.tags]\nname = "utpm"\n',
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match=r"run.toml has no clock, so it cannot be replayed; events need a time"):
        replay(path, client, 1.0)


def test_what_is_no_log_is_refused(client: Client, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"events.xls is no run folder, run file or table: no file matches"):
        replay(tmp_path / "events.xls", client, 1.0)
    with pytest.raises(ConfigError, match="is no run folder, run file or table: no file matches"):
        replay(tmp_path, client, 1.0)
    path = tmp_path / "events.csv"
    path.write_text("who,what\nanna,x\n", encoding="utf-8")
    with pytest.raises(PenchantError, match="user"):
        replay(path, client, 1.0)
