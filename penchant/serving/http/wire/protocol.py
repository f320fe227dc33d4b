"""A connection as uvicorn speaks HTTP/1.1 on it, within bounds that hold before anybody has shown a key."""

import asyncio
from collections import deque
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from penchant.serving.http.wire.connections import HEAD_S, IDLE_S, Connections

MOST_BARE = 1 << 16
"""Bytes that may come one after another and be no part of a body: a head, or what is said between chunks of a body."""

MOST_AHEAD = 16
"""Requests that may be sent before those before them are answered. Those beyond are not read: the last answer says that
the connection is closed, by which a client knows that it has to send them again."""


FRAMING = (b"content-length", b"transfer-encoding")
"""Headers that say where a body ends."""


class Connection(HttpToolsProtocol):
    """One connection, known to `Connections`; whatever closes it there is counted there."""

    def __init__(self, *, held: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._held, self._bare = held, 0
        self._unanswered: deque[RequestResponseCycle] = deque()
        self._framing: list[bytes] = []
        self._is_last = False

    # What uvicorn and the transport tell

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._held.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for cycle in self._unanswered:  # uvicorn tells the latest only
            cycle.disconnected = True
            cycle.message_event.set()
        self._unset_keepalive_if_required()
        self._held.gone(self)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing() or self._is_last:
            return  # what an answer that closes leaves over
        self._bare += len(data)
        self._parse(data)
        if self._bare > MOST_BARE and not self.transport.is_closing():
            self._held.closed("large_head")
            self._end(431, "head_too_large", f"the head of a request may have {MOST_BARE:,} bytes")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._held.piles_up(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._held.flows(self)
        if not self._unanswered:
            self._held.waits(self, IDLE_S)

    # What the parser tells

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_AHEAD:
            self._close_after_these()
            raise _NoMoreRequestsError
        super().on_message_begin()
        if self._held.is_waiting(self):
            self._held.waits(self, HEAD_S)

    def on_headers_complete(self) -> None:
        self._bare = 0
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False
            self._framing = [b"%b: %b\r\n" % header for header in self.headers if header[0] in FRAMING]
        self._unanswered.append(self.cycle)
        self.headers = []  # what stands behind a body is read and forgotten; it is no part of the head
        self._held.works(self)

    def on_body(self, body: bytes) -> None:
        self._bare = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._bare = 0
        if not self.parser.should_upgrade():  # else its body comes yet
            super().on_message_complete()

    def on_response_complete(self) -> None:
        self._unanswered.popleft()
        super().on_response_complete()
        self._unset_keepalive_if_required()  # `Connections` watches all of them with one timer
        if not self._unanswered:
            self._held.waits(self, IDLE_S)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """What the parser could not read."""
        self._held.closed("unreadable")
        self._end(400, "unreadable_request", "this is no request of HTTP/1.1")

    # What `Connections` asks for

    def cut(self) -> None:
        self.transport.abort()

    def refuse(self) -> None:
        self._end(503, "no_room", "too many connections are open; come back later", (b"retry-after", b"1"))

    def untaken(self) -> int:
        return self.transport.get_write_buffer_size()

    def _close_after_these(self) -> None:
        self._held.closed("ahead")
        self._is_last = True
        self.pipeline[0][0].keep_alive = False

    def _parse(self, data: bytes) -> None:
        if self._is_last:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if not self._is_last:
                self.send_400_response("")

    def _go_on(self, data: bytes) -> None:
        """In HTTP/1.1, as HTTP has it where a server does not speak the protocol that was offered: Java's client offers
        another with every request. httptools takes what follows for that protocol, so it gets a parser that reads the
        body of this request and nothing else; the connection is closed after the answer."""
        self.parser = httptools.HttpRequestParser(_Body(self))
        self._parse(b"".join([b"POST / HTTP/1.1\r\n", *self._framing, b"\r\n"]))
        self._parse(data)

    def end_reading(self) -> None:
        """The body is there; what comes from now on is no request."""
        self.on_message_complete()
        self._is_last = True
        raise _NoMoreRequestsError

    def _end(self, status: int, code: str, message: str, *more: tuple[bytes, bytes]) -> None:
        """Answer what no route was asked, unless an answer is under way, and close."""
        if not self._unanswered:
            body = orjson.dumps({"error": {"code": code, "message": message}, "request_id": ""})
            headers = [
                *self.server_state.default_headers,
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
                *more,
            ]
            lines = [b"%b: %b\r\n" % header for header in headers]
            self.transport.write(b"".join([STATUS_LINE[status], *lines, b"\r\n", body]))
        self.transport.close()


class _Body:
    """Tells a connection of a body alone."""

    def __init__(self, connection: Connection) -> None:
        self.on_body, self.on_message_complete = connection.on_body, connection.end_reading


class _NoMoreRequestsError(Exception):
    """Ends the parsing of what was sent."""
