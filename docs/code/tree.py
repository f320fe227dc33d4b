"""Write docs/code/tree.md: every module of the package with the first sentence of its docstring.

python docs/code/tree.py
"""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HEAD = """# The tree

Every file of `penchant/` and `benchmarks/`, and what it is for: the first sentence of its docstring.
`python docs/code/tree.py` writes this page.

```text
"""


def tree() -> str:
    """The page."""
    return HEAD + "\n".join([*_folder(ROOT / "penchant", 0), *_folder(ROOT / "benchmarks", 0)]) + "\n```\n"


def _folder(folder: Path, depth: int) -> list[str]:
    """A line for the folder, then its files, then its folders."""
    lines = [_line(f"{folder.name}/", depth, folder / "__init__.py")]
    files = sorted(path for path in folder.glob("*.py") if not path.stem.startswith("__"))
    lines += [_line(path.name, depth + 1, path) for path in files]
    for inner in sorted(path for path in folder.iterdir() if (path / "__init__.py").exists()):
        lines += _folder(inner, depth + 1)
    return lines


def _line(name: str, depth: int, path: Path) -> str:
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(said.split("\n\n")[0].split())
    return f"{'  ' * depth}{name:{max(1, 30 - 2 * depth)}} {first}"


if __name__ == "__main__":
    Path(__file__).with_name("tree.md").write_text(tree(), encoding="utf-8")
