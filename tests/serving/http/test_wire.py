"""Connections one by one: what they may send before anybody knows them, how long, and how much they may leave."""

import socket
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest

from penchant.serving.http.wire import connections as bounds
from penchant.serving.http.wire.connections import (
    HEAD_S,
    IDLE_S,
    LEAST_TAKEN,
    PATIENCE_S,
    SWEEP_S,
    TAKE_S,
    Connections,
)
from penchant.serving.http.wire.protocol import MOST_AHEAD, MOST_BARE, Connection
from penchant.serving.measures import Measures
from tests.helpers.processes import HANG_S, until
from tests.serving.apps import Reply, ask, reply, running

LARGE = 1 << 25
"""Bytes of an answer that no buffer of the system takes at once."""

HERE = b"GET / HTTP/1.1\r\nHost: here\r\n"


async def app(scope: Mapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Answers at once, at /large with much, at /echo with what was sent."""
    body = bytes(LARGE) if scope["path"] == "/large" else b"{}"
    if scope["path"] == "/echo":
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Hall:
    """A server of two connections, whose clock the test moves."""

    def __init__(self) -> None:
        self.now, self.measures = 0.0, Measures()
        self.connections = Connections(self.measures, 2, lambda: self.now)
        self.url = ""

    def enter(self, first: bytes = b"") -> socket.socket:
        host, port = urlsplit(self.url).netloc.split(":")
        one = socket.create_connection((host, int(port)), timeout=HANG_S)
        one.sendall(first)
        return one

    def count(self, what: str) -> float:
        """A number of /metrics, 0 where there is none yet."""
        return self.measures.registry.get_sample_value(*_named(what)) or 0.0

    def is_open(self, count: int) -> bool:
        return self.count("penchant_connections_open") == count

    def has_heard(self, first: bytes) -> bool:
        """Whether the one connection is there, with the beginning of a request where one was sent."""
        (one,) = self.connections._all or [None]
        return isinstance(one, Connection) and (not first or one.headers is not None)


def _named(what: str) -> tuple[str, dict[str, str]]:
    name, _, why = what.partition(" ")
    return name, {"why": why} if why else {}


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    with running(app, connections=hall.connections) as hall.url:
        yield hall


def answer(one: socket.socket) -> Reply:
    found = HTTPResponse(one)
    found.begin()
    return reply(found)


def rest(one: socket.socket) -> bytes:
    """All that comes before the connection ends."""
    return b"".join(iter(lambda: one.recv(1 << 16), b""))


def is_closed_at_once(one: socket.socket) -> bool:
    """Or after more than one look of the server at all that are open."""
    one.settimeout(1.5 * SWEEP_S)
    try:
        return one.recv(1) == b""
    except TimeoutError:
        return False
    finally:
        one.settimeout(HANG_S)


def is_closed(one: socket.socket) -> bool:
    """In the end, whatever is said before."""
    try:
        while one.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize(
    ("first", "asked", "most_s"),
    [
        (b"", False, HEAD_S),
        (HERE, False, HEAD_S),
        (HERE + b"\r\n", True, IDLE_S),
        (HERE + b"\r\n" + HERE, True, IDLE_S),
        (HERE + b"Content-Length: 9\r\n\r\n1", True, IDLE_S),
    ],
    ids=["silent", "half a head", "silent after an answer", "half a head after an answer", "half a body after it"],
)
def test_who_sends_no_request_is_closed_when_the_time_is_over(
    hall: Hall, first: bytes, asked: bool, most_s: float
) -> None:
    with hall.enter(first) as one:
        if asked:
            assert answer(one).status == 200
        until(lambda: hall.has_heard(first))
        hall.now = most_s - 0.1
        assert not is_closed_at_once(one)
        hall.now = most_s
        assert is_closed(one)
    assert hall.count("penchant_connections_closed_total idle") == 1


def test_a_byte_now_and_then_gives_no_more_time(hall: Hall) -> None:
    with hall.enter(HERE) as one:
        until(lambda: hall.has_heard(HERE))
        for second in range(int(HEAD_S)):
            hall.now = float(second)
            one.sendall(b"x")
        hall.now = HEAD_S
        assert is_closed(one)


def test_who_asks_again_and_again_stays(hall: Hall) -> None:
    with hall.enter() as one:
        for _ in range(3):
            one.sendall(HERE + b"\r\n")
            assert answer(one).status == 200
            hall.now += IDLE_S - 1


def test_the_one_that_has_waited_longest_makes_room(hall: Hall) -> None:
    with hall.enter() as first, hall.enter() as second:
        until(lambda: hall.is_open(2))
        first.sendall(HERE + b"\r\n")
        assert answer(first).status == 200
        with hall.enter(HERE + b"\r\n") as third:
            assert answer(third).status == 200
            assert is_closed(second)
            first.sendall(HERE + b"\r\n")
            assert answer(first).status == 200
    assert hall.count("penchant_connections_closed_total crowded") == 1


def test_where_all_are_at_work_a_new_one_is_refused(hall: Hall) -> None:
    busy = b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n"
    with hall.enter(busy) as first, hall.enter(busy) as second:
        until(lambda: len(hall.connections._piles) == 2)
        with hall.enter() as third:
            refused = answer(third)
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert refused.said["error"]["code"] == "no_room"
        assert (len(answer(first).content), len(answer(second).content)) == (LARGE, LARGE)
    assert hall.count("penchant_connections_closed_total refused") == 1


def test_who_does_not_take_an_answer_makes_room_where_all_are_at_work(hall: Hall) -> None:
    busy = b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n"
    with hall.enter(busy) as first, hall.enter(busy) as second:
        until(lambda: len(hall.connections._piles) == 2)
        hall.now = PATIENCE_S
        with hall.enter(HERE + b"\r\n") as third:
            assert answer(third).status == 200
            with hall.enter(HERE + b"\r\n") as fourth:
                assert answer(fourth).status == 200
        left = [hall.count("penchant_connections_closed_total unread"), len(hall.connections._piles)]
        assert left == [1, 1], "one that reads nothing is enough, because the third waits"
        assert is_closed(first)
        assert len(answer(second).content) == LARGE


def test_who_takes_an_answer_slowly_makes_no_room(hall: Hall) -> None:
    busy = b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n"
    with hall.enter(busy) as first, hall.enter(busy) as second:
        until(lambda: len(hall.connections._piles) == 2)
        oldest = next(iter(hall.connections._piles))
        before = oldest.untaken()
        by_place = {one.getsockname(): one for one in (first, second)}
        assert isinstance(oldest, Connection)
        slow = by_place[oldest.transport.get_extra_info("peername")]
        while before - oldest.untaken() < LEAST_TAKEN:
            slow.recv(LEAST_TAKEN)
        hall.now = PATIENCE_S
        with hall.enter() as third:
            assert answer(third).status == 503
    assert hall.count("penchant_connections_closed_total unread") == 0


@pytest.mark.parametrize("more", ["", "Connection: close\r\n"])
def test_who_does_not_take_an_answer_is_closed(hall: Hall, more: str) -> None:
    with hall.enter(f"GET /large HTTP/1.1\r\nHost: here\r\n{more}\r\n".encode()):
        until(lambda: hall.connections._piles)
        hall.now = TAKE_S
        until(lambda: hall.is_open(0))
    assert hall.count("penchant_connections_closed_total unread") == 1


def test_who_takes_an_answer_slowly_gets_all_of_it(hall: Hall) -> None:
    with hall.enter(b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n") as one:
        taken = b""
        while len(taken) < LARGE:
            hall.now += 1.0
            taken += one.recv(LEAST_TAKEN)
    assert hall.count("penchant_connections_closed_total unread") == 0


def test_answers_that_are_not_taken_have_a_bound_together(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_UNTAKEN", LARGE)
    busy = b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n"
    with hall.enter(busy):
        until(lambda: hall.connections._piles)
        with hall.enter(busy) as second:
            assert len(answer(second).content) == LARGE
    assert hall.count("penchant_connections_closed_total unread") == 1


def test_an_answer_to_somebody_who_has_gone_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    ended = list[BaseException | None]()

    async def noting(scope: Mapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        try:
            await app(scope, receive, send)
        except RuntimeError as error:
            ended.append(error)
        else:
            ended.append(None)

    connections = Connections(Measures(), 2)
    with running(noting, connections=connections) as url:
        host, port = urlsplit(url).netloc.split(":")
        with socket.create_connection((host, int(port)), timeout=HANG_S) as one:
            one.sendall(b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n" * 4)
            one.recv(1)
            until(lambda: connections._piles)
        until(lambda: len(ended) == 2)
    assert ended == [None, None]
    assert not caplog.records


OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: here\r\n" + OFFER


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([POST + b"Content-Length: 2\r\n\r\n{}"], {}),
        ([POST + b"Content-Length: 2\r\n\r\n", b"[", b"]"], []),
        ([POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n", b"1\r\n]\r\n0\r\n\r\n"], []),
        ([POST + b"Content-Length: 1\r\n\r\n1POST /echo HTTP/1.1\r\nContent-Length: 1\r\n\r\n2"], 1),
        ([POST + b"Content-Length: 1\r\n\r\n1\x16\x03"], 1),
        ([HERE + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"\x81\x00"], {}),
    ],
    ids=["at once", "in parts", "in chunks", "with another one behind it", "with anything behind it", "no body"],
)
def test_an_offer_of_another_protocol_is_left_alone(hall: Hall, parts: list[bytes], said: Any) -> None:
    with hall.enter(parts[0]) as one:
        for part in parts[1:]:
            one.sendall(part)
        found = answer(one)
        assert (found.status, found.said, found.headers["connection"]) == (200, said, "close")
        assert is_closed(one)


def test_a_head_has_a_size(hall: Hall) -> None:
    with hall.enter(HERE + b"X: " + b"x" * (MOST_BARE // 2)) as one:
        one.sendall(b"x" * MOST_BARE)
        refused = answer(one)
    assert (refused.status, refused.said["error"]["code"]) == (431, "head_too_large")
    with hall.enter(HERE + b"X: " + b"x" * (MOST_BARE // 2) + b"\r\n\r\n") as one:
        assert answer(one).status == 200


@pytest.mark.parametrize("endless", [b"X: y\r\n", b"0"], ids=["headers behind a body", "a size of a chunk"])
def test_what_is_said_between_chunks_has_a_size(hall: Hall, endless: bytes) -> None:
    start = b"0\r\n" if endless != b"0" else b""
    with hall.enter(HERE + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" + start) as one:
        assert answer(one).status == 200
        try:
            for _ in range(100):
                one.sendall(endless * (MOST_BARE // len(endless)))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert is_closed(one)
    until(lambda: hall.is_open(0))


def test_few_requests_may_be_sent_ahead(hall: Hall) -> None:
    with hall.enter((HERE + b"\r\n") * MOST_AHEAD) as one:
        content = b""
        while content.count(b"HTTP/1.1 200 ") < MOST_AHEAD:
            content += one.recv(1 << 16)


def test_who_sends_too_many_ahead_is_told_which_are_not_answered(hall: Hall) -> None:
    with hall.enter((HERE + b"\r\n") * 200) as one:
        *answers, last = rest(one).split(b"HTTP/1.1 200 ")[1:]
    assert len(answers) == MOST_AHEAD
    assert b"connection: close" in last.lower()
    assert not any(b"connection: close" in answer.lower() for answer in answers)
    until(lambda: hall.count("penchant_connections_closed_total ahead") == 1)
    until(lambda: hall.is_open(0))
    assert ask(hall.url, "GET", "/").status == 200


def test_what_is_no_http_is_answered_as_all_errors_are(hall: Hall) -> None:
    with hall.enter(b"\x16\x03\x01\x02\x00\r\n\r\n") as one:
        refused = answer(one)
    assert (refused.status, refused.said["error"]["code"]) == (400, "unreadable_request")
