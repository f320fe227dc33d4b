"""Bodies of requests, within limits that hold while they are read: size, time, and how much all of them take."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from penchant.errors import BusyError
from penchant.serving.http.answers import RequestError, sender_of

JSON, LINES, ARROW = "application/json", "application/x-ndjson", "application/vnd.apache.arrow.stream"

UNSUPPORTED = "unsupported_media_type"


@dataclass(frozen=True)
class Limits:
    """body: bytes of one, item: of one that says what an item is about, bodies: of all that are being read or worked
    on, share: of those of one key, or of one address where no key was shown; least: bytes that any of them counts at
    least, so that their number is bounded too; body_s: how long reading one may take;
    linger_s: how long what still comes of a refused one is thrown away, because a client whose connection is closed
    while it sends sees no answer; threads: calls that work at the same time, calls: those of one key; scored: users ×
    candidates of one call, told: scores that it may answer with."""

    body: int = 1 << 24
    item: int = 1 << 16
    bodies: int = 1 << 28
    share: int = 1 << 26
    least: int = 1 << 17
    body_s: float = 30.0
    linger_s: float = 2.0
    threads: int = 8
    calls: int = 4
    scored: int = 5_000_000
    told: int = 200_000

    @classmethod
    def within(cls, connections: int) -> "Limits":
        """For a process that may have so many connections: bodies of one key hold an eighth of them at most, those of
        all a half, however slowly they come."""
        return cls(least=max(cls.least, 2 * cls.bodies // connections))


class Bodies:
    """Reads bodies."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held, self._shares = 0, Counter[str]()

    @asynccontextmanager
    async def of(
        self, request: Request, kinds: Collection[str], *, most: int | None = None
    ) -> AsyncIterator[tuple[str, bytes]]:
        """The kind and the content of a body, which count as held until they are done with. most: its bytes, as many
        as any body may have if not given.

        Raises RequestError for another kind (415), too much (413) or too slow (408), and BusyError.
        """
        kind, most = self._kind(request, kinds), self._limits.body if most is None else most
        _refuse_announced(request, most)
        held, content = _Held(sender_of(request)), bytearray()
        try:
            self._hold(held, self._limits.least)
            async with asyncio.timeout(self._limits.body_s):
                async for chunk in request.stream():
                    if len(content) + len(chunk) > most:
                        raise _too_large(most)
                    self._hold(held, len(content) + len(chunk))
                    content += chunk
            yield kind, bytes(content)
        except TimeoutError:
            raise RequestError(
                408, "request_timeout", f"the body took longer than {self._limits.body_s:g} s; send less at once"
            ) from None
        finally:
            self._let_go(held)

    def _kind(self, request: Request, kinds: Collection[str]) -> str:
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity":
            raise RequestError(415, UNSUPPORTED, "bodies with a Content-Encoding are not read; send it as it is")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in kinds:
            raise RequestError(415, UNSUPPORTED, f"Content-Type has to be {' or '.join(kinds)}")
        return kind

    def _hold(self, held: "_Held", size: int) -> None:
        """Have one count as so many bytes, if it does not count as more already."""
        more = max(0, size - held.size)
        if self._held + more > self._limits.bodies:
            raise BusyError("too many bodies are being read; send this one later", after_s=1.0)
        if self._shares[held.sender] + more > self._limits.share:
            raise BusyError("too many bodies of yours are being read; send this one later", after_s=1.0)
        held.size += more
        self._held += more
        self._shares[held.sender] += more

    def _let_go(self, held: "_Held") -> None:
        self._held -= held.size
        self._shares[held.sender] -= held.size
        if not self._shares[held.sender]:
            del self._shares[held.sender]


@dataclass
class _Held:
    """What one body counts as."""

    sender: str
    size: int = 0


def _refuse_announced(request: Request, most: int) -> None:
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise _too_large(most)


def _too_large(most: int) -> RequestError:
    return RequestError(413, "content_too_large", f"such a body may have {most:,} bytes; send less at once")
