"""Parts whose columns have types: Parquet files, and whatever else is read as Arrow batches."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet

from penchant.errors import DataError
from penchant.logs.formats.part import (
    PORTIONS,
    UNKNOWN,
    FilePart,
    Portions,
    ReadRows,
    TablePart,
    frame_of,
    numbers,
    picked,
    roots,
)
from penchant.logs.formats.places import readable


class ArrowPart(TablePart):
    """A part that gives Arrow batches of some of its columns."""

    @abstractmethod
    def arrow_batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        """All rows. columns: of the part's own schema."""

    def batches(self, columns: list[str], portions: Portions = PORTIONS) -> Iterator[ReadRows]:
        self.require(columns)
        own = self.own_schema()
        wanted = roots([name for name in columns if name in own or name not in self.partition], own)
        unknown = next((name for name in wanted if own[name] == UNKNOWN), None)
        if unknown is not None:
            raise DataError(f"{self.name}: {unknown!r} is of a type that cannot be read; convert it, or leave it out")
        first_row = 1
        for batch in self.arrow_batches(wanted, portions.rows):
            frame = frame_of(batch) if wanted else pl.DataFrame(height=batch.num_rows)
            rows = numbers(np.arange(first_row, first_row + batch.num_rows))
            yield ReadRows(picked(self.with_partition(frame), columns), rows)
            first_row += batch.num_rows

    def sample(self, rows: int = 2000) -> pl.DataFrame:
        taken, found = 0, []
        schema = {name: dtype for name, dtype in self.own_schema().items() if dtype != UNKNOWN}
        for batch in self.arrow_batches(list(schema), rows):
            found.append(frame_of(batch.slice(0, rows - taken)))
            taken += batch.num_rows
            if taken >= rows:
                break
        return self.with_partition(pl.concat(found) if found else pl.DataFrame(schema=schema))


@dataclass(frozen=True)
class ParquetPart(FilePart, ArrowPart):
    """A Parquet file."""

    kind: ClassVar[str] = "parquet"

    def own_schema(self) -> pl.Schema:
        with readable(self.place, self.kind), self._open() as file:
            schema = file.schema_arrow
            _refuse_twice(self.name, schema.names)
            return pl.Schema(zip(schema.names, frame_of(schema.empty_table()).dtypes, strict=True))

    def count(self) -> int:
        with readable(self.place, self.kind), self._open() as file:
            return int(file.metadata.num_rows)

    def sample(self, rows: int = 2000) -> pl.DataFrame:
        """Rows of the first, the middle and the last row group."""
        with readable(self.place, self.kind), self._open() as file:
            groups = sorted({0, file.num_row_groups // 2, file.num_row_groups - 1}) if file.num_row_groups else []
            found = [
                frame_of(batch).head(rows // len(groups))
                for group in groups
                for batch in list(_first(file.iter_batches(batch_size=rows, row_groups=[group])))
            ]
        return self.with_partition(pl.concat(found) if found else pl.DataFrame(schema=self.own_schema()))

    def arrow_batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        with readable(self.place, self.kind), self._open() as file:
            # To PyArrow names are paths too: "a.b" also leads into a record called a.
            for batch in file.iter_batches(batch_size=rows, columns=columns):
                yield batch.select(columns)

    def _open(self) -> Any:
        return pyarrow.parquet.ParquetFile(self.place.open(), pre_buffer=not self.place.local)


def _refuse_twice(name: str, columns: list[str]) -> None:
    """Raise DataError where two columns have the same name."""
    twice = next((one for place, one in enumerate(columns) if one in columns[:place]), None)
    if twice is not None:
        raise DataError(f"{name} has two columns that are called {twice!r}; rename one of them")


def _first(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    batch = next(iter(batches), None)
    if batch is not None:
        yield batch
