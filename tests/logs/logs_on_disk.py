"""A log of a few rows through `ingest`, and what came of it."""

from pathlib import Path
from typing import Any

import polars as pl

from penchant.logs.formats.part import PORTIONS, Portions
from penchant.logs.ingest import Log, ingest
from penchant.logs.tables import Tables
from penchant.schema import USER

DAY_S = 86_400
NOON = 978_350_400  # 2001-01-01 12:00 UTC


def read_log(
    folder: Path,
    events: pl.DataFrame | list[pl.DataFrame],
    limit: float = 1.0,
    portions: Portions = PORTIONS,
    **tables: Any,
) -> Log:
    """The log of one or several Parquet files; `tables` are sections of a run file, `events` is what to change there.

    Columns are u, i and t (and c where it is there); `events=` in `tables` maps them otherwise.
    """
    frames = events if isinstance(events, list) else [events]
    for number, frame in enumerate(frames):
        frame.write_parquet(folder / f"events-{number}.parquet")
    mapping: dict[str, Any] = {"files": "events-*.parquet", "user": "u", "item": "i"}
    mapping |= {"time": "t"} if "t" in frames[0].columns else {}
    mapping |= {"clicked": "c"} if "c" in frames[0].columns else {}
    mapping |= tables.pop("mapping", {})
    parsed = Tables.parse({"events": mapping, **tables}, origin="test")
    return ingest(parsed, folder, folder / "log", max_rejected_share=limit, portions=portions)


def all_events(log: Log) -> pl.DataFrame:
    """The events of all buckets, by user, in the order of the log."""
    return pl.concat([log.events(bucket) for bucket in range(log.buckets)]).sort(USER, maintain_order=True)


def rejected(log: Log) -> list[tuple[str, int, str]]:
    """File name, row and reason of every row set aside, in that order."""
    rows = pl.read_parquet(log.folder / "rejected.parquet").rows()
    return sorted((Path(file).name, row, reason) for file, row, reason in rows)
