"""Bodies are read within their limits, whatever is sent: sizes announced or not, slow, broken, of other kinds."""

import gzip
import io
import resource
import socket
from collections.abc import Iterator
from functools import partial
from http.client import HTTPResponse
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import orjson
import pyarrow as pa
import pytest

from penchant.serving.http.app import Limits
from penchant.serving.http.edge import MOST_LINGERING
from penchant.serving.service import MOST_OF_ITEM, Service
from penchant.store.base import Event
from tests.helpers.processes import HANG_S
from tests.serving.apps import Desk, Reply, ask, reply, running
from tests.serving.worlds import MADE, served

EVENT = {"user": "anna", "item": "i0-0", "time": MADE - 60.0}
JSON, LINES, ARROW = "application/json", "application/x-ndjson", "application/vnd.apache.arrow.stream"
MIB = 1 << 20


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(served(tmp_path_factory), limits=Limits(body=MIB, body_s=HANG_S))


@pytest.fixture(scope="module")
def url(desk: Desk) -> Iterator[str]:
    with running(desk.app) as url:
        yield url


def send(url: str, body: bytes, kind: str = JSON, **headers: str) -> Reply:
    return ask(url, "POST", "/v1/events", body, {"Content-Type": kind, **headers})


class Wire:
    """A connection on which the test writes byte by byte."""

    def __init__(self, url: str, head: str) -> None:
        host, port = urlsplit(url).netloc.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=HANG_S)
        self.write(f"POST /v1/events HTTP/1.1\r\nHost: here\r\nContent-Type: {JSON}\r\n{head}\r\n\r\n".encode())

    def write(self, content: bytes) -> bool:
        """False once the other side has closed."""
        try:
            self.socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def answer(self) -> Reply:
        with self.socket:
            answer = HTTPResponse(self.socket)
            answer.begin()
            return reply(answer)


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# What events become


def arrow(rows: list[dict[str, Any]]) -> bytes:
    table, written = pa.Table.from_pylist(rows), io.BytesIO()
    with pa.ipc.new_stream(written, table.schema) as stream:
        stream.write_table(table)
    return written.getvalue()


def test_all_kinds_of_bodies_say_the_same(desk: Desk, url: str) -> None:
    for kind, write in (
        (JSON, orjson.dumps),
        (f"{JSON}; charset=utf-8", orjson.dumps),
        (LINES, lambda rows: b"\n".join(map(orjson.dumps, rows))),
        (ARROW, arrow),
    ):
        user = f"by {kind}"
        rows = [{**EVENT, "user": user, "id": number} for number in (1, 2, 2)]
        answer = send(url, write(rows), kind)
        assert answer.said == {"accepted": 2, "repeated": 1, "forgotten": 0, "refused": [], "refused_count": 0}
        (history,) = desk.store.histories([user])
        assert history == [Event(user, "i0-0", MADE - 60.0, True, str(number)) for number in (1, 2)]


def test_a_body_of_nothing_is_answered_with_nothing(url: str) -> None:
    for body in (b"[]", b'{"events": []}'):
        assert send(url, body).said == {"accepted": 0, "repeated": 0, "forgotten": 0, "refused": [], "refused_count": 0}


def test_refusals_are_told_by_their_place_in_the_body(url: str) -> None:
    late = {**EVENT, "time": MADE + 7_200.0}
    said = send(url, orjson.dumps([{}, {**EVENT, "id": "placed"}, late, {**EVENT, "user": "x" * 1_000_000}])).said
    assert (said["accepted"], said["refused_count"]) == (1, 3)
    assert [one["index"] for one in said["refused"]] == [0, 2, 3]
    assert "more than an hour ahead" in said["refused"][1]["reason"]
    assert "user has to be a text of 1 to 1,000 characters" in said["refused"][2]["reason"]


def test_a_hundred_refusals_are_told_and_all_are_counted(url: str) -> None:
    answer = send(url, orjson.dumps([{}] * 250))
    assert (answer.status, answer.code) == (422, "all_refused")
    assert (len(answer.said["refused"]), answer.said["refused_count"]) == (100, 250)


def test_a_large_body_that_is_read_in_a_thread_says_the_same(url: str) -> None:
    rows = [{**EVENT, "user": f"many {number}"} for number in range(2_000)]
    assert send(url, orjson.dumps(rows)).said["accepted"] == 2_000
    assert send(url, orjson.dumps(rows)).said["repeated"] == 2_000


# What is refused


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "unreadable_body"),
        (b"{", 400, "unreadable_body"),
        (b"[nan]", 400, "unreadable_body"),
        (b'{"user": "\xff", "item": 1}', 422, "all_refused"),
        (b'{"user": "\\ud800", "item": 1}', 422, "all_refused"),
        (b'{"\\ud800": NaN}', 422, "all_refused"),
        (b"[" * 100_000, 400, "unreadable_body"),
        (b"[" + b"1," * 200_000 + b"1]", 413, "content_too_large"),
        (b"7", 422, "all_refused"),
    ],
)
def test_what_is_no_body_of_events_is_refused_cleanly(url: str, body: bytes, status: int, code: str) -> None:
    answer = send(url, body)
    assert (answer.status, answer.code) == (status, code)


def test_other_kinds_of_bodies_are_refused(url: str) -> None:
    for kind in ("text/plain", "", "application/x-www-form-urlencoded", "application/json-seq"):
        assert send(url, b"[]", kind).code == "unsupported_media_type"
    bomb = gzip.compress(bytes(50 * MIB))
    answer = ask(url, "POST", "/v1/events", bomb, {"Content-Type": JSON, "Content-Encoding": "gzip"})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")
    answer = ask(url, "PUT", "/v1/candidates", b"", {"Content-Type": LINES})
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_a_gigabyte_that_is_announced_is_refused_without_being_read(url: str) -> None:
    answer = Wire(url, f"Content-Length: {1 << 30}").answer()
    assert (answer.status, answer.code) == (413, "content_too_large")
    assert answer.headers["connection"] == "close"


def test_an_endless_stream_is_refused_and_after_a_while_cut_off(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory), limits=Limits(body=MIB, linger_s=0.3))
    with running(desk.app) as url:
        wire, chunk = Wire(url, "Transfer-Encoding: chunked"), b"%x\r\n%b\r\n" % (1 << 16, b" " * (1 << 16))
        before = memory_mb()
        while wire.write(chunk):
            pass
        wire.socket.close()
        assert memory_mb() - before < 50
        assert ask(url, "GET", "/healthz").status == 200


def test_who_sends_too_much_at_once_is_answered(url: str) -> None:
    assert send(url, b" " * (20 * MIB)).code == "content_too_large"


def test_who_asks_before_sending_too_much_is_spared_it(url: str) -> None:
    wire = Wire(url, f"Expect: 100-continue\r\nContent-Length: {1 << 30}")
    answer = wire.answer()
    assert (answer.status, answer.code) == (413, "content_too_large")
    small = Wire(url, "Expect: 100-continue\r\nContent-Length: 2")
    assert small.socket.recv(100).startswith(b"HTTP/1.1 100 Continue")
    small.write(b"[]")
    assert small.answer().status == 200


def test_a_body_just_as_long_as_it_may_be_is_read(url: str) -> None:
    for size, status in ((MIB, 200), (MIB + 1, 413)):
        assert send(url, b"[]".ljust(size)).status == status
        wire = Wire(url, "Transfer-Encoding: chunked")
        wire.write(b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"[]".ljust(size)))
        assert wire.answer().status == status


@pytest.mark.parametrize("head", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_body_that_comes_too_slowly_is_given_up(tmp_path_factory: pytest.TempPathFactory, head: str) -> None:
    desk = Desk(served(tmp_path_factory), limits=Limits(body=MIB, body_s=0.5))
    with running(desk.app) as url:
        wire = Wire(url, head)
        wire.write(b"5\r\n[1234\r\n" if "chunked" in head else b"[1234")
        answer = wire.answer()
    assert (answer.status, answer.code) == (408, "request_timeout")
    assert "longer than 0.5 s" in answer.said["error"]["message"]


def test_who_hangs_up_in_the_middle_disturbs_nobody(url: str) -> None:
    for _ in range(20):
        wire = Wire(url, "Content-Length: 1000")
        wire.write(b"[")
        wire.socket.close()
    assert send(url, b"[]").status == 200


def test_all_bodies_together_take_so_much_memory(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory), limits=Limits(body=MIB, bodies=MIB + 100, body_s=HANG_S))
    with running(desk.app) as url:
        wire = Wire(url, f"Content-Length: {MIB}")
        wire.write(b" " * (MIB - 2))
        answer = send(url, b"[]")
        while answer.status == 200:
            answer = send(url, b"[]".ljust(200))
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (429, "busy", "1")
        wire.write(b"[]")
        assert wire.answer().status == 200
        assert send(url, b"[]".ljust(200)).status == 200


def test_one_key_leaves_room_for_the_bodies_of_others(tmp_path_factory: pytest.TempPathFactory) -> None:
    limits = Limits(body=MIB, share=MIB, least=1_000, body_s=HANG_S)
    desk = Desk(served(tmp_path_factory), limits=limits, open_to_all=False)
    one, other = desk.key("ingest"), desk.key("ingest")
    with running(desk.app) as url:
        wire = Wire(url, f"Authorization: {one['Authorization']}\r\nContent-Length: {MIB}")
        wire.write(b" " * (MIB - 2))
        while (answer := send(url, b"[]", **one)).status == 200:
            pass
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (429, "busy", "1")
        assert "bodies of yours" in answer.said["error"]["message"]
        assert send(url, b"[]", **other).status == 200
        wire.write(b"[]")
        assert wire.answer().status == 200
        assert send(url, b"[]", **one).status == 200


def test_a_key_may_send_so_many_bodies_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    limits = Limits(share=3 * MIB, least=MIB, body_s=HANG_S)
    with running(Desk(served(tmp_path_factory), limits=limits).app) as url:
        slow = [Wire(url, "Content-Length: 2") for _ in range(3)]
        for wire in slow:
            wire.write(b"[")
        while send(url, b"[]").status == 200:
            pass
        for wire in slow:
            wire.write(b"]")
            assert wire.answer().status == 200
        assert send(url, b"[]").status == 200


def test_few_refused_bodies_are_waited_for_at_the_same_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory), limits=Limits(linger_s=HANG_S), open_to_all=False)
    with running(desk.app) as url:
        wires = [Wire(url, "Content-Length: 1000") for _ in range(MOST_LINGERING)]
        for wire in wires:
            assert wire.socket.recv(MIB).startswith(b"HTTP/1.1 4")
        late = Wire(url, "Content-Length: 1000")
        while late.socket.recv(MIB):
            pass
        for wire in (*wires, late):
            wire.write(b" " * 1000)
            wire.socket.close()


def test_what_is_said_of_an_item_has_a_size(desk: Desk, url: str) -> None:
    before = memory_mb()
    for number in range(40):
        sent = orjson.dumps({"fields": {"tags": [f"{number} {'x' * 900}" for _ in range(1_000)]}})
        answer = ask(url, "PUT", f"/v1/items/large-{number}", sent.ljust(MIB), {"Content-Type": JSON})
        assert (answer.status, answer.code) == (413, "content_too_large")
    assert memory_mb() - before < 50
    for letters, status in ((MOST_OF_ITEM, 204), (MOST_OF_ITEM + 1, 413)):
        said = {"fields": {"tags": ["x" * 1_000] * (letters // 1_000) + ["x" * (letters % 1_000)]}}
        assert ask(url, "PUT", "/v1/items/whole", said).status == status
    assert sum(map(len, desk.service.view.tags_of("whole"))) == MOST_OF_ITEM
    refused = ask(url, "PUT", "/v1/items/whole", {"fields": {"tags": ["\u00fc" * 999] * 10}}).said["error"]
    assert refused["message"].startswith("the values of item 'whole' have 19,980 bytes")


@pytest.mark.parametrize(
    ("method", "path", "body", "where"),
    [
        ("POST", "/v1/lookalike/score", b'{"users": ["a", %b]}', "users.1"),
        ("POST", "/v1/lookalike/score", b'{"users": ["a"], %b: 1}', "unable to parse"),
        ("PUT", "/v1/candidates", b'{"items": [%b]}', "items.0"),
        ("PUT", "/v1/items/x", b'{"fields": {"tags": ["a", %b]}}', "fields.tags.1"),
        ("PUT", "/v1/items/x", b'{"fields": {%b: ["a"]}}', "unable to parse"),
    ],
)
@pytest.mark.parametrize("bad", [b'"\\ud800"', b'"\xff"'], ids=["half a pair", "no UTF-8"])
def test_a_text_that_no_json_can_hold_is_named_by_its_place(
    url: str, method: str, path: str, body: bytes, where: str, bad: bytes
) -> None:
    answer = ask(url, method, path, body % bad, {"Content-Type": JSON})
    assert (answer.status, answer.code) == (422, "invalid")
    assert where in answer.said["error"]["message"]


# What happens while it is written


def test_events_are_refused_while_too_many_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    desk = Desk(served(tmp_path_factory), service=partial(Service, most_backlog=0))
    with running(desk.app) as url:
        send(url, orjson.dumps([{**EVENT, "user": "waits"}]))
        desk.service.refresh()
        answer = send(url, orjson.dumps([EVENT]))
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (429, "busy", "1")
        assert ask(url, "GET", "/v1/users/waits/profile").status == 200


def test_senders_side_by_side_lose_and_count_nothing_twice(desk: Desk, url: str) -> None:
    said: list[dict[str, int]] = []

    def sender() -> None:
        for part in range(20):
            rows = [{**EVENT, "user": f"side {part}", "id": number} for number in range(10)]
            said.append(send(url, orjson.dumps(rows)).said)

    threads = [Thread(target=sender) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one["accepted"] for one in said) == 200
    assert sum(one["repeated"] for one in said) == 600
    assert all(len(history) == 10 for history in desk.store.histories([f"side {part}" for part in range(20)]))
