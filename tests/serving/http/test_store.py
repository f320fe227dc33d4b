"""While the store is away, everybody is told so and when to come back; nothing is lost or left over afterwards."""

from collections.abc import Callable
from pathlib import Path

import pytest

from penchant.client import Client
from penchant.store.redis.store import RedisStore
from tests.helpers.processes import until
from tests.helpers.servers import RedisServer
from tests.serving.apps import Desk, ask, running
from tests.serving.worlds import MADE, served

EVENT = {"user": "anna", "item": "i0-0", "time": MADE - 60.0, "id": "1"}


def test_a_store_that_is_away_is_told_as_such_until_it_is_back(
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    absent: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if not RedisServer.is_installed():
        absent("redis-server is not installed")
    redis = RedisServer(tmp_path)
    redis.start()
    try:
        desk = Desk(served(tmp_path_factory), store=RedisStore(redis.url))
        with running(desk.app) as url, Client(url, None) as client:
            client.send([EVENT])
            redis.kill()
            for method, path, body in (
                ("POST", "/v1/events", [EVENT]),
                ("GET", "/v1/users/anna/profile", None),
                ("PUT", "/v1/candidates/x", None),
                ("DELETE", "/v1/users/anna", None),
            ):
                answer = ask(url, method, path, body)
                assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "store", "1")
                assert str(redis.port).encode() not in answer.content
            assert ask(url, "GET", "/healthz").status == 200
            answer = ask(url, "GET", "/readyz")
            assert (answer.status, answer.said["missing"]) == (503, ["store"])
            measured = ask(url, "GET", "/metrics").content.decode()
            assert "penchant_store_reachable 0.0" in measured
            assert "penchant_store_errors_total 6.0" in measured
            redis.start()
            assert client.send([EVENT])["repeated"] == 1
            assert client.profile("anna")["clicks"] == 1
            until(lambda: ask(url, "GET", "/readyz").said == {"ready": True})
        desk.store.close()
        assert redis.url.split("/")[2] in caplog.text, "the log says which store it is"
    finally:
        redis.kill()
