"""Ids are data: whatever characters they hold, they are told apart, found again and forgotten, in every store."""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from penchant.logs.forgotten import digest_of
from penchant.serving.roles.consumer import consume
from penchant.store.base import Store
from penchant.store.memory import MemoryStore
from penchant.store.redis.store import RedisStore
from penchant.store.sqlite.store import SqliteStore
from tests.helpers.servers import RedisServer
from tests.serving.apps import Desk, ask, running
from tests.serving.worlds import MADE, served

STRANGE = [
    *("\0", "a\0", "a\0b", "a\0c", "a", "a ", " a", "a\nb", "a\rb", "a\r\nb", "a\tb", "\x1b[31ma", "\x7f", "\x85"),
    *(
        "\u2028",
        "\u202ea",
        "\ufeffa",
        "\uffff",
        "\ud7ff",
        "\u00e9",
        "e\u0301",
        "\U0001d11e",
        "a%00",
        "a\\u0000",
        "a'\"--",
    ),
    *("a:b", "a|b", "a{b}", "*", "?", "[a]"),
]


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, absent: Callable[[str], None]) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "sqlite":
        yield SqliteStore(tmp_path / "live.sqlite")
    elif not RedisServer.is_installed():
        absent("redis-server is not installed")
    else:
        redis = RedisServer(tmp_path)
        redis.start()
        yield RedisStore(redis.url)
        redis.kill()


def test_ids_of_any_characters_are_told_apart_and_forgotten(
    store: Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    desk = Desk(served(tmp_path_factory), store=store)
    events = [{"user": one, "item": one, "time": MADE - 60.0, "id": one} for one in STRANGE]
    with running(desk.app) as url:
        assert ask(url, "PUT", "/v1/candidates", {"items": STRANGE}).status == 204
        assert ask(url, "POST", "/v1/events", events).said["accepted"] == len(STRANGE)
        assert ask(url, "POST", "/v1/events", events).said["repeated"] == len(STRANGE)
        while consume(store, desk.service.models.all, "consumer", 100, lambda: MADE):
            pass
        assert set(store.users()) == set(store.candidates()) == set(STRANGE)
        assert store.backlog().aside == 0
        for one in STRANGE:
            part = quote(one, safe="")
            assert ask(url, "GET", f"/v1/users/{part}/profile").said["clicks"] == 1
            assert store.seeds(one, 9).users == store.shown(one) == [one]
            assert ask(url, "GET", f"/v1/candidates/{part}").said["item"] == one
        for gone, one in enumerate(STRANGE, 1):
            assert ask(url, "DELETE", f"/v1/users/{quote(one, safe='')}").said["events"] == 1
            assert set(store.users()) == set(STRANGE[gone:])
        assert set(store.forgotten(0)[1]) == set(map(digest_of, STRANGE))
        assert ask(url, "DELETE", "/v1/candidates", {"items": STRANGE}).status == 204
    assert not store.candidates()
    store.close()
