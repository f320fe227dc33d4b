"""Layouts that `init` was first tried on without having been fitted to any of them."""

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
    log = [
        f"{n + 1}\t{one['user'] + 400}\t{one['item'] + 9000}\t{_when(one['s'], '%Y-%m-%d %H:%M:%S.5+00')}\t"
        f"{'t' if one['click'] else 'f'}\t{_when(one['s'] + 5, '%Y-%m-%d %H:%M:%S.25+00') if one['click'] else chr(92) + 'N'}"
        for n, one in enumerate(w.events.iter_rows(named=True))
    ]
    (folder / "impressions.copy.tsv").write_text("\n".join(log) + "\n")
    things = [
        f"{one['item'] + 9000}\t{one['title']}\t{{{','.join(one['genres'])}}}\t{one['price']}"
        for one in w.items.iter_rows(named=True)
    ]
    (folder / "articles.copy.tsv").write_text("\n".join(things) + "\n")
    return w.events.height


def inside_airbnb(folder: Path) -> int:
    """Reviews by day, with free text; a unique id of each review beside that of the listing."""
    w = world()
    pl.DataFrame(
        {
            "listing_id": w.of_items(lambda n: 42_000 + 97 * n),
            "id": [70_000_000 + 13 * n for n in range(w.events.height)],
            "date": [_when(s, "%Y-%m-%d") for s in w.events["s"]],
            "reviewer_id": w.of_users(lambda n: 1_500_000 + 31 * n),
            "reviewer_name": w.of_users(lambda n: ["Anna", "Bo", "Cia", "Dan", "Eva"][n % 5]),
            "comments": [f"We had a lovely stay, number {n}, and the host met us at the door." for n in range(w.events.height)],
        }
    ).write_csv(folder / "reviews.csv")
    pl.DataFrame(
        {
            "id": w.all_items(lambda n: 42_000 + 97 * n),
            "listing_url": w.all_items(lambda n: f"https://www.airbnb.example/rooms/{42_000 + 97 * n}"),
            "name": w.items["title"],
            "host_id": w.all_items(lambda n: 900 + n // 2),
            "neighbourhood": w.items["category"],
            "room_type": ["Entire home/apt" if n % 3 else "Private room" for n in range(40)],
            "amenities": [json.dumps(one) for one in w.items["genres"].to_list()],
            "price": [f"${one:,.2f}" for one in w.items["price"]],
        }
    ).write_csv(folder / "listings.csv")
    return w.unique(86_400)


def criteo(folder: Path) -> int:
    """Attribution: seconds from the start of the log, a flag of the click, and classes of the context."""
    w = world()
    pl.DataFrame(
        {
            "timestamp": w.events["s"] - START_S,
            "uid": w.of_users(lambda n: 20_073_966 + 17 * n),
            "campaign": w.of_items(lambda n: 22_589_171 + 7 * n),
            "conversion": [int(act == "buy") for act in w.events["act"]],
            "click": w.events["click"].cast(pl.Int8),
            "click_pos": [-1 if not one else n % 3 for n, one in enumerate(w.events["click"])],
            "cost": [round(n * 7 % 90 / 1e5 + 1e-5, 8) for n in range(w.events.height)],
            "cat1": w.of_items(lambda n: 5_824_233 + n % 4),
            "cat2": w.of_items(lambda n: 9_312_274 + n % 7),
        }
    ).write_csv(folder / "criteo_attribution_dataset.tsv", separator="\t")
    return w.events.height


def spotify(folder: Path) -> int:
    """Sequential skips: users are sessions, the time is a place, and a flag says what was not skipped."""
    w = world()
    log = w.events.sort("session", "s").with_columns(pl.int_range(1, pl.len() + 1).over("session").alias("place"))
    length = log.select(pl.len().over("session")).to_series()
    frame = pl.DataFrame(
        {
            "session_id": [f"0_{uuid_of(n, 12)}" for n in log["session"]],
            "session_position": log["place"],
            "session_length": length,
            "track_id_clean": [f"t_{uuid_of(n, 13)}" for n in log["item"]],
            "skip_1": [not one for one in log["click"]],
            "skip_2": [not one for one in log["click"]],
            "not_skipped": log["click"],
            "hour_of_day": log["s"] % 86_400 // 3600,
            "date": [_when(s, "%Y-%m-%d") for s in log["s"]],
            "premium": [n % 3 > 0 for n in log["user"]],
            "context_type": ["editorial_playlist" if n % 2 else "user_collection" for n in log["session"]],
        }
    )
    frame.write_csv(folder / "log_0_20180715_000000000000.csv")
    pl.DataFrame(
        {
            "track_id": [f"t_{uuid_of(n, 13)}" for n in w.items["item"]],
            "duration": [180.0 + 3.7 * n for n in w.items["item"]],
            "release_year": [1990 + n % 20 for n in w.items["item"]],
            "mode": ["major" if n % 3 else "minor" for n in w.items["item"]],
            "genre": w.items["category"],
            "tempo": [90.5 + n for n in w.items["item"]],
        }
    ).write_csv(folder / "tf_000000000000.csv")
    return log.height


def lfm2b(folder: Path) -> int:
    """Listening events with the album beside the track; tags as a row for each track and tag."""
    w = world()
    pl.DataFrame(
        {
            "user_id": w.of_users(lambda n: n + 2),
            "track_id": w.of_items(lambda n: 1000 + n * 3),
            "album_id": w.of_items(lambda n: 500 + n // 2),
            "timestamp": [_when(s, "%Y-%m-%d %H:%M:%S") for s in w.events["s"]],
        }
    ).write_csv(folder / "listening-events.tsv", separator="\t")
    pl.DataFrame(
        {
            "user_id": w.all_users(lambda n: n + 2),
            "country": ["SE", "NO"] * 25,
            "age": w.users["age"],
            "gender": w.users["gender"],
            "creation_time": [_when(START_S - 86_400 * n, "%Y-%m-%d %H:%M:%S") for n in w.users["user"]],
        }
    ).write_csv(folder / "users.tsv", separator="\t")
    pl.DataFrame(
        {
            "track_id": w.all_items(lambda n: 1000 + n * 3),
            "artist_name": [f"Band {n % 9}" for n in w.items["item"]],
            "track_name": w.items["title"],
        }
    ).write_csv(folder / "tracks.tsv", separator="\t")
    pairs = [(1000 + one["item"] * 3, tag, 100 - 20 * k) for one in w.items.iter_rows(named=True) for k, tag in enumerate(one["genres"])]
    pl.DataFrame(pairs, schema=["track_id", "tag", "weight"], orient="row").write_csv(folder / "tags.tsv", separator="\t")
    return w.events.height


def outbrain(folder: Path) -> int:
    """Views of pages in milliseconds from the start; advertisements shown beside, with keys of their own."""
    w = world()
    views = {
        "uuid": w.of_users(lambda n: hex_of(n, 14)),
        "document_id": w.of_items(lambda n: 1_595_000 + n),
        "timestamp": [(s - START_S) * 1000 + 61 for s in w.events["s"]],
        "platform": w.of_users(lambda n: 1 + n % 3),
        "geo_location": w.of_users(lambda n: ["US>SC>519", "US>CA>807", "SE>AB"][n % 3]),
    }
    pl.DataFrame({**views, "traffic_source": [1 + n % 3 for n in range(w.events.height)]}).write_csv(folder / "page_views.csv")
    part = pl.DataFrame(views)[::4]
    part.insert_column(0, pl.Series("display_id", range(1, part.height + 1))).write_csv(folder / "events.csv")
    shown = [(n + 1, 42_000 + (n * 5 + k * 11) % 60, int(k == n % 4)) for n in range(part.height) for k in range(4)]
    pl.DataFrame(shown, schema=["display_id", "ad_id", "clicked"], orient="row").write_csv(folder / "clicks_train.csv")
    pl.DataFrame(
        [(42_000 + n, 1_595_000 + n % 40, 7 + n % 9, n % 13) for n in range(60)],
        schema=["ad_id", "document_id", "campaign_id", "advertiser_id"],
        orient="row",
    ).write_csv(folder / "promoted_content.csv")
    topics = [(1_595_000 + n, 140 + (n * (k + 3)) % 11, round(0.4 / (k + 1), 3)) for n in range(40) for k in range(2)]
    pl.DataFrame(topics, schema=["document_id", "topic_id", "confidence_level"], orient="row").unique(
        ["document_id", "topic_id"], maintain_order=True
    ).write_csv(folder / "documents_topics.csv")
    return w.events.height


def xing(folder: Path) -> int:
    """Job offers: the key is called id in the tables of both sides, kinds of interaction are numbers."""
    w = world()
    pl.DataFrame(
        {
            "user_id": w.of_users(lambda n: 2000 + n * 41),
            "item_id": w.of_items(lambda n: 300 + n * 53),
            "interaction_type": [{"view": 1, "cart": 2, "buy": 3}[act] for act in w.events["act"]],
            "created_at": w.events["s"],
        }
    ).write_csv(folder / "interactions.csv", separator="\t")
    pl.DataFrame(
        {
            "id": w.all_users(lambda n: 2000 + n * 41),
            "jobroles": [f"{n % 7 + 1000},{n % 5 + 2000}" for n in range(50)],
            "career_level": [n % 6 for n in range(50)],
            "country": ["de", "at"] * 25,
        }
    ).write_csv(folder / "users.csv", separator="\t")
    tag = {name: 4_000_000 + 37 * n for n, name in enumerate(sorted(set(w.items["genres"].explode())))}
    pl.DataFrame(
        {
            "id": w.all_items(lambda n: 300 + n * 53),
            "title": [f"{n * 7 % 31 + 100},{n * 3 % 29 + 500}" for n in range(40)],
            "career_level": [n % 5 for n in range(40)],
            "discipline_id": [n % 9 for n in range(40)],
            "tags": [",".join(str(tag[one]) for one in genres) for genres in w.items["genres"]],
        }
    ).write_csv(folder / "items.csv", separator="\t")
    return w.events.height


def hm(folder: Path) -> int:
    """A shop of clothes: days, hashed customers, codes and names of everything an article is."""
    w = world()
    pl.DataFrame(
        {
            "t_dat": [_when(s, "%Y-%m-%d") for s in w.events["s"]],
            "customer_id": w.of_users(lambda n: hex_of(n, 64)),
            "article_id": w.of_items(lambda n: f"0{663_713_001 + 1000 * n}"),
            "price": w.of_items(lambda n: 0.01 + n % 12 / 500),
            "sales_channel_id": [1 + n % 2 for n in range(w.events.height)],
        }
    ).write_csv(folder / "transactions_train.csv")
    kinds = sorted(set(w.items["category"]))
    pl.DataFrame(
        {
            "article_id": w.all_items(lambda n: f"0{663_713_001 + 1000 * n}"),
            "product_code": w.all_items(lambda n: 663_713 + n),
            "prod_name": w.items["title"],
            "product_type_no": [250 + kinds.index(one) for one in w.items["category"]],
            "product_type_name": w.items["category"],
            "colour_group_name": [["Black", "White", "Blue"][n % 3] for n in range(40)],
            "detail_desc": [f"Jersey top with narrow shoulder straps, fit {n}, made of soft fabric for every day and night." for n in range(40)],
        }
    ).write_csv(folder / "articles.csv")
    pl.DataFrame(
        {
            "customer_id": w.all_users(lambda n: hex_of(n, 64)),
            "FN": [1.0 if n % 3 else None for n in range(50)],
            "club_member_status": ["ACTIVE" if n % 4 else "PRE-CREATE" for n in range(50)],
            "age": w.users["age"],
            "postal_code": [hex_of(n % 30, 64) for n in range(50)],
        }
    ).write_csv(folder / "customers.csv")
    return w.unique(86_400)


def diginetica(folder: Path) -> int:
    """Views in sessions, most of them of nobody known; the day, and milliseconds within the session."""
    w = world()
    log = w.events.sort("session", "s").with_columns((pl.col("s") - pl.col("s").min().over("session")).alias("since"))
    pl.DataFrame(
        {
            "sessionId": log["session"],
            "userId": [str(60_000 + user) if user % 4 == 0 else "NA" for user in log["user"]],
            "itemId": [81_000 + 13 * n for n in log["item"]],
            "timeframe": log["since"] * 1000 + 412,
            "eventdate": [_when(s, "%Y-%m-%d") for s in log["s"]],
        }
    ).write_csv(folder / "train-item-views.csv", separator=";")
    names = sorted(set(w.items["category"]))
    pl.DataFrame(
        {"itemId": [81_000 + 13 * n for n in w.items["item"]], "categoryId": [names.index(one) + 3 for one in w.items["category"]]}
    ).write_csv(folder / "product-categories.csv", separator=";")
    return log.select("session", "item").n_unique()


LAYOUTS = [
    Layout(
        "shopify",
        "Shopify, orders and products as JSON lines",
        shopify,
        Expected(user="customer.id", item="line_items.product_id", time="created_at", items_key="id", label="tags", files="orders.jsonl"),
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
        Expected(user="column_2", item="column_3", time="column_4", clicked="column_5", items_key="column_1", label="column_3", files="impressions.copy.tsv"),
    ),
    Layout(
        "inside-airbnb",
        "Inside Airbnb, reviews and listings",
        inside_airbnb,
        Expected(user="reviewer_id", item="listing_id", time="date", items_key="id", label="amenities", files="reviews.csv"),
    ),
    Layout(
        "criteo",
        "Criteo attribution, seconds from the start",
        criteo,
        Expected(user="uid", item="campaign", time="timestamp", clicked="click", items_key="campaign", label="cat1"),
    ),
    Layout(
        "spotify",
        "Spotify sequential skips, sessions as users",
        spotify,
        Expected(user="session_id", item="track_id_clean", time="session_position", clicked="not_skipped", items_key="track_id", label="genre", files="log_0"),
    ),
    Layout(
        "lfm-2b",
        "LFM-2b, listening events and tags",
        lfm2b,
        Expected(user="user_id", item="track_id", time="timestamp", items_key="track_id", label="tag", files="listening-events.tsv"),
    ),
    Layout(
        "outbrain",
        "Outbrain, page views with topics, advertisements beside",
        outbrain,
        Expected(user="uuid", item="document_id", time="timestamp", items_key="document_id", label="topic_id", files="page_views.csv"),
    ),
    Layout(
        "xing",
        "XING, interactions with job offers",
        xing,
        Expected(user="user_id", item="item_id", time="created_at", items_key="id", label="tags", files="interactions.csv"),
    ),
    Layout(
        "hm",
        "H&M, transactions, articles and customers",
        hm,
        Expected(user="customer_id", item="article_id", time="t_dat", items_key="article_id", label="product_type_name", files="transactions_train.csv"),
    ),
    Layout(
        "diginetica",
        "Diginetica, views in sessions of unknown users",
        diginetica,
        Expected(user="sessionId", item="itemId", time="eventdate", items_key="itemId", label="categoryId", files="train-item-views.csv"),
    ),
]
