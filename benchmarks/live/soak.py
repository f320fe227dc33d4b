"""A real server asked for all that it can answer, at a fixed pace, and what becomes of its memory meanwhile.

    python -m benchmarks.live.soak RUN [--minutes 60] [--store sqlite|redis] [--pace 1.0] [--only TEXT]
    python -m benchmarks.live.soak RUN --faults [--minutes 10] [--store sqlite|redis]

RUN: a trained run folder; a copy of it is served, because users are forgotten. Every route and every page is asked with
a key, of a bounded population of users and items; --pace multiplies how often, --only asks those routes alone whose
name holds a text. The slope of memory is that of the second half, by means of blocks, which do not depend on each other
as readings do; its error is one standard error. With --faults the roles are processes of their own, which are killed at
random while events come in, and so is Redis; in the end what was acknowledged is counted again.
"""

import argparse
import asyncio
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks.live.soak_faults import survive
from benchmarks.live.soak_routes import FORM, Population
from benchmarks.live.traffic import Connection, connect
from benchmarks.machine import describe_machine
from penchant.client import Client
from penchant.serving.keys import create_key
from penchant.store.opened import open_store
from tests.helpers.processes import until
from tests.helpers.servers import RedisServer

console = Console(width=160)

CONNECTIONS = 8
SAMPLE_S = 10.0
BLOCKS = 10
SHOWN = 10
"""Lines of the log that tell what went wrong."""

GOOD = (200, 204, 303)
EXPECTED = {"/dashboard/nowhere": (404,), "DELETE /v1/candidates": (204, 404), "/dashboard/tags/points": (200, 409)}
"""Other statuses than GOOD: pages that do not exist, candidates of which one is closed already, and the map while it is
made."""


@dataclass
class Asked:
    """One route: how long answers took, in seconds, and those that were not expected."""

    latencies: list[float] = field(default_factory=list)
    failures: list[tuple[int, bytes]] = field(default_factory=list)

    def ms(self, percentile: float) -> float:
        return 1000 * float(np.percentile(self.latencies, percentile)) if self.latencies else float("nan")


@dataclass
class Server:
    """A running one. notes: where its witness writes."""

    process: subprocess.Popen[str]
    host: str
    notes: Path

    def sample(self) -> dict[str, float]:
        """MiB of memory of its own, threads, open files, and what its witness noted last."""
        place = Path(f"/proc/{self.process.pid}")
        status = dict(line.split(":", 1) for line in (place / "status").read_text(encoding="utf-8").splitlines())
        noted = self.notes.read_text(encoding="utf-8").splitlines()
        return {
            "own": int(status["RssAnon"].split()[0]) / 1024,
            "threads": int(status["Threads"]),
            "files": len(os.listdir(place / "fd")),
            **(json.loads(noted[-1]) if noted else {}),
        }


@contextmanager
def serving(run: Path, url: str, folder: Path) -> Iterator[Server]:
    """Start the server on a free port, and end it."""
    notes, log = folder / "notes.jsonl", folder / "server.log"
    command = [sys.executable, "-m", "benchmarks.live.soak_witness", str(notes), "serve", str(run)]
    command += ["--store", url, "--listen", "127.0.0.1:0", "--recluster", "60"]
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(command, stderr=said, text=True, env={**os.environ, "COLUMNS": "200"})
    try:
        until(lambda: "Serving: http://" in log.read_text(encoding="utf-8") or process.poll() is not None)
        told = log.read_text(encoding="utf-8")
        assert "Serving: http://" in told, told
        yield Server(process, told.split("Serving: http://")[1].split()[0].rstrip("."), notes)
        lines = log.read_text(encoding="utf-8").splitlines()
        wrong = [line for line in lines if '"error":' in line or '"level":' in line]
        console.print(
            f"the log of the server: {len(lines):,} lines, {len(wrong):,} of them of something that went wrong"
        )
        for line in wrong[:SHOWN]:
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    finally:
        process.terminate()
        process.wait(60)


def logged_in(host: str, key: str) -> str:
    """The cookie of a visitor who has shown a key."""
    with closing(http.client.HTTPConnection(host)) as connection:
        headers = {"Origin": f"http://{host}", "Content-Type": FORM}
        connection.request("POST", "/dashboard/login", urlencode({"key": key}), headers)
        return connection.getresponse().headers["Set-Cookie"].split(";")[0]


def prepared(server: Server, run: Path, key: str) -> Population:
    """Open candidates, and wait until they have clusters and there is an atlas."""
    with Client(f"http://{server.host}", key) as client:
        population = Population(run, server.host, key, logged_in(server.host, key), client)
        client.open(population.candidates)
        until(lambda: all(one["clustered"] for one in client.candidates()))
    until((run / "dashboard").exists)
    return population


class Soak:
    """Asks a server; found: by route; samples: each with the time since the beginning."""

    def __init__(self, server: Server, population: Population, *, pace: float, only: str) -> None:
        self._server, self._port = server, int(server.host.rpartition(":")[2])
        routes = population.routes()
        self.routes = {name: (rate * pace, make) for name, (rate, make) in routes.items() if only in name}
        self.found = {name: Asked() for name in self.routes}
        self.samples: list[dict[str, float]] = []
        self._idle: asyncio.Queue[Connection | None] = asyncio.Queue()
        self._began = time.monotonic()

    async def run(self, seconds: float) -> None:
        """Each route at its own even pace, one request of it at a time, until the time is over."""
        for _ in range(CONNECTIONS):
            self._idle.put_nowait(None)
        self._began = time.monotonic()
        sampling = asyncio.create_task(self._sample())
        await asyncio.gather(*(self._ask_paced(name, seconds) for name in self.routes))
        self.samples.append({"s": time.monotonic() - self._began, **self._server.sample()})
        sampling.cancel()

    async def _ask_paced(self, name: str, seconds: float) -> None:
        rate, make = self.routes[name]
        due = self._began + np.random.default_rng(len(name)).random() / rate
        while max(due, time.monotonic()) < self._began + seconds:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._ask(name, make())
            due += 1 / rate

    async def _ask(self, name: str, content: bytes) -> None:
        connection = await self._idle.get()
        sent, asked = time.perf_counter(), self.found[name]
        try:
            if connection is None or connection.is_closed:
                connection = await connect(self._port)
            status, body = await connection.ask(content)
        except OSError as error:
            connection, status, body = None, 0, repr(error).encode()
        self._idle.put_nowait(connection)
        asked.latencies.append(time.perf_counter() - sent)
        if status not in EXPECTED.get(name, GOOD):
            asked.failures.append((status, body[:300]))

    async def _sample(self) -> None:
        while True:
            self.samples.append({"s": time.monotonic() - self._began, **self._server.sample()})
            if len(self.samples) % 6 == 1:
                told = ", ".join(f"{name} {value:,.0f}" for name, value in self.samples[-1].items())
                console.print(told, style="dim", highlight=False)
            await asyncio.sleep(SAMPLE_S)


def slope(hours: np.ndarray, values: np.ndarray, blocks: int = BLOCKS) -> tuple[float, float]:
    """How much a value grows in an hour, and one standard error, by the means of blocks of readings.

    >>> slope(np.linspace(0, 1, 100), 5 + 2 * np.linspace(0, 1, 100))[0].round(6)
    2.0
    """
    blocks = min(blocks, max(3, len(hours) // 2))
    x_B, y_B = (np.array([part.mean() for part in np.array_split(one, blocks)]) for one in (hours, values))
    centred_B = x_B - x_B.mean()
    growth = float(centred_B @ y_B / (centred_B @ centred_B))
    left_B = y_B - y_B.mean() - growth * centred_B
    return growth, float(np.sqrt(left_B @ left_B / (blocks - 2) / (centred_B @ centred_B)))


def report(soak: Soak, minutes: float, store: str) -> None:
    """What came out: a table of routes, and the lines that stand in docs/operations.md."""
    table = Table("route", "requests", "p50 ms", "p99 ms", "failures", box=MARKDOWN)
    for name, asked in sorted(soak.found.items()):
        failed = f"{len(asked.failures)} {asked.failures[0]}" if asked.failures else "0"
        table.add_row(name, f"{len(asked.latencies):,}", f"{asked.ms(50):.1f}", f"{asked.ms(99):.1f}", failed)
    console.print(table)
    second = [one for one in soak.samples if one["s"] >= 30 * minutes]
    hours, own = (np.array([one[name] for one in second]) for name in ("s", "own"))
    growth, error = slope(hours / 3600, own)
    requests = sum(len(asked.latencies) for asked in soak.found.values())
    failures = sum(len(asked.failures) for asked in soak.found.values())
    first, last = second[0], second[-1]
    console.print(
        f"- **A soak** of {minutes:.0f} minutes on {store}: {requests:,} requests of {len(soak.found)} kinds, "
        f"{requests / minutes / 60:.0f} a second, {failures} failures. Memory of its own was {first['own']:.0f} MiB "
        f"after half of the time, {last['own']:.0f} in the end: {growth:+.1f} ± {error:.1f} MiB an hour. Threads "
        f"{first['threads']:.0f} and {last['threads']:.0f}, open files {first['files']:.0f} and {last['files']:.0f}, "
        f"objects {first['objects']:,.0f} and {last['objects']:,.0f}.",
        highlight=False,
        soft_wrap=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--store", choices=("sqlite", "redis"), default="sqlite")
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--faults", action="store_true")
    arguments = parser.parse_args()
    console.print(describe_machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = Path(shutil.copytree(arguments.run, folder / "run"))
        redis = RedisServer(folder) if arguments.store == "redis" else None
        if redis:
            redis.start()
        url = redis.url if redis else f"sqlite:{folder}/live.sqlite"
        try:
            if arguments.faults:
                console.print(survive(run, url, redis, minutes=arguments.minutes), soft_wrap=True)
            else:
                soak_all(run, url, folder, arguments)
        finally:
            if redis:
                redis.kill()


def soak_all(run: Path, url: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Start a server, ask it all, and tell."""
    with closing(open_store(url)) as store:
        key = create_key(store, "admin", label="soak", per_s=100_000.0, clock=time.time)
    with serving(run, url, folder) as server:
        soak = Soak(server, prepared(server, run, key), pace=arguments.pace, only=arguments.only)
        asyncio.run(soak.run(60 * arguments.minutes))
    report(soak, arguments.minutes, arguments.store)


if __name__ == "__main__":
    main()
