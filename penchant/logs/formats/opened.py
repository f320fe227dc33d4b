"""From `files` or `query` of a run file to the parts of a table."""

from collections.abc import Sequence
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penchant.errors import DataError
from penchant.logs.formats.arrow_parts import ParquetPart
from penchant.logs.formats.delimited import DelimitedPart
from penchant.logs.formats.jsonlines import JsonLinesPart
from penchant.logs.formats.lakes import DeltaPart, IcebergPart
from penchant.logs.formats.part import TablePart
from penchant.logs.formats.places import FORMATS, LAKES, StoredFile, expand, find, lake_of, reached, system_of
from penchant.logs.formats.sql import QueryPart

if TYPE_CHECKING:
    from penchant.logs.tables import TableConfig


def open_parts(table: "TableConfig", base: Path) -> list[TablePart]:
    """The parts of a table, in order, each once. base: the folder that paths are relative to.

    Raises ConfigError for a variable that is not set or a library that is missing, DataError where nothing matches, the
    format is unknown, or files of a Delta or Iceberg table are named one by one.
    """
    if table.query is not None:
        database = expand(table.database, base) if table.database else None
        return [QueryPart(table.query, base, database)]
    patterns = [table.files] if isinstance(table.files, str) else table.files or []
    parts = (part for pattern in patterns for part in _of_pattern(pattern, table, base))
    return list({part.name: part for part in parts}.values())


def _of_pattern(pattern: str, table: "TableConfig", base: Path) -> Sequence[TablePart]:
    where = expand(pattern, base)
    system, path = system_of(where)
    with reached(where):
        return _of_place(pattern, where, system, path, table, base)


def _of_place(
    pattern: str, where: str, system: Any, path: str, table: "TableConfig", base: Path
) -> Sequence[TablePart]:
    lake = None if has_magic(path) else lake_of(system, path)
    if table.format in LAKES and lake != table.format and not path.endswith(".metadata.json"):
        raise DataError(f"{where} is no {table.format} table: it has no folder {LAKES[table.format]}")
    if lake == "delta":
        return [DeltaPart(where)]
    if lake == "iceberg" or (path.endswith(".metadata.json") and not has_magic(path)):
        return [IcebergPart(where, system, path)]
    places = find(pattern, base)
    _refuse_lakes(places)
    return [_of_file(place, table) for place in places]


def _of_file(place: StoredFile, table: "TableConfig") -> TablePart:
    partition = place.partition
    match table.format or place.format:
        case "parquet":
            return ParquetPart(place, partition)
        case "csv":
            return DelimitedPart(place, partition, table.csv)
        case "jsonl":
            return JsonLinesPart(place, partition)
        case _:
            raise DataError(
                f"{place.name}: unknown format {''.join(place.endings) or 'without an ending'}; known: "
                f"{', '.join(FORMATS)}, text also with .gz, .zst or .bz2 behind; or say it: "
                f'format = "csv" (or "parquet", "jsonl", "delta", "iceberg")'
            )


def _refuse_lakes(places: Sequence[StoredFile]) -> None:
    """Raise DataError for files inside the folder of a Delta or Iceberg table: among them are removed ones."""
    seen: set[str] = set()
    for place in places:
        folder = place.path
        for _ in range(6):
            folder = folder.rpartition("/")[0]
            if not folder or folder in seen:
                break
            seen.add(folder)
            if "=" in folder.rpartition("/")[2]:  # a partition, of which there may be thousands
                continue
            lake = lake_of(place.system, folder)
            if lake:
                shown = place.name[: len(place.name) - len(place.path) + len(folder)]
                kind = "a Delta" if lake == "delta" else "an Iceberg"
                raise DataError(
                    f"{place.name} lies in {kind} table, whose files may hold rows that were deleted since; name the "
                    f'folder of the table instead: files = "{shown}"'
                )
