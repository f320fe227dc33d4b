"""An export as a table of a DuckDB database: a new file, or a table more in one that is there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from penchant.errors import ConfigError
from penchant.files import aside, disk_errors
from penchant.operation.exports.schema import COLUMNS
from penchant.operation.exports.table import ExportTable
from penchant.progress import Report

MEMORY = "512MB"
"""What DuckDB may keep in memory. By itself it takes most of the machine's before it writes anything."""


def write(table: ExportTable, path: Path, *, replace: bool, report: Report) -> None:
    """Write a table called "profiles" or "audiences" in one transaction. Its comment holds the facts of the export as
    JSON, those of its columns their meaning. ConfigError where such a table is there and may not be replaced, and where
    the file cannot be written as a database."""
    with _place(path) as file, _database(file, path) as database:
        if not replace and database.execute(_THERE, [table.what]).fetchone():
            raise ConfigError(
                f"{path} has a table {table.what} already; give another file, or replace the table with --replace "
                f"(replace=True in Python)"
            )
        database.begin()
        with table.stream(report) as blocks:
            database.register("blocks", blocks)
            database.execute(f"CREATE OR REPLACE TABLE {table.what} AS SELECT * FROM blocks")  # noqa: S608
        database.unregister("blocks")
        database.execute(f"COMMENT ON TABLE {table.what} IS {_quoted(json.dumps(dict(table.about)))}")
        for column in COLUMNS[table.what, table.form]:
            database.execute(f'COMMENT ON COLUMN {table.what}."{column.name}" IS {_quoted(column.meaning)}')
        database.commit()


_THERE = "SELECT 1 FROM duckdb_tables() WHERE table_name = ? AND schema_name = 'main' AND NOT temporary"


@contextmanager
def _place(path: Path) -> Iterator[Path]:
    """Where to write: a database that is there is changed in a transaction, a new one comes to be as a whole."""
    if path.exists():
        with disk_errors(path):
            yield path
    else:
        with aside(path) as temporary:
            yield temporary


@contextmanager
def _database(file: Path, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """path: what an error calls it."""
    try:
        with duckdb.connect(file, config={"memory_limit": MEMORY}) as database:
            yield database
    except duckdb.Error as error:
        if "No space left on device" in str(error):
            raise
        raise ConfigError(f"{path} cannot be written as a DuckDB database: {error}") from error


def _quoted(text: str) -> str:
    """A text of SQL. Comments take no parameters."""
    return "'" + text.replace("'", "''") + "'"
