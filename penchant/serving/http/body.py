"""Bodies of requests, within limits that hold while they are read: size, time, and how much all of them take."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from penchant.errors import BusyError
from penchant.serving.http.answers import RequestError

JSON, LINES, ARROW = "application/json", "application/x-ndjson", "application/vnd.apache.arrow.stream"

UNSUPPORTED = "unsupported_media_type"


@dataclass(frozen=True)
class Limits:
    """body: bytes of one, bodies: of all that are being read or worked on; body_s: how long reading one may take;
    linger_s: how long what still comes of a refused one is thrown away, because a client whose connection is closed
    while it sends sees no answer; threads: calls at the same time; scored: users × candidates of one call, told: scores
    that it may answer with."""

    body: int = 1 << 24
    bodies: int = 1 << 28
    body_s: float = 30.0
    linger_s: float = 2.0
    threads: int = 64
    scored: int = 5_000_000
    told: int = 200_000


class Bodies:
    """Reads bodies."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    @asynccontextmanager
    async def of(self, request: Request, kinds: Collection[str]) -> AsyncIterator[tuple[str, bytes]]:
        """The kind and the content of a body, which count as held until they are done with.

        Raises RequestError for another kind (415), too much (413) or too slow (408), and BusyError.
        """
        kind = self._kind(request, kinds)
        self._refuse_announced(request)
        content = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                async for chunk in request.stream():
                    self._hold(len(chunk), len(content) + len(chunk))
                    content += chunk
            yield kind, bytes(content)
        except TimeoutError:
            raise RequestError(
                408, "request_timeout", f"the body took longer than {self._limits.body_s:g} s; send less at once"
            ) from None
        finally:
            self._held -= len(content)

    def _kind(self, request: Request, kinds: Collection[str]) -> str:
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity":
            raise RequestError(415, UNSUPPORTED, "bodies with a Content-Encoding are not read; send it as it is")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in kinds:
            raise RequestError(415, UNSUPPORTED, f"Content-Type has to be {' or '.join(kinds)}")
        return kind

    def _refuse_announced(self, request: Request) -> None:
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > self._limits.body:
            raise self._too_large()

    def _hold(self, more: int, size: int) -> None:
        if size > self._limits.body:
            raise self._too_large()
        if self._held + more > self._limits.bodies:
            raise BusyError("too many bodies are being read; send this one later", after_s=1.0)
        self._held += more

    def _too_large(self) -> RequestError:
        return RequestError(413, "content_too_large", f"a body may have {self._limits.body:,} bytes; send less at once")
