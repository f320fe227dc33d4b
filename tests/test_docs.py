"""The documents keep their promises: links lead somewhere, and blocks of code are code that works."""

import ast
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main
from typer import BadParameter

import penchant
from penchant.command.offline import app
from penchant.config import read_toml
from penchant.models.catalog import find
from penchant.runfile import EXAMPLES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "penchant"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


class Block(NamedTuple):
    language: str
    text: str


FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(`+)(.+?)\1", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")


@cache
def blocks(path: Path) -> list[Block]:
    return [Block(language, text) for _, language, text in FENCE.findall(path.read_text(encoding="utf-8"))]


@cache
def prose(path: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def words_in_code(path: Path) -> list[str]:
    """The pieces of code within sentences."""
    return [" ".join(code.split()) for _, code in INLINE.findall(prose(path))]


def pages_with(*languages: str) -> pytest.MarkDecorator:
    """One case for each page that has a block of such a language."""
    pages = [path for path in PAGES if any(block.language in languages for block in blocks(path))]
    return pytest.mark.parametrize("path", pages, ids=lambda path: str(path.relative_to(ROOT)))


every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        times = found[slug] = found.get(slug, -1) + 1
        if times:
            found[f"{slug}-{times}"] = 0
    return set(found)


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# `[logs]`, and [more](x.md)\n## Why?\n## Why?\n```sh\n# no heading\n```\n", encoding="utf-8")
    assert anchors(page) == {"logs-and-more", "why", "why-1"}


@every_page
def test_every_link_leads_somewhere(path: Path) -> None:
    text = INLINE.sub("", prose(path))
    for target in ("".join(pair) for pair in LINK.findall(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        assert there.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(there), f"{target}: no such heading"


@every_page
def test_every_file_of_the_project_that_is_named_exists(path: Path) -> None:
    """Names such as `penchant/pipeline.py`, `logs/read.py`, which is seen from the package, and `read.py`; X is any."""
    for word in words_in_code(path):
        own = "my_models" in word  # of the reader's package
        if not own and re.fullmatch(r"[\w*/-]+\.py|(configs|docs|penchant)/[\w*./-]+", word):
            pattern = word.replace("X", "*").rstrip("/")
            there = [*ROOT.glob(pattern), *PACKAGE.glob(pattern)] if "/" in word else [*PACKAGE.rglob(pattern)]
            assert there, f"`{word}` is not there"


@pages_with("toml")
def test_parts_of_run_files_are_valid(path: Path) -> None:
    """Sections of a block that is no whole run file take the place of those in the run file of the demo.

    A test of its own follows the page with models of the reader's own.
    """
    if path.name == "write-your-own-model.md":
        return
    demo = read_toml(EXAMPLES / "ml-latest-small.toml")
    for block in blocks(path):
        if block.language == "toml":
            values = tomllib.loads(block.text)
            tables = values.get("logs", {}).get("tables")
            if tables is not None:
                tables.setdefault("events", {"files": "e.csv", "user": "user", "item": "item"})
            whole = "features" in values and "logs" in values
            penchant.RunConfig.parse(values if whole else demo | values, origin=str(path))


WHOLE = """
[logs.tables.events]
files = "e.csv"
user = "user"
item = "item"
[logs.tables.items]
files = "i.csv"
item = "item"
fields = { shelf = "shelf" }
[logs.tables.users]
files = "u.csv"
user = "user"
fields = { age = "age" }
[[logs.tables.item_values]]
field = "tags"
files = "t.csv"
item = "item"
value = "tag"
names = { files = "n.csv", value = "tag", name = "name" }
[features]
fields = [{ name = "tags" }]
"""
"""A run file that has everything which is needed of the sections that the reference names."""

WITHIN = {
    "The file itself": [],
    "In every table": ["logs", "tables", "events"],
    "csv, within a table": ["logs", "tables", "events", "csv"],
    "names, within item_values": ["logs", "tables", "item_values", "names"],
    "fields, within features": ["features", "fields"],
}
"""Where the keys below such a heading belong; other headings say it themselves."""

MODEL_OF = {"interest models": "utpm", "rankers": "fm", "look-alikes": "ralm", "graph models": "bpr"}
"""A model that has the keys of all of its kind."""


def copied(heading: str, **keys: Any) -> dict[str, Any]:
    """A run file that has such keys in the section of a heading of the reference."""
    found: dict[str, Any] = tomllib.loads(WHOLE)
    place, _, kind = heading.partition(", ")
    if "models.NAME" in place:
        named = re.fullmatch(r'name = "(.+)"', kind)
        model = named[1] if named else MODEL_OF[kind.partition(" but")[0]]
        found["models"] = {"NAME": {"name": model}}
        if find(model).promise == "lookalikes":
            found["models"]["users"] = {"name": "ralm-users", "cut": "periods"}
    at: Any = found
    for step in WITHIN.get(heading, re.findall(r"\w+", place)):
        at = at.setdefault(step, {})
        at = at[0] if isinstance(at, list) else at
    at.update(keys)
    return found


def printed_defaults() -> Iterator[Any]:
    """(heading, key, value as TOML) of each row of the reference that has a default to copy, in backticks."""
    page = (ROOT / "docs" / "run-file.md").read_text(encoding="utf-8")
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        for key, value in re.findall(r"^\| `(\w+)` \| .*? \| (.*) \|$", text, re.MULTILINE):
            if value not in ("needed", "not given", "its own"):
                yield pytest.param(heading, key, value[1:-1].replace("\\|", "|"), id=f"{heading}: {key}")


@pytest.mark.parametrize(("heading", "key", "value"), list(printed_defaults()))
def test_a_default_may_be_copied_into_a_run_file_and_changes_nothing(heading: str, key: str, value: str) -> None:
    said = copied(heading, **tomllib.loads(f"{key} = {value}"))
    without = penchant.RunConfig.parse(copied(heading), origin="without")
    assert penchant.RunConfig.parse(said, origin=f"{key} = {value}") == without


@pages_with("python")
def test_python_parses_and_what_it_takes_from_the_package_is_there(path: Path) -> None:
    for block in blocks(path):
        if block.language == "python":
            for module, name in taken(ast.parse(block.text)):
                assert hasattr(import_module(module), name), f"{module} has no {name}"


def taken(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name) for each name that a program takes from the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "penchant":
            yield from ((node.module or "", alias.name) for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "penchant":
            yield "penchant", node.attr


@pages_with("json")
def test_json_parses(path: Path) -> None:
    for block in blocks(path):
        if block.language == "json":
            json.loads(block.text)


COMMAND = re.compile(r"(?<![\w./-])penchant +([^)|;&]*)")


@pages_with("sh", "bash", "")
def test_commands_are_those_of_the_command_line(path: Path) -> None:
    for block in blocks(path):
        if block.language in ("sh", "bash", ""):
            for line in block.text.replace("\\\n", " ").splitlines():
                for words in COMMAND.findall(re.sub(r"(^|\s)#.*", "", line)):
                    command, rest = command_of(shlex.split(words))
                    try:
                        command.make_context(words, rest)  # raises an error for what the command line would refuse
                    except (penchant.PenchantError, BadParameter) as error:
                        # Files and folders of an example are not here.
                        if not re.search(r"does not exist|is no run folder", str(error)):
                            raise


@every_page
def test_commands_within_sentences_exist(path: Path) -> None:
    for word in words_in_code(path):
        if word.startswith("penchant "):
            command, rest = command_of(word.split()[1:])
            options = {name for one in command.params for name in one.opts} | {"--help"}
            unknown = {name.partition("=")[0] for name in rest if name.startswith("--")} - options
            assert not unknown, f"`{word}`: no {unknown}"


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that words of a command line mean, and the words that are left for it."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("--"):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_a_user_is_they_and_nothing_names_what_a_reader_lacks() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    written = {".py", ".md", ".toml", ".jinja", ".js", ".css", ".yaml"}
    paths = [path for path in map(Path, listed.splitlines()) if path.suffix in written and "vendor" not in path.parts]
    said = {
        str(path): (ROOT / path).read_text(encoding="utf-8") for path in paths if path != Path("tests/test_docs.py")
    }
    pronoun, dead = r"(_|\b)(he|his|him|himself|she|her)(_|\b)", r"\bSPEC\b|§|\bR\d{1,2}\b"
    assert [name for name, text in said.items() if re.search(f"{pronoun}|{dead}", text)] == []
