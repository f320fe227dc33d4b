"""Data of challenges: sessions, impressions and purchases, with the quirks of each."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tests.logs.layouts.layout import START_S, Expected, Layout, hex_of, uuid_of, world


def _when(seconds: int, form: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


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
    pl.DataFrame({**views, "traffic_source": [1 + n % 3 for n in range(w.events.height)]}).write_csv(
        folder / "page_views.csv"
    )
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
            "detail_desc": [
                f"Jersey top with narrow shoulder straps, fit {n}, made of soft fabric for every day and night."
                for n in range(40)
            ],
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
        {
            "itemId": [81_000 + 13 * n for n in w.items["item"]],
            "categoryId": [names.index(one) + 3 for one in w.items["category"]],
        }
    ).write_csv(folder / "product-categories.csv", separator=";")
    return log.select("session", "item").n_unique()


def otto(folder: Path) -> int:
    """A line per session with its events nested: article, time in milliseconds, and what was done."""
    w = world()
    kinds = {"view": "clicks", "cart": "carts", "buy": "orders"}
    rows = [
        {
            "session": 11_098_528 + n,
            "events": [
                {"aid": 200_000 + 911 * one["item"], "ts": one["s"] * 1000 + 7, "type": kinds[one["act"]]}
                for one in basket.iter_rows(named=True)
            ],
        }
        for n, (_, basket) in enumerate(w.events.group_by("session", maintain_order=True))
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return w.events.height


def trivago(folder: Path) -> int:
    """Steps of sessions: the reference is an item, a place or a filter by what was done; lists between bars."""
    w = world()
    log = w.events.sort("session", "s").with_columns(pl.int_range(1, pl.len() + 1).over("session").alias("step"))
    kinds = {"view": "interaction item image", "cart": "interaction item rating", "buy": "clickout item"}
    pl.DataFrame(
        {
            "user_id": [hex_of(n, 12).upper() for n in log["user"]],
            "session_id": [hex_of(n + 500, 13) for n in log["session"]],
            "timestamp": log["s"],
            "step": log["step"],
            "action_type": [kinds[act] for act in log["act"]],
            "reference": [str(12_000 + n * 71) for n in log["item"]],
            "platform": [["SE", "DE", "BR"][n % 3] for n in log["user"]],
            "city": [["Lund, Sweden", "Berlin, Germany"][n % 2] for n in log["session"]],
            "device": [["desktop", "mobile"][n % 2] for n in log["user"]],
        }
    ).write_csv(folder / "train.csv")
    pl.DataFrame(
        {"item_id": [12_000 + n * 71 for n in range(40)], "properties": ["|".join(one) for one in w.items["genres"]]}
    ).write_csv(folder / "item_metadata.csv")
    return log.height


LAYOUTS = [
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
        Expected(
            user="session_id",
            item="track_id_clean",
            time="session_position",
            clicked="not_skipped",
            items_key="track_id",
            label="genre",
            files="log_0",
        ),
    ),
    Layout(
        "outbrain",
        "Outbrain, page views with topics, advertisements beside",
        outbrain,
        Expected(
            user="uuid",
            item="document_id",
            time="timestamp",
            items_key="document_id",
            label="topic_id",
            files="page_views.csv",
        ),
    ),
    Layout(
        "xing",
        "XING, interactions with job offers",
        xing,
        Expected(
            user="user_id", item="item_id", time="created_at", items_key="id", label="tags", files="interactions.csv"
        ),
    ),
    Layout(
        "hm",
        "H&M, transactions, articles and customers",
        hm,
        Expected(
            user="customer_id",
            item="article_id",
            time="t_dat",
            items_key="article_id",
            label="product_type_name",
            files="transactions_train.csv",
        ),
    ),
    Layout(
        "diginetica",
        "Diginetica, views in sessions of unknown users",
        diginetica,
        Expected(
            user="sessionId",
            item="itemId",
            time="eventdate",
            items_key="itemId",
            label="categoryId",
            files="train-item-views.csv",
        ),
    ),
    Layout(
        "otto",
        "OTTO, a line per session with its events nested",
        otto,
        Expected(
            user="session",
            item="events.aid",
            time="events.ts",
            action="events.type",
            clicks=frozenset({"clicks", "carts", "orders"}),
        ),
    ),
    Layout(
        "trivago",
        "Trivago, steps of sessions",
        trivago,
        Expected(
            user="user_id",
            item="reference",
            time="timestamp",
            action="action_type",
            clicks=frozenset({"clickout item"}),
            items_key="item_id",
            label="properties",
            files="train.csv",
        ),
    ),
]
