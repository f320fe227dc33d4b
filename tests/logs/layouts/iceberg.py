"""The least that writes an Iceberg table: a catalogue that remembers where the metadata is, and needs no database."""

from typing import Any

from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import CommitTableResponse, Table


class InFolder(NoopCatalog, MetastoreCatalog):
    """Tables by their locations."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.where: dict[Any, str] = {}

    def create_table(self, identifier: Any, schema: Any, location: Any = None, **_: Any) -> Table:  # type: ignore[override]
        return self._keep(self._create_staged_table(identifier, schema, location), self.identifier_to_tuple(identifier))

    def load_table(self, identifier: Any) -> Table:
        name = self.identifier_to_tuple(identifier)
        io = self._load_file_io(location=self.where[name])
        metadata = FromInputFile.table_metadata(io.new_input(self.where[name]))
        return Table(name, metadata, self.where[name], io, self)

    def commit_table(self, table: Table, requirements: Any, updates: Any) -> CommitTableResponse:
        name = table.name()
        kept = self._keep(self._update_and_stage_table(self.load_table(name), name, requirements, updates), name)
        return CommitTableResponse(metadata=kept.metadata, metadata_location=kept.metadata_location)

    def _keep(self, staged: Any, name: Any) -> Table:
        self._write_metadata(staged.metadata, staged.io, staged.metadata_location)
        self.where[name] = staged.metadata_location
        return self.load_table(name)
