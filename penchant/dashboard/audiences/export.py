"""An audience as a file: CSV that opens in a spreadsheet without doing anything, or Parquet."""

from collections.abc import Sequence
from hashlib import sha256
from io import BytesIO
from urllib.parse import quote

import polars as pl

from penchant.audiences.spreadsheets import harmless
from penchant.schema import USER

LONGEST_NAME = 100
CSV, PARQUET = "text/csv; charset=utf-8", "application/vnd.apache.parquet"


def csv(members: Sequence[tuple[str, float]]) -> bytes:
    """Write rank, user and score as CSV. Every text is in quotes, with ' before it where a spreadsheet would run it as
    a formula."""
    return harmless(_table(members)).write_csv(quote_style="non_numeric").encode()


def parquet(members: Sequence[tuple[str, float]]) -> bytes:
    """Write the same as Parquet, with the ids of users as they are."""
    file = BytesIO()
    _table(members).write_parquet(file)
    return file.getvalue()


def file_name(item: str, size: int, ending: str) -> str:
    """Name the file of an audience. Ids may be of any length and hold characters that names of files must not.

    >>> file_name("a/b", 50, "csv")
    'audience-a%2Fb-50.csv'
    """
    name = quote(item, safe="")
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}{sha256(item.encode()).hexdigest()[:16]}"
    return f"audience-{name}-{size}.{ending}"


def _table(members: Sequence[tuple[str, float]]) -> pl.DataFrame:
    rows = [(rank, user, score) for rank, (user, score) in enumerate(members, 1)]
    return pl.DataFrame(rows, {"rank": pl.Int64, USER: pl.String, "score": pl.Float32}, orient="row")
