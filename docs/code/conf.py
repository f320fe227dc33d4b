"""The site of the documents, built by `make docs` into build/site.

All pages are plain Markdown that GitHub shows as well. What only the site has, its menu and the reference made of
docstrings, is worked out here. The source is the root of the repository, because README and others are pages too.
"""

import re
from typing import Any

import penchant

project = "Penchant"
version = release = penchant.__version__
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md"]
exclude_patterns = [".*", "benchmarks", "build", "configs", "findings", "penchant", "runs", "tests"]

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 6
myst_enable_extensions = ["html_image"]  # pictures with a width
highlight_language = "none"
default_role = "code"
autodoc_typehints = "description"

html_theme = "furo"
html_title = project
html_show_sourcelink = False

MENUS = ("docs/index", "EXPERIMENTS")
"""Pages whose lists and tables begin with links to other pages: these are the menu, a part of it per heading."""

MODULE = re.compile(r"^## `([\w.]+)`$", re.MULTILINE)
OPTIONS = """   :members:
   :undoc-members:
   :inherited-members: BaseModel, Module
   :exclude-members: add_note, args, model_config, with_traceback
"""
LINK = re.compile(r"^[-|] \[[^]]*\]\(([\w./-]+)\.md\)", re.MULTILINE)


def menu(part: str) -> str:
    """A part of a page, with its links as an entry of the menu."""
    caption = part.partition("\n")[0].lstrip("# ")
    pages = "\n".join(dict.fromkeys(LINK.findall(part)))
    return f"{part}\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n" if pages else part


def members(part: str) -> str:
    """A part of docs/code/api.md, followed by what the docstrings of its module say."""
    module = MODULE.match(part)
    return f"{part}\n```{{eval-rst}}\n.. automodule:: {module[1]}\n{OPTIONS}```\n" if module else part


def extend(_: Any, page: str, source: list[str]) -> None:
    """Add to a page what only the site has."""
    parts = re.split(r"^(?=## )", source[0], flags=re.MULTILINE)
    if page in MENUS:
        source[0] = "".join(menu(part) for part in parts)
    elif page == "docs/code/api":
        source[0] = "".join(members(part) for part in parts)


def enter(app: Any, _: Exception | None) -> None:
    """Let the address of the site lead to its first page."""
    text = f'<!doctype html><meta http-equiv="refresh" content="0; url={root_doc}.html"><title>{project}</title>'
    (app.outdir / "index.html").write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    """Sphinx calls this at the start. It sees only those names of the package that have been asked for."""
    vars(penchant).update({name: getattr(penchant, name) for name in penchant.__all__})
    app.connect("source-read", extend)
    app.connect("build-finished", enter)
