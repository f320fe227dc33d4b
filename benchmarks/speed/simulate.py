"""Impressions per second and peak memory of `penchant simulate`, by the number of users.

    python -m benchmarks.speed.simulate [--users 80000,320000] [--processes 2] [--large] [--out DIR]

Writing Parquet is included. Memory is that of the command and its workers together, looked at every 50 ms; each size
is a process of its own. --large adds a million users and a million tags, with few impressions each.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.simulation.config import SimulationConfig
from penchant.simulation.simulate import simulate

LARGE: dict[str, Any] = {
    "users": 1_000_000,
    "tags": 1_000_000,
    "items": 1_000_000,
    "topics": 1_000,
    "days": 5,
    "shown": 5,
    "users_per_shard": 20_000,
}


def measure(values: dict[str, Any], processes: int, out: Path) -> None:
    """Simulate and print what was written; run in a fresh process."""
    feed = simulate(SimulationConfig(**values), out, processes=processes)
    print(json.dumps({"impressions": feed.impressions, "clicks": feed.clicks}))


def watch(process: subprocess.Popen[str]) -> float:
    """Peak memory of a process and all below it, in MiB; waits until it ends."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory(process.pid))
        time.sleep(0.05)
    return peak / 2**20


def _memory(pid: int) -> int:
    """Bytes resident of a process and its children, as Linux tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGESIZE") + sum(_memory(int(child)) for child in children)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", default="80000,320000")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.measure:
        measure(json.loads(said.measure), said.processes, said.out)
        return
    worlds: list[dict[str, Any]] = [{"users": int(users), "tags": 10_000} for users in said.users.split(",")]
    console.print(describe_machine())
    title = f"penchant simulate, {said.processes} processes"
    table = Table(
        "users", "tags", "impressions", "seconds", "impressions/s", "peak memory MiB", title=title, box=MARKDOWN
    )
    for world in [*worlds, *([LARGE] if said.large else [])]:
        with tempfile.TemporaryDirectory(dir=said.out) as folder:
            options = ["--measure", json.dumps(world), "--processes", str(said.processes), "--out", f"{folder}/feed"]
            began = time.perf_counter()
            command = [sys.executable, "-m", "benchmarks.speed.simulate", *options]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                peak = watch(process)
                assert process.stdout
                done = json.loads(process.stdout.read())
            seconds = time.perf_counter() - began
            rate = done["impressions"] / seconds
            cells = [world["users"], world["tags"], done["impressions"], round(seconds, 1), round(rate), round(peak)]
            table.add_row(*(f"{cell:,}" for cell in cells))
    console.print(table)


if __name__ == "__main__":
    main()
