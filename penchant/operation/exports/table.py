"""What is exported, block by block: profiles or audiences of a run in one of two forms, without who was forgotten."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from penchant.choices import Exportable, Form
from penchant.errors import DataError
from penchant.logs.forgotten import Forgotten, without_forgotten
from penchant.operation.exports.schema import CLICKED_PART, COLUMNS, UNSEEN_PART, arrow_schema
from penchant.profiles.build import in_lists
from penchant.progress import Progress, Report
from penchant.schema import ITEM, TIME, USER

BLOCK = 10_000
"""Users, or members, that are in memory at once."""

EXAMPLES = 3
"""How many users stand as examples for those that were left out."""

_ROW = "row of the block"


@dataclass
class ExportTally:
    """What went out so far, and what did not. rows: of the table; users: rows of profiles, or members of audiences;
    forgotten: such that were left out because their user was forgotten; bare: the same of users without any tag, which
    the long form has no row for, and bare_users: the first of these."""

    rows: int = 0
    users: int = 0
    forgotten: int = 0
    bare: int = 0
    bare_users: list[str] = field(default_factory=list)

    def written(self, what: Exportable) -> str:
        """What went out, in words."""
        of = "users" if what == "profiles" else "members"
        return f"{self.rows:,} rows of {self.users - self.bare:,} {of}"

    def left_out(self) -> list[str]:
        """What did not, and why, a sentence each."""
        told = []
        if self.forgotten:
            told.append(f"Left out, because their user was forgotten: {self.forgotten:,}.")
        if self.bare:
            told.append(
                f"Left out, because they have no tag: {self.bare:,} users, such as {', '.join(self.bare_users)}; the "
                f"nested form has a row for them."
            )
        return told


@dataclass(frozen=True)
class ExportFile:
    """A Parquet file of the run. as_of: of what moment its users are, UTC seconds: who was forgotten later is left out;
    item: whose audience it is, None for profiles."""

    path: Path
    as_of: float
    item: str | None = None


@dataclass(frozen=True)
class ExportTable:
    """A table on its way out. about: facts that go with it as metadata; files: where it is read from."""

    what: Exportable
    form: Form
    about: Mapping[str, str]
    files: Sequence[ExportFile]
    forgotten: Forgotten
    tally: ExportTally = field(default_factory=ExportTally)

    @property
    def schema(self) -> pa.Schema:
        """The columns, and `about`."""
        return arrow_schema(self.what, self.form, self.about)

    @property
    def identity(self) -> str:
        """The same for the same content: of what the files are, and who was forgotten."""
        told = [repr(sorted(self.about.items())), repr(sorted(self.forgotten.items()))]
        for one in self.files:
            state = one.path.stat()
            told.append(repr((one.path.name, state.st_size, state.st_mtime_ns)))
        return sha256("\n".join([self.form, *told]).encode()).hexdigest()[:16]

    def frames(self, report: Report) -> Iterator[pl.DataFrame]:
        """Blocks with the columns of `schema`; the same blocks each time. Raises DataError for a file that is none."""
        total = sum(_rows_of(one.path) for one in self.files)
        done = 0
        for file in self.files:
            for raw in self._read(file):
                done += len(raw)
                kept = self._known(raw, file.as_of)
                self.tally.users += len(kept)
                made = self._form(kept, file)
                self.tally.rows += len(made)
                yield made.select(column.name for column in COLUMNS[self.what, self.form])
                report(Progress("export", done, total))

    def batches(self, report: Report) -> Iterator[pa.Table]:
        """The same blocks, with exactly the types of `schema`."""
        for frame in self.frames(report):
            yield frame.to_arrow().cast(self.schema)

    @contextmanager
    def stream(self, report: Report) -> Iterator[pa.RecordBatchReader]:
        """The same blocks, for a library that asks for them one by one. What goes wrong with a block is raised as it
        is, not as the library tells it."""
        wrong: list[Exception] = []

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for block in self.batches(report):
                    yield from block.to_batches()
            except Exception as error:
                wrong.append(error)
                raise

        try:
            yield pa.RecordBatchReader.from_batches(self.schema, batches())
        except Exception:
            if wrong:
                raise wrong[0] from None
            raise

    def _read(self, file: ExportFile) -> Iterator[pl.DataFrame]:
        """An audience in nested form is one row, so it is read whole."""
        whole = (self.what, self.form) == ("audiences", "nested")
        with _opened(file.path) as source:
            needed = _NEEDED[self.what]
            missing = [name for name in needed if name not in source.schema_arrow.names]
            if missing:
                raise DataError(f"{file.path} has no column {missing[0]!r}: another version wrote it; make it again")
            for part in [source.read()] if whole else source.iter_batches(BLOCK):
                yield _frame(part)

    def _known(self, raw: pl.DataFrame, as_of: float) -> pl.DataFrame:
        """The rows of users who were not forgotten since."""
        kept = without_forgotten(raw.with_columns(pl.lit(as_of).alias(TIME)), self.forgotten).drop(TIME)
        self.tally.forgotten += len(raw) - len(kept)
        return kept

    def _form(self, rows: pl.DataFrame, file: ExportFile) -> pl.DataFrame:
        if self.what == "audiences":
            members = rows if "cluster" in rows.columns else rows.with_columns(cluster=pl.lit(None, pl.Int32))
            members = members.with_columns(pl.lit(file.item).alias(ITEM))
            if self.form == "long":
                return members
            entries = pl.struct("rank", USER, "score", "cluster").alias("members")
            return members.group_by(ITEM, maintain_order=True).agg(entries)
        if self.form == "nested":
            return nested_profiles(rows)
        bare = rows.filter(pl.all_horizontal(pl.col(f"{part}.tags").list.len() == 0 for part in _PARTS))
        self.tally.bare += len(bare)
        self.tally.bare_users += bare[USER].head(EXAMPLES - len(self.tally.bare_users)).to_list()
        return long_profiles(rows)


_PARTS: Mapping[str, Mapping[str, str]] = {
    CLICKED_PART: {"tag": "tags", "preference": "preferences", "lift": "lifts", "clicks": "clicks"},
    UNSEEN_PART: {"tag": "tags", "preference": "preferences", "lift": "lifts"},
}
"""Of each part of a profile: names of its columns here, and in the files of a run."""

_EVIDENCE = {"field": "fields", "value": "values", "weight": "weights"}

_NEEDED: Mapping[Exportable, Sequence[str]] = {
    "profiles": [
        USER,
        *(f"{part}.{name}" for part, names in _PARTS.items() for name in names.values()),
        *(f"evidence.{name}" for name in _EVIDENCE.values()),
    ],
    "audiences": ["rank", USER, "score"],
}


def long_profiles(rows: pl.DataFrame) -> pl.DataFrame:
    """A row per user and tag, from a row per user with lists side by side; users stay in their order."""
    numbered = rows.with_row_index(_ROW)
    parts = [_flat(numbered, part).with_columns(part=pl.lit(part)) for part in _PARTS]
    return pl.concat(parts, how="diagonal").sort(_ROW, "part", "rank").drop(_ROW)


def nested_profiles(rows: pl.DataFrame) -> pl.DataFrame:
    """A row per user, with a list per part whose entries are tags with their numbers."""
    numbered = rows.with_row_index(_ROW)
    found = {}
    for part in _PARTS:
        entries = _flat(numbered, part).select(pl.struct("rank", "tag", "preference", "lift", "clicks")).to_series()
        found[part] = in_lists(entries, rows[f"{part}.tags"].list.len().to_numpy())
    evidence = _exploded(numbered, "evidence", _EVIDENCE).select(pl.struct(*_EVIDENCE)).to_series()
    found["evidence"] = in_lists(evidence, rows["evidence.fields"].list.len().to_numpy())
    return pl.DataFrame({USER: rows[USER], **found})


def as_json(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with every list as JSON, for places that know text and numbers alone."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    entries = [pl.col(name).list.eval(pl.element().struct.json_encode()).list.join(",") for name in lists]
    return frame.with_columns(pl.format("[{}]", one).alias(name) for name, one in zip(lists, entries, strict=True))


def _flat(numbered: pl.DataFrame, part: str) -> pl.DataFrame:
    """_ROW, USER, rank, tag, preference, lift, clicks of one part, in order."""
    flat = _exploded(numbered, part, _PARTS[part])
    return flat if "clicks" in flat.columns else flat.with_columns(clicks=pl.lit(0, pl.Int64))


def _exploded(numbered: pl.DataFrame, part: str, names: Mapping[str, str]) -> pl.DataFrame:
    """A row per entry of lists that lie side by side, and the entry's rank."""
    columns = [pl.col(f"{part}.{said}").alias(name) for name, said in names.items()]
    length = pl.col(f"{part}.{next(iter(names.values()))}").list.len()
    rank = pl.int_ranges(1, length.cast(pl.Int64) + 1)
    filled = numbered.filter(length > 0).select(_ROW, USER, *columns, rank=rank)
    return filled.explode("rank", *names)


def _rows_of(path: Path) -> int:
    with _opened(path) as source:
        return int(source.metadata.num_rows)


def _opened(path: Path) -> pq.ParquetFile:
    """DataError where it is no Parquet file."""
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}; make it again") from None


_frame: Callable[[pa.Table], pl.DataFrame] = pl.from_arrow  # type: ignore[assignment]
