"""The same tables, with names that say nothing."""

from pathlib import Path

import polars as pl

RENAMED = {
    *(
        "adobe",
        "clickhouse",
        "spark",
        "bigquery-shards",
        "excel-german",
        "pandas-csv",
        "warehouse",
        "matomo",
    ),
    *("hive-clock", "recbole", "kuairand", "yoochoose", "retailrocket", "taobao", "steam", "anime", "polars-lists"),
    *("categories", "decimals", "uuids", "listings", "swedish"),
}
_HEADLESS = {"taobao", "yoochoose", "adobe"}
_TEXTS = {".csv", ".inter", ".item", ".user"}


def rename_all(folder: Path) -> dict[str, str]:
    """Call the columns of all files col_1, col_2, …, those with equal names alike; returns the new names."""
    names: dict[str, str] = {}

    def renamed(old: str) -> str:
        return names.setdefault(old, f"col_{len(names) + 1}")

    for file in sorted(folder.rglob("*")):
        if file.suffix == ".parquet" and file.is_file() and not file.name.startswith("."):
            frame = pl.read_parquet(file, hive_partitioning=False)
            frame.columns = [renamed(name) for name in frame.columns]
            frame.write_parquet(file)
        elif file.suffix in _TEXTS and folder.name not in _HEADLESS:
            content = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
            head, _, rest = content.partition(b"\n")
            mark = next(one for one in ";\t," if one.encode() in head)
            columns = [renamed(name.strip()) for name in head.decode().split(mark)]
            file.write_bytes(mark.join(columns).encode() + b"\n" + rest)
    return names
