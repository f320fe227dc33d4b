"""A real server under load: latencies, throughput, freshness, memory.

    OMP_NUM_THREADS=1 python -m benchmarks.live.load RUN [--store sqlite|redis] [--apart] [--seconds 20] [--only PART]

RUN: a trained run folder (configs/serving.toml says how to make one of a million users). The server has one core, the
load comes from another; with --apart, consumer and clusterer are processes of their own, on whatever core is free.
"busy" means that 1,000 events a second arrive; --recluster 1 has all candidates clustered again without a pause.
Latencies of paced requests count from when they were to be sent.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from urllib.parse import quote

import numpy as np
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks.live.traffic import Answers, ask_all, closed, connect, paced, request
from benchmarks.machine import describe_machine
from penchant.serving.snapshot import Snapshot
from tests.helpers.servers import RedisServer

console = Console(width=140)

SERVER_CORE, LOAD_CORE = 0, 1
EVENTS_PER_CALL = 500
AUDIENCE = 10
MADE = 50_000
"""Events that are made beforehand, and sent again and again under other ids."""

JUDGES = 20
"""Users whose scores tell that a click has counted; some may be like nobody at all, and have 0 in any case."""


@dataclass(frozen=True)
class Server:
    """A running one. processes: of it; started_s: until it took connections."""

    port: int
    processes: list[subprocess.Popen[str]]
    started_s: float

    @property
    def memory_mib(self) -> dict[str, float]:
        """Resident memory of each process that is not shared with files."""
        found = {}
        for process in self.processes:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            found[str(process.args[-1])] = _kib(status, "RssAnon") / 1024  # type: ignore[index]
        return found


def _kib(status: str, name: str) -> float:
    return float(next(line for line in status.splitlines() if line.startswith(name)).split()[1])


@contextmanager
def serving(run: Path, store: str, *, apart: bool, recluster: float) -> Iterator[Server]:
    """Start the server, and end it."""
    began = perf_counter()
    parts = [["http"], ["consumer"], ["cluster"]] if apart else [["http", "consumer", "cluster"]]
    processes = [_start(run, store, roles, recluster) for roles in parts]
    try:
        for process in processes:
            said = _said(process)
            if "http://" in said:
                port = int(said.split("http://")[1].split(".")[3].split(":")[1].split()[0].rstrip("."))
        yield Server(port, processes, perf_counter() - began)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(60)


def _start(run: Path, store: str, roles: Sequence[str], recluster: float) -> subprocess.Popen[str]:
    cores = str(SERVER_CORE) if "http" in roles else f"{SERVER_CORE},{LOAD_CORE}"
    named = [part for role in roles for part in ("--role", role)]
    command = [sys.executable, "-m", "penchant", "serve", str(run), "--store", store, "--listen", "127.0.0.1:0"]
    command = ["taskset", "-c", cores, *command, "--no-keys", "--recluster", str(recluster), *named]
    environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if "Serving:" in line:
            return line
    raise RuntimeError(f"the server ended with {process.wait()}")


class World:
    """Users and items of the run, drawn as requests need them."""

    def __init__(self, run: Path) -> None:
        self.snapshot = Snapshot(run / "serving")
        self.rng = np.random.default_rng(0)
        order = np.argsort(-self.snapshot.recent, kind="stable")
        self.items = [self.snapshot.items[place] for place in order]
        self.users = [self.snapshot.user(int(row)) for row in self.rng.integers(0, len(self.snapshot), 50_000)]

    def user(self) -> str:
        return self.users[int(self.rng.integers(len(self.users)))]

    def events(self, count: int, candidates: int) -> list[dict[str, object]]:
        """Clicks of now, half of them on candidates, popular ones more often."""
        places = (self.rng.random(count) ** 3 * 2 * candidates).astype(int) % len(self.items)
        now = time.time()
        return [{"user": self.user(), "item": self.items[place], "time": now} for place in places.tolist()]

    def score(self, _: int) -> bytes:
        return request("POST", "/v1/lookalike/score", {"users": [self.user()], "top": AUDIENCE})

    def profile(self, _: int) -> bytes:
        return request("GET", f"/v1/users/{quote(self.user())}/profile")

    def ingest(self, candidates: int, count: int = EVENTS_PER_CALL) -> Callable[[int], bytes]:
        """Requests made beforehand, so that making them costs nothing; each differs from all others by its ids."""
        bodies = [json.dumps(self.events(count, candidates))[1:-1].encode() for _ in range(MADE // count)]

        def make(number: int) -> bytes:
            body = b"[" + bodies[number % len(bodies)].replace(b'"user"', b'"id": "%d", "user"' % number) + b"]"
            head = (
                f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            )
            return head.encode() + b"\r\n\r\n" + body

        return make


async def open_candidates(port: int, items: Sequence[str]) -> float:
    """Open them and wait until all have clusters: seconds."""
    began = perf_counter()
    (status, body), *_ = await ask_all(port, [request("PUT", "/v1/candidates", {"items": list(items)})])
    assert status < 300, body
    while _measured(await ask_all(port, [request("GET", "/metrics")]), "penchant_candidates_waiting") > 0:
        await asyncio.sleep(0.2)
    return perf_counter() - began


async def busy(port: int, world: World, candidates: int, per_s: float, seconds: float) -> Answers:
    """Events that arrive while something else is measured."""
    make = world.ingest(candidates, 100)
    return await paced(port, make, per_s / 100, seconds, connections=4)


async def freshness(port: int, world: World, candidates: Sequence[str], seconds: float) -> list[float]:
    """Seconds from the acknowledgement of a click to a changed score of its item, of one probe after another."""
    asking, found = await connect(port), []
    end, number = perf_counter() + seconds, 0
    while perf_counter() < end:
        item = candidates[-1 - number % 50]
        ask = request("POST", "/v1/lookalike/score", {"users": world.users[:JUDGES], "items": [item]})
        before = (await asking.ask(ask))[1]
        click = {"user": world.user(), "item": item, "time": time.time(), "id": f"probe {number}"}
        status, _ = await asking.ask(request("POST", "/v1/events", click))
        acknowledged, number = perf_counter(), number + 1
        while status == 200 and (await asking.ask(ask))[1] == before and perf_counter() - acknowledged < 10:
            await asyncio.sleep(0.01)
        found.append(perf_counter() - acknowledged)
    asking.close()
    return found


class Report:
    """A table that is filled as parts finish."""

    def __init__(self, title: str) -> None:
        self.table = Table(
            "measured", "requests/s", "p50 ms", "p99 ms", "longest ms", "failures", title=title, box=MARKDOWN
        )

    def add(self, name: str, answers: Answers) -> None:
        failures = f"{len(answers.failures)}" + (f" ({answers.failures[0][0]})" if answers.failures else "")
        times = [f"{answers.ms(percentile):.2f}" for percentile in (50, 99, 100)]
        self.table.add_row(name, f"{answers.per_s:,.0f}", *times, failures)
        console.print(
            f"{name}: {answers.per_s:,.0f}/s, p50 {times[0]} p99 {times[1]} ms, {failures} failures", style="dim"
        )


async def scores(port: int, world: World, candidates: int, report: Report, seconds: float) -> None:
    """One user against all candidates, by one client and at a pace, alone and beside events and clustering."""
    named = f"score, {candidates:,} candidates"
    await closed(port, world.score, 1, 2)
    report.add(f"{named}, one client", await closed(port, world.score, 1, seconds))
    report.add(f"{named}, 16 clients", await closed(port, world.score, 16, seconds))
    report.add(f"{named}, 100/s", await paced(port, world.score, 100, seconds))
    both = asyncio.gather(paced(port, world.score, 100, seconds), busy(port, world, candidates, 1_000, seconds))
    answers, _ = await both
    report.add(f"{named}, 100/s, busy", answers)


async def profiles(port: int, world: World, candidates: int, report: Report, seconds: float) -> None:
    """As many as 16 clients get, then half as many at a pace while events arrive."""
    await closed(port, world.profile, 16, 2)
    most = await closed(port, world.profile, 16, seconds)
    report.add("profile, 16 clients", most)
    answers, _ = await asyncio.gather(
        paced(port, world.profile, most.per_s / 2, seconds), busy(port, world, candidates, 1_000, seconds)
    )
    report.add("profile, half of that, busy", answers)
    answers, _ = await asyncio.gather(
        paced(port, world.profile, 750, seconds), busy(port, world, candidates, 1_000, seconds)
    )
    report.add("profile, 750/s, busy", answers)


async def ingest(port: int, world: World, candidates: int, report: Report, seconds: float) -> None:
    """Calls of 500 events by four clients; consumers work meanwhile, and what is refused for being too much is told."""
    answers = await closed(port, world.ingest(candidates), 4, seconds)
    report.add(f"events, calls of {EVENTS_PER_CALL}, 4 clients", answers)
    taken = (len(answers.latencies) - len(answers.failures)) * EVENTS_PER_CALL / (answers.ended - answers.began)
    console.print(f"{taken:,.0f} events/s acknowledged")
    began = perf_counter()
    while _waiting(await ask_all(port, [request("GET", "/metrics")])) > 0:
        await asyncio.sleep(0.2)
    console.print(f"{perf_counter() - began:.1f} s until all of them were consumed")


def _waiting(answers: list[tuple[int, bytes]]) -> float:
    return _measured(answers, "penchant_backlog_events")


def _measured(answers: list[tuple[int, bytes]], name: str) -> float:
    ((_, body),) = answers
    lines = [line for line in body.decode().splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].split()[1])


async def fresh(port: int, world: World, candidates: Sequence[str], seconds: float) -> None:
    """How soon a click counts while 5,000 events a second arrive."""
    found, answers = await asyncio.gather(
        freshness(port, world, candidates, seconds), busy(port, world, len(candidates) - 50, 5_000, seconds)
    )
    left = _waiting(await ask_all(port, [request("GET", "/metrics")]))
    console.print(f"{left:,.0f} events waited at the end")
    rate, ms = answers.per_s * 100, [f"{1000 * np.percentile(found, share):,.0f}" for share in (50, 99, 100)]
    console.print(
        f"acknowledged click → changed score at {rate:,.0f} events/s: p50 {ms[0]}, p99 {ms[1]}, longest {ms[2]} ms, "
        f"{len(found)} probes"
    )


async def soak(server: Server, world: World, candidates: int, minutes: float) -> None:
    """Everything at a moderate pace; memory every minute."""

    async def ask(make: Callable[[int], bytes], per_s: float) -> Answers:
        return await paced(server.port, make, per_s, 60 * minutes, connections=8)

    async def watch() -> None:
        for minute in range(int(minutes) + 1):
            told = ", ".join(f"{name} {mib:,.0f} MiB" for name, mib in server.memory_mib.items())
            console.print(f"minute {minute}: {told}")
            await asyncio.sleep(60 if minute < int(minutes) else 0)

    named = {"score": world.score, "profile": world.profile, "events": world.ingest(candidates, 100)}
    parts = [ask(named["score"], 50), ask(named["profile"], 50), ask(named["events"], 5)]
    watching = asyncio.create_task(watch())
    answers = await asyncio.gather(*parts)
    await watching
    for name, one in zip(named, answers, strict=True):
        console.print(f"{name}: {len(one.latencies):,} requests, p99 {one.ms(99):.1f} ms, {len(one.failures)} failures")


PARTS = ("score", "profile", "events", "fresh")


async def measure(server: Server, world: World, arguments: argparse.Namespace) -> None:
    report, parts = Report(f"{arguments.run.name}, {arguments.store}"), arguments.only or PARTS
    first = world.items[: arguments.candidates]
    took_s = await open_candidates(server.port, first)
    told = ", ".join(f"{name} {mib:,.0f} MiB" for name, mib in server.memory_mib.items())
    console.print(
        f"start {server.started_s:.1f} s; {len(first):,} candidates clustered in {took_s:.1f} s; memory {told}"
    )
    if "score" in parts:
        await scores(server.port, world, len(first), report, arguments.seconds)
    if "profile" in parts:
        await profiles(server.port, world, len(first), report, arguments.seconds)
    if "fresh" in parts:
        await fresh(server.port, world, first, arguments.seconds)
    if "events" in parts:
        await ingest(server.port, world, len(first), report, arguments.seconds)
    if "soak" in parts:
        await soak(server, world, len(first), arguments.minutes)
    console.print(report.table)
    told = ", ".join(f"{name} {mib:,.0f} MiB" for name, mib in server.memory_mib.items())
    console.print(f"memory at the end: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--store", choices=("sqlite", "redis"), default="sqlite")
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--candidates", type=int, default=3_000)
    parser.add_argument("--recluster", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--only", choices=(*PARTS, "soak"), action="append")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    console.print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(Path(folder)) if arguments.store == "redis" else None
        if redis:
            redis.start()
        url = redis.url if redis else f"sqlite:{folder}/live.sqlite"
        with serving(arguments.run, url, apart=arguments.apart, recluster=arguments.recluster) as server:
            asyncio.run(measure(server, World(arguments.run), arguments))
        if redis:
            redis.kill()


if __name__ == "__main__":
    main()
