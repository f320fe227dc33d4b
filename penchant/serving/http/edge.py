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

SANE = re.compile(rb"[A-Za-z0-9._:-]{1,64}")

POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]

UNREAD = frozenset({401, 403, 408, 413, 415, 429})
"""Answers that may come before a body was read; then the connection is closed, so that nobody has to read it."""


class Edge:
    """The outermost part of the app. clock: UTC seconds; linger_s: see `Limits`.

    Routes see the path as it was sent, so that an id may hold a percent-encoded slash.
    """

    def __init__(self, app: ASGIApp, *, clock: Callable[[], float], measures: Measures, linger_s: float) -> None:
        self.app, self.clock, self.measures, self._linger_s = app, clock, measures, linger_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        headers = dict(scope["headers"])
        said = RequestLine(self.clock(), _id(headers.get(b"x-request-id")), scope["method"])
        scope[SCOPE], scope["path"] = said, scope["raw_path"].decode("latin-1")
        answer = _Answer(said, _Body(receive, headers, self._linger_s), send)
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
        except Exception as error:
            answer.said.error = failure(error)
            if not answer.began:
                body = problem(answer.said, 500, "internal", "this failed here; the log tells why, by the request's id")
                await answer(
                    {"type": "http.response.start", "status": 500, "headers": [(b"content-type", b"application/json")]}
                )
                await answer({"type": "http.response.body", "body": orjson.dumps(body)})


class _Body:
    """What is received of a request. left: whether some of its body was not read yet."""

    def __init__(self, receive: Receive, headers: Mapping[bytes, bytes], linger_s: float) -> None:
        self._receive, self._linger_s = receive, linger_s
        self.left = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers

    async def __call__(self) -> Message:
        message = await self._receive()
        self.left = self.left and message.get("more_body", False)
        return message

    async def throw_away(self) -> None:
        """All that is left, or what comes in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger_s):
                while self.left:
                    await self()


class _Answer:
    """Adds headers to an answer, and notes how it went. ended: when it was sent, None before."""

    def __init__(self, said: RequestLine, body: _Body, send: Send) -> None:
        self.said, self.body, self._send = said, body, send
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
            await self.body.throw_away()
            await self._send({"type": "http.response.body", "body": b""})

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
