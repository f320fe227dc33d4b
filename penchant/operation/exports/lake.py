"""An export as a Delta table: a new one comes to be as a whole, one that is there gets a new version."""

from pathlib import Path

from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from penchant.errors import ConfigError
from penchant.files import aside, disk_errors
from penchant.operation.exports.files import refuse_existing
from penchant.operation.exports.schema import MARK
from penchant.operation.exports.table import ExportTable
from penchant.progress import Report


def write(table: ExportTable, folder: Path, *, replace: bool, report: Report) -> None:
    """Write a table whose properties hold the facts of the export. One that is replaced keeps its earlier versions, as
    Delta tables do. ConfigError where something is there that may not be replaced, or is no Delta table."""
    refuse_existing(folder, replace=replace)
    try:
        if folder.exists():
            if not DeltaTable.is_deltatable(str(folder)):
                raise ConfigError(f"{folder} is no Delta table, so it is not replaced; give another folder")
            with disk_errors(folder):
                _write(table, folder, report)
            return
        with aside(folder) as temporary:
            _write(table, temporary, report)
    except DeltaError as error:
        raise ConfigError(f"{folder} cannot be written as a Delta table: {error}") from error


def _write(table: ExportTable, folder: Path, report: Report) -> None:
    """Rows in one version of the table, and properties after it where they are not there yet."""
    with table.stream(report) as blocks:
        write_deltalake(folder, blocks, mode="overwrite", schema_mode="overwrite", name=f"penchant {table.what}")
    written = DeltaTable(folder)
    wanted = {f"{MARK}{name}": said for name, said in table.about.items()}
    if not wanted.items() <= written.metadata().configuration.items():
        # The writer takes no properties but those that Delta itself knows; this call does.
        written.alter.set_table_properties(wanted, raise_if_not_exists=False)
