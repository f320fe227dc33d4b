"""Addresses of stores."""

import os
import sys
from pathlib import Path

import pytest

from penchant.errors import ConfigError, StoreError
from penchant.store.memory import MemoryStore
from penchant.store.opened import default_store, open_store, refuse_secrets
from penchant.store.sqlite.store import SqliteStore
from tests.helpers.servers import RedisServer


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


def test_the_store_lies_beside_the_run_whatever_its_name() -> None:
    assert default_store(Path("demo")) == "sqlite:demo.live.sqlite"
    assert default_store(Path("/data/a run.v2")) == "sqlite:/data/a run.v2.live.sqlite"


def test_a_url_with_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="PENCHANT_STORE instead") as refused:
        refuse_secrets("redis://:s3cret@db:6379/0")
    assert "s3cret" not in str(refused.value)
    for url in ("redis://db:6379/0", "redis://user@db:6379/0", "sqlite:runs/demo.live.sqlite", "sqlite:a@b:c"):
        refuse_secrets(url)


def test_a_url_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ConfigError, match="the URL of the store cannot be read"):
        refuse_secrets("redis://[::1")
