"""A proposal: the sections of a run file, and what a person has to know and to look at."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penchant.logs.names import OF_SHARDS, RESERVED_NAMES, fit_name
from penchant.logs.proposing import words
from penchant.logs.proposing.seen import SeenTable

UNSURE = "?"
_GENERAL = {"name", "value", "id", "text", "label", "title", "key"}
"""What a part of a nested column is called, where only the column above says of what."""
LIST, RECENT = "item", "recent"
"""Fields of every proposal: the latest items, and the latest tags."""


@dataclass
class Proposal:
    """Sections of a run file (a list of "key = value" lines each), the limit of every field, the fields of the items
    among them and how well each would do as the label, the rows of the log, and the field that names an item. notes:
    what a person has to look at; reasons: what each column was taken for, and why; left_out: what is not read, and why.
    `beside`: the run file's folder."""

    beside: Path
    sections: dict[str, list[str]] = field(default_factory=dict)
    fields: dict[str, int] = field(default_factory=dict)
    item_fields: list[str] = field(default_factory=list)
    label_points: dict[str, float] = field(default_factory=dict)
    label: str = "tags"
    rows: int = 0
    title: str | None = None
    notes: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add_field(self, kind: str, column: str, as_label: float = 0.0) -> str:
        """The name of a field for a column: "tags" for the first that has tags, else after the column, changed where a
        field may not have that name."""
        above, _, last = column.rpartition(".")
        name = re.sub(r":(token|float)(_seq)?$", "", above if above and last in _GENERAL else last or column)
        tagged = rf"({words.TAG})(_?ids?)?"
        if kind == "items" and "tags" not in self.fields and re.fullmatch(tagged, name.lower()):
            name = "tags"
        name = self.free_name(name)
        self.fields[name] = 30 if kind == "items" else 1
        if kind == "items":
            self.item_fields.append(name)
            self.label_points[name] = as_label
        return name

    def add_section(self, name: str, table: SeenTable, lines: Sequence[tuple[str, object]]) -> None:
        """A section for a table: where it lies, and these keys and values."""
        pairs = [*table.where(self.beside), *lines]
        written = ((key_, _query(value) if key_ == "query" else said_in_toml(value)) for key_, value in pairs)
        self.sections[name] = [f"{key_} = {value}" for key_, value in written]

    def add_values(
        self, column: str, table: SeenTable, lines: Sequence[tuple[str, object]], as_label: float = 0.0
    ) -> None:
        """A section for a table with a row per item and value."""
        field_name = self.add_field("items", column, as_label)
        self.add_section(f"[logs.tables.item_values:{field_name}", table, [("field", field_name), *lines])

    def add_title(self, table: SeenTable, lines: Sequence[tuple[str, object]]) -> None:
        """A section for a table with a row per item and name."""
        self.title = self.free_name("title")
        self.add_section(f"[logs.tables.item_values:{self.title}", table, [("field", self.title), *lines])

    def free_name(self, text: str) -> str:
        """A name for a field of a table, and for one of the model."""
        taken = RESERVED_NAMES | OF_SHARDS | {LIST, RECENT, *self.fields}
        return fit_name(text, taken | {self.title} if self.title else taken)


def said_in_toml(value: object) -> str:
    """A value as TOML has it.

    >>> said_in_toml({"add to cart": True, "view": False}), said_in_toml(["a", 3.5])
    ('{ "add to cart" = true, view = false }', '["a", 3.5]')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key(name)} = {said_in_toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(said_in_toml, value))}]"
    return quoted(str(value))


def _query(value: object) -> str:
    """SQL has quotes of both kinds: between three single ones all of them may stand as they are."""
    text = str(value)
    return f"'''{text}'''" if "'''" not in text and text.isprintable() and text[-1:] != "'" else quoted(text)


def quoted(text: str) -> str:
    """A TOML string; what JSON escapes, TOML does too, and more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """A TOML key, bare where it may be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def plain(text: str) -> str:
    """Return the text fit for a TOML comment: without line breaks and control characters."""
    return "".join(mark if mark.isprintable() else f"\\u{ord(mark):04x}" for mark in text)
