"""Help pages and usage errors are there at once: they import nothing that takes long, so no clock is needed to tell."""

import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

LIGHT = {"penchant", "typer", "shellingham", "annotated_doc"}
"""What a help page may import beside the standard library: the command line, and what Typer needs."""

OF_VALUES = {"pydantic", "pydantic_core", "typing_extensions", "typing_inspection", "annotated_types"}
"""What Typer needs beside these to look at the values of options."""

SLOW_PARTS = {"ssl", "asyncio", "sqlite3", "multiprocessing"}
"""Parts of the standard library that take long too."""

INSTALLED = set(packages_distributions())
"""Packages beside the standard library, by the name under which they are imported."""

COMMANDS = [
    *("demo", "init", "check", "run"),
    *("profile", "explain", "audience", "export", "report", "dashboard"),
    *("prepare", "train", "evaluate", "profiles"),
    *("fetch", "simulate"),
    *("serve", "replay", "forget", "key"),
]


class Said(NamedTuple):
    """What a command ended with and said, and the modules that were imported, or looked for."""

    status: int
    out: str
    err: str
    imported: set[str]


def python(folder: Path, *words: str) -> Said:
    """A process that writes a line per import: "import time: its own | with all below it | name"."""
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    lines = done.stderr.splitlines()
    imported = {line.rsplit("|", 1)[1].strip() for line in lines if line.startswith("import time:")}
    err = "\n".join(line for line in lines if not line.startswith("import time:"))
    return Said(done.returncode, done.stdout, err, imported)


@cache
def imported_anyway() -> set[str]:
    """What any Python of this environment imports, as files .pth in it may ask for."""
    return python(Path.cwd(), "-c", "pass").imported


def called(folder: Path, *words: str) -> Said:
    return python(folder, "-m", "penchant", *words)


def assert_light(said: Said, allowed: set[str]) -> None:
    packages = {name.split(".")[0] for name in said.imported - imported_anyway()}
    assert "penchant" in packages, "nothing was measured"
    assert (packages & INSTALLED) - allowed == set()
    assert said.imported & SLOW_PARTS == set()


@pytest.mark.parametrize("words", [*COMMANDS, "key create", "key list", "key revoke"])
def test_the_help_page_of_a_command_imports_the_command_line_alone(tmp_path: Path, words: str) -> None:
    said = called(tmp_path, *words.split(), "--help")
    assert said.status == 0
    assert said.out.startswith("Usage: ")
    assert max(map(len, said.out.splitlines())) <= 80
    assert_light(said, LIGHT | OF_VALUES)


def test_help_tells_every_command_on_a_line_that_is_whole(tmp_path: Path) -> None:
    said = called(tmp_path, "--help")
    assert_light(said, LIGHT)
    lines = said.out.splitlines()
    told = {line.split()[0]: line for line in lines if line.startswith("  ") and line.split()[0] in COMMANDS}
    assert list(told) == COMMANDS
    assert all(line.endswith(".") and not line.endswith("...") for line in told.values())


USAGE = [
    ("nonsense", "No such command 'nonsense'"),
    ("runs", "Did you mean 'run'?"),
    ("run run.toml", "Missing option '--out'"),
    ("run --out x", "Missing argument 'RUN.toml'"),
    ("run run.toml --oot x", "No such option: --oot (Possible options: --out)"),
    ("profile run anna --by wrong", "'wrong' is not one of 'lift', 'preference'."),
    ("audience run x --size many", "Invalid value for '--size'"),
    ("export run everything --to x.csv", "'everything' is not one of 'profiles', 'audiences'"),
    ("export run profiles", "Missing option '--to'"),
    ("serve run --role http --role htttp", "'htttp' is not one of 'http', 'consumer', 'cluster'"),
    ("key create run --scope write", "'write' is not one of 'ingest', 'read', 'admin'"),
    ("simulate x --rule wrong", "'wrong' is not one of 'sum', 'one', 'mixed'"),
    ("init nowhere", "Invalid value for 'PATH'"),
    ("replay nowhere", "Invalid value for 'LOG'"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a run file, a run folder as far as commands look before they begin, and what only looks like one."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "run.toml").touch()
    (folder / "broken.toml").write_text("model = [", encoding="utf-8")
    for name in "run", "empty":
        (folder / name).mkdir()
    (folder / "run" / "config.json").touch()
    return folder


@pytest.mark.parametrize(("words", "problem"), USAGE, ids=[words for words, _ in USAGE])
def test_a_usage_error_imports_the_command_line_alone(folder: Path, words: str, problem: str) -> None:
    said = called(folder, *words.split())
    assert said.status == 2
    assert said.err.startswith("Usage: ")
    assert problem in " ".join(said.err.split())
    assert_light(said, LIGHT | OF_VALUES)


RUN_FILES = [
    ("check nowhere.toml", "nowhere.toml does not exist; write one with `penchant init`"),
    ("run run.toml nowhere.toml --out x", "nowhere.toml does not exist"),
    ("prepare empty --out x", "empty is a folder; give a run file"),
    ("check broken.toml", "broken.toml is not a TOML file"),
    ("replay broken.toml", "broken.toml is not a TOML file"),
]
RUN_FOLDERS = [
    *((f"{command} nowhere", "nowhere is no run folder") for command in ("train", "evaluate", "profiles")),
    *((f"{command} nowhere x", "nowhere is no run folder") for command in ("profile", "explain", "audience", "forget")),
    ("report run empty", "empty is no run folder; begin one with `penchant run"),
    ("serve run.toml", "run.toml is a file; give the run folder"),
    ("dashboard empty", "empty is no run folder"),
]
OTHERS = [
    ("serve run --listen here", "--listen is 'here'; write HOST:PORT"),
    ("serve run --trusted-proxy here", "--trusted-proxy is 'here'"),
    ("replay run --speed fast", "speed 'fast' is not understood"),
    ("export run profiles --to x.txt", "the target 'x.txt' says no format that is known; write NAME.parquet"),
    ("export run profiles --to redis://:secret@db/0", "the address of Redis holds a password"),
    ("init run --out run.toml", "run.toml exists; remove it, or give another --out"),
]


@pytest.mark.parametrize(("words", "problem"), [*RUN_FILES, *RUN_FOLDERS, *OTHERS])
def test_what_is_not_there_is_told_before_anything_else_is_imported(folder: Path, words: str, problem: str) -> None:
    said = called(folder, *words.split())
    assert said.status == 1
    assert said.err.startswith("error: ")
    assert problem in said.err
    assert_light(said, LIGHT | OF_VALUES)


def test_the_version_is_told_at_once(tmp_path: Path) -> None:
    said = called(tmp_path, "--version")
    assert said.status == 0
    assert_light(said, LIGHT | OF_VALUES)
