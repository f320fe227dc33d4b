"""A table as `penchant init` sees it: a sample, its columns, and what their values have in common with other tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from penchant.errors import PenchantError
from penchant.logs.formats.part import TablePart
from penchant.logs.proposing import words
from penchant.logs.proposing.columns.pairs import PairedTexts, find_pairs, quoted_text, source_of, taken_apart
from penchant.logs.proposing.columns.profile import Column, columns_of
from penchant.logs.proposing.columns.shares import bounds, share
from penchant.logs.proposing.discover import FoundTable

SAMPLED = 6_000
"""Rows of a table that are looked at, about."""
_PARTS = 3


@dataclass(frozen=True)
class SeenTable:
    """rows: of the whole table, about; sampled: rows of the sample; strange: columns whose type is not understood;
    partition: columns of the names of folders; paired: what was taken apart, so that a row is an item;
    extended: columns of extension types, which are read as what they are stored as."""

    found: FoundTable
    rows: int
    sampled: int
    columns: tuple[Column, ...]
    strange: tuple[str, ...] = ()
    partition: frozenset[str] = frozenset()
    paired: PairedTexts | None = None
    extended: tuple[str, ...] = ()
    determined: dict[tuple[str, str], bool] = field(default_factory=dict, compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def coverage(self) -> float:
        """The share of the table that the sample is."""
        return min(1.0, self.sampled / max(1, self.rows))

    def where(self, beside: Path) -> list[tuple[str, object]]:
        """The keys of a run file in `beside` that say where the table lies."""
        query = self._query(beside) if self.paired else None
        if query:
            return [("query", query)]
        told: list[tuple[str, object]] = [("format", self.found.format)] if self.found.format else []
        return [("files", self.found.patterns(beside)), *told]

    def _query(self, beside: Path) -> str | None:
        assert self.paired
        part = self.found.parts[0]
        dialect = getattr(part, "dialect", None)
        header, mark = (dialect.header, dialect.separator) if dialect else (True, ",")
        names = tuple(part.own_schema())
        source = source_of(part.kind, self.found.relative(beside), names, header, mark)
        return self.paired.query(source) if source else None

    def source(self, beside: Path) -> str:
        """What a query in a run file of the folder `beside` reads the table by, in DuckDB's SQL."""
        patterns = self.found.patterns(beside)
        listed = [patterns] if isinstance(patterns, str) else patterns
        part = self.found.parts[0]
        ending = {"parquet": "parquet", "csv": "csv"}.get(part.kind, "json")
        if self.found.files[0].is_dir():
            return f"{part.kind}_scan({quoted_text(listed[0])})"
        if self.found.is_a_folder:
            listed = [f"{listed[0]}/**/*{''.join(self.found.files[0].suffixes[-2:])}"]
        texts = ", ".join(map(quoted_text, listed))
        reading = {"parquet": "read_parquet", "csv": "read_csv", "json": "read_json"}[ending]
        apart = ", union_by_name = true" if len(self.found.files) > 1 else ""
        return f"{reading}({texts if len(listed) == 1 else f'[{texts}]'}{apart})"

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def keys(self) -> list[Column]:
        """Columns with another value in each row, which name what the table is about."""
        return [
            one for one in self.columns if one.is_unique and one.nulls < 0.05 and one.looks_like_ids and one.rows > 1
        ]

    def determines(self, left: Column, right: Column) -> bool:
        """Whether a value of the left column nearly always goes with one value of the right one. False where too few
        values of the left one stand in several rows."""
        if left.is_list or right.is_list:
            return False
        if (left.name, right.name) not in self.determined:
            self.determined[left.name, right.name] = _determines(left.texts, right.texts)
        return self.determined[left.name, right.name]


def _determines(left: pl.Series, right: pl.Series) -> bool:
    pairs = pl.DataFrame({"left": left, "right": right}).drop_nulls()
    groups = pairs.group_by("left").agg(pl.len().alias("rows"), pl.col("right").n_unique().alias("values"))
    groups = groups.filter(pl.col("rows") > 1)
    if groups.height < 5 or pairs["right"].n_unique() < 2:
        return False
    return share(groups["values"] == 1) > 0.97


def see(found: FoundTable) -> SeenTable:
    """A look at a table: its first, middle and last part. Raises PenchantError where it cannot be read."""
    parts = found.parts
    places = sorted({0, len(parts) // 2, len(parts) - 1})
    samples = [parts[place].sample(SAMPLED // len(places)) for place in places]
    frame = samples[0] if len(samples) == 1 else _together(samples)
    rows = sum(part.count() for part in parts) if len(parts) <= _PARTS * 10 else _about(found)
    paired = find_pairs(frame)
    if paired and frame.height:
        whole = frame.height
        frame = taken_apart(frame, paired)
        rows = rows * frame.height // whole
    columns, strange = columns_of(frame)
    partition = frozenset(getattr(parts[0], "partition", {}))
    return SeenTable(
        found, rows, frame.height, tuple(columns), tuple(strange), partition, paired, _extended(parts[0], columns)
    )


def _extended(part: TablePart, columns: Sequence[Column]) -> tuple[str, ...]:
    """Columns of a Parquet file whose type is built on another one, such as arrow.uuid, each with its type."""
    place = getattr(part, "place", None)
    if part.kind != "parquet" or place is None or not place.local:
        return ()
    there = {column.name for column in columns}
    found = []
    for one in pyarrow.parquet.read_schema(place.path):
        told = (one.metadata or {}).get(b"ARROW:extension:name", b"").decode(errors="replace")
        told = one.type.extension_name if isinstance(one.type, pa.BaseExtensionType) else told
        found += [f"{one.name} ({told})"] if told and one.name in there else []
    return tuple(found)


def _about(found: FoundTable) -> int:
    looked = found.parts[:: max(1, len(found.parts) // 20)]
    return sum(part.count() for part in looked) * len(found.parts) // len(looked)


def _together(samples: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Samples of several parts one below the other; a column whose types differ becomes text."""
    try:
        return pl.concat(samples, how="diagonal_relaxed")
    except pl.exceptions.PolarsError:
        plain = [frame.select(pl.exclude([n for n, t in frame.schema.items() if t.is_nested()])) for frame in samples]
        return pl.concat([frame.cast(pl.String, strict=False) for frame in plain], how="diagonal_relaxed")


@dataclass(frozen=True)
class Link:
    """Values of a column stand in the key of another table. share: how many of the distinct ones, where the other
    table's sample is all of it; strength: how much that says, from 0 to 1."""

    table: SeenTable
    key: Column
    share: float
    strength: float


_SAYS_SOMETHING = 0.15


def links_of(column: Column, table: SeenTable, others: Sequence[SeenTable]) -> list[Link]:
    """The tables whose key holds the values of a column, what says most first."""
    found = []
    measured = words.holds(column.name, words.MEASURE)
    for other in others:
        if other is table or measured:
            continue
        for key in other.keys:
            shared = min(1.0, overlap(column, key) / max(0.02, other.coverage))
            strength = shared * max(evidence(column, key, shared, other.coverage), called_alike(column, key, other))
            if shared > 0.3 and strength > _SAYS_SOMETHING:
                found.append(Link(other, key, shared, strength))
    return sorted(found, key=lambda link: (-link.strength, -called_alike(column, link.key, link.table)))


def called_alike(column: Column, key: Column, table: SeenTable) -> float:
    """How clearly a column is called after a key of another table, or after that table: "user_id" and "id" of users."""
    if not words.core(key.name) and not words.made_up(key.name):
        of_table = [token.removesuffix("s") for token in words.tokens_of(table.found.stem)]
        return 0.8 if words.core(column.name)[-1:] and words.core(column.name)[-1] in of_table else 0.0
    return words.alike(column.name, key.name)


def evidence(column: Column, key: Column, shared: float, coverage: float) -> float:
    """How much it says, from 0 to 1, that a key has this share of a column's values. coverage: the share of
    the key that was seen. Texts are not the same by chance.
    Whole numbers are: all are in a key that counts from 0 on. Of such a key, it says something that both reach from
    the same number to the same one, and more where that is far from 0; nothing, if they are called after two things."""
    if column.is_number != key.is_number:
        return 0.0
    if not (column.is_whole and key.is_whole):
        return 1.0
    other = are_of_two_things(column.name, key.name)
    low, high = bounds(column.numbers)
    by_chance = _by_chance(key, low, high, coverage)
    if by_chance < _DENSE:
        return max(0.0, (shared - by_chance) / (1.0 - by_chance)) * (0.3 if other else 1.0)
    if len(column.distinct) < 5 or other:
        return 0.0
    first, last = bounds(key.numbers)
    reach = max(0.0, min(high, last) - max(low, first) + 1) / (max(high, last) - min(low, first) + 1)
    return reach if low > 2 * (high - low) else 0.7 * reach


_DENSE = 0.3


def _by_chance(key: Column, low: float, high: float, coverage: float) -> float:
    """The share of the whole numbers from the lowest to the highest of a column that a key has where it has any."""
    first, last = bounds(key.numbers)
    inside = max(0.0, min(high, last) - max(low, first) + 1)
    return inside / (high - low + 1) * min(1.0, len(key.distinct) / (last - first + 1) / max(0.02, coverage))


def are_of_two_things(left: str, right: str) -> bool:
    return bool(words.core(left) and words.core(right)) and not words.alike(left, right)


def overlap(left: Column, right: Column) -> float:
    """The share of the left column's distinct values that the right one has.

    >>> left, right = Column("a", pl.Series([1, 2, 2])), Column("b", pl.Series(["2", "3"]))
    >>> overlap(left, right)
    0.5
    """
    if not len(left.distinct):
        return 0.0
    return float(left.distinct.is_in(right.distinct.implode()).sum()) / len(left.distinct)


def try_to_see(tables: Sequence[FoundTable]) -> tuple[list[SeenTable], list[str]]:
    """All that can be read, and a sentence about each table that cannot."""
    seen, said = [], []
    for found in tables:
        try:
            seen.append(see(found))
        except PenchantError as error:
            said.append(f"{found.name} is left out: {error}")
    return seen, said
