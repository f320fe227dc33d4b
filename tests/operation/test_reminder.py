"""A restored store forgets again whom the run folder has on its list."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from penchant.errors import StoreError
from penchant.logs.forgotten import FORGOTTEN, add_forgotten, digest_of
from penchant.operation.reminder import Reminder
from penchant.store.base import Event, Fate
from penchant.store.sqlite.store import SqliteStore
from tests.helpers.processes import until


def event(user: str, at: float) -> Event:
    return Event(user, "1", at, True, f"{at}")


def forgotten(folder: Path, store: SqliteStore, user: str, at: float) -> None:
    add_forgotten(folder / FORGOTTEN, digest_of(user), at)
    store.forget(user, digest_of(user), at)


def test_a_store_restored_while_the_server_was_down_forgets_again_at_the_start(tmp_path: Path) -> None:
    """What was restored is older than the erasure: the list alone knows of it."""
    add_forgotten(tmp_path / FORGOTTEN, digest_of("ann"), 100.0)
    with closing(SqliteStore(tmp_path / "live.db")) as store:
        store.append([event("ann", 5.0), event("bob", 5.0)], 6.0)
        Reminder(tmp_path, store)
        assert list(store.users()) == ["bob"]
        assert store.append([event("ann", 5.0), event("bob", 5.0)], 101.0) == [Fate.FORGOTTEN, Fate.REPEATED]
        number, _ = store.forgotten(0)
        Reminder(tmp_path, store)
        assert store.forgotten(0)[0] == number, "told once"


def test_a_store_replaced_under_a_server_forgets_again(tmp_path: Path) -> None:
    path, backup = tmp_path / "live.db", tmp_path / "backup.db"
    with closing(SqliteStore(path)) as store:
        reminder = Reminder(tmp_path, store)
        store.append([event("ann", 5.0), event("bob", 5.0)], 6.0)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as target:
            source.backup(target)
        forgotten(tmp_path, store, "ann", 100.0)
        forgotten(tmp_path, store, "never seen here", 50.0)
        reminder.step()
        os.rename(backup, path)

        def is_reminded() -> bool:
            try:
                reminder.step()
            except StoreError:
                return False
            return list(store.users()) == ["bob"]

        until(is_reminded)
        assert store.append([event("never seen here", 50.0)], 101.0) == [Fate.FORGOTTEN]
        late = event("ann", 102.0)
        assert store.append([late], 102.0) == [Fate.NEW]
        reminder.step()
        assert store.histories(["ann"]) == [[late]], "somebody new stays"


def test_a_folder_without_a_list_reminds_of_nobody(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "live.db")) as store:
        store.append([event("ann", 5.0)], 6.0)
        Reminder(tmp_path, store).step()
        assert list(store.users()) == ["ann"]
