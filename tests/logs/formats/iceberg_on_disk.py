"""An Iceberg table in a folder, written by pyiceberg without a catalog's database."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io import load_file_io
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import CommitTableResponse, CreateTableTransaction, Table


class OneTable(NoopCatalog, MetastoreCatalog):
    """A catalog of one table: it knows where the latest metadata lies, and nothing else."""

    latest: str | None = None

    def load_table(self, identifier: Any) -> Table:
        if self.latest is None:
            raise NoSuchTableError(str(identifier))
        io = load_file_io(self.properties, self.latest)
        return Table(("db", "log"), FromInputFile.table_metadata(io.new_input(self.latest)), self.latest, io, self)

    def commit_table(self, table: Table, requirements: Any, updates: Any) -> CommitTableResponse:
        current = None if self.latest is None else self.load_table(table.name())
        staged = self._update_and_stage_table(current, table.name(), requirements, updates)
        self._write_metadata(staged.metadata, staged.io, staged.metadata_location)
        self.latest = staged.metadata_location
        return CommitTableResponse(metadata=staged.metadata, metadata_location=staged.metadata_location)


def create_iceberg(folder: Path | str, schema: pa.Schema, **properties: str) -> Table:
    """An empty table; `append` and `delete` of what is returned change it. properties: of the file system."""
    catalog = OneTable("test", **properties)
    staged = catalog._create_staged_table(("db", "log"), schema, location=str(folder))
    CreateTableTransaction(staged).commit_transaction()
    return catalog.load_table(("db", "log"))
