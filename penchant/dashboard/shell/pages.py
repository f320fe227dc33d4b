"""What a page is before HTTP: somebody asks something, and the answer is a template with values, an address to go to,
or a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penchant.choices import Scope


@dataclass(frozen=True)
class Asked:
    """What somebody asks. query, form: as they were sent, the last value of each name; every: gives all values of a
    name in the query; scope: of the key of whoever asks; key: its public name, "" where everybody may do everything;
    part: whether only a part of the page is wanted."""

    query: Mapping[str, str]
    form: Mapping[str, str]
    every: Callable[[str], list[str]]
    scope: Scope
    key: str
    part: bool

    @property
    def may_open(self) -> bool:
        """Whether the visitor may open candidates and see who is in an audience."""
        return self.scope == "admin"

    @property
    def sees_people(self) -> bool:
        """Whether the visitor may see lists of users, and single clicks."""
        return self.scope == "admin"

    def text(self, name: str) -> str:
        """Return what the query says under a name, "" where it says nothing."""
        return self.query.get(name, "")

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number of the query, brought into bounds; the default where it is no number."""
        said = self.query.get(name, "")
        if not said.isascii() or not said.isdecimal() or len(said) > 12:
            return default
        return min(max(int(said), least), most)


@dataclass(frozen=True)
class Page:
    """A page to show. template: its name without the ending; values: what it shows; status: of HTTP."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Moved:
    """Another address to go to."""

    url: str


@dataclass(frozen=True)
class File:
    """Bytes to send. name: of a download, None for a file that the page itself reads."""

    content: bytes
    media_type: str
    name: str | None = None


Answer = Page | Moved | File
Handler = Callable[[Asked], Answer]
"""Works in a thread, and may raise any PenchantError."""


@dataclass(frozen=True)
class Route:
    """Where a page lies. method: GET or POST; needs: the scope that a visitor must have."""

    path: str
    answer: Handler
    method: str = "GET"
    needs: Scope = "read"
