"""Templates into HTML: every value is escaped, and an undefined value is an error."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from penchant.dashboard.shell import words
from penchant.dashboard.shell.pages import Page
from penchant.version import __version__

FOLDERS = sorted(Path(__file__).parent.parent.glob("*/templates"))
"""Each page has its templates beside it; no two templates have the same name."""

FILTERS: Mapping[str, Callable[..., object]] = {
    "count": words.count,
    "number": words.number,
    "share": words.share,
    "signed": words.signed,
    "size": words.size,
    "span": words.span,
    "time": words.time,
    "day": words.day,
    "shade": words.shade,
    "short": words.short,
}


class Renderer:
    """Renders pages. static: gives the address of a static file; about: what every page shows of the run."""

    def __init__(self, static: Callable[[str], str], about: Mapping[str, Any]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(FOLDERS),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= FILTERS
        self._environment.globals |= {"static": static, "about": {**about, "version": __version__}}

    def page(self, page: Page, scope: str, key: str) -> str:
        """Return the HTML of a page. scope, key: of the visitor, "" where nobody is known."""
        template = self._environment.get_template(f"{page.template}.html.jinja")
        return template.render(**page.values, visitor_scope=scope, visitor_key=key)
