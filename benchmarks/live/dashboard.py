"""The dashboard of a large run: how soon pages are seen, what they weigh, what they cost the scoring path.

    OMP_NUM_THREADS=1 python -m benchmarks.live.dashboard RUN [--candidates 1000] [--seconds 10] [--rounds 6]

RUN: a trained run folder (configs/dashboard.toml says how to make one of 100,000 users and 58,000 tags). The server has
one core; browser and load share the other. A page is seen when the browser paints its first content, with an empty
cache; what it weighs is all that went over the wire for it. For the cost, scores are asked for by one client without a
pause, in turns: nobody looks; somebody has the page System open, which asks for new numbers every two seconds, and goes
through the other pages, one in three seconds.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks.live.load import LOAD_CORE, World, open_candidates, serving
from benchmarks.live.traffic import ask_all, closed, connect
from benchmarks.machine import describe_machine
from tests.dashboard.browsers import PHONE, launched, visiting

console = Console(width=140)

VISITS = 5
POLL_S, PAGE_S = 2.0, 3.0
POLLED = ("/dashboard/system/now", "/dashboard/system/charts")

SEEN = """() => new Promise(resolve => setTimeout(() => {
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  const largest = window.largest || 0;
  const parts = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  resolve([paint ? paint.startTime : NaN, largest, parts.map(one => [one.name, one.transferSize])]);
}, 300))"""

WATCH = """new PerformanceObserver(list => { window.largest = list.getEntries().at(-1).startTime; })
  .observe({type: 'largest-contentful-paint', buffered: true});"""


@dataclass(frozen=True)
class Seen:
    """Milliseconds from the click to the first content and to the largest; bytes, and of that the points of the map."""

    first_ms: float
    largest_ms: float
    bytes: int
    map_bytes: int


def pages(world: World, tag: str) -> Mapping[str, str]:
    """What is looked at: a name and a path for each."""
    user, item = quote(world.user()), quote(world.items[0])
    return {
        "Users": "/users",
        "a user": f"/users?user={user}",
        "who likes a tag": f"/users?tag={quote(tag)}",
        "Tags": "/tags",
        "a tag": f"/tags?tag={quote(tag)}",
        "Look-alike": "/lookalike",
        "a candidate": f"/lookalike?item={item}",
        "Quality": "/quality",
        "System": "/system",
    }


def look(browser: Browser, root: str, path: str, window: dict[str, int] | None) -> Seen:
    """One visit with an empty cache."""
    with visiting(browser, root, window=window) as visit:
        visit.page.add_init_script(WATCH)
        visit.go(path)
        first, largest, parts = visit.page.evaluate(SEEN)
        points = sum(size for name, size in parts if "/tags/points" in name)
        return Seen(first, largest, sum(size for _, size in parts), points)


def seen(root: str, shown: Mapping[str, str]) -> None:
    table = Table("page", "first paint, ms", "on a phone", "largest, ms", "kB", "map, kB", box=MARKDOWN)
    with launched() as browser:
        for name, path in shown.items():
            look(browser, root, path, None)
            desk = [look(browser, root, path, None) for _ in range(VISITS)]
            phone = [look(browser, root, path, PHONE) for _ in range(VISITS)]
            table.add_row(
                name,
                _spread([one.first_ms for one in desk]),
                _spread([one.first_ms for one in phone]),
                _spread([one.largest_ms for one in desk]),
                f"{max(one.bytes - one.map_bytes for one in desk) / 1000:.0f}",
                f"{max(one.map_bytes for one in desk) / 1000:.0f}",
            )
    console.print(table)


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} (at most {max(values):.0f})"


async def viewer(port: int, paths: Iterator[str], seconds: float) -> int:
    """Somebody who looks: how many requests it were."""
    polling, reading = await connect(port), await connect(port)
    ends, asked = time.monotonic() + seconds, 0

    def plain(path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nHX-Request: true\r\n\r\n".encode()

    async def poll() -> None:
        nonlocal asked
        while time.monotonic() < ends:
            for path in POLLED:
                status, _ = await polling.ask(plain(path))
                assert status == 200, (path, status)
                asked += 1
            await asyncio.sleep(POLL_S)

    async def read() -> None:
        nonlocal asked
        while time.monotonic() < ends:
            path = next(paths)
            status, _ = await reading.ask(plain(f"/dashboard{path}"))
            assert status == 200, (path, status)
            asked += 1
            await asyncio.sleep(PAGE_S)

    await asyncio.gather(poll(), read())
    return asked


async def cost(port: int, world: World, shown: Mapping[str, str], seconds: float, rounds: int) -> None:
    paths = cycle(shown.values())
    table = Table("round", "scores/s, nobody looks", "somebody looks", "ratio", "p99, ms", "p99, ms", box=MARKDOWN)
    ratios = []
    await closed(port, world.score, 1, 3.0)
    for number in range(rounds):
        parts = {}
        for looked_at in (False, True) if number % 2 else (True, False):
            watching = asyncio.create_task(viewer(port, paths, seconds)) if looked_at else None
            parts[looked_at] = await closed(port, world.score, 1, seconds)
            if watching:
                await watching
        ratios.append(parts[True].per_s / parts[False].per_s)
        table.add_row(
            str(number + 1),
            *(f"{parts[looked].per_s:.0f}" for looked in (False, True)),
            f"{ratios[-1]:.3f}",
            *(f"{parts[looked].ms(99):.2f}" for looked in (False, True)),
        )
    console.print(table)
    console.print(f"median of the ratios: {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")


async def some_tag(port: int) -> str:
    """Once the map is made: a tag that many like."""
    while True:
        answers = await ask_all(port, [b"GET /dashboard/tags/points HTTP/1.1\r\nHost: localhost\r\n\r\n"])
        status, body = answers[0]
        texts = json.loads(body)["texts"] if status == 200 else []
        if texts:
            return str(texts[0])
        await asyncio.sleep(1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--candidates", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    console.print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:{folder}/live.sqlite"
        with serving(arguments.run, url, apart=False, recluster=300.0) as server:
            world = World(arguments.run)
            waited = asyncio.run(open_candidates(server.port, world.items[: arguments.candidates]))
            console.print(f"{arguments.candidates:,} candidates have clusters after {waited:.0f} s")
            shown = pages(world, asyncio.run(some_tag(server.port)))
            seen(f"http://127.0.0.1:{server.port}", shown)
            asyncio.run(cost(server.port, world, shown, arguments.seconds, arguments.rounds))


if __name__ == "__main__":
    main()
