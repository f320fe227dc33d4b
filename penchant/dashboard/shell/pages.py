"""What a page is before HTTP: a question asked by somebody, and a template with values, a place to go, or a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penchant.choices import Scope


@dataclass(frozen=True)
class Asked:
    """query, form: as they were sent, the last value of each name; every: all values of a name in the query; scope: of
    who asks; key: the public name of the key, "" where everybody may do everything; part: only a part of the page is
    wanted."""

    query: Mapping[str, str]
    form: Mapping[str, str]
    every: Callable[[str], list[str]]
    scope: Scope
    key: str
    part: bool

    @property
    def may_open(self) -> bool:
        """Whether who asks may open candidates and see who is in an audience."""
        return self.scope == "admin"

    def text(self, name: str) -> str:
        """What was asked for by a name, "" where nothing was."""
        return self.query.get(name, "")

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number of the query, brought into bounds; the default where it is none."""
        said = self.query.get(name, "")
        if not said.isascii() or not said.isdecimal() or len(said) > 12:
            return default
        return min(max(int(said), least), most)


@dataclass(frozen=True)
class Page:
    """template: its name without the ending; values: what it shows; status: of HTTP."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Moved:
    """Go on with another page."""

    url: str


@dataclass(frozen=True)
class File:
    """Bytes; name: of a download, None for what the page itself reads."""

    content: bytes
    media_type: str
    name: str | None = None


Answer = Page | Moved | File
View = Callable[[Asked], Answer]
"""Works in a thread, and may raise any PenchantError."""


@dataclass(frozen=True)
class Route:
    """method: GET or POST; needs: the scope of who asks."""

    path: str
    view: View
    method: str = "GET"
    needs: Scope = "read"
