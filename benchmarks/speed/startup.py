"""How long the command line takes to answer with a help page or a usage error, beside a Python that does nothing.

    python -m benchmarks.speed.startup [--rounds 10]

Every command is a process of its own. All take turns within a round, so that a busy machine slows all of them; the
table holds medians over rounds, and the median of the ratio to `python -c pass` in the same round.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.box import MARKDOWN
from rich.table import Table

from benchmarks.machine import describe_machine
from penchant.command.drawn import console

NOTHING = "python -c pass"
COMMANDS = (
    "--help",
    "serve --help",
    "--version",
    "nonsense",
    "run",
    "run --oot x",
    "profile run anna --by wrong",
    "check nowhere.toml",
    "check folder",
    "check broken.toml",
    "train nowhere",
)


def command_of(words: str) -> list[str]:
    return [sys.executable, "-c", "pass"] if words == NOTHING else [sys.executable, "-m", "penchant", *words.split()]


def race(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of each round; a first one, which compiles and reads files, is not counted."""
    spent: dict[str, list[float]] = {words: [] for words in (NOTHING, *COMMANDS)}
    for _ in range(rounds + 1):
        for words, seconds in spent.items():
            began = perf_counter()
            subprocess.run(command_of(words), cwd=folder, capture_output=True, check=False)
            seconds.append(perf_counter() - began)
    return {words: seconds[1:] for words, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "broken.toml").write_text("model = [", encoding="utf-8")
        (folder / "folder").mkdir()
        (folder / "run").mkdir()
        (folder / "run" / "config.json").touch()
        spent = race(folder, rounds)
    table = Table("", "seconds", "fastest", "x a Python that does nothing", box=MARKDOWN)
    for words, seconds in spent.items():
        ratio = median(own / bare for own, bare in zip(seconds, spent[NOTHING], strict=True))
        shown = words if words == NOTHING else f"penchant {words}"
        table.add_row(shown, f"{median(seconds):.3f}", f"{min(seconds):.3f}", f"{ratio:.1f}")
    console.print(f"{describe_machine()}, {rounds} rounds", soft_wrap=True)
    console.print(table)


if __name__ == "__main__":
    main()
