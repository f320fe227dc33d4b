"""What is particular to the store in a file: versions, processes, disks."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from penchant.errors import StoreError
from penchant.store.base import LEASE_S, Event, Fate, StoreBounds
from penchant.store.sqlite.file import MOST_IDLE, SqliteFile
from penchant.store.sqlite.store import SqliteStore
from penchant.store.sqlite.tables import MIGRATIONS, migrate
from tests.helpers.processes import Forked, until
from tests.store.test_contract import click, consume, look
from tests.test_full_disk import SmallDisk, disk

__all__ = ["disk"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as opened:
        yield opened


def run(path: Path, *statements: str) -> list[object]:
    """Past the store; returns the first column of the last statement."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [row[0] for statement in statements for row in connection.execute(statement).fetchall()]


def test_connections_of_a_burst_are_closed_when_they_come_back(path: Path) -> None:
    with closing(SqliteFile(str(path))) as file:
        with ExitStack() as burst:
            for _ in range(3 * MOST_IDLE):
                burst.enter_context(file.reading()).execute("SELECT * FROM numbers").fetchall()
            assert logs_open(path) == 3 * MOST_IDLE
        assert logs_open(path) == MOST_IDLE


def logs_open(path: Path) -> int:
    """How often this process has the write-ahead log open: once for each connection. The file itself may stay open
    longer, because closing it would drop the locks of other connections."""
    places = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    return sum(os.path.lexists(place) and os.readlink(place) == f"{path}-wal" for place in places)


# Versions

LATER = ("ALTER TABLE poison ADD COLUMN by TEXT", "INSERT INTO numbers VALUES ('later', 7)")


def migrated(path: Path, *statements: str) -> None:
    """As a version does that has these statements to bring older files up."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, str(path), (*MIGRATIONS, statements))


def test_an_older_file_is_migrated_with_all_it_holds(path: Path) -> None:
    with closing(SqliteStore(path)) as old:
        old.append([click("ann", "1", 1.0)], 5.0)
    migrated(path, *LATER)
    assert run(path, "SELECT id FROM history", "SELECT at FROM log") == [click("ann", "1", 1.0).id, 5.0]
    assert run(path, "PRAGMA user_version", "SELECT value FROM numbers WHERE name = 'later'") == [
        len(MIGRATIONS) + 1,
        7,
    ]


@pytest.mark.parametrize("at", range(5))
def test_two_who_begin_with_the_same_empty_file_both_find_a_store(path: Path, at: int) -> None:
    """Whatever one is asking when the other makes the tables."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")

        class Overtaken(sqlite3.Connection):
            asked = 0

            def execute(self, *words: Any) -> sqlite3.Cursor:
                if self.asked == at and not self.in_transaction:
                    migrate(other, str(path))
                self.asked += 1
                return super().execute(*words)

        with closing(sqlite3.connect(path, isolation_level=None, factory=Overtaken)) as connection:
            migrate(connection, str(path))
            assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    SqliteStore(path).close()
    before = run(path, "SELECT sql FROM sqlite_schema ORDER BY name", "PRAGMA user_version")
    with pytest.raises(sqlite3.OperationalError, match="no such table: absent"):
        migrated(path, *LATER, "DROP TABLE absent")
    assert run(path, "SELECT sql FROM sqlite_schema ORDER BY name", "PRAGMA user_version") == before


def test_a_newer_file_is_refused(path: Path) -> None:
    SqliteStore(path).close()
    run(path, "PRAGMA user_version = 99")
    with pytest.raises(
        StoreError, match=rf"{path} was written by a later Penchant \(store version 99, this one knows 2\)"
    ):
        SqliteStore(path)


def test_what_is_no_store_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("user,item,time\n" * 1000)
    with pytest.raises(StoreError, match=f"{path}: this is no SQLite database"):
        SqliteStore(path)
    assert path.read_text() == "user,item,time\n" * 1000
    path.unlink()
    run(path, "CREATE TABLE bills (sum REAL)")
    with pytest.raises(StoreError, match=f"{path} is a database of something else than Penchant"):
        SqliteStore(path)
    assert run(path, "SELECT name FROM sqlite_schema") == ["bills"]


def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"{tmp_path}/none/live.db: cannot be opened; is its folder there"):
        SqliteStore(tmp_path / "none" / "live.db")
    with pytest.raises(StoreError, match=r":memory: cannot have a write-ahead log \(it has 'memory'\)"):
        SqliteStore(":memory:")


def test_a_damaged_file_says_so(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        store.append([look(f"user{place}", "1", 1.0) for place in range(500)], 1.0)
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=f"{path}: the database is damaged"), closing(SqliteStore(path)) as store:
        store.append([look("ann", "1", 1.0)], 1.0)


def test_a_closed_store_says_so(store: SqliteStore, path: Path) -> None:
    store.close()
    with pytest.raises(StoreError, match=f"the store {path} is closed"):
        store.ping()


# Durability and locks


def test_what_is_acknowledged_is_synced_to_the_disk(store: SqliteStore) -> None:
    with store._file.writing(durable=False):
        pass
    with store._file.writing() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_readers_do_not_wait_for_the_writer(store: SqliteStore) -> None:
    store.append([click("ann", "1", 1.0)], 1.0)
    with store._file.writing() as connection:
        connection.execute("DELETE FROM history")
        assert store.histories(["ann"]) == [[click("ann", "1", 1.0)]]


def test_a_file_that_stays_locked_is_an_error(path: Path) -> None:
    store, told = SqliteStore(path, timeout_s=0.1), f"{path}: another writer has had it locked for too long"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=told):
            store.append([click("ann", "1", 1.0)], 1.0)
    with store._file.writing(), pytest.raises(StoreError, match=told):
        store.append([click("ann", "1", 1.0)], 1.0)
    assert store.append([click("ann", "1", 1.0)], 1.0) == [Fate.NEW]
    store.close()


def test_a_lease_from_before_a_restart_of_the_machine_has_ended(path: Path) -> None:
    now = [1_000_000.0]
    with closing(SqliteStore(path, lambda: now[0])) as store:
        store.append([click("ann", "1", 1.0)], 1.0)
        assert store.hold("leader", "one")
        assert len(store.take("one", 10)) == 1
        now[0] = LEASE_S / 2
        assert store.holders() == {}
        assert store.hold("leader", "two")
        assert len(store.take("two", 10)) == 1


# What grows


def test_histories_are_bounded_on_disk_too(path: Path) -> None:
    with closing(SqliteStore(path, bounds=StoreBounds(events=20))) as store:
        for time in range(50):
            store.append([look("ann", "1", float(time))], 1.0)
        assert run(path, "SELECT count(*) FROM history") == [20]
        assert [event.time for event in store.histories(["ann"])[0]] == list(range(30, 50))


def test_seeds_are_bounded_on_disk_too(path: Path) -> None:
    with closing(SqliteStore(path, bounds=StoreBounds(seeds=10))) as store:
        store.append([click(f"user{time}", "1", float(time)) for time in range(25)], 1.0)
        consume(store)
        assert run(path, "SELECT count(*) FROM touches WHERE time IS NOT NULL") == [10]


def test_everybody_is_named_however_many_are_read_at_once(path: Path) -> None:
    names = [f"user{place}" for place in range(5)]
    with closing(SqliteStore(path, at_once=2)) as store:
        store.append([look(user, item, 1.0) for user in names for item in ("1", "2")], 1.0)
        assert list(store.users()) == names


# Processes


def append(path: Path, place: str) -> None:
    """Say of each event that it was acknowledged."""
    with closing(SqliteStore(path)) as store:
        for number in range(10**6):
            events = [Event(f"user{part}", "1", float(number), True, f"{place} {number}") for part in range(3)]
            assert set(store.append(events, 1.0)) == {Fate.NEW}
            print(number, flush=True)


def killed_after(path: Path, place: str, lines: int) -> set[str]:
    """Ids that a process saw acknowledged before it was killed."""
    process = Forked(append, path, place)
    until(lambda: process.out.count("\n") >= lines or not process.runs, what=lambda: process.err)
    process.kill()
    return {f"{place} {line}" for line in process.out.split("\n")[:-1]}


def test_what_killed_processes_saw_acknowledged_is_there_once(path: Path) -> None:
    seen: set[str] = set()

    def work(side: str) -> None:
        for turn in range(3):
            seen.update(killed_after(path, f"{side}{turn}", 1 + 40 * turn))

    sides = [Thread(target=work, args=(side,)) for side in ("left", "right")]
    for side in sides:
        side.start()
    for side in sides:
        side.join()
    with closing(SqliteStore(path)) as store:
        histories = store.histories(["user0", "user1", "user2"])
        logged = [event for entry in store.take("consumer", 10**9) for event in entry.events]
        events = store.backlog().events
    ids = [{event.id for event in history} for history in histories]
    assert ids[0] == ids[1] == ids[2]
    assert seen <= ids[0]
    assert len(ids[0] - seen) <= 6, "each may be killed between the commit and saying so"
    assert sorted(logged) == sorted(event for history in histories for event in history)
    assert events == len(logged)
    assert len(seen) > 6


# Disks


def test_a_full_disk_loses_nothing_and_ends_when_there_is_room(disk: SmallDisk) -> None:
    disk.resize(1024)
    path = disk.folder / "live.db"
    acknowledged = list[Event]()
    with closing(SqliteStore(path)) as store:

        def fill() -> None:
            for number in range(len(acknowledged), 10_000):
                events = [look(f"user{part}", f"item{number}", float(number)) for part in range(20)]
                assert set(store.append(events, 1.0)) == {Fate.NEW}
                acknowledged.extend(events)

        with pytest.raises(StoreError, match=f"{path}: the disk is full, nothing more can be written; free some space"):
            fill()
        users = [f"user{part}" for part in range(20)]
        assert sorted(event for history in store.histories(users) for event in history) == sorted(acknowledged)
        with pytest.raises(StoreError, match="the disk is full"):
            fill()
        disk.resize(4096)
        more = [look(user, "more", 1e6) for user in users]
        assert set(store.append(more, 1.0)) == {Fate.NEW}
        assert store.backlog().events == len(acknowledged) + len(more)
        assert run(path, "PRAGMA integrity_check") == ["ok"]


def test_a_disk_that_cannot_be_written_to_says_so(disk: SmallDisk) -> None:
    disk.resize(1024)
    path = disk.folder / "live.db"
    SqliteStore(path).close()
    subprocess.run(["mount", "-o", "remount,ro", str(disk.folder)], check=True)
    with pytest.raises(StoreError, match=f"{path}: cannot be"):
        SqliteStore(path).ping()
