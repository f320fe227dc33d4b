"""What an export holds: the columns of each table with type and meaning, under one version (docs/exports.md)."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from penchant.choices import Exportable, Form

SCHEMA_VERSION = 1
"""Of all columns and fields below, and of the layout in Redis: one more with each change that a reader can notice."""

CLICKED_PART, UNSEEN_PART = "clicked", "unseen"


@dataclass(frozen=True)
class ExportColumn:
    """A column: its type, what it means, and whether it may be empty."""

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False

    @property
    def field(self) -> pa.Field:
        """The same for Arrow; the meaning goes with it as a comment."""
        return pa.field(self.name, self.type, nullable=self.nullable, metadata={"comment": self.meaning})

    @property
    def type_name(self) -> str:
        """The type as people read it."""
        return type_name(self.type) + (" or empty" if self.nullable else "")


def type_name(kind: pa.DataType) -> str:
    """A type as people read it.

    >>> type_name(pa.list_(pa.struct([("tag", pa.string()), ("lift", pa.float32())])))
    'list of {tag text, lift float32}'
    """
    if pa.types.is_list(kind):
        return f"list of {type_name(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "{" + ", ".join(f"{field.name} {type_name(field.type)}" for field in kind) + "}"
    return {"string": "text", "float": "float32"}.get(str(kind), str(kind))


_TEXT, _WHOLE, _NUMBER = pa.string(), pa.int64(), pa.float32()

USER_COLUMN = ExportColumn("user", _TEXT, "id of the user, as in the log")
PART = ExportColumn("part", _TEXT, "`clicked`: a tag that the user clicked; `unseen`: one not clicked yet")
RANK = ExportColumn("rank", _WHOLE, "place of the tag within its part, from 1, in the order of the run file")
TAG = ExportColumn("tag", _TEXT, "the tag")
PREFERENCE = ExportColumn("preference", _NUMBER, "how likely the next clicks are on the tag; compare within a user")
LIFT = ExportColumn("lift", _NUMBER, "how far the preference is above what is usual for a user who clicks this much")
CLICKS = ExportColumn("clicks", _WHOLE, "how often the user clicked the tag; 0 where it is unseen")
ITEM_COLUMN = ExportColumn("item", _TEXT, "id of the item, as in the log")
MEMBER_RANK = ExportColumn("rank", _WHOLE, "place of the user in the audience, from 1")
SCORE = ExportColumn("score", _NUMBER, "how alike the user is to those who clicked the item; compare within an item")
CLUSTER = ExportColumn(
    "cluster", pa.int32(), "the cluster of seeds that gave most of the score, if there are any", True
)


def _list(*columns: ExportColumn) -> pa.DataType:
    return pa.list_(pa.struct([(column.name, column.type) for column in columns]))


EVIDENCE = pa.list_(pa.struct([("field", _TEXT), ("value", _TEXT), ("weight", _NUMBER)]))

COLUMNS: Mapping[tuple[Exportable, Form], tuple[ExportColumn, ...]] = {
    ("profiles", "long"): (USER_COLUMN, PART, RANK, TAG, PREFERENCE, LIFT, CLICKS),
    ("profiles", "nested"): (
        USER_COLUMN,
        ExportColumn(CLICKED_PART, _list(RANK, TAG, PREFERENCE, LIFT, CLICKS), "tags that the user clicked, by rank"),
        ExportColumn(UNSEEN_PART, _list(RANK, TAG, PREFERENCE, LIFT, CLICKS), "tags not clicked yet, by rank"),
        ExportColumn("evidence", EVIDENCE, "values that attention gave most weight, if attention is evidence"),
    ),
    ("audiences", "long"): (ITEM_COLUMN, MEMBER_RANK, USER_COLUMN, SCORE, CLUSTER),
    ("audiences", "nested"): (
        ITEM_COLUMN,
        ExportColumn("members", _list(MEMBER_RANK, USER_COLUMN, SCORE, CLUSTER), "users of the audience, by rank"),
    ),
}
"""By what is exported, and its form."""

MARK = "penchant."
"""What the names of all facts about an export begin with, in the metadata of a file or table."""


def arrow_schema(what: Exportable, form: Form, about: Mapping[str, str]) -> pa.Schema:
    """The columns of a table, and facts about the export as its metadata."""
    facts = {f"{MARK}{name}": said for name, said in about.items()}
    return pa.schema([column.field for column in COLUMNS[what, form]], metadata=facts)
