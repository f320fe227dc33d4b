"""Time and peak memory of `prepare` for tag profiles on the Globo log, once, and with the log four times over.

    python -m benchmarks.speed.prepare [--out DIR]

Four times over means other users: each copy's ids get a letter, so that nothing repeats. Each is a process of its own.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.logs.tables import Tables
from penchant.pipeline import Run
from penchant.runfile import LogsConfig, load_config

CONFIG, MODEL = Path("configs/globo.toml"), "tags"


def copies_of(tables: Tables, count: int, folder: Path) -> Tables:
    """The tables with `count` copies of the log, each with users of its own."""
    if count == 1:
        return tables
    events = tables.events
    files = []
    for copy in range(count):
        files.append(str(folder / f"clicks-{copy}.parquet"))
        users = pl.format("{}{}", pl.col(events.user), pl.lit("abcdefghijklmnop"[copy]))
        pl.scan_parquet(str(events.files)).with_columns(users.alias(events.user)).sink_parquet(files[-1])
    return tables.model_copy(update={"events": events.model_copy(update={"files": files})})


def measure(count: int, out: Path) -> None:
    """Prepare and print: rows, seconds, peak memory in MiB; run in a fresh process."""
    config = load_config(CONFIG)
    tables = Tables.model_validate_json((out / f"tables-{count}.json").read_text(encoding="utf-8"))
    logs = LogsConfig(tables=tables)
    began = time.perf_counter()
    run = Run.start(config.model_copy(update={"logs": logs}), out / f"run-{count}")
    (prepared,) = run.prepare(only=MODEL)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    samples = prepared.samples(config.labels.field)
    print(f"{run.check().found['rows']}\t{seconds:.1f}\t{peak:.0f}\t{samples}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.measure:
        measure(said.measure, said.out)
        return
    console.print(describe_machine())
    table = Table("copies of the log", "rows", "seconds", "peak memory MiB", "samples", box=MARKDOWN)
    with tempfile.TemporaryDirectory(dir=said.out) as folder:
        tables = load_config(CONFIG).logs.resolve(CONFIG.parent.resolve())
        for count in (1, 4):
            made = copies_of(tables, count, Path(folder))
            (Path(folder) / f"tables-{count}.json").write_text(made.model_dump_json(), encoding="utf-8")
            command = [sys.executable, "-m", "benchmarks.speed.prepare", "--measure", str(count), "--out", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
            table.add_row(str(count), *done.stdout.strip().splitlines()[-1].split("\t"))
    console.print(table)


if __name__ == "__main__":
    main()
