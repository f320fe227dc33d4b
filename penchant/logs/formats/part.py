"""What every format promises: the columns of a part of a table, a sample of it, and its rows in batches."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np
import polars as pl
import polars.selectors as cs
import pyarrow as pa

from penchant.errors import QuotingError
from penchant.logs.formats.nested import pick
from penchant.logs.formats.places import StoredFile

ROW = "row"
UNKNOWN = pl.Object()
"""The type of a column whose values Polars has no type for."""


@dataclass(frozen=True)
class Portions:
    """How much of a log is in memory at once. rows: of a batch; csv_bytes: of a batch of a CSV file; bucket: rows of
    one bucket, about."""

    rows: int = 500_000
    csv_bytes: int = 16 << 20
    bucket: int = 250_000


PORTIONS = Portions()


@dataclass(frozen=True)
class ReadRows:
    """Some rows of one part: the columns asked for; the number of each row, called ROW; and the lines that could not
    be parsed."""

    frame: pl.DataFrame
    rows: pl.Series
    malformed: list[tuple[int, str]] = field(default_factory=list)


class TablePart(ABC):
    """A file, or a table of a lake or a database: what `files` or `query` of a run file lead to.

    name: what messages call it; kind: its format; partition: the columns that the names of its folders give; state: a
    text that changes when the content does.
    """

    kind: ClassVar[str]
    partition: Mapping[str, str | None]

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    @abstractmethod
    def state(self) -> str: ...

    @abstractmethod
    def own_schema(self) -> pl.Schema:
        """Columns and types, those of the folders' names apart."""

    @abstractmethod
    def sample(self, rows: int = 2000) -> pl.DataFrame:
        """About so many rows, from the beginning and, where that is cheap, the middle and the end; with types guessed
        where the format has none, and the columns of the folders' names."""

    @abstractmethod
    def count(self) -> int:
        """About how many rows there are."""

    @abstractmethod
    def batches(self, columns: list[str], portions: Portions = PORTIONS) -> Iterator[ReadRows]:
        """All rows, not too many at a time. columns: names, or paths into nested columns, each once."""

    def guesses(self) -> dict[str, str]:
        """What had to be guessed to read it, and how: what is guessed → a sentence."""
        return {}

    def schema(self) -> pl.Schema:
        """Columns and types."""
        own = self.own_schema()
        return pl.Schema({**own, **{name: pl.String() for name in self.partition if name not in own}})

    def require(self, columns: list[str]) -> None:
        """Raise a DataError that names the first missing column and those that are there."""
        schema = self.schema()
        for name in columns:
            if name not in schema and not self.reaches(name, schema):
                # The first line of a file may have been taken for the names, and be a row.
                raise QuotingError(f"{self.name} has no column {name!r}; it has: ", ", ".join(schema))

    def reaches(self, path: str, schema: pl.Schema) -> bool:
        """Whether a path leads into a nested column."""
        return pick(path, schema) is not None

    def with_partition(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with the columns of the folders' names, where it does not have them itself."""
        others = {name: value for name, value in self.partition.items() if name not in frame.columns}
        return frame.with_columns(pl.lit(value, dtype=pl.String).alias(name) for name, value in others.items())


@dataclass(frozen=True)
class FilePart(TablePart):
    """A part that is one file."""

    place: StoredFile
    partition: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def state(self) -> str:
        return self.place.state


def column(name: str) -> pl.Expr:
    """The column of exactly this name: to `pl.col`, "*" and "^…$" are patterns."""
    return cs.by_name(name).as_expr()


def frame_of(part: pa.RecordBatch | pa.Table) -> pl.DataFrame:
    """The rows under their own column names, because Polars renames a column whose name is empty. UUIDs, JSON and
    categories become texts, and so do decimals of more than 38 figures, for which Polars has no type. Columns of other
    types that it does not know become UNKNOWN, without values."""
    wide = [pa.types.is_decimal256(one.type) for one in part.schema]
    if any(wide):
        types = zip(part.schema, wide, strict=True)
        part = part.cast(pa.schema([one.with_type(pa.string()) if is_wide else one for one, is_wide in types]))
    unknown = [one.name for one in part.schema if not _is_known(one.type)]
    known = part.select([one for one in part.schema.names if one not in unknown]) if unknown else part
    frame = pl.DataFrame(pl.from_arrow(known)) if known.num_columns else pl.DataFrame(height=part.num_rows)
    frame.columns = known.schema.names
    uuids = [one.name for one in known.schema if one.type == pa.uuid()]
    frame = frame.with_columns(
        *(plain_text(values) for values in frame.get_columns() if is_text(values.dtype)),
        *(uuid_text(frame[name]) for name in uuids),
        *(pl.Series(name, [None] * part.num_rows, dtype=UNKNOWN) for name in unknown),
    )
    return frame.select(map(column, part.schema.names)) if unknown else frame


def _is_known(kind: pa.DataType) -> bool:
    """Whether Polars has a type for it."""
    if pa.types.is_interval(kind) or pa.types.is_union(kind) or pa.types.is_run_end_encoded(kind):
        return False
    inside = [kind.field(place).type for place in range(kind.num_fields)]
    return all(_is_known(one) and not pa.types.is_decimal256(one) for one in inside)


def uuid_text(values: pl.Series) -> pl.Series:
    """UUIDs of 16 bytes as texts.

    >>> uuid_text(pl.Series([bytes(range(16)), None])).to_list()
    ['00010203-0405-0607-0809-0a0b0c0d0e0f', None]
    """
    digits = values.rename("").bin.encode("hex")
    parts = [digits.str.slice(start, end - start) for start, end in pairwise((0, 8, 12, 16, 20, 32))]
    return (
        parts[0].to_frame("0").select(pl.concat_str(map(pl.lit, parts), separator="-")).to_series().rename(values.name)
    )


def is_text(dtype: pl.DataType) -> bool:
    """Whether a column is text in another form: a category, or JSON that is marked as such."""
    return isinstance(dtype, pl.Categorical | pl.Enum) or (
        isinstance(dtype, pl.BaseExtension) and dtype.ext_storage() == pl.String
    )


def plain_text(values: pl.Series) -> pl.Series:
    """The text of such a column."""
    return values.ext.storage() if isinstance(values.dtype, pl.BaseExtension) else values.cast(pl.String)


def numbers(rows: np.ndarray) -> pl.Series:
    """Numbers of rows."""
    return pl.Series(ROW, rows, dtype=pl.Int64)


def roots(columns: list[str], schema: pl.Schema) -> list[str]:
    """The columns that have to be read for names and paths, each once."""
    found = (_root(name, schema) for name in columns)
    return list(dict.fromkeys(root for root in found if root is not None))


def _root(name: str, schema: pl.Schema) -> str | None:
    if name in schema:
        return name
    picked = pick(name, schema)
    return picked[0] if picked else None


def picked(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """The frame's columns by names and paths, each called as it was asked for."""
    chosen = []
    for name in columns:
        found = None if name in frame.columns else pick(name, frame.schema)
        chosen.append((found[1] if found else column(name)).alias(name))
    return frame.select(chosen)
