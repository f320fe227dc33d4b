"""Types and shapes that tables have in Python's libraries, and names that say little."""

from decimal import Decimal
from pathlib import Path
from uuid import UUID

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tests.logs.layouts.layout import Expected, Layout, uuid_of, world


def _things(folder: Path, name: str, ids: pa.Array, file: str = "items.parquet") -> None:
    w = world()
    table = pa.table(
        {name: ids, "title": pa.array(w.items["title"].to_list()), "tags": pa.array(w.items["genres"].to_list())}
    )
    pq.write_table(table, folder / file)


def polars_lists(folder: Path) -> int:
    """A row per user with the list of their clicks, as group_by writes it."""
    w = world()
    frame = pl.DataFrame(
        {
            "user_id": w.of_users(lambda n: f"u{n}"),
            "movie_ids": w.of_items(lambda n: n + 11),
            "timestamps": w.events["s"],
        }
    )
    frame.group_by("user_id", maintain_order=True).agg("movie_ids", "timestamps").write_parquet(
        folder / "histories.parquet"
    )
    _things(folder, "movie_id", pa.array([n + 11 for n in w.items["item"]]), "movies.parquet")
    return w.events.height


class _Tensors(pa.ExtensionType):  # type: ignore[misc]
    """What Ray Data calls its tensors."""

    def __init__(self) -> None:
        super().__init__(pa.list_(pa.float32()), "ray.data.arrow_tensor")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"[2]"

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> "_Tensors":
        return cls()


def ray(folder: Path) -> int:
    """Parts of Ray Data, with a column of tensors."""
    w = world()
    n = w.events.height
    vectors = pa.ExtensionArray.from_storage(
        _Tensors(), pa.array([[0.5, k / n] for k in range(n)], pa.list_(pa.float32()))
    )
    table = pa.table(
        {
            "user_id": pa.array([f"u{one}" for one in w.events["user"]]),
            "item_id": pa.array(w.events["item"].to_list()),
            "embedding": vectors,
            "ts": pa.array([s * 1000 for s in w.events["s"]]),
            "label": pa.array(w.events["click"].to_list()),
        }
    )
    (folder / "events").mkdir()
    for part in range(2):
        pq.write_table(
            table.slice(part * (n // 2), n // 2 + n % 2), folder / "events" / f"2_00000{part}_000000.parquet"
        )
    _things(folder, "item_id", pa.array(w.items["item"].to_list()))
    return n


def categories(folder: Path) -> int:
    """pandas' categories: dictionaries in Parquet."""
    w = world()
    table = pa.table(
        {
            "user": pa.array([f"u{one}" for one in w.events["user"]]).dictionary_encode(),
            "item": pa.array([f"i{one}" for one in w.events["item"]]).dictionary_encode(),
            "time": pa.array([s * 1_000_000_000 for s in w.events["s"]], pa.timestamp("ns")),
            "clicked": pa.array(w.events["click"].to_list()),
        }
    )
    pq.write_table(table, folder / "log.parquet")
    _things(folder, "item", pa.array([f"i{one}" for one in w.items["item"]]).dictionary_encode())
    return w.events.height


def decimals(folder: Path) -> int:
    """Ids as NUMBER(38, 0), which Snowflake and Oracle unload as decimals."""
    w = world()

    def ids(column: pl.Series, first: int) -> pa.Array:
        return pa.array([Decimal(one + first) for one in column], pa.decimal128(38, 0))

    table = pa.table(
        {
            "ACCOUNT_ID": ids(w.events["user"], 10**15),
            "CONTENT_ID": ids(w.events["item"], 10**12),
            "EVENT_TS": pa.array([s * 1_000_000 for s in w.events["s"]], pa.timestamp("us")),
            "IS_CLICK": pa.array(w.events["click"].to_list()),
        }
    )
    pq.write_table(table, folder / "data_0_0_0.snappy.parquet")
    _things(folder, "CONTENT_ID", ids(w.items["item"], 10**12), "content_0_0_0.snappy.parquet")
    return w.events.height


def uuids(folder: Path) -> int:
    """Ids of 16 bytes."""
    w = world()

    def ids(column: pl.Series, kind: int) -> pa.Array:
        return pa.array([UUID(uuid_of(one, kind)).bytes for one in column], pa.binary(16))

    table = pa.table(
        {
            "visitor_id": ids(w.events["user"], 1),
            "product_id": ids(w.events["item"], 2),
            "occurred_at": pa.array([s * 1000 for s in w.events["s"]], pa.timestamp("ms", "UTC")),
        }
    )
    pq.write_table(table, folder / "views.parquet")
    _things(folder, "product_id", ids(w.items["item"], 2))
    return w.events.height


def listings(folder: Path) -> int:
    """Names that a list of words does not know: listings, clients, shown_at; a row per listing and tag."""
    w = world()
    pl.DataFrame(
        {
            "client_id": w.of_users(lambda n: n + 900),
            "listing_id": w.of_items(lambda n: n + 70_000),
            "shown_at": w.events["s"],
            "clicked_at": [s + 4 if click else None for s, click in zip(w.events["s"], w.events["click"], strict=True)],
            "was_clicked": w.events["click"],
        }
    ).write_csv(folder / "showings.csv")
    pairs = [(one["item"] + 70_000, genre) for one in w.items.iter_rows(named=True) for genre in one["genres"]]
    pl.DataFrame(pairs, schema=["listing_id", "label"], orient="row").write_csv(folder / "labels.csv")
    return w.events.height


def swedish(folder: Path) -> int:
    """Names in Swedish, and a table of who likes what beside the log, which is not a table of users."""
    w = world()
    pl.DataFrame(
        {
            "besökare": w.of_users(lambda n: f"b{n}"),
            "vara": w.of_items(lambda n: f"v{n}"),
            "tidpunkt": [f"{s}" for s in w.events["s"]],
        }
    ).write_csv(folder / "klick.csv")
    pl.DataFrame(
        {"vara": w.all_items(lambda n: f"v{n}"), "namn": w.items["title"], "ämne": w.items["genres"].list.join(", ")}
    ).write_csv(folder / "varor.csv")
    pairs = w.events.unique(["user", "item"], maintain_order=True)[:120]
    pl.DataFrame(
        {
            "besökare": [f"b{n}" for n in pairs["user"]],
            "vara": [f"v{n}" for n in pairs["item"]],
            "betyg": pairs["rating"],
        }
    ).write_csv(folder / "omdömen.csv")
    return w.events.height


LAYOUTS = [
    Layout(
        "polars-lists",
        "Polars, a row per user with lists",
        polars_lists,
        Expected(user="user_id", item="movie_ids", time="timestamps", items_key="movie_id", label="tags"),
    ),
    Layout(
        "ray",
        "Ray Data, Parquet with tensors",
        ray,
        Expected(
            user="user_id",
            item="item_id",
            time="ts",
            clicked="label",
            items_key="item_id",
            label="tags",
            files="events",
        ),
    ),
    Layout(
        "categories",
        "pandas, categories in Parquet",
        categories,
        Expected(user="user", item="item", time="time", clicked="clicked", items_key="item", label="tags"),
    ),
    Layout(
        "decimals",
        "Snowflake, NUMBER(38, 0) as decimals",
        decimals,
        Expected(
            user="ACCOUNT_ID",
            item="CONTENT_ID",
            time="EVENT_TS",
            clicked="IS_CLICK",
            items_key="CONTENT_ID",
            label="tags",
        ),
    ),
    Layout(
        "uuids",
        "Ids of 16 bytes",
        uuids,
        Expected(user="visitor_id", item="product_id", time="occurred_at", items_key="product_id", label="tags"),
    ),
    Layout(
        "listings",
        "Clients and listings, a row per listing and tag",
        listings,
        Expected(
            user="client_id",
            item="listing_id",
            time="shown_at",
            clicked="was_clicked",
            items_key="listing_id",
            label="label",
        ),
    ),
    Layout(
        "swedish",
        "Swedish names, and ratings beside the log",
        swedish,
        Expected(user="besökare", item="vara", time="tidpunkt", items_key="vara", label="ämne", files="klick.csv"),
    ),
]
