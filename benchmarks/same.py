"""Whether two commits give the same: every weight bit for bit, every number of the metrics, on this machine.

    python -m benchmarks.same BEFORE AFTER --before RUN.toml [--after RUN.toml] [--map OLD=NEW …] [--out DIR]

Each commit is checked out into a folder of its own and runs its run file there, one after the other (`--before` for
both if `--after` is not given). Paths of the run folder before are looked for at the same place after, else where
MOVED, or `--map`, says that they moved; `--map` may name a path of its own. A folder means its weights. Exit status 1
where what an interest model of tags made differs, or is on one side alone; look-alike is told, and no more.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.box import MARKDOWN
from rich.table import Table
from safetensors.numpy import load_file

from benchmarks.machine import describe_machine
from penchant.command.drawn import console
from penchant.files import read_json

MOVED = {
    "model": "models/tags",
    "metrics.json": "scores/tags.json",
    "lookalike/users-attention": "models/users",
    "lookalike/ralm": "models/alike",
    "lookalike/metrics.json": "scores/alike.json",
}
"""Where the files of a run lay before each model had a folder under its name, and where they lie since."""

PASSING = {"made", "samples_per_s"}
"""What is told of a run itself, such as its time: it may differ."""

MOST_NAMED = 5


def run(commit: str, file: Path, folder: Path) -> Path:
    """The run folder of a run file at a commit."""
    tree, made = folder / "tree", folder / "run"
    if not tree.exists():
        subprocess.run(["git", "worktree", "add", "--force", "--detach", str(tree), commit], check=True)
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "penchant", "run", str(file.resolve()), "--out", str(made)]
    subprocess.run(command, cwd=tree, env=environment, check=True)
    return made


def values_of(path: Path) -> dict[str, Any]:
    """Every tensor of a folder's weights, as type, shape and bytes, or every number of a JSON file; by name."""
    if path.is_dir():
        arrays = [(file.stem, load_file(file)) for file in sorted(path.glob("*.safetensors"))]
        return {
            f"{stem}: {name}": (str(array.dtype), array.shape, array.tobytes())
            for stem, tensors in arrays
            for name, array in tensors.items()
        }
    return dict(_numbers(read_json(path), "")) if path.exists() else {}


def _numbers(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Every number below a value of JSON, by its path; as text, so that NaN is NaN."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            if key not in PASSING:
                yield from _numbers(inner, f"{name}/{key}")
    elif isinstance(value, int | float):
        yield name, repr(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs=2, metavar="COMMIT")
    parser.add_argument("--before", type=Path, required=True)
    parser.add_argument("--after", type=Path)
    parser.add_argument("--map", action="append", default=[], metavar="OLD=NEW")
    parser.add_argument("--out", type=Path, help="kept, and gone on with; a temporary folder if not given")
    said = parser.parse_args()
    moved = MOVED | dict(pair.split("=", 1) for pair in said.map)
    with tempfile.TemporaryDirectory() as temporary:
        out = (said.out or Path(temporary)).resolve()
        try:
            before = run(said.commits[0], said.before, out / "before")
            after = run(said.commits[1], said.after or said.before, out / "after")
            differs = compare(before, after, moved)
        finally:
            if not said.out:
                for side in ("before", "after"):
                    subprocess.run(["git", "worktree", "remove", "--force", str(out / side / "tree")], check=False)
    sys.exit(1 if differs else 0)


def compare(before: Path, after: Path, moved: dict[str, str]) -> bool:
    """Print what is equal and what differs; whether anything of a model of tags does."""
    console.print(describe_machine())
    table = Table("before", "after", "equal", "differ", "on one side", "which", box=MARKDOWN)
    wrong = False
    for old, new in moved.items():
        there = old if (after / old).exists() else new
        ours, theirs = values_of(before / old), values_of(after / there)
        both = ours.keys() & theirs.keys()
        differ = sorted(name for name in both if ours[name] != theirs[name])
        alone = sorted(ours.keys() ^ theirs.keys())
        wrong |= not old.startswith("lookalike/") and bool(differ or alone or not both)
        named = ", ".join([*differ, *alone][:MOST_NAMED])
        table.add_row(old, there, str(len(both) - len(differ)), str(len(differ)), str(len(alone)), named)
    console.print(table)
    return wrong


if __name__ == "__main__":
    main()
