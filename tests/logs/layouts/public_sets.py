"""Public data sets as they are downloaded."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from tests.logs.layouts.layout import Expected, Layout, World, hex_of, world


def _genres(w: World, mark: str = "|") -> list[str]:
    return [mark.join(one) for one in w.items["genres"]]


def _write(
    path: Path, rows: Sequence[Sequence[object]], mark: str = ",", head: str = "", encoding: str = "utf-8"
) -> None:
    lines = [mark.join(map(str, row)) for row in rows]
    path.write_bytes(("\n".join([head, *lines] if head else lines) + "\n").encode(encoding))


def _times(w: World, form: str) -> list[str]:
    return [datetime.fromtimestamp(s, UTC).strftime(form) for s in w.events["s"]]


def recbole(folder: Path) -> int:
    """Atomic files: types behind the names, lists with spaces."""
    w = world()
    rows = list(zip(w.events["user"] + 1, w.events["item"] + 1, w.events["rating"], w.events["s"], strict=True))
    _write(folder / "ml.inter", rows, "\t", "user_id:token\titem_id:token\trating:float\ttimestamp:float")
    things = list(zip(w.items["item"] + 1, w.items["title"], _genres(w, " "), strict=True))
    _write(folder / "ml.item", things, "\t", "item_id:token\tmovie_title:token_seq\tclass:token_seq")
    people = list(zip(w.users["user"] + 1, w.users["age"], w.users["gender"], strict=True))
    _write(folder / "ml.user", people, "\t", "user_id:token\tage:token\tgender:token")
    return _rated(w)


def _rated(w: World) -> int:
    """Events that are no middling rating."""
    return w.events.filter(pl.col("rating") != 3).height


def movielens_1m(folder: Path) -> int:
    """Ratings sorted by user, between two colons; Latin-1."""
    w = world()
    log = w.events.sort("user", "s")
    _write(
        folder / "ratings.dat", list(zip(log["user"] + 1, log["item"] + 1, log["rating"], log["s"], strict=True)), "::"
    )
    titles = [f"{title} ({1950 + n})" for n, title in enumerate(w.items["title"])]
    titles[3] = "Misérables, Les (1995)"
    _write(
        folder / "movies.dat", list(zip(w.items["item"] + 1, titles, _genres(w), strict=True)), "::", encoding="latin-1"
    )
    people = zip(
        w.users["user"] + 1,
        w.users["gender"],
        w.users["age"],
        w.users["user"] % 21,
        w.users["user"] + 48_000,
        strict=True,
    )
    _write(folder / "users.dat", list(people), "::")
    (folder / "README").write_text("SUMMARY\n=======\n\nThese files contain 1,000,209 anonymous ratings,\nand more.\n")
    return _rated(w)


def movielens_20m(folder: Path) -> int:
    """The CSV files of 20M, with the tag genome."""
    movielens_32m(folder)
    w = world()
    scores = [(one + 1, tag, (one * tag) % 97 / 97) for one in w.items["item"] for tag in range(1, 9)]
    _write(folder / "genome-scores.csv", scores, head="movieId,tagId,relevance")
    _write(folder / "genome-tags.csv", [(tag, f"tag {tag}") for tag in range(1, 9)], head="tagId,tag")
    return w.events.filter(~pl.col("rating").is_in([2, 3])).height


def movielens_32m(folder: Path) -> int:
    """The CSV files of 32M."""
    w = world()
    log = w.events.sort("user", "s")
    rows = list(zip(log["user"] + 1, log["item"] + 1, log["rating"].cast(pl.Float64), log["s"], strict=True))
    _write(folder / "ratings.csv", rows, head="userId,movieId,rating,timestamp")
    _write(
        folder / "movies.csv",
        list(zip(w.items["item"] + 1, w.items["title"], _genres(w), strict=True)),
        head="movieId,title,genres",
    )
    tags = [
        (one["user"] + 1, one["item"] + 1, f"tag {one['item'] % 7}", one["s"] + 9)
        for one in log[::9].iter_rows(named=True)
    ]
    _write(folder / "tags.csv", tags, head="userId,movieId,tag,timestamp")
    _write(folder / "links.csv", [(n + 1, f"{n:07}", n * 3) for n in w.items["item"]], head="movieId,imdbId,tmdbId")
    return w.events.filter(~pl.col("rating").is_in([2, 3])).height


def mind(folder: Path) -> int:
    """News: a row per showing, with a list of items and flags as one text; no header."""
    w = world()
    rows, shown = [], 0
    for n, one in enumerate(w.events.iter_rows(named=True)):
        when = datetime.fromtimestamp(one["s"], UTC)
        others = [(one["item"] + k) % w.items.height for k in range(1, 4)]
        showing = [f"N{one['item'] + 100}-1", *(f"N{k + 100}-0" for k in others)]
        shown += len(showing)
        history = " ".join(f"N{(one['user'] * 3 + k) % w.items.height + 100}" for k in range(20))
        rows.append(
            (n + 1, f"U{one['user'] + 500}", when.strftime("%m/%d/%Y %-I:%M:%S %p"), history, " ".join(showing))
        )
    (folder / "MINDsmall_train").mkdir()
    _write(folder / "MINDsmall_train" / "behaviors.tsv", rows, "\t")
    news = [
        (
            f"N{one['item'] + 100}",
            one["category"].lower(),
            f"sub{one['item'] % 9}",
            one["title"],
            f"{one['title']} and more",
            f"https://x.example/{n}",
            "[]",
            "[]",
        )
        for n, one in enumerate(w.items.iter_rows(named=True))
    ]
    _write(folder / "MINDsmall_train" / "news.tsv", news, "\t")
    return shown


def kuairand(folder: Path) -> int:
    """Short videos: two logs with the same columns, a day and an hour as numbers beside the clock, a dozen flags."""
    w = world()
    head = "user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,"
    head += "play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab"
    rows = []
    for n, (one, day, minute) in enumerate(
        zip(w.events.iter_rows(named=True), _times(w, "%Y%m%d"), _times(w, "%H%M"), strict=True)
    ):
        click = int(one["click"])
        flags = [click, click * (n % 9 == 0), click * (n % 50 == 0), 0, 0, int(n % 400 == 0), click * (n % 3 == 0)]
        rows.append(
            [
                one["user"],
                one["item"] + 40,
                day,
                int(minute),
                one["s"] * 1000 + n,
                *map(int, flags),
                n * 37 % 9000,
                8000 + one["item"] * 50,
                0,
                0,
                0,
                0,
                n % 5,
            ]
        )
    data = folder / "data"
    data.mkdir()
    half = len(rows) // 2
    _write(data / "log_standard_4_08_to_4_21_pure.csv", rows[:half], head=head)
    _write(data / "log_standard_4_22_to_5_08_pure.csv", rows[half:], head=head)
    tags = [
        f'"{",".join(str(len(genre) + 3 * place) for place, genre in enumerate(some))}"' for some in w.items["genres"]
    ]
    basic = [
        (
            n + 40,
            n % 9 + 77,
            ["NORMAL", "AD"][n % 2 * (n % 3 == 0)],
            f"2026-02-{n % 28 + 1:02}",
            "LongImport",
            8000.0 + n,
            n % 5,
            tags[n],
        )
        for n in w.items["item"]
    ]
    _write(
        data / "video_features_basic_pure.csv",
        basic,
        head="video_id,author_id,video_type,upload_dt,upload_type,video_duration,music_type,tag",
    )
    counts = [(n + 40, n * 99 % 301, n * 7.5, n * 3.25 % 17, n % 4 + 0.5) for n in w.items["item"]]
    _write(data / "video_features_statistic_pure.csv", counts, head="video_id,counts,show_cnt,show_user_num,play_cnt")
    people = [(n, ["full_active", "high_active"][n % 2], n % 2, n % 3, f"{n % 4}-{n % 5}") for n in w.users["user"]]
    _write(
        data / "user_features_pure.csv",
        people,
        head="user_id,user_active_degree,is_lowactive_period,is_live_streamer,fans_user_num_range",
    )
    return w.events.height


def yoochoose(folder: Path) -> int:
    """Clicks and purchases of sessions; no header, times with a Z."""
    w = world()
    times = _times(w, "%Y-%m-%dT%H:%M:%S.123Z")
    log = list(
        zip(w.events["session"] + 10, times, w.events["item"] + 214_500_000, w.of_items(lambda n: n % 7), strict=True)
    )
    _write(folder / "yoochoose-clicks.dat", log)
    bought = [(a, b, c, 1046, 1) for a, b, c, _ in log[::11]]
    _write(folder / "yoochoose-buys.dat", bought)
    return w.events.height


def retailrocket(folder: Path) -> int:
    """A shop: what was done as a text, properties of items as a row each, with hashed names."""
    w = world()
    acts = w.events["act"].replace({"cart": "addtocart", "buy": "transaction"})
    orders = [str(n) if act == "transaction" else "" for n, act in enumerate(acts)]
    rows = list(
        zip(w.events["s"] * 1000, w.events["user"] + 250_000, acts, w.events["item"] + 350_000, orders, strict=True)
    )
    _write(folder / "events.csv", rows, head="timestamp,visitorid,event,itemid,transactionid")
    facts = []
    for one in w.items.iter_rows(named=True):
        n = one["item"]
        told = [
            ("categoryid", n % 8 + 1200),
            ("available", n % 2),
            ("888", f"n{n * 31 % 977}.000 {n} {n * 7}"),
            ("790", f"n{n * 113}.000"),
        ]
        facts += [(1_431_829_200_000 + n, n + 350_000, name, value) for name, value in told]
    head = "timestamp,itemid,property,value"
    _write(folder / "item_properties_part1.csv", facts[::2], head=head)
    _write(folder / "item_properties_part2.csv", facts[1::2], head=head)
    _write(folder / "category_tree.csv", [(n + 1200, n % 3 + 1) for n in range(1, 9)], head="categoryid,parentid")
    return w.events.height


def taobao(folder: Path) -> int:
    """Behaviour on Taobao: no header; the category follows from the item."""
    w = world()
    acts = w.events["act"].replace({"view": "pv"})
    rows = list(
        zip(
            w.events["user"] + 1,
            w.events["item"] + 2_268_318,
            w.of_items(lambda n: n % 8 + 2_520_377),
            acts,
            w.events["s"],
            strict=True,
        )
    )
    _write(folder / "UserBehavior.csv", rows)
    return w.events.height


def lastfm(folder: Path) -> int:
    """A thousand people's plays: no header, ids of artists that are often missing."""
    w = world(events=600, seed=11)
    rows = []
    for n, (one, when) in enumerate(zip(w.events.iter_rows(named=True), _times(w, "%Y-%m-%dT%H:%M:%SZ"), strict=True)):
        artist = one["item"] % 15
        track = "" if n % 20 == 0 else f"{hex_of(one['item'], 8)}-0000-4000-8000-000000000000"
        rows.append(
            (
                f"user_{one['user'] + 1:06}",
                when,
                f"{hex_of(artist + 500, 8)}-0000-4000-8000-000000000000",
                f"{w.items['brand'][artist]} band",
                track,
                w.items["title"][one["item"]],
            )
        )
    _write(folder / "userid-timestamp-artid-artname-traid-traname.tsv", rows, "\t")
    people = [
        (f"user_{n + 1:06}", "m" if n % 2 else "f", 20 + n % 9, "Sweden" if n % 3 else "Japan", "Aug 13, 2006")
        for n in world(600, seed=11).users["user"]
    ]
    _write(folder / "userid-profile.tsv", people, "\t", "#id\tgender\tage\tcountry\tregistered")
    return w.events.height


def steam(folder: Path) -> int:
    """Recommendations of games, a day each; games and users beside."""
    w = world()
    days = _times(w, "%Y-%m-%d")
    rows = [
        (
            one["item"] + 970,
            n % 5,
            n % 3,
            day,
            str(one["click"]).lower(),
            round(n % 90 * 1.1, 1),
            one["user"] + 51_000,
            n,
        )
        for n, (one, day) in enumerate(zip(w.events.iter_rows(named=True), days, strict=True))
    ]
    _write(
        folder / "recommendations.csv", rows, head="app_id,helpful,funny,date,is_recommended,hours,user_id,review_id"
    )
    games = [
        (one["item"] + 970, one["title"], "2020-01-02", "true", "Very Positive", one["price"])
        for one in w.items.iter_rows(named=True)
    ]
    _write(folder / "games.csv", games, head="app_id,title,date_release,win,rating,price_final")
    _write(
        folder / "users.csv",
        [(n + 51_000, n * 3 % 50, n % 4) for n in w.users["user"]],
        head="user_id,products,reviews",
    )
    lines = [
        json.dumps({"app_id": one["item"] + 970, "description": f"{one['title']} is a game.", "tags": one["genres"]})
        for one in w.items.iter_rows(named=True)
    ]
    (folder / "games_metadata.json").write_text("\n".join(lines) + "\n")
    return w.events.select("user", "item", pl.col("s") // 86_400).n_unique()


def _packed(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode(), 1))


def amazon(folder: Path) -> int:
    """Reviews and products of 2023, packed JSON lines."""
    w = world()
    asins = [f"B0{hex_of(n, 8).upper()}" for n in w.items["item"]]
    reviews = [
        {
            "rating": float(one["rating"]),
            "title": "Good" if n % 2 else "Bad, really",
            "text": f"I bought it {n} times and would do it again, and so should you and everybody else in the house.",
            "images": [],
            "asin": asins[one["item"]],
            "parent_asin": asins[one["item"]],
            "user_id": f"A{hex_of(one['user'], 26).upper()}",
            "timestamp": one["s"] * 1000 + n,
            "helpful_vote": n % 3,
            "verified_purchase": n % 4 > 0,
        }
        for n, one in enumerate(w.events.iter_rows(named=True))
    ]
    _packed(folder / "All_Beauty.jsonl.gz", reviews)
    things = [
        {
            "main_category": "All Beauty",
            "title": one["title"],
            "average_rating": 4.1 + n % 7 / 10,
            "rating_number": 10 + n * 3,
            "features": [],
            "description": [f"{one['title']} by hand, number {n}, made of the best that there is in the world."],
            "price": one["price"],
            "images": [{"thumb": f"https://x.example/{n}.jpg", "large": None}],
            "store": one["brand"],
            "categories": ["Beauty", *one["genres"]],
            "details": {"Brand": one["brand"]},
            "parent_asin": asins[n],
        }
        for n, one in enumerate(w.items.iter_rows(named=True))
    ]
    _packed(folder / "meta_All_Beauty.jsonl.gz", things)
    return _rated(w)


def ebnerd(folder: Path) -> int:
    """News: lists of the shown and of the clicked articles; histories beside."""
    w = world()
    rows: list[dict[str, Any]] = []
    shown = 0
    for n, one in enumerate(w.events.iter_rows(named=True)):
        inview = [9_770_000 + (one["item"] + k) % w.items.height for k in range(5)]
        shown += len(inview)
        rows.append(
            {
                "impression_id": 48_401 + n,
                "article_id": None if n % 3 else 9_770_000 + (one["item"] * 3) % w.items.height,
                "impression_time": one["s"] * 1_000_000,
                "read_time": float(n * 13 % 200),
                "scroll_percentage": None if n % 2 else 100.0,
                "device_type": n % 3 + 1,
                "article_ids_inview": inview,
                "article_ids_clicked": [9_770_000 + one["item"]],
                "user_id": one["user"] + 22_000,
                "is_sso_user": one["user"] % 5 == 0,
                "is_subscriber": one["user"] % 7 == 0,
                "session_id": one["session"] + 100,
            }
        )
    frame = pl.DataFrame(rows, schema_overrides={"article_id": pl.Int32, "impression_time": pl.Int64})
    frame = frame.with_columns(
        pl.col("impression_time").cast(pl.Datetime("us")),
        pl.col("article_ids_inview", "article_ids_clicked").cast(pl.List(pl.Int32)),
    )
    half = frame.height // 2
    for name, some in (("train", frame[:half]), ("validation", frame[half:])):
        (folder / name).mkdir()
        some.write_parquet(folder / name / "behaviors.parquet")
        mine = w.events.group_by("user", maintain_order=True).agg("s", "item")
        mine.select(
            (pl.col("user") + 22_000).alias("user_id"),
            pl.col("s").list.eval(pl.element().mul(1_000_000).cast(pl.Datetime("us"))).alias("impression_time_fixed"),
            pl.col("item").list.eval(pl.element() + 9_770_000).alias("article_id_fixed"),
        ).filter(pl.int_range(pl.len()) % 2 == (name == "train")).write_parquet(folder / name / "history.parquet")
    things = w.items.height
    pl.DataFrame(
        {
            "article_id": w.items["item"] + 9_770_000,
            "title": w.items["title"],
            "last_modified_date": [datetime(2023, 6, 29, 6, n % 60) for n in range(things)],
            "premium": [n % 4 == 0 for n in range(things)],
            "body": [
                f"{title} was seen in the town by many people on a day like all others, it is said, {'again ' * 9}."
                for title in w.items["title"]
            ],
            "published_time": [datetime(2023, 5, 1 + n % 28) for n in range(things)],
            "image_ids": [[n * 10, n * 10 + 1] for n in range(things)],
            "article_type": ["article_default" if n % 5 else "article_feature" for n in range(things)],
            "topics": w.items["genres"],
            "category": [n % 6 + 100 for n in range(things)],
            "subcategory": [[n % 4 + 200] for n in range(things)],
            "category_str": w.items["category"],
            "total_pageviews": [n * 1000 + n for n in range(things)],
        }
    ).write_parquet(folder / "articles.parquet")
    return shown


def goodreads(folder: Path) -> int:
    """Interactions as JSON lines, four times of a form of their own, 0 for not rated; books with shelves."""
    w = world()
    form = "%a %b %d %H:%M:%S -0700 %Y"
    rows = []
    for n, (one, when) in enumerate(zip(w.events.iter_rows(named=True), _times(w, form), strict=True)):
        rows.append(
            {
                "user_id": hex_of(one["user"], 32),
                "book_id": str(one["item"] + 2_000),
                "review_id": hex_of(n, 32),
                "is_read": n % 4 > 0,
                "rating": 0 if n % 6 == 0 else one["rating"],
                "review_text_incomplete": "",
                "date_added": when,
                "date_updated": when,
                "read_at": "",
                "started_at": "",
            }
        )
    _packed(folder / "goodreads_interactions_poetry.json.gz", rows)
    books = [
        {
            "isbn": f"{n:010}",
            "country_code": "US",
            "language_code": "eng" if n % 3 else "",
            "popular_shelves": [{"count": str(9 - k), "name": genre.lower()} for k, genre in enumerate(one["genres"])],
            "is_ebook": "false",
            "average_rating": f"{3 + n % 20 / 10:.2f}",
            "book_id": str(one["item"] + 2_000),
            "title": one["title"],
            "publisher": one["brand"],
        }
        for n, one in enumerate(w.items.iter_rows(named=True))
    ]
    _packed(folder / "goodreads_books_poetry.json.gz", books)
    return sum(row["rating"] not in (0, 3) for row in rows)


def yelp(folder: Path) -> int:
    """Reviews, businesses and users as JSON lines; categories separated by a comma and a space."""
    w = world()

    def lines(name: str, rows: Sequence[dict[str, Any]]) -> None:
        (folder / f"yelp_academic_dataset_{name}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))

    businesses = [hex_of(n, 22) for n in w.items["item"]]
    people = [hex_of(n + 5_000, 22) for n in w.users["user"]]
    when = _times(w, "%Y-%m-%d %H:%M:%S")
    lines(
        "review",
        [
            {
                "review_id": hex_of(n + 9_000, 22),
                "user_id": people[one["user"]],
                "business_id": businesses[one["item"]],
                "stars": float(one["rating"]),
                "useful": n % 4,
                "funny": 0,
                "cool": n % 2,
                "text": f"We were here {n} times, and it was as one would think that it would be, on a day in spring.",
                "date": when[n],
            }
            for n, one in enumerate(w.events.iter_rows(named=True))
        ],
    )
    lines(
        "business",
        [
            {
                "business_id": businesses[n],
                "name": one["title"],
                "city": f"town {n % 5}",
                "state": "PA" if n % 2 else "FL",
                "latitude": 39.9 + n / 100,
                "longitude": -75.1 - n / 100,
                "stars": 3.0 + n % 5 / 2,
                "review_count": 5 + n * 7,
                "is_open": n % 2,
                "attributes": {"WiFi": "u'free'" if n % 2 else None},
                "categories": ", ".join(one["genres"]),
            }
            for n, one in enumerate(w.items.iter_rows(named=True))
        ],
    )
    lines(
        "user",
        [
            {
                "user_id": people[n],
                "name": f"Ann {n}",
                "review_count": n * 3,
                "yelping_since": "2015-01-02 03:04:05",
                "elite": "2017,2018" if n % 9 == 0 else "",
                "fans": n % 4,
            }
            for n in w.users["user"]
        ],
    )
    return _rated(w)


def anime(folder: Path) -> int:
    """Ratings from 1 to 10, -1 for seen and not rated; no time."""
    w = world()
    pairs = w.events.unique(["user", "item"], maintain_order=True)
    rated = [
        (one["user"] + 1, one["item"] + 20, -1 if n % 5 == 0 else one["rating"] * 2)
        for n, one in enumerate(pairs.iter_rows(named=True))
    ]
    _write(folder / "rating.csv", rated, head="user_id,anime_id,rating")
    things = [
        (
            one["item"] + 20,
            f'"{one["title"]}"',
            f'"{", ".join(one["genres"])}"',
            "TV" if n % 3 else "Movie",
            n % 26 + 1,
            6 + n % 30 / 10,
            n * 1000,
        )
        for n, one in enumerate(w.items.iter_rows(named=True))
    ]
    _write(folder / "anime.csv", things, head="anime_id,name,genre,type,episodes,rating,members")
    return sum(rating not in (-1, 5, 6) for _, _, rating in rated)


_HEADLESS = {"user": "column_1", "item": "column_2"}
LAYOUTS = [
    Layout(
        "recbole",
        "RecBole, atomic files",
        recbole,
        Expected(
            "user_id:token",
            "item_id:token",
            "timestamp:float",
            clicked="rating:float",
            items_key="item_id:token",
            label="class:token_seq",
        ),
    ),
    Layout(
        "movielens-1m",
        "MovieLens 1M, .dat",
        movielens_1m,
        Expected("column_1", "column_2", "column_4", clicked="column_3", items_key="column_1", label="column_3"),
    ),
    Layout("movielens-20m", "MovieLens 20M, CSV", movielens_20m, Expected(source="movielens")),
    Layout("movielens-32m", "MovieLens 32M, CSV", movielens_32m, Expected(source="movielens")),
    Layout(
        "mind",
        "MIND, behaviours and news (TSV without names)",
        mind,
        Expected("column_2", "item", "column_3", clicked="clicked", items_key="column_1", label="column_2"),
    ),
    Layout(
        "kuairand",
        "KuaiRand, CSV",
        kuairand,
        Expected(
            "user_id",
            "video_id",
            "time_ms",
            clicked="is_click",
            items_key="video_id",
            label="tag",
            files="data/log_standard_4_",
        ),
    ),
    Layout(
        "yoochoose",
        "Yoochoose, .dat without names",
        yoochoose,
        Expected(
            "column_1", "column_3", "column_2", items_key="column_3", label="column_4", files="yoochoose-clicks.dat"
        ),
    ),
    Layout(
        "retailrocket",
        "Retailrocket, CSV",
        retailrocket,
        Expected(
            "visitorid",
            "itemid",
            "timestamp",
            action="event",
            clicks=frozenset({"view", "addtocart", "transaction"}),
            items_key="itemid",
            label="value",
        ),
    ),
    Layout(
        "taobao",
        "Taobao, UserBehavior.csv without names",
        taobao,
        Expected(
            "column_1",
            "column_2",
            "column_5",
            action="column_4",
            clicks=frozenset({"pv", "cart", "buy"}),
            items_key="column_2",
            label="column_3",
        ),
    ),
    Layout(
        "lastfm-1k",
        "Last.fm 1K, TSV without names",
        lastfm,
        Expected("column_1", "column_6", "column_2", label="column_4", items_key="column_6"),
    ),
    Layout(
        "steam",
        "Steam, recommendations",
        steam,
        Expected(
            "user_id",
            "app_id",
            "date",
            clicked="is_recommended",
            items_key="app_id",
            label="tags",
            files="recommendations.csv",
        ),
    ),
    Layout(
        "amazon-2023",
        "Amazon Reviews 2023, JSON lines, packed",
        amazon,
        Expected("user_id", "parent_asin", "timestamp", clicked="rating", items_key="parent_asin", label="categories"),
    ),
    Layout(
        "ebnerd",
        "EB-NeRD, Parquet with lists",
        ebnerd,
        Expected(
            "user_id",
            "article_ids_inview",
            "impression_time",
            clicked="article_ids_clicked",
            items_key="article_id",
            label="topics",
        ),
    ),
    Layout(
        "goodreads",
        "Goodreads, JSON lines",
        goodreads,
        Expected(
            "user_id", "book_id", "date_added", clicked="rating", items_key="book_id", label="popular_shelves.name"
        ),
    ),
    Layout(
        "yelp",
        "Yelp, JSON lines",
        yelp,
        Expected("user_id", "business_id", "date", clicked="stars", items_key="business_id", label="categories"),
    ),
    Layout(
        "anime",
        "Anime recommendations, CSV",
        anime,
        Expected("user_id", "anime_id", None, clicked="rating", items_key="anime_id", label="genre"),
    ),
]
