"""A SQLite file that is moved, deleted, replaced, restored or overwritten while it is in use: what is acknowledged is
kept, and the rest is refused."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penchant.errors import StoreError
from penchant.store.base import Fate, Key
from penchant.store.sqlite.store import SqliteStore
from tests.helpers.processes import Forked, until
from tests.store.test_contract import click, consume, look

KEY = Key("name", "digest", "read", "label", 1.0, 1.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(path)) as opened:
        opened.append([click("ann", "1", 1.0)], 1.0)
        yield opened


def back_up(path: Path) -> Path:
    """As the documentation says."""
    backup = path.with_name("backup.db")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    return backup


def users_of(path: Path) -> set[str]:
    """Past the store, without what is open."""
    with closing(sqlite3.connect(path)) as connection:
        return {user for (user,) in connection.execute("SELECT user FROM history")}


def refused(store: SqliteStore, said: str) -> None:
    """Events are, reading is, and so is the ping."""
    for call in (lambda: store.append([click("bob", "1", 2.0)], 1.0), store.keys, store.ping):
        with pytest.raises(StoreError, match=said):
            call()


def append_again(store: SqliteStore, *users: str) -> None:
    """In the end; a call that finds that something has changed may be refused."""

    def is_kept() -> bool:
        try:
            store.append([click(user, "1", 2.0) for user in users], 2.0)
        except StoreError:
            return False
        return True

    until(is_kept)


@pytest.mark.parametrize("others", [True, False])
def test_a_file_that_is_moved_away_is_refused_and_holds_all_that_was_acknowledged(
    store: SqliteStore, path: Path, *, others: bool
) -> None:
    """others: whether its write-ahead log and index are moved with it."""
    aside = path.with_name("aside.db")
    for end in ["", "-wal", "-shm"] if others else [""]:
        os.rename(f"{path}{end}", f"{aside}{end}")
    for _ in range(2):
        refused(store, f"{path}: it is not there any more, so nothing is written; put it back")
    assert not path.exists(), "no file is made anew"
    assert users_of(aside) == {"ann"}
    os.rename(aside, path)
    append_again(store, "bob")
    assert users_of(path) == {"ann", "bob"}


def test_a_file_that_is_deleted_is_refused(store: SqliteStore, path: Path) -> None:
    for end in "", "-wal", "-shm":
        os.remove(f"{path}{end}")
    refused(store, "it is not there any more")
    assert not path.exists()


def test_a_restored_backup_is_taken_up_with_its_keys(store: SqliteStore, path: Path) -> None:
    store.put_key(KEY)
    backup = back_up(path)
    store.drop_key("name")
    store.append([click("late", "1", 1.0)], 1.0)
    os.rename(backup, path)
    append_again(store, "bob")
    assert store.keys() == [KEY]
    assert users_of(path) == {"ann", "bob"}, "the write-ahead log of the file before is not taken for this one's"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_another_store_in_its_place_is_taken_up(store: SqliteStore, path: Path) -> None:
    other = path.with_name("other.db")
    with closing(SqliteStore(other)) as another:
        another.append([click("cat", "1", 1.0)], 1.0)
    os.rename(other, path)
    append_again(store, "bob")
    assert users_of(path) == {"cat", "bob"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is an empty file now; put the store, or a backup of it, in its place"),
        (b"user,item,time\n" * 1000, "this is no SQLite database"),
    ],
)
def test_what_is_no_store_is_not_taken_up(store: SqliteStore, path: Path, content: bytes, said: str) -> None:
    other = path.with_name("other")
    other.write_bytes(content)
    os.rename(other, path)
    refused(store, said)
    assert path.read_bytes() == content


def test_a_file_behind_a_link_has_several_processes_and_is_followed_where_the_link_leads(
    store: SqliteStore, path: Path
) -> None:
    """SQLite puts its other files beside the file itself, so none is beside the link."""
    link, other = path.with_name("link.db"), path.with_name("other.db")
    link.symlink_to(path)
    SqliteStore(other).close()
    with closing(SqliteStore(link, timeout_s=0.5)) as linked:
        assert list(linked.users()) == ["ann"]
        link.unlink()
        link.symlink_to(other)
        append_again(linked, "bob")
        os.remove(f"{other}-wal")
        with pytest.raises(StoreError, match="its files were moved or replaced just now; try again"):
            linked.append([click("cat", "1", 2.0)], 1.0)
    assert users_of(path) == {"ann"}
    assert users_of(other) == {"bob"}


def test_a_removed_write_ahead_log_is_noticed_and_what_it_held_is_kept(store: SqliteStore, path: Path) -> None:
    os.remove(f"{path}-wal")
    with pytest.raises(StoreError, match="its files were moved or replaced just now; try again"):
        store.append([click("bob", "1", 2.0)], 1.0)
    append_again(store, "cat")
    store.close()
    assert users_of(path) == {"ann", "cat"}


def hold_open(path: Path) -> None:
    """A server that has acknowledged something, and asks once in a while."""
    with closing(SqliteStore(path)) as store:
        store.append([click("other", "1", 1.0)], 1.0)
        print("open", flush=True)
        for number in range(10**6):
            try:
                store.append([look("other", "1", float(number))], 1.0)
            except StoreError as error:
                print(error, flush=True)


def test_two_processes_whose_write_ahead_log_is_removed_lose_nothing(store: SqliteStore, path: Path) -> None:
    process = Forked(hold_open, path)
    until(lambda: "open" in process.out)
    os.remove(f"{path}-wal")
    append_again(store, "bob")
    until(lambda: "just now" in process.out or not process.runs, what=lambda: process.err)
    append_again(store, "cat")
    process.kill()
    store.close()
    assert users_of(path) == {"ann", "bob", "cat", "other"}
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_file_that_is_overwritten_in_place_by_a_shorter_one_is_refused(store: SqliteStore, path: Path) -> None:
    backup = back_up(path)
    store.append([look(f"user{number}", "1", 1.0) for number in range(5_000)], 1.0)
    store.forget("nobody", "digest", 1.0)  # which empties the write-ahead log into the file
    shutil.copyfile(backup, path)
    for _ in range(2):
        with pytest.raises(StoreError, match=f"{path}: it was overwritten in place while it was in use, so what it"):
            store.append([click("bob", "1", 2.0)], 1.0)
    with pytest.raises(StoreError, match="it was overwritten in place"):
        store.keys()


def test_a_file_that_is_vacuumed_goes_on(store: SqliteStore, path: Path) -> None:
    store.append([look(f"user{number}", "1", 1.0) for number in range(5_000)], 1.0)
    consume(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        before = path.stat().st_size
        store.append([look("ann", "2", 2.0)], 1.0)
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size < before
    assert store.append([click("bob", "1", 2.0)], 1.0) == [Fate.NEW]


def test_events_that_were_in_flight_when_the_file_was_moved_are_not_acknowledged(
    store: SqliteStore, path: Path
) -> None:
    with pytest.raises(StoreError, match="it is not there any more"), store._file.writing():
        os.rename(path, path.with_name("aside.db"))


# What follows a store


def test_who_follows_a_store_is_told_all_of_a_restored_one(store: SqliteStore, path: Path) -> None:
    store.open_candidates(["1"], 0.0)
    store.put_items({"1": {"tag": ["old"]}})
    store.publish("m", {"1": b"old"}, store.joined("", 0).cursor)
    backup = back_up(path)
    store.put_items({"1": {"tag": ["new"]}, "2": {}})
    store.publish("m", {"1": b"new"}, store.joined("", 0).cursor)
    consume(store)
    store.append([click("bob", "1", 3.0)], 1.0)
    consume(store)
    items, clusters, cursor = store.items(0)[0], store.clusters("m", 0)[0], store.joined("", 0).cursor
    os.rename(backup, path)
    append_again(store, "cat", "dan", "eve")
    consume(store)
    for number in range(5):  # it has counted further than the one before
        store.put_items({f"more {number}": {}})
        store.publish("m", {}, "0")
    number, said = store.items(items)
    assert number < items
    assert said["1"] == {"tag": ["old"]}
    assert "2" not in said
    number, published = store.clusters("m", clusters)
    assert number < clusters
    assert published == {"1": b"old"}
    found = store.joined(cursor, 10)
    assert (found.lost, found.joins) == (True, [])
    assert store.joined(found.cursor, 10).lost is False
    assert store.items(store.items(0)[0])[1] == {}, "and then only what is new again"


def test_processes_agree_on_the_epoch_of_a_restored_store(store: SqliteStore, path: Path) -> None:
    with closing(SqliteStore(path)) as second:
        before = store.items(0)[0]
        assert second.items(0)[0] == before
        os.rename(back_up(path), path)
        append_again(store, "bob")
        append_again(second, "cat")
        assert store.items(0)[0] == second.items(0)[0] < before
    with closing(SqliteStore(path)) as third:
        assert third.items(0)[0] == store.items(0)[0]
