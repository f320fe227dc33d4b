"""The structure keeps its promises: stages import earlier ones only, the trees in the documents are those on disk."""

import ast
import re
import runpy
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import penchant

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "penchant"
MOST_FILES = 15
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Modules of the package that a file imports, such as "features.fields"."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.removeprefix("penchant.") for name in names if name.startswith("penchant.")}
    return found


@pytest.mark.parametrize("stage", penchant.STAGES)
def test_a_stage_imports_earlier_stages_only(stage: str) -> None:
    ground = {"choices", "config", "errors", "files", "progress", "ranking", "schema", "version"}
    allowed = {*penchant.STAGES[: penchant.STAGES.index(stage) + 1], *ground}
    for path in (PACKAGE / stage).rglob("*.py"):
        late = {name for name in imports(path) if name.split(".")[0] not in allowed}
        assert not late, f"{path.relative_to(ROOT)} imports {late}"


def test_every_folder_of_the_package_is_a_stage() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {*penchant.STAGES, "command", "examples", "kinds", "operation", "testing"}


def test_no_folder_is_crowded() -> None:
    """A reader keeps some fifteen names in sight; what is more is parted into folders."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    crowded = Counter(str(Path(name).parent) for name in listed.splitlines())
    assert {folder: files for folder, files in crowded.items() if files > MOST_FILES} == {}


def test_models_do_not_import_each_other() -> None:
    for path in (PACKAGE / "models").rglob("*.py"):
        # A blend has a deep model beside it, and `seed_clusters` asks RALM about the clusters of a candidate.
        if path.stem not in ("blend", "seed_clusters"):
            others = {name for name in imports(path) if re.match(r"models\.(?!base$|parts\.|\w+\.promise$)", name)}
            assert not others, f"{path.name} imports {others}"


def test_no_two_public_classes_share_a_name() -> None:
    homes: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_no_module_starts_polars_when_it_is_imported() -> None:
    """Its threads do not survive a fork, and who forks waits for them for ever: workers and servers are forked."""
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pl.Series", "pl.DataFrame", "pl.select", "pl.lit")
    ]
    assert calls == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert not silent


def test_the_page_of_the_tree_is_the_tree_on_disk() -> None:
    written: dict[str, Callable[[], str]] = runpy.run_path(str(ROOT / "docs" / "code" / "tree.py"))
    page = (ROOT / "docs" / "code" / "tree.md").read_text(encoding="utf-8")
    assert page == written["tree"](), "run `python docs/code/tree.py`"


def test_the_readme_names_every_folder_of_the_package() -> None:
    block = (ROOT / "README.md").read_text(encoding="utf-8").split("## The tree\n```text\n")[1].split("```")[0]
    named, above = set(), ""
    for indent, name in re.findall(r"^( *)([\w/]+)", block, re.MULTILINE):
        above = above if indent else name
        named.add(above + name if indent else name)
    missing = {name for name in named if not (ROOT / name).is_dir()}
    assert not missing, f"README.md names what is not there: {missing}"
    folders = {f"penchant/{path.name}/" for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert not folders - named, f"README.md leaves out {folders - named}"


def test_nothing_is_pickled() -> None:
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bpickle\b|torch\.(load|save)\(", text), path


def test_workers_of_simulation_and_logs_start_without_torch() -> None:
    told = "import sys, penchant.simulation.blocks, penchant.logs.ingest; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_the_package_gives_what_it_names() -> None:
    assert all(getattr(penchant, name) for name in penchant.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        penchant.nothing  # noqa: B018


def test_the_core_needs_no_extras() -> None:
    """Each is imported by its own module, which is imported by nobody at start."""
    homes = {
        "redis": "store/redis/*.py",
        "duckdb": "operation/exports/duck.py",
        "deltalake": "operation/exports/lake.py",
    }
    for path in MODULES:
        words = set(re.findall(r"^(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        own = {name for name, home in homes.items() if path.match(home)}
        assert not words & {"ray", "playwright", *homes} - own, path


def test_logic_of_serving_and_pages_knows_no_http() -> None:
    for path in MODULES:
        words = set(re.findall(r"^(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        knows = ("serving/http/*.py", "serving/http/wire/*.py", "dashboard/shell/*.py")
        if not any(path.match(one) for one in knows):
            assert not words & {"fastapi", "starlette", "uvicorn"}, path


def test_the_reference_of_the_run_file_is_up_to_date() -> None:
    path = ROOT / "docs" / "code" / "reference.py"
    written: dict[str, Callable[[], str]] = runpy.run_path(str(path))
    page = (ROOT / "docs" / "run-file.md").read_text(encoding="utf-8")
    assert page == written["reference"](), "run `python docs/code/reference.py`"


CONFIGS = ROOT / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.toml")), ids=lambda path: path.name)
def test_every_run_file_of_the_project_is_valid(path: Path) -> None:
    """A file of changes is so after the file that it changes."""
    whole = [] if "[logs" in path.read_text(encoding="utf-8") else [CONFIGS / "paper" / "ml-1m.toml"]
    assert penchant.load_config(*whole, path)
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_a_part_of_the_reference_says_once_what_it_is_for() -> None:
    """The classes of a part say it each of itself, and of their keys together."""
    page = (ROOT / "docs" / "run-file.md").read_text(encoding="utf-8")
    parts = [part for part in page.split("\n## ") if ".training]" in part.splitlines()[0]]
    assert [len(re.findall(r"^How .* trained\.", part, re.MULTILINE)) for part in parts] == [1, 1, 1, 1]
