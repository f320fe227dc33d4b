"""What databases, warehouses, table formats and spreadsheets write."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.logs.layouts.layout import Expected, Layout, hex_of, uuid_of, world


def _moments(seconds: pl.Series, unit: str = "us") -> pl.Series:
    return (seconds * 1_000_000).cast(pl.Datetime("us")).cast(pl.Datetime(unit))  # type: ignore[arg-type]


def _clicks() -> pl.DataFrame:
    """Rows as an application would log them."""
    w = world()
    return pl.DataFrame(
        {
            "user_id": w.of_users(lambda n: f"u{n:04}"),
            "item_id": w.of_items(lambda n: f"i{n:04}"),
            "timestamp": w.events["s"],
            "clicked": w.events["click"].cast(pl.Int8),
        }
    )


def _things(folder: Path, key: str = "item_id") -> None:
    w = world()
    pl.DataFrame(
        {key: w.all_items(lambda n: f"i{n:04}"), "title": w.items["title"], "tags": w.items["genres"].list.join("|")}
    ).write_csv(folder / "items.csv")


def clickhouse(folder: Path) -> int:
    """Parquet as ClickHouse writes it: texts as binary, DateTime64, UInt64."""
    w = world()
    table = pa.table(
        {
            "EventTime": _moments(w.events["s"], "ms").to_arrow(),
            "UserID": pa.array([2**63 + n * 10**12 + 17 for n in w.events["user"]], pa.uint64()),
            "ArticleID": pa.array([f"a-{n}".encode() for n in w.events["item"]], pa.binary()),
            "EventType": pa.array(
                [one.encode() for one in w.events["act"].replace({"cart": "click", "buy": "click"})], pa.binary()
            ),
            "Referer": pa.array([b"https://search.example/"] * w.events.height, pa.binary()),
        }
    )
    pq.write_table(table, folder / "hits.parquet")
    things = pa.table(
        {
            "ArticleID": pa.array([f"a-{n}".encode() for n in w.items["item"]], pa.binary()),
            "Title": pa.array([one.encode() for one in w.items["title"]], pa.binary()),
            "Tags": pa.array([[one.encode() for one in some] for some in w.items["genres"]], pa.list_(pa.binary())),
        }
    )
    pq.write_table(things, folder / "articles.parquet")
    return w.events.height


def spark(folder: Path) -> int:
    """A folder that Spark wrote: parts, a marker of success, sums."""
    frame = _clicks()
    target = folder / "clicks.parquet"
    target.mkdir()
    for part in range(3):
        name = f"part-{part:05}-{uuid_of(1)}-c000.snappy.parquet"
        size = frame.height // 3 + 1
        frame.slice(part * size, size).write_parquet(target / name, compression="snappy")
        (target / f".{name}.crc").write_bytes(b"crc\0\0\0")
    (target / "_SUCCESS").touch()
    _things(folder)
    return frame.height


def bigquery_shards(folder: Path) -> int:
    """An export in shards, with times of a zone."""
    frame = _clicks().with_columns(
        pl.col("timestamp").mul(1_000_000).cast(pl.Datetime("us", "UTC")).alias("event_time")
    )
    frame = frame.drop("timestamp")
    for shard in range(4):
        frame.gather_every(4, shard).write_parquet(folder / f"impressions-{shard:012}.parquet")
    w = world()
    pl.DataFrame(
        {"item_id": w.all_items(lambda n: f"i{n:04}"), "name": w.items["title"], "topics": w.items["genres"]}
    ).write_parquet(folder / "catalogue-000000000000.parquet")
    return frame.height


def delta(folder: Path) -> int:
    """A Delta table of which rows were deleted and updated."""
    from deltalake import DeltaTable, write_deltalake  # noqa: PLC0415

    frame = _clicks()
    half = frame.height // 2
    where = str(folder / "clicks")
    for some in (frame[:half], frame[half:]):
        write_deltalake(where, some.to_arrow(), mode="append")
    DeltaTable(where).delete("user_id = 'u0000'")
    DeltaTable(where).update(predicate="user_id = 'u0001'", updates={"clicked": "cast(1 as tinyint)"})
    _things(folder)
    return frame.filter(pl.col("user_id") != "u0000").height


def iceberg(folder: Path) -> int:
    """An Iceberg table, of which rows were appended twice."""
    from tests.logs.layouts.iceberg import InFolder  # noqa: PLC0415

    frame = _clicks().to_arrow()
    frame = frame.cast(
        pa.schema([(one.name, pa.string() if one.type == pa.large_string() else one.type) for one in frame.schema])
    )
    frame = frame.set_column(3, "clicked", frame["clicked"].cast(pa.int32()))
    table = InFolder("local").create_table("shop.clicks", schema=frame.schema, location=(folder / "clicks").as_uri())
    half = frame.num_rows // 2
    for some in (frame.slice(0, half), frame.slice(half)):
        table.append(some)
    _things(folder)
    return frame.num_rows


def excel_german(folder: Path) -> int:
    """What Excel saves as CSV in Germany: semicolons, a mark of the encoding, decimal commas, days first."""
    w = world()
    lines = ["Kunde;Artikel;Datum;Menge;Preis"]
    for n, one in enumerate(w.events.iter_rows(named=True)):
        day = datetime.fromtimestamp(one["s"], UTC).strftime("%d.%m.%Y %H:%M:%S")
        price = f"{w.items['price'][one['item']]:.2f}".replace(".", ",")
        lines.append(f"K-{one['user'] + 100};A{one['item']:03};{day};{n % 3 + 1};{price}")
    (folder / "Bestellungen.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")
    lines = ["Artikel;Bezeichnung;Kategorie;Gewicht"]
    for one in w.items.iter_rows(named=True):
        lines.append(f"A{one['item']:03};{one['title']};{', '.join(one['genres'])};1,{one['item']}")
    (folder / "Artikel.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")
    return w.events.height


def pandas_csv(folder: Path) -> int:
    """`to_csv` with its index, and ids that a missing value has made floats."""
    w = world()
    lines = [",user_id,item_id,ts,clicked"]
    for n, one in enumerate(w.events.iter_rows(named=True)):
        user = "" if n == 5 else f"{one['user'] + 1000}.0"
        lines.append(f"{n},{user},{one['item'] + 1}.0,{one['s']},{one['click']}")
    (folder / "events.csv").write_text("\n".join(lines) + "\n")
    lines = [",item_id,title,genres"]
    for n, thing in enumerate(w.items.iter_rows(named=True)):
        lines.append(f'{n},{thing["item"] + 1}.0,"{thing["title"]}","{thing["genres"]}"')
    (folder / "items.csv").write_text("\n".join(lines) + "\n")
    return w.events.height - 1


def warehouse(folder: Path) -> int:
    """Tables of a shop's database: created_at everywhere, and ids of several kinds in each."""
    w = world()
    n = w.events.height
    pl.DataFrame(
        {
            "id": range(1, n + 1),
            "session_id": w.events["session"] + 70_000,
            "customer_id": w.events["user"] + 5_000,
            "product_id": w.events["item"] + 300,
            "quantity": [k % 3 + 1 for k in range(n)],
            "created_at": _moments(w.events["s"]),
            "updated_at": _moments(w.events["s"] // 86_400 * 86_400 + 86_400),
        }
    ).write_parquet(folder / "order_lines.parquet")
    things = w.items.height
    pl.DataFrame(
        {
            "id": w.items["item"] + 300,
            "brand_id": [k % 6 + 1 for k in range(things)],
            "category_id": [k % 8 + 40 for k in range(things)],
            "name": w.items["title"],
            "created_at": [datetime(2025, 1, 1 + k % 28) for k in range(things)],
        }
    ).write_parquet(folder / "products.parquet")
    people = w.users.height
    pl.DataFrame(
        {
            "id": w.users["user"] + 5_000,
            "email": [f"{hex_of(k, 8)}@example.org" for k in range(people)],
            "country": w.users["town"],
            "created_at": [datetime(2024, 1, 1 + k % 28) for k in range(people)],
        }
    ).write_parquet(folder / "customers.parquet")
    for name, rows, first in (("brands", 6, 1), ("categories", 8, 40)):
        pl.DataFrame({"id": range(first, first + rows), "name": [f"{name} {k}" for k in range(rows)]}).write_parquet(
            folder / f"{name}.parquet"
        )
    return n


def hive_with_clock(folder: Path) -> int:
    """Folders by day, and a clock inside."""
    frame = _clicks().with_columns(pl.col("timestamp").mul(1_000_000).cast(pl.Datetime("us")).dt.date().alias("day"))
    for (day,), some in frame.group_by("day"):
        target = folder / "clicks" / f"dt={day}"
        target.mkdir(parents=True)
        some.drop("day").write_parquet(target / f"{uuid4().hex}.parquet")
    _things(folder)
    return frame.height


def hive_by_day(folder: Path) -> int:
    """Folders by day, and no other time."""
    frame = _clicks().with_columns(pl.col("timestamp").mul(1_000_000).cast(pl.Datetime("us")).dt.date().alias("day"))
    for (day,), some in frame.group_by("day"):
        target = folder / "clicks" / f"event_date={day}"
        target.mkdir(parents=True)
        some.drop("day", "timestamp").write_csv(target / "000.csv")
    _things(folder)
    return frame.n_unique(["user_id", "item_id", "day"])


_OURS: dict[str, Any] = {
    "user": "user_id",
    "item": "item_id",
    "time": "timestamp",
    "clicked": "clicked",
    "items_key": "item_id",
    "label": "tags",
}
LAYOUTS = [
    Layout(
        "clickhouse",
        "ClickHouse, Parquet",
        clickhouse,
        Expected(
            user="UserID",
            item="ArticleID",
            time="EventTime",
            action="EventType",
            clicks=frozenset({"click"}),
            items_key="ArticleID",
            label="Tags",
        ),
    ),
    Layout("spark", "Spark, a folder of Parquet parts", spark, Expected(**_OURS, files="clicks.parquet")),
    Layout(
        "bigquery-shards",
        "BigQuery, an export in shards",
        bigquery_shards,
        Expected(**{**_OURS, "time": "event_time", "label": "topics"}, files="impressions-"),
    ),
    Layout("delta", "A Delta table", delta, Expected(**_OURS, files="clicks")),
    Layout("iceberg", "An Iceberg table", iceberg, Expected(**_OURS, files="clicks")),
    Layout(
        "excel-german",
        "Excel in Germany, CSV",
        excel_german,
        Expected(user="Kunde", item="Artikel", time="Datum", items_key="Artikel", label="Kategorie"),
    ),
    Layout(
        "pandas-csv",
        "pandas, CSV with its index and floats",
        pandas_csv,
        Expected(**{**_OURS, "time": "ts", "label": "genres"}),
    ),
    Layout(
        "warehouse",
        "A shop's database, Parquet",
        warehouse,
        Expected(user="customer_id", item="product_id", time="created_at", items_key="id", label="category_id"),
    ),
    Layout("hive-clock", "Folders by day, with a clock inside", hive_with_clock, Expected(**_OURS, files="clicks")),
    Layout(
        "hive-day",
        "Folders by day, no other time",
        hive_by_day,
        Expected(**{**_OURS, "time": "event_date"}, files="clicks"),
    ),
]
