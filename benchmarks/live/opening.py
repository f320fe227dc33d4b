"""Many candidates opened at once: how many a second get clusters, and whether the server is ready throughout.

    OMP_NUM_THREADS=1 python -m benchmarks.live.opening RUN [--store sqlite|redis] [--apart] [--again] [--only N]

RUN: a trained run folder whose log has at least 50,000 items, such as one made as configs/serving.toml says, of a feed
of `penchant simulate big --users 40000 --items 60000 --days 4`. Candidates are the items of the log, in the order of
their number of clicks lately; those beyond the log are ids that nobody has clicked. For each number of them there is a
server of its own on a store of its own. A second client asks /readyz ten times a second meanwhile. --again: all are
then clustered a second time, as fast as can be (the server runs with `--recluster 1`).
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from benchmarks.live.load import Server, World, serving
from benchmarks.live.traffic import ask_all, request
from benchmarks.machine import describe_machine
from tests.helpers.servers import RedisServer

NUMBERS = (3_000, 12_000, 50_000)
PER_CALL = 10_000

console = Console(width=140)


async def measures(port: int) -> dict[str, float]:
    """Numbers of /metrics without labels, by name."""
    ((_, body),) = await ask_all(port, [request("GET", "/metrics")])
    lines = [line.split() for line in body.decode().splitlines() if line.startswith("penchant_") and "{" not in line]
    return {name: float(value) for name, value in lines}


async def watch(port: int, found: list[tuple[int, float]], ended: asyncio.Event) -> None:
    """Ask whether it is ready, again and again: the status, and how long the answer took."""
    while not ended.is_set():
        began = perf_counter()
        ((status, _),) = await ask_all(port, [request("GET", "/readyz")])
        found.append((status, perf_counter() - began))
        await asyncio.sleep(0.1)


async def clustered(port: int, items: Sequence[str]) -> float:
    """Open items and wait until none waits for clusters: seconds."""
    began = perf_counter()
    calls = [items[start : start + PER_CALL] for start in range(0, len(items), PER_CALL)]
    for status, body in await ask_all(port, [request("PUT", "/v1/candidates", {"items": call}) for call in calls]):
        assert status < 300, body
    while (await measures(port))["penchant_candidates_waiting"] > 0:
        await asyncio.sleep(0.5)
    return perf_counter() - began


async def clustered_again(port: int) -> float:
    """Wait until all are clustered anew: seconds."""
    began = perf_counter()
    while (await measures(port))["penchant_clusters_oldest_seconds"] > perf_counter() - began:
        await asyncio.sleep(0.5)
    return perf_counter() - began


async def measure(server: Server, items: Sequence[str], table: Table, *, again: bool) -> None:
    found, ended = list[tuple[int, float]](), asyncio.Event()
    watching = asyncio.create_task(watch(server.port, found, ended))
    took_s = await clustered(server.port, items)
    again_s = await clustered_again(server.port) if again else None
    ended.set()
    await watching
    scored = (await measures(server.port))["penchant_candidates_scored"]
    waits = sorted(seconds for _, seconds in found)
    row = (
        f"{len(items):,}",
        f"{scored:,.0f}",
        f"{took_s:.1f}",
        f"{len(items) / took_s:,.0f}",
        "" if again_s is None else f"{len(items) / again_s:,.0f}",
        f"{sum(status == 200 for status, _ in found):,} of {len(found):,}",
        f"{1000 * waits[len(waits) * 99 // 100]:.0f}",
        ", ".join(f"{name} {mib:,.0f}" for name, mib in server.memory_mib.items()),
    )
    console.print(" | ".join(row))
    table.add_row(*row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--store", choices=("sqlite", "redis"), default="sqlite")
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--only", type=int, action="append")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    console.print(describe_machine())
    heads = "candidates", "with seeds", "s", "a second", "again, a second", "/readyz is 200", "p99 ms", "MiB"
    table = Table(*heads, title=f"{arguments.run.name}, {arguments.store}", box=MARKDOWN)
    for number in arguments.only or NUMBERS:
        with tempfile.TemporaryDirectory() as folder:
            redis = RedisServer(Path(folder)) if arguments.store == "redis" else None
            if redis:
                redis.start()
            url = redis.url if redis else f"sqlite:{folder}/live.sqlite"
            recluster = 1.0 if arguments.again else 300.0
            with serving(arguments.run, url, apart=arguments.apart, recluster=recluster) as server:
                known = World(arguments.run).items[:number]
                items = [*known, *(f"never clicked {place}" for place in range(number - len(known)))]
                asyncio.run(measure(server, items, table, again=arguments.again))
            if redis:
                redis.kill()
    console.print(table)


if __name__ == "__main__":
    main()
