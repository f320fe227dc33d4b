"""Delta and Iceberg tables, read by their own libraries: what a table holds is what its log says, not what files lie in
its folder."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.fs

from penchant.errors import DataError, QuotingError
from penchant.logs.formats.arrow_parts import ArrowPart
from penchant.logs.formats.extras import library
from penchant.logs.formats.part import frame_of
from penchant.logs.formats.places import LAKES


@dataclass(frozen=True)
class DeltaPart(ArrowPart):
    """A Delta table in its latest version."""

    kind: ClassVar[str] = "delta"
    where: str
    partition: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.where

    @property
    def state(self) -> str:
        return f"{self.where} table {self._table.metadata().id} version {self._table.version()}"

    @cached_property
    def _table(self) -> Any:
        deltalake = library("deltalake", "deltalake", f"{self.where}, a Delta table,")
        try:
            return deltalake.DeltaTable(self.where, storage_options=_of_delta(self.where))
        except (OSError, ValueError, deltalake.exceptions.DeltaError) as error:
            raise _unreadable(self.where, "a Delta table", error) from error

    @cached_property
    def _files(self) -> Any:
        """The files of the table as a data set of PyArrow; None where the table has features that PyArrow does not
        know: deletion vectors, and columns that the files call otherwise, which it would read as nulls."""
        if self._table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
            return None
        errors = library("deltalake.exceptions", "deltalake", f"{self.where}, a Delta table,")
        try:
            return self._table.to_pyarrow_dataset()
        except errors.DeltaProtocolError:
            return None
        except (OSError, ValueError, pa.ArrowException, errors.DeltaError) as error:
            raise _unreadable(self.where, "a Delta table", error) from error

    def _asked(self, wanted: str, rest: str = "") -> Any:
        """Batches that deltalake's own engine, the slower one, answers. wanted: what to select; rest: behind `from`."""
        deltalake = library("deltalake", "deltalake", f"{self.where}, a Delta table,")
        try:
            engine = deltalake.QueryBuilder().register("rows", self._table)
            return pa.RecordBatchReader.from_stream(engine.execute(f"select {wanted} from rows {rest}"))  # noqa: S608
        except (OSError, ValueError, pa.ArrowException, deltalake.exceptions.DeltaError) as error:
            raise _unreadable(self.where, "a Delta table", error) from error

    def own_schema(self) -> pl.Schema:
        schema = self._files.schema if self._files else self._asked("*", "limit 0").schema
        return frame_of(schema.empty_table()).schema

    def count(self) -> int:
        # Not the table's own count, which counts rows that a deletion vector takes out.
        return int(self._files.count_rows() if self._files else self._asked("count(*)").read_all()[0][0].as_py())

    def arrow_batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
        try:
            if self._files:
                yield from self._files.scanner(columns=columns, batch_size=rows).to_batches()
                return
            for batch in self._asked(quoted or "1"):
                yield from (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.where, "a Delta table", error) from error


@dataclass(frozen=True)
class IcebergPart(ArrowPart):
    """An Iceberg table in its current snapshot. where: its folder, or one of its metadata files."""

    kind: ClassVar[str] = "iceberg"
    where: str
    system: Any
    path: str
    partition: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.where

    @property
    def state(self) -> str:
        snapshot = self._table.current_snapshot()
        return f"{self.where} snapshot {snapshot.snapshot_id if snapshot else 'none'}"

    @cached_property
    def _table(self) -> Any:
        tables = library("pyiceberg.table", "iceberg", f"{self.where}, an Iceberg table,")
        errors = library("pyiceberg.exceptions", "iceberg", self.where)
        try:
            return tables.StaticTable.from_metadata(self._metadata(), properties=_of_iceberg(self.where))
        except (OSError, ValueError, errors.NoSuchTableError, errors.ValidationError) as error:
            raise _unreadable(self.where, "an Iceberg table", error) from error

    def _metadata(self) -> str:
        """The latest metadata file: that of the highest number, which begins its name (00002-….metadata.json) or stands
        behind a v (v2.metadata.json)."""
        if self.path.endswith(".metadata.json"):
            return self.where
        folder = f"{self.path.rstrip('/')}/{LAKES['iceberg']}"
        names = [os.path.basename(one.path) for one in self.system.get_file_info(pyarrow.fs.FileSelector(folder))]
        versions = [name for name in names if name.endswith(".metadata.json")]
        latest = max(versions, key=lambda name: (int("0" + name.lstrip("v").partition("-")[0].partition(".")[0]), name))
        return f"{self.where.rstrip('/')}/{LAKES['iceberg']}/{latest}"

    def own_schema(self) -> pl.Schema:
        return frame_of(self._table.schema().as_arrow().empty_table()).schema

    def count(self) -> int:
        return int(self._table.scan().count())

    def arrow_batches(self, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        try:
            reader = self._table.scan(selected_fields=tuple(columns)).to_arrow_batch_reader()
            for batch in reader:
                for start in range(0, batch.num_rows, rows):
                    yield batch.slice(start, rows).select(columns)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _unreadable(self.where, "an Iceberg table", error) from error


def _endpoint(where: str) -> str | None:
    """The address of a server that speaks S3, where the environment names one."""
    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return named if where.startswith(("s3://", "s3a://")) else None


def _of_delta(where: str) -> dict[str, str] | None:
    """What deltalake has to be told beside what it finds in the environment: that a server without TLS will do."""
    endpoint = _endpoint(where)
    if endpoint is None:
        return None
    return {"AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": str(endpoint.startswith("http:")).lower()}


def _of_iceberg(where: str) -> dict[str, str]:
    """What pyiceberg does not find in the environment by itself."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    told = {"s3.endpoint": _endpoint(where), "s3.region": region}
    return {name: value for name, value in told.items() if value}


def _unreadable(where: str, what: str, error: BaseException) -> DataError:
    return QuotingError(f"{where} cannot be read as {what}: ", " ".join(str(error).split())[:300])
