"""What happens to every request before and after it is answered: an id, headers, the log, measures."""

import re
from collections.abc import Callable, MutableMapping
from time import perf_counter
from typing import Any
from uuid import uuid4

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.serving.http_answers import SCOPE, problem
from penchant.serving.measures import Measures
from penchant.serving.requests_log import RequestLine, failure, log

SANE = re.compile(rb"[A-Za-z0-9._:-]{1,64}")

POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]

UNREAD = frozenset({401, 403, 408, 413, 415, 429})
"""Answers after which a body may be left unread; then the connection is closed, so that nobody has to read it."""


class Edge:
    """The outermost part of the app. clock: UTC seconds.

    Routes see the path as it was sent, so that an id may hold a percent-encoded slash.
    """

    def __init__(self, app: ASGIApp, *, clock: Callable[[], float], measures: Measures) -> None:
        self.app, self.clock, self.measures = app, clock, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        headers = dict(scope["headers"])
        said = RequestLine(self.clock(), _id(headers.get(b"x-request-id")), scope["method"])
        scope[SCOPE], scope["path"] = said, scope["raw_path"].decode("latin-1")
        answer = _Answer(
            said, send, has_body=headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers
        )
        try:
            await self._answer(scope, receive, answer)
        finally:
            seconds = perf_counter() - began
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


class _Answer:
    """Adds headers to an answer, and notes how it went."""

    def __init__(self, said: RequestLine, send: Send, *, has_body: bool) -> None:
        self.said, self._send, self._has_body, self.began = said, send, has_body, False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.began = True
            self.said.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._headers(message)]
        else:
            self.said.bytes += len(message.get("body", b""))
        await self._send(message)

    def _headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        own = {name for name, _ in message.get("headers", ())}
        added = [(name, value) for name, value in HEADERS if name not in own]
        added.append((b"x-request-id", self.said.request_id.encode()))
        if self._has_body and message["status"] in UNREAD:
            added.append((b"connection", b"close"))
        return added


def _id(sent: bytes | None) -> str:
    """The one that was sent, if it is sane."""
    return sent.decode() if sent and SANE.fullmatch(sent) else uuid4().hex
