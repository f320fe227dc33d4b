"""What a query finds: DuckDB's SQL over its own files, and over all that it can read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from penchant.errors import DataError
from penchant.logs.formats.arrow_parts import ArrowPart
from penchant.logs.formats.extras import library
from penchant.logs.formats.part import frame_of


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
        with self._connected() as connection:
            rows, content = connection.execute(f"select count(*), bit_xor(hash(rows)) from {self._rows}").fetchone()
        return f"{self.query} {self.database} {rows} {content}"

    def own_schema(self) -> pl.Schema:
        with self._connected() as connection:
            return frame_of(connection.execute(f"select * from {self._rows} limit 0").to_arrow_table()).schema

    def count(self) -> int:
        with self._connected() as connection:
            return int(connection.execute(f"select count(*) from {self._rows}").fetchone()[0])

    def arrow_batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        wanted = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
        with self._connected() as connection:
            yield from connection.execute(f"select {wanted} from {self._rows}").to_arrow_reader(rows)

    @property
    def _rows(self) -> str:
        return f"({self.query.strip().rstrip(';')}) rows"

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
            raise DataError(f"{self.name} fails: {str(error).partition(chr(10))[0]}") from error
