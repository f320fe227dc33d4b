"""Templates into HTML: every value escaped, nothing undefined passed over."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from penchant.dashboard.shell import words
from penchant.dashboard.shell.pages import Page
from penchant.version import __version__

FOLDERS = sorted(Path(__file__).parent.parent.glob("*/templates"))
"""Every page keeps its templates beside it; a name is given once."""

FILTERS: Mapping[str, Callable[..., object]] = {
    "count": words.count,
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
    """static: where a file of the package is served; about: what every page shows of the run."""

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
        """scope, key: of who asks, "" where that is not known."""
        template = self._environment.get_template(f"{page.template}.html.jinja")
        return template.render(**page.values, visitor_scope=scope, visitor_key=key)
