"""What happens to every request before and after it is answered: an id, headers, the log, measures."""

import asyncio
import re
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from time import perf_counter
from typing import Any
from uuid import uuid4

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.serving.http.answers import SCOPE, problem
from penchant.serving.http.requests_log import RequestLine, failure, log
from penchant.serving.measures import Measures

STOPPED = "the server was stopped before this was answered"

SANE = re.compile(rb"[A-Za-z0-9._:-]{1,64}")

POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]

MOST_LINGERING = 32
"""Refused bodies that are thrown away at the same time. Nobody needs a key to be refused, so beyond these connections
are closed at once."""

UNREAD = frozenset({401, 403, 408, 413, 415, 429})
"""Answers that may come before a body was read; then the connection is closed, so that nobody has to read it."""


class Edge:
    """The outermost part of the app. clock: UTC seconds; linger_s: see `Limits`.

    Routes see the path as it was sent, so that an id may hold a percent-encoded slash.
    """

    def __init__(self, app: ASGIApp, *, clock: Callable[[], float], measures: Measures, linger_s: float) -> None:
        self.app, self.clock, self.measures = app, clock, measures
        self._lingering = _Lingering(linger_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        headers = dict(scope["headers"])
        said = RequestLine(self.clock(), _id(headers.get(b"x-request-id")), scope["method"])
        scope[SCOPE], scope["path"] = said, scope["raw_path"].decode("latin-1")
        answer = _Answer(said, _Body(receive, headers), send, self._lingering)
        try:
            await self._answer(scope, answer.body, answer)
        finally:
            seconds = (answer.ended or perf_counter()) - began
            said.route, said.ms = getattr(scope.get("route"), "path", ""), 1_000 * seconds
            self.measures.answered(said.route, said.status, seconds)
            log(said)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            pass  # nobody is there to be told
        except asyncio.CancelledError:  # only a server that ends cancels, when its patience is over
            answer.said.error = [STOPPED]
            await answer.fails(503, "stopping", f"{STOPPED}; ask again")
        except Exception as error:
            answer.said.error = failure(error)
            await answer.fails(500, "internal", "this failed here; the log tells why, by the request's id")


class _Body:
    """What is received of a request. left: whether some of its body was not read yet."""

    def __init__(self, receive: Receive, headers: Mapping[bytes, bytes]) -> None:
        self._receive = receive
        self.left = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers

    async def __call__(self) -> Message:
        message = await self._receive()
        self.left = self.left and message.get("more_body", False)
        return message


class _Lingering:
    """Throws away what still comes of refused bodies."""

    def __init__(self, linger_s: float) -> None:
        self._linger_s, self._now = linger_s, 0

    async def throw_away(self, body: _Body) -> None:
        """All that is left, or what comes in time; nothing where too many are at it."""
        if self._now >= MOST_LINGERING:
            return
        self._now += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._linger_s):
                    while body.left:
                        await body()
        finally:
            self._now -= 1


class _Answer:
    """Adds headers to an answer, and notes how it went. ended: when it was sent, None before."""

    def __init__(self, said: RequestLine, body: _Body, send: Send, lingering: _Lingering) -> None:
        self.said, self.body, self._send, self._lingering = said, body, send, lingering
        self.began = False
        self.ended: float | None = None
        self._closes = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.began, self.said.status = True, message["status"]
            self._closes = self.body.left and message["status"] in UNREAD
            message["headers"] = [*message.get("headers", ()), *self._headers(message)]
            await self._send(message)
            return
        self.said.bytes += len(message.get("body", b""))
        await self._send({**message, "more_body": True} if self._closes else message)
        self.ended = perf_counter()
        if self._closes:
            await self._lingering.throw_away(self.body)
            await self._send({"type": "http.response.body", "body": b""})

    async def fails(self, status: int, code: str, message: str) -> None:
        """Say that nothing else will come, unless an answer is under way."""
        if self.began:
            self.said.status = status
            return
        body = problem(self.said, status, code, message)
        headers = [(b"content-type", b"application/json")]
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": orjson.dumps(body)})

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        own = {name for name, _ in message.get("headers", ())}
        added = [(name, value) for name, value in HEADERS if name not in own]
        added.append((b"x-request-id", self.said.request_id.encode()))
        if self._closes:
            added.append((b"connection", b"close"))
        return added


def _id(sent: bytes | None) -> str:
    """The one that was sent, if it is sane."""
    return sent.decode() if sent and SANE.fullmatch(sent) else uuid4().hex
