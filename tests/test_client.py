"""The client gets through: over a busy server, a dropped connection, a restart; what it sends counts once."""

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from select import select
from threading import Thread
from time import monotonic
from typing import Any

import pytest

from penchant.choices import Order
from penchant.client import Client, ClientError
from penchant.errors import PenchantError
from penchant.operation.served import open_served
from penchant.profiles.profile import LiveProfile
from penchant.serving.http.app import Limits, make_app
from penchant.serving.http.run import HttpServer
from penchant.serving.http.wire.connections import Connections, room
from penchant.serving.measures import Measures
from penchant.serving.service import Service
from penchant.store.sqlite.store import SqliteStore
from tests.helpers.lookalike_runs import POPULAR
from tests.helpers.processes import HANG_S, Forked, free_port
from tests.serving.apps import Desk, running
from tests.serving.worlds import MADE, served, trained

EVENT = {"user": "anna", "item": "i0-0", "time": MADE - 60.0}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(served(tmp_path_factory), open_to_all=False)
    desk.open([POPULAR])
    return desk


@pytest.fixture(scope="module")
def url(desk: Desk) -> Iterator[str]:
    with running(desk.app) as url:
        yield url


@pytest.fixture
def client(desk: Desk, url: str) -> Iterator[Client]:
    with Client(url, secret(desk)) as client:
        yield client


def secret(desk: Desk, per_s: float = 1e6) -> str:
    return desk.key("admin", per_s)["Authorization"].removeprefix("Bearer ")


def test_everything_can_be_asked(client: Client) -> None:
    assert client.send([EVENT, {**EVENT, "user": 7}])["accepted"] == 2
    assert client.profile("anna")["clicks"] == 1
    assert len(client.profile("anna", most=1)["unseen"]) == 1
    for by in ("lift", "preference"):
        measures = [one[by] for one in client.profile("anna", by=by)["unseen"]]
        assert measures == sorted(measures, reverse=True)
    tag = client.explain("anna")["preference"]["tag"]
    assert client.explain("anna", tag)["preference"]["tag"] == tag
    client.put_item("new/one", {"tags": [tag]})
    assert "new/one" in [one["item"] for one in client.recall("anna", most=100)]
    client.open(["x/audience", "y"])
    client.close(["x/audience", "y"])
    assert [one["item"] for one in client.candidates()] == [POPULAR]
    (scored,) = client.score(["anna"], [POPULAR], top=1)
    assert scored["scores"] == client.score(["anna"])[0]["scores"]
    assert len(client.audience(POPULAR, size=50)["members"]) == 50
    assert client.forget("anna")["events"] == 1


def test_what_was_refused_is_told_and_not_raised(client: Client) -> None:
    said = client.send([{"user": "anna"}])
    assert (said["accepted"], said["refused_count"], said["refused"][0]["index"]) == (0, 1, 0)


def test_an_event_that_no_json_can_hold_is_refused_alone(client: Client) -> None:
    events: list[dict[str, Any]] = [{"user": "whole"}, {"user": "half \ud800"}, {"user": "another"}]
    events += [{"user": "late", "time": float("nan")}, {"user": "late", "time": float("inf")}]
    told = client.send([{"item": "i0-0", **one} for one in events])
    assert (told["accepted"], [one["index"] for one in told["refused"]]) == (2, [1, 3, 4])


def test_an_id_that_is_no_unicode_is_refused_by_the_server(client: Client) -> None:
    for ask in (client.profile, client.forget, client.audience, lambda one: client.score([one])):
        with pytest.raises(ClientError) as refused:
            ask("half \ud800")
        assert (refused.value.status, refused.value.code) == (422, "invalid")
    with pytest.raises(ClientError) as unknown:
        client.explain("u003", "half \ud800")
    assert unknown.value.code == "unknown_tag"


def test_an_error_says_status_code_and_message(client: Client) -> None:
    with pytest.raises(ClientError, match="'closed' is not open to audience extension") as refused:
        client.audience("closed")
    assert (refused.value.status, refused.value.code) == (404, "unknown_item")
    assert isinstance(refused.value, PenchantError)


def test_a_key_that_is_not_known_is_not_tried_again(url: str) -> None:
    with Client(url, "pk_nobody_x") as client, pytest.raises(ClientError, match="this key is not known") as refused:
        client.candidates()
    assert refused.value.status == 401


def test_what_is_no_address_is_refused() -> None:
    for url in ("127.0.0.1:8000", "ftp://here", "http://"):
        with pytest.raises(ClientError, match=f"'{url}' is no address of a server"):
            Client(url, None)


def test_it_waits_as_long_as_the_server_says(desk: Desk, url: str) -> None:
    with Client(url, secret(desk, per_s=2.0)) as client:
        began = monotonic()
        for _ in range(5):
            client.candidates()
    assert monotonic() - began > 0.9


def test_its_patience_ends(desk: Desk, url: str) -> None:
    with Client(url, secret(desk, per_s=0.1), patience_s=0.5) as client:
        client.candidates()
        with pytest.raises(ClientError, match=r"may do 0\.1 requests a second") as refused:
            client.candidates()
    assert (refused.value.status, refused.value.code) == (429, "too_many_requests")


def test_where_nobody_answers_it_says_so() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with (
            Client(f"http://127.0.0.1:{nobody.getsockname()[1]}", None, patience_s=0.3) as client,
            pytest.raises(ClientError, match=r"127\.0\.0\.1 does not answer") as failed,
        ):
            client.candidates()
    assert (failed.value.status, failed.value.code) == (0, "unreachable")


def test_a_body_that_is_too_large_is_told_so(client: Client) -> None:
    with pytest.raises(ClientError, match="a body may have 16,777,216 bytes"):
        client.send([{**EVENT, "user": "x" * 30_000_000}])


class Relay:
    """Passes connections on to a server; the first answers are lost on the way."""

    def __init__(self, url: str, lost: int) -> None:
        self._port, self._lost = int(url.rsplit(":", 1)[1]), lost
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            with near, socket.create_connection(("127.0.0.1", self._port)) as far:
                self._pass_on(near, far)

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        """Until either side hangs up, or an answer is lost."""
        other = {near: far, far: near}
        while True:
            for ready in select([near, far], [], [])[0]:
                said = ready.recv(1 << 16)
                if not said:
                    return
                if ready is far and self._lost:
                    self._lost -= 1
                    return
                other[ready].sendall(said)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def test_events_whose_answer_was_lost_are_sent_again_and_count_once(desk: Desk, url: str) -> None:
    relay = Relay(url, lost=2)
    try:
        with Client(relay.url, secret(desk)) as client:
            said = client.send([{"user": "lossy", "item": "i0-0"}])
    finally:
        relay.close()
    assert (said["accepted"], said["repeated"]) == (0, 1)
    (history,) = desk.store.histories(["lossy"])
    assert len(history) == 1


class _Failing(Service):
    def profiles(
        self,
        users: Sequence[str],
        by: Order | None = None,  # noqa: ARG002
        *,
        model: str | None = None,  # noqa: ARG002
    ) -> list[LiveProfile]:
        raise LookupError(users)


def test_a_failure_of_the_server_is_raised(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory), service=_Failing)
    with (
        running(desk.app) as url,
        Client(url, None) as client,
        pytest.raises(ClientError, match="failed here") as failed,
    ):
        client.profile("anna")
    assert (failed.value.status, failed.value.code) == (500, "internal")


def serve(run: Path, path: Path, port: int) -> None:
    service = Service(SqliteStore(path), open_served(run), lambda: MADE)
    app = make_app(service, None, limits=Limits(), measures=Measures())
    HttpServer(app, host="127.0.0.1", port=port, connections=Connections(Measures(), room())).run(print)


def test_a_server_that_is_killed_and_started_again_loses_and_repeats_nothing(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    run, port = trained(tmp_path_factory).folder, free_port()
    served(tmp_path_factory)

    def start() -> Forked:
        return Forked(serve, run, tmp_path / "store", port)

    server, said = start(), []
    try:
        with Client(f"http://127.0.0.1:{port}", None, patience_s=HANG_S) as client:
            for number in range(40):
                if number == 20:
                    server.kill()
                    server = start()
                said.append(client.send([{**EVENT, "time": MADE - 60.0 - number}]))
            assert client.profile("anna")["clicks"] == 40
    finally:
        server.kill()
    assert sum(one["accepted"] + one["repeated"] for one in said) == 40
