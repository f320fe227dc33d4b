"""Anybody may open connections and leave them: a server of few descriptors goes on answering others."""

import resource
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.helpers.processes import HANG_S, Forked, ServerProcess, penchant, until
from tests.serving.worlds import served, trained

DESCRIPTORS = 256
MANY = 1_000


def within(descriptors: int, words: Sequence[str]) -> None:
    """The command, in a process that may open so many files and no more."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    penchant(*words)


class Poor(ServerProcess):
    """A server of few descriptors."""

    def start(self) -> "Poor":
        self._process = Forked(within, DESCRIPTORS, self.words, environment=self.environment)
        return self


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Poor]:
    served(tmp_path_factory)
    store = f"sqlite:{tmp_path_factory.mktemp('poor') / 'live.sqlite'}"
    server = Poor(trained(tmp_path_factory).folder, store).start()
    server.wait()
    yield server
    server.kill()


class Crowd:
    """Connections that others open, and how each of them goes on."""

    def __init__(self, port: int, count: int, first: bytes) -> None:
        self._port, self._first = port, first
        self.sockets = [self._open() for _ in range(count)]

    def _open(self) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", self._port), timeout=HANG_S)
        with suppress(OSError):
            one.sendall(self._first)
        return one

    def write(self, content: bytes) -> None:
        """On all that are still open."""
        for one in self.sockets:
            with suppress(OSError):
                one.sendall(content)

    def close(self) -> None:
        for one in self.sockets:
            one.close()


@pytest.fixture
def crowd(server: Poor) -> Iterator[Callable[..., Crowd]]:
    with ExitStack() as stack:

        def make(count: int, first: bytes = b"") -> Crowd:
            crowd = Crowd(server.port, count, first)
            stack.callback(crowd.close)
            return crowd

        yield make


HEAD = b"POST /v1/lookalike/score HTTP/1.1\r\nHost: here\r\n"


def assert_answers(server: Poor) -> None:
    for path in ("/healthz", "/readyz"):
        assert server.ask("GET", path)[0] == 200
    assert server.ask("POST", "/v1/lookalike/score", {"users": ["u003"]})[0] == 200
    assert server.runs


@pytest.mark.parametrize(
    "first",
    [b"", HEAD, HEAD + b"X-Long: ", b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"],
    ids=["silent", "half a head", "half a header", "silent after the answer"],
)
def test_a_thousand_connections_that_do_nothing_leave_room_for_others(
    server: Poor, crowd: Callable[..., Crowd], first: bytes
) -> None:
    for _ in range(2):
        crowd(MANY // 2, first)
        assert_answers(server)
    measured = server.ask("GET", "/metrics")[1]
    assert f"penchant_connections_open {DESCRIPTORS // 2}.0" in measured
    assert 'penchant_connections_closed_total{why="crowded"}' in measured
    assert "connections are open, as many as this process may have" in server.said


def test_heads_of_a_byte_a_second_leave_room_for_others(server: Poor, crowd: Callable[..., Crowd]) -> None:
    slow = crowd(MANY, HEAD)
    for _ in range(5):
        slow.write(b"x")
        assert_answers(server)
        time.sleep(0.2)


def test_slow_bodies_of_one_sender_leave_room_for_others(server: Poor, crowd: Callable[..., Crowd]) -> None:
    slow = crowd(DESCRIPTORS, HEAD + b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
    for _ in range(3):
        assert server.ask("GET", "/readyz")[0] == 200
        assert server.ask("PUT", "/v1/candidates/i01")[0] == 204
        slow.write(b" ")
    slow.close()
    until(lambda: server.ask("POST", "/v1/lookalike/score", {"users": ["u003"]})[0] == 200)


def test_a_process_without_any_descriptor_left_goes_on_once_there_are_some(
    server: Poor, crowd: Callable[..., Crowd]
) -> None:
    until(lambda: server.ask("GET", "/healthz")[0] == 200)
    used = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 5, DESCRIPTORS))
    many = crowd(50)
    assert any(one.recv(1) == b"" for one in many.sockets[-5:]), "nobody of the last could be let in"
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    many.close()
    assert_answers(server)
