"""What shops and trackers of events export, and databases copy."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tests.logs.layouts.layout import START_S, Expected, Layout, hex_of, uuid_of, world


def _when(seconds: int, form: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


def _lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def shopify(folder: Path) -> int:
    """A row per order with its lines nested; the id of the order is unique, customers come back."""
    w = world()
    things = w.items.rows(named=True)
    rows = []
    for n, (_, basket) in enumerate(w.events.group_by("session", maintain_order=True)):
        first = basket.row(0, named=True)
        lines = [
            {
                "id": 9_000_000 + 10 * n + k,
                "product_id": 7_100_000_000 + one,
                "title": things[one]["title"],
                "vendor": things[one]["brand"],
                "price": str(things[one]["price"]),
                "quantity": 1 + k % 2,
            }
            for k, one in enumerate(basket["item"])
        ]
        rows.append(
            {
                "id": 5_000_000_000 + n,
                "created_at": _when(first["s"], "%Y-%m-%dT%H:%M:%S+00:00"),
                "processed_at": _when(first["s"] + 1, "%Y-%m-%dT%H:%M:%S+00:00"),
                "currency": "SEK",
                "financial_status": "paid" if n % 5 else "refunded",
                "customer": {
                    "id": 6_000_000_000 + first["user"],
                    "email": f"{hex_of(first['user'], 8)}@mail.example",
                    "state": "enabled",
                },
                "line_items": lines,
            }
        )
    _lines(folder / "orders.jsonl", rows)
    _lines(
        folder / "products.jsonl",
        [
            {
                "id": 7_100_000_000 + one["item"],
                "title": one["title"],
                "vendor": one["brand"],
                "product_type": one["category"],
                "tags": ", ".join(one["genres"]),
            }
            for one in things
        ],
    )
    return w.events.select(pl.struct("session", "item")).n_unique()


def posthog(folder: Path) -> int:
    """A row per event, all else in its properties, with a dollar before its own names."""
    w = world()
    rows = [
        {
            "uuid": uuid_of(n, 3),
            "event": {"view": "product viewed", "cart": "product added", "buy": "order completed"}[one["act"]],
            "properties": {
                "product_id": f"P{one['item']}",
                "category": w.items["category"][one["item"]],
                "$current_url": f"https://shop.example/p/{one['item']}",
                "$browser": "Firefox" if one["user"] % 2 else "Chrome",
                "$session_id": uuid_of(one["session"], 4),
                "$lib": "web",
            },
            "timestamp": _when(one["s"], "%Y-%m-%dT%H:%M:%S.217000Z"),
            "team_id": 2,
            "distinct_id": uuid_of(one["user"], 5),
            "created_at": _when(one["s"] + 2, "%Y-%m-%dT%H:%M:%S.931000Z"),
        }
        for n, one in enumerate(w.events.iter_rows(named=True))
    ]
    _lines(folder / "events.jsonl", rows)
    return w.events.height


def mixpanel(folder: Path) -> int:
    """The raw export: the name of the event, and all else in its properties; the time in whole seconds."""
    w = world()
    rows = [
        {
            "event": {"view": "View Article", "cart": "Bookmark Article", "buy": "Share Article"}[one["act"]],
            "properties": {
                "time": one["s"],
                "distinct_id": f"$device:{hex_of(one['user'], 20)}",
                "$insert_id": hex_of(n + 7000, 16),
                "$city": w.users["town"][one["user"]],
                "$os": "iOS",
                "mp_country_code": "SE",
                "article_id": 30_000 + one["item"],
                "section": w.items["category"][one["item"]],
            },
        }
        for n, one in enumerate(w.events.iter_rows(named=True))
    ]
    _lines(folder / "export.json", rows)
    return w.events.height


def amplitude(folder: Path) -> int:
    """The export of an hour, packed: many ids of a user, many times."""
    w = world()
    rows = [
        {
            "$insert_id": uuid_of(n, 8),
            "amplitude_id": 800_000_000_000 + one["user"],
            "app": 187_520,
            "client_event_time": _when(one["s"], "%Y-%m-%d %H:%M:%S.000000"),
            "client_upload_time": _when(one["s"] + 9, "%Y-%m-%d %H:%M:%S.000000"),
            "country": "Sweden",
            "device_id": uuid_of(one["user"], 9),
            "event_id": n % 90,
            "event_properties": {"track_id": hex_of(one["item"], 22), "genre": w.items["category"][one["item"]]},
            "event_time": _when(one["s"], "%Y-%m-%d %H:%M:%S.000000"),
            "event_type": {"view": "Track Opened", "cart": "Track Saved", "buy": "Track Played"}[one["act"]],
            "platform": "iOS",
            "server_upload_time": _when(one["s"] + 11, "%Y-%m-%d %H:%M:%S.000000"),
            "session_id": (START_S + one["session"] * 311) * 1000,
            "user_id": f"{hex_of(one['user'], 6)}@mail.example",
        }
        for n, one in enumerate(w.events.iter_rows(named=True))
    ]
    _lines(folder / "187520_2026-03-01_10#0.json.gz", rows)
    return w.events.height


def postgres(folder: Path) -> int:
    """COPY … TO: tabs, no names, backslash and N for none, times with a zone of two figures."""
    w = world()
    form = "%Y-%m-%d %H:%M:%S.5+00"
    log = [
        f"{n + 1}\t{one['user'] + 400}\t{one['item'] + 9000}\t{_when(one['s'], form)}\t"
        f"{'t' if one['click'] else 'f'}\t{_when(one['s'] + 5, form) if one['click'] else chr(92) + 'N'}"
        for n, one in enumerate(w.events.iter_rows(named=True))
    ]
    (folder / "impressions.copy.tsv").write_text("\n".join(log) + "\n")
    things = [
        f"{one['item'] + 9000}\t{one['title']}\t{{{','.join(one['genres'])}}}\t{one['price']}"
        for one in w.items.iter_rows(named=True)
    ]
    (folder / "articles.copy.tsv").write_text("\n".join(things) + "\n")
    return w.events.height


LAYOUTS = [
    Layout(
        "shopify",
        "Shopify, orders and products as JSON lines",
        shopify,
        Expected(
            user="customer.id",
            item="line_items.product_id",
            time="created_at",
            items_key="id",
            label="tags",
            files="orders.jsonl",
        ),
    ),
    Layout(
        "posthog",
        "PostHog, events as JSON lines",
        posthog,
        Expected(
            user="distinct_id",
            item="properties.product_id",
            time="timestamp",
            action="event",
            clicks=frozenset({"product viewed", "product added", "order completed"}),
            items_key="properties.product_id",
            label="properties.category",
        ),
    ),
    Layout(
        "mixpanel",
        "Mixpanel, the raw export",
        mixpanel,
        Expected(
            user="properties.distinct_id",
            item="properties.article_id",
            time="properties.time",
            action="event",
            clicks=frozenset({"View Article", "Bookmark Article", "Share Article"}),
            items_key="properties.article_id",
            label="properties.section",
        ),
    ),
    Layout(
        "amplitude",
        "Amplitude, an export of an hour, packed",
        amplitude,
        Expected(
            user="user_id",
            item="event_properties.track_id",
            time="event_time",
            action="event_type",
            clicks=frozenset({"Track Opened", "Track Saved", "Track Played"}),
            items_key="event_properties.track_id",
            label="event_properties.genre",
        ),
    ),
    Layout(
        "postgres-copy",
        "Postgres, COPY to text files without names",
        postgres,
        Expected(
            user="column_2",
            item="column_3",
            time="column_4",
            clicked="column_5",
            items_key="column_1",
            label="column_3",
            files="impressions.copy.tsv",
        ),
    ),
]
