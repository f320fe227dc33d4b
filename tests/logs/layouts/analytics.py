"""What tools of web analytics and event collection write."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tests.logs.layouts.layout import Expected, Layout, hex_of, uuid_of, world

_SHOP = {"view": "view_item", "cart": "add_to_cart", "buy": "purchase"}


def _iso(seconds: int, end: str = ".000Z") -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + end


def _sku(n: int) -> str:
    return f"SKU_{1000 + n}"


def _client(n: int) -> str:
    return f"{1_000_000_000 + n * 7_919_333}.{1_770_000_000 + n * 1_117}"


def ga4_bigquery(folder: Path) -> int:
    """A row per event, parameters and items nested; sessions begin without an item."""
    w = world()
    rows: list[dict[str, Any]] = []
    things = w.items.rows(named=True)
    for n, one in enumerate(w.events.iter_rows(named=True)):
        thing = things[one["item"]]
        item = {
            "item_id": _sku(one["item"]),
            "item_name": thing["title"],
            "item_brand": thing["brand"],
            "item_category": thing["category"],
            "price": thing["price"],
            "quantity": 1,
        }
        common: dict[str, Any] = {
            "event_date": datetime.fromtimestamp(one["s"], UTC).strftime("%Y%m%d"),
            "event_timestamp": one["s"] * 1_000_000 + n % 1000,
            "event_name": _SHOP[one["act"]],
            "event_params": [
                {"key": "ga_session_id", "value": _value(int_value=one["session"] + 1_772_000_000)},
                {"key": "page_location", "value": _value(string_value=f"https://shop.example/p/{one['item']}")},
                {"key": "engagement_time_msec", "value": _value(int_value=n * 37 % 5000)},
            ],
            "user_id": None,
            "user_pseudo_id": _client(one["user"]),
            "device": {"category": "mobile" if one["user"] % 2 else "desktop", "language": "sv-se"},
            "geo": {"country": "Sweden", "city": w.users["town"][one["user"]]},
            "items": [item],
        }
        if n % 10 == 0:
            rows.append(
                {**common, "event_name": "session_start", "items": [], "event_timestamp": common["event_timestamp"] - 1}
            )
        rows.append(common)
    schema: dict[str, Any] = {
        "event_date": pl.String,
        "event_timestamp": pl.Int64,
        "event_name": pl.String,
        "event_params": pl.List(pl.Struct({"key": pl.String, "value": pl.Struct(_value_types())})),
        "user_id": pl.String,
        "user_pseudo_id": pl.String,
        "device": pl.Struct({"category": pl.String, "language": pl.String}),
        "geo": pl.Struct({"country": pl.String, "city": pl.String}),
        "items": pl.List(
            pl.Struct(
                {
                    "item_id": pl.String,
                    "item_name": pl.String,
                    "item_brand": pl.String,
                    "item_category": pl.String,
                    "price": pl.Float64,
                    "quantity": pl.Int64,
                }
            )
        ),
    }
    pl.DataFrame(rows, schema=schema).write_parquet(folder / "events_20260301.parquet")
    return w.events.height


def _value(string_value: str | None = None, int_value: int | None = None) -> dict[str, Any]:
    return {"string_value": string_value, "int_value": int_value, "float_value": None, "double_value": None}


def _value_types() -> dict[str, Any]:
    return {"string_value": pl.String, "int_value": pl.Int64, "float_value": pl.Float64, "double_value": pl.Float64}


def ga4_csv(folder: Path) -> int:
    """A free-form exploration, exported: ids of browsers that look like floats, a minute as a number."""
    w = world()
    minutes = [datetime.fromtimestamp(s, UTC).strftime("%Y%m%d%H%M") for s in w.events["s"]]
    titles = dict(zip(w.items["item"], w.items["title"], strict=True))
    frame = pl.DataFrame(
        {
            "Event name": [_SHOP[act] for act in w.events["act"]],
            "User pseudo ID": w.of_users(_client),
            "Item ID": w.of_items(_sku),
            "Item name": w.of_items(titles.__getitem__),
            "Item category": w.of_items(dict(zip(w.items["item"], w.items["category"], strict=True)).__getitem__),
            "Date hour and minute": minutes,
            "Event count": [1] * len(minutes),
        }
    )
    rule = "# " + "-" * 40
    remarks = [rule, "# Free form 1", "# shop.example", "# 20260301-20260331", rule, ""]
    head, *lines = frame.write_csv().splitlines()
    totals = f",,,,,,{frame.height},Grand total"
    (folder / "download.csv").write_text(
        "\n".join([*remarks, f"{head},", totals, *(f"{line}," for line in lines)]) + "\n"
    )
    return w.unique(60)


def snowplow(folder: Path) -> int:
    """Enriched events, 131 columns without a header, in packed parts that Spark wrote."""
    w = world()
    lines = []
    for n, one in enumerate(w.events.iter_rows(named=True)):
        cells = [""] * 131
        moment = _iso(one["s"], f".{n % 1000:03}").replace("T", " ")
        cells[0:6] = ["shop", "web", _iso(one["s"] + 90, ".000").replace("T", " "), moment, moment, "page_view"]
        cells[6] = uuid_of(n, 3)
        cells[8:12] = ["sp", "js-3.5.0", "ssc-2.9.0", "snowplow-enrich-3.8.0"]
        cells[13] = f"193.10.{one['user']}.x"
        cells[15:18] = [uuid_of(one["user"], 1), str(one["session"] % 9 + 1), uuid_of(one["user"], 2)]
        cells[18] = "SE"
        cells[29] = f"https://news.example/article/{one['item']}-{'x' * (one['item'] % 5)}"
        cells[30] = w.items["title"][one["item"]]
        cells[32:37] = ["https", "news.example", "443", f"/article/{one['item']}", ""]
        cells[103] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0"
        cells[117] = "Europe/Stockholm"
        cells[126] = hex_of(one["session"], 36)
        lines.append("\t".join(cells))
    target = folder / "run=2026-03-02-04-00-11"
    target.mkdir()
    half = len(lines) // 2
    for part, some in enumerate((lines[:half], lines[half:])):
        (target / f"part-{part:05}-{uuid_of(5)}.txt.gz").write_bytes(
            gzip.compress(("\n".join(some) + "\n").encode(), 1)
        )
    (target / "_SUCCESS").touch()
    return w.events.height


def segment(folder: Path) -> int:
    """Tracked calls as JSON lines in packed files; nested context and properties; most users are not logged in."""
    w = world()
    names = {"view": "Product Viewed", "cart": "Product Added", "buy": "Order Completed"}
    lines = []
    for n, one in enumerate(w.events.iter_rows(named=True)):
        thing = w.items.row(one["item"], named=True)
        said: dict[str, Any] = {
            "anonymousId": uuid_of(one["user"]),
            "channel": "client",
            "context": {
                "ip": f"10.0.0.{one['user']}",
                "library": {"name": "analytics.js", "version": "4.1.0"},
                "page": {
                    "path": f"/p/{one['item']}",
                    "title": thing["title"],
                    "url": f"https://shop.example/p/{one['item']}",
                },
                "userAgent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15",
            },
            "event": names[one["act"]],
            "integrations": {},
            "messageId": f"ajs-next-{hex_of(n, 24)}",
            "originalTimestamp": _iso(one["s"]),
            "properties": {
                "product_id": f"p-{one['item']}",
                "name": thing["title"],
                "category": thing["category"],
                "price": thing["price"],
                "quantity": 1,
            },
            "receivedAt": _iso(one["s"] + 2),
            "sentAt": _iso(one["s"] + 1),
            "timestamp": _iso(one["s"]),
            "type": "track",
            "userId": f"member-{one['user']}" if one["user"] % 4 == 0 else None,
            "version": 2,
        }
        lines.append(json.dumps(said))
    for part in range(2):
        some = lines[part::2]
        (folder / f"1772323200000.{part}.gz").write_bytes(gzip.compress(("\n".join(some) + "\n").encode(), 1))
    return w.events.height


def rudderstack(folder: Path) -> int:
    """Flat snake_case columns of a warehouse export as JSON lines, in folders by day and hour."""
    w = world()
    by_day: dict[str, list[str]] = {}
    for n, one in enumerate(w.events.iter_rows(named=True)):
        said = {
            "id": uuid_of(n, 9),
            "anonymous_id": uuid_of(one["user"]),
            "user_id": None,
            "event": "product_clicked",
            "event_text": "Product Clicked",
            "context_app_name": "shop",
            "context_ip": f"10.1.0.{one['user']}",
            "context_locale": "sv-SE",
            "product_id": hex_of(one["item"], 24),
            "category": w.items["category"][one["item"]],
            "position": n % 12,
            "original_timestamp": _iso(one["s"], ".120Z"),
            "sent_at": _iso(one["s"] + 3, ".120Z"),
            "received_at": _iso(one["s"] + 4, ".120Z"),
            "timestamp": _iso(one["s"], ".120Z"),
            "uuid_ts": _iso(one["s"] // 3600 * 3600 + 3600, ".000Z"),
        }
        by_day.setdefault(datetime.fromtimestamp(one["s"], UTC).strftime("%m-%d-%Y"), []).append(json.dumps(said))
    for day, lines in by_day.items():
        (folder / "rudder-logs" / day).mkdir(parents=True)
        (folder / "rudder-logs" / day / "1.json").write_text("\n".join(lines) + "\n")
    return w.events.height


def matomo(folder: Path) -> int:
    """Tables of the database: visits' actions with ids of 8 bytes in hex, and the actions that they name."""
    w = world()
    n = w.events.height
    first = 9_000
    previous = [0, *(w.events["item"] + first)[:-1]]
    pl.DataFrame(
        {
            "idlink_va": range(1, n + 1),
            "idsite": [1] * n,
            "idvisitor": w.of_users(lambda one: hex_of(one, 16)),
            "idvisit": w.events["session"] + 500,
            "idaction_url_ref": previous,
            "idaction_name_ref": [None] * n,
            "custom_float": [None] * n,
            "server_time": [_iso(s, "").replace("T", " ") for s in w.events["s"]],
            "idpageview": [hex_of(k, 6) for k in range(n)],
            "pageview_position": [k % 6 + 1 for k in range(n)],
            "idaction_url": w.events["item"] + first,
            "idaction_name": [None] * n,
            "time_spent_ref_action": [(k * 31) % 400 for k in range(n)],
        }
    ).write_csv(folder / "matomo_log_link_visit_action.csv")
    things = w.items.height
    pl.DataFrame(
        {
            "idaction": [first + one for one in range(things)],
            "name": [f"news.example/{w.items['category'][one].lower()}/{one}" for one in range(things)],
            "hash": [one * 99_999_989 % 2**32 for one in range(things)],
            "type": [1 if one % 7 else 12 for one in range(things)],
            "url_prefix": [2] * things,
        }
    ).write_csv(folder / "matomo_log_action.csv")
    return n


def adobe(folder: Path) -> int:
    """A data feed: hits in a tab-separated file without a header, with visitors in two halves of 64 bits each."""
    w = world()
    lines = []
    for n, one in enumerate(w.events.iter_rows(named=True)):
        cells = [
            str(10**17 + one["user"] * 7_777_777),
            str(10**18 + one["user"] * 3_333),
            str(one["s"]),
            f"P{one['item']:05}",
            w.items["category"][one["item"]],
            {"view": "product view", "cart": "add to cart", "buy": "purchase"}[one["act"]],
            str(n % 3),
        ]
        lines.append("\t".join(cells))
    (folder / "01-shop_20260301.tsv.gz").write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), 1))
    return w.events.height


_TRUE = frozenset({"view_item", "add_to_cart", "purchase"})
LAYOUTS = [
    Layout(
        "ga4-bigquery",
        "Google Analytics 4 in BigQuery, as Parquet",
        ga4_bigquery,
        Expected(
            user="user_pseudo_id",
            item="items.item_id",
            time="event_timestamp",
            action="event_name",
            clicks=_TRUE,
            items_key="items.item_id",
            label="items.item_category",
        ),
    ),
    Layout(
        "ga4-csv",
        "Google Analytics 4, an exploration as CSV",
        ga4_csv,
        Expected(
            user="User pseudo ID",
            item="Item ID",
            time="Date hour and minute",
            action="Event name",
            clicks=_TRUE,
            items_key="Item ID",
            label="Item category",
        ),
    ),
    Layout(
        "snowplow",
        "Snowplow, enriched events (TSV)",
        snowplow,
        Expected(user="column_16", item="column_36", time="column_4"),
        needs=("no table gives the items tags",),
    ),
    Layout(
        "segment",
        "Segment, JSON lines, packed",
        segment,
        Expected(
            user="anonymousId",
            item="properties.product_id",
            time="timestamp",
            action="event",
            clicks=frozenset({"Product Viewed", "Product Added", "Order Completed"}),
            items_key="properties.product_id",
            label="properties.category",
        ),
    ),
    Layout(
        "rudderstack",
        "RudderStack, JSON lines by day",
        rudderstack,
        Expected(
            user="anonymous_id",
            item="product_id",
            time="timestamp",
            items_key="product_id",
            label="category",
            files="rudder-logs",
        ),
    ),
    Layout(
        "matomo",
        "Matomo, tables of its database as CSV",
        matomo,
        Expected(user="idvisitor", item="idaction_url", time="server_time", items_key="idaction", label="type"),
    ),
    Layout(
        "adobe",
        "A data feed as of Adobe Analytics, packed TSV without names",
        adobe,
        Expected(
            user="column_1",
            item="column_4",
            time="column_3",
            action="column_6",
            clicks=frozenset({"product view", "add to cart", "purchase"}),
            items_key="column_4",
            label="column_5",
        ),
    ),
]
