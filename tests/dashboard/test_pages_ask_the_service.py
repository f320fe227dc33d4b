"""Pages ask the service: no file of the dashboard reaches behind it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from penchant import dashboard
from penchant.serving.service import Service

FOLDER = Path(dashboard.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))

BEHIND = {"view", "snapshot", "served"}
"""What a service has and pages do not touch, whatever they call it."""

ASKED = {name for name in vars(Service) if not name.startswith("_")} | {"clock"}
"""What a page may ask: the methods of a service, and its clock."""

VALUES = {
    "serving.candidates.clusters": {"Clustered"},
    "serving.candidates.openings": {"CandidateState", "Opening"},
    "serving.candidates.shared": {"Shared"},
    "serving.measures": {"Kind", "Measures"},
    "serving.person": {"Explained", "PersonAsked"},
    "serving.roles.health": {"Health"},
    "serving.served": {"LogState"},
    "serving.service": {"Service"},
}
"""Values that a service is asked with or answers with, and measures of a process. Constants may come from anywhere."""

EDGE = ("serving.http.", "serving.keys")
"""What the shell imports beside these: it is where HTTP ends."""


def reached(tree: ast.AST) -> Iterator[str]:
    """What a file touches behind a service."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if node.attr in BEHIND or (called(node.value) in ("service", "_service") and node.attr not in ASKED):
                yield ast.unparse(node)
        elif isinstance(node, ast.Name) and node.id in ("getattr", "vars"):
            yield node.id


def called(node: ast.expr) -> str:
    """The last name of what an attribute is asked of."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def taken(tree: ast.AST) -> Iterator[str]:
    """What a file imports of serving that is no value, no constant, and not the service."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("penchant.serving"):
            module = (node.module or "").removeprefix("penchant.")
            for alias in node.names:
                if not alias.name.isupper() and alias.name not in VALUES.get(module, set()):
                    yield f"{module}.{alias.name}"
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("penchant.serving"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_page_asks_the_service_and_reaches_nothing_behind_it(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not list(reached(tree))
    edge = EDGE if path.parent.name == "shell" else ()
    assert not [name for name in taken(tree) if not name.startswith(edge)]


@pytest.mark.parametrize(
    "line",
    [
        "self._sources.service.view.served.snapshot",
        "service.store.poison(5)",
        "one = view.served",
        "getattr(service, 'view')",
        "service.models.all[0]",
    ],
)
def test_reaching_behind_a_service_is_seen(line: str) -> None:
    assert list(reached(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "from penchant.serving.view import View",
        "from penchant.serving.snapshot import Snapshot",
        "import penchant.serving.view",
        "from penchant.serving import view",
        "from penchant.serving.service import View",
    ],
)
def test_importing_what_stands_behind_a_service_is_seen(line: str) -> None:
    assert list(taken(ast.parse(line)))
