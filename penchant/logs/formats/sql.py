"""What a query finds: DuckDB's SQL over its own files, and over all that it can read."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from penchant.errors import DataError, QuotingError
from penchant.logs.formats.arrow_parts import ArrowPart
from penchant.logs.formats.extras import library
from penchant.logs.formats.part import frame_of

WIDE = ("HUGEINT", "UHUGEINT", "BIGNUM", "BIT", "INTERVAL")
"""Types whose values Arrow or Polars cannot hold as they are."""


@dataclass(frozen=True)
class QueryPart(ArrowPart):
    """The rows of a query. database: a DuckDB file, None for a query that names all its sources itself; base: the
    folder that paths in the query are relative to."""

    kind: ClassVar[str] = "duckdb"
    query: str
    base: Path
    database: str | None = None
    partition: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        short = " ".join(self.query.split())
        return f"query {short[:57] + ' …' if len(short) > 60 else short!r}"

    @cached_property
    def state(self) -> str:
        """By the content, because nothing else tells whether a query would find the same again."""
        with self._asked("select count(*), sum(hash(rows)::hugeint) from {rows}") as found:
            rows, content = found.fetchall()[0]
        return f"{self.query} {self.database} {rows} {content}"

    def own_schema(self) -> pl.Schema:
        with self._asked("select * from {rows} limit 0") as found:
            return frame_of(found.to_arrow_table()).schema

    def count(self) -> int:
        with self._asked("select count(*) from {rows}") as found:
            return int(found.fetchall()[0][0])

    def arrow_batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        wanted = ", ".join('"' + name.replace('"', '""') + '"' for name in columns) or "1"
        with self._asked(f"select {wanted} from {{rows}}") as found:
            yield from found.to_arrow_reader(rows)

    @contextmanager
    def _asked(self, question: str) -> Iterator[Any]:
        """What DuckDB answers. question: SQL about {rows}, those that the query finds."""
        with self._connected() as connection:
            statements = connection.extract_statements(self.query)
            if [one.type.name for one in statements] != ["SELECT"]:
                raise DataError(f"{self.name} is not one statement that selects rows; write one `select`")
            yield connection.sql(question.replace("{rows}", _exact(connection, _without_end(connection, self.query))))

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        duckdb = library("duckdb", "duckdb", self.name)
        if self.database and not Path(self.database).exists():
            raise DataError(f"{self.database} does not exist; mend `database` in the run file")
        try:
            with duckdb.connect(self.database or ":memory:", read_only=self.database is not None) as connection:
                connection.execute("set file_search_path = $path", {"path": str(self.base)})
                yield connection
        except duckdb.Error as error:
            raise QuotingError(f"{self.name} fails: ", str(error).partition(chr(10))[0]) from error


def _exact(connection: Any, query: str) -> str:
    """SQL of the rows, with numbers of more figures than Arrow's decimals have as texts: beyond those, they become
    other numbers."""
    rows = f"({query}\n) rows"  # on lines of its own, because a query may end in a comment
    found = connection.sql(f"select * from {rows}")
    wide = [name for name, kind in zip(found.columns, found.types, strict=True) if str(kind) in WIDE]
    if not wide:
        return rows
    quoted = ['"' + name.replace('"', '""') + '"' for name in wide]
    texts = ", ".join(f"{name}::varchar as {name}" for name in quoted)
    return f"(select * replace ({texts}) from {rows}) rows"


def _without_end(connection: Any, query: str) -> str:
    """The query without a semicolon at its end, behind which there may be comments."""
    body, semicolon, rest = query.rpartition(";")
    if not semicolon or not re.fullmatch(r"(\s|--[^\n]*|/\*.*?\*/)*", rest, re.DOTALL):
        return query
    try:
        connection.extract_statements(body)
    except Exception as error:  # the semicolon stands in a text
        if type(error).__name__ != "ParserException":
            raise
        return query
    return _without_end(connection, body)
