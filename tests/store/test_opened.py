"""Addresses of stores."""

import os
import sys
from pathlib import Path

import pytest

from penchant.errors import StoreError
from penchant.store.memory import MemoryStore
from penchant.store.opened import open_store
from penchant.store.sqlite.store import SqliteStore
from tests.servers import RedisServer


def test_an_address_opens_its_store(tmp_path: Path, redis_server: RedisServer) -> None:
    kinds = []
    for url in "memory:", f"sqlite:{tmp_path}/live.db", redis_server.url:
        store = open_store(url)
        store.ping()
        kinds.append(type(store).__name__)
        store.close()
    assert kinds == [MemoryStore.__name__, SqliteStore.__name__, "RedisStore"]
    assert (tmp_path / "live.db").exists()


@pytest.mark.parametrize(
    "url", ["", "memory", "memory:x", "sqlite:", "postgres://user:secret@host/db", "/some/file.db"]
)
def test_an_address_that_means_nothing_is_told_what_is_known(url: str) -> None:
    with pytest.raises(StoreError, match=r"is no store, or says too little; known are memory:, sqlite:PATH") as caught:
        open_store(url)
    assert str(caught.value).startswith(repr(url.partition(":")[0] + ":"))
    assert "secret" not in str(caught.value)


def test_what_redis_needs_is_said_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("penchant.store.redis")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(StoreError, match=r'redis is not installed.*: pip install "penchant\[redis\]"'):
        open_store(f"redis://127.0.0.1:{os.getpid()}")
