"""An HTTP client that costs little: connections that stay open, a few bytes parsed per answer, latencies kept."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np


@dataclass
class Answers:
    """latencies, in seconds; answers that were no success; began, ended: of the whole, seconds of one clock."""

    latencies: list[float] = field(default_factory=list)
    failures: list[tuple[int, bytes]] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0

    @property
    def per_s(self) -> float:
        return len(self.latencies) / (self.ended - self.began)

    def ms(self, percentile: float) -> float:
        return 1000 * float(np.percentile(self.latencies, percentile))


class Connection(asyncio.Protocol):
    """One request at a time. A chunked body stays as it came, with the lengths of its chunks."""

    def __init__(self) -> None:
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._bytes = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        head, found, body = self._bytes.partition(b"\r\n\r\n")
        if not found or self._waiting is None:
            return
        head = head.lower()
        said = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        chunked = b"transfer-encoding: chunked" in head
        if body.endswith(b"0\r\n\r\n") if chunked else len(body) >= int(said or 0):
            self._bytes = b""
            self._waiting.set_result((int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionResetError("the server has closed the connection"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed it, as it does with one that nobody has used for seconds."""
        return self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()


def request(method: str, path: str, body: Any = None) -> bytes:
    """The bytes of a request; body: as JSON."""
    content = b"" if body is None else json.dumps(body).encode()
    kind = "" if body is None else "Content-Type: application/json\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{kind}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def connect(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def closed(port: int, make: Callable[[int], bytes], connections: int, seconds: float) -> Answers:
    """Each connection sends its next request when the last is answered."""
    answers, numbers = Answers(began=perf_counter()), iter(range(10**9))

    async def one() -> None:
        connection = await connect(port)
        while perf_counter() - answers.began < seconds:
            await _timed(connection, make(next(numbers)), answers, perf_counter())
        connection.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    answers.ended = perf_counter()
    return answers


async def paced(
    port: int, make: Callable[[int], bytes], per_s: float, seconds: float, *, connections: int = 32
) -> Answers:
    """Requests at even distances, whether or not those before are answered.

    Latency counts from when a request was to be sent, be there an idle connection or not; that the timer of this
    process wakes it a millisecond late is left out.
    """
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(connections):
        idle.put_nowait(await connect(port))
    answers, running = Answers(began=perf_counter()), set[asyncio.Task[None]]()

    async def one(number: int, since: float) -> None:
        connection = await idle.get()
        await _timed(connection, make(number), answers, since)
        idle.put_nowait(connection)

    for number in range(int(per_s * seconds)):
        due = answers.began + number / per_s
        if (wait_s := due - perf_counter()) > 0:
            await asyncio.sleep(wait_s)
        task = asyncio.create_task(one(number, perf_counter()))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    answers.ended = perf_counter()
    while not idle.empty():
        idle.get_nowait().close()
    return answers


async def ask_all(port: int, requests: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """One after the other, on one connection."""
    connection = await connect(port)
    answers = [await connection.ask(one) for one in requests]
    connection.close()
    return answers


async def _timed(connection: Connection, content: bytes, answers: Answers, since: float) -> None:
    status, body = await connection.ask(content)
    answers.latencies.append(perf_counter() - since)
    if status >= 300:
        answers.failures.append((status, body[:200]))
