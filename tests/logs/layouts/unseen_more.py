"""Layouts of a second round: `init` was tried on them once it had been mended by the first."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tests.logs.layouts.layout import Expected, Layout, hex_of, world


def _when(seconds: int, form: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


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


def gowalla(folder: Path) -> int:
    """Check-ins, packed as text without names: who, when, where on earth, which place; latest first for each user."""
    w = world()
    log = w.events.sort(["user", "s"], descending=[False, True])
    lines = [
        f"{one['user']}\t{_when(one['s'], '%Y-%m-%dT%H:%M:%SZ')}\t{30 + one['item'] * 0.0137:.7f}\t"
        f"{-97 - one['item'] * 0.0071:.7f}\t{22_847 + one['item'] * 13}"
        for one in log.iter_rows(named=True)
    ]
    (folder / "loc-gowalla_totalCheckins.txt").write_text("\n".join(lines) + "\n")
    return w.events.height


def foursquare(folder: Path) -> int:
    """Check-ins without names, with the kind of each venue, an offset in minutes, and times as Twitter writes them."""
    w = world()
    lines = [
        f"{one['user'] + 470}\t{hex_of(one['item'], 24)}\t{hex_of(len(category) * 31, 24)}\t{category} Place\t"
        f"{40.7 + one['item'] / 1000:.6f}\t{-73.9 - one['item'] / 1000:.6f}\t-240\t"
        f"{_when(one['s'], '%a %b %d %H:%M:%S +0000 %Y')}"
        for one in w.events.iter_rows(named=True)
        for category in [w.items["category"][one["item"]]]
    ]
    (folder / "dataset_TSMC2014_NYC.txt").write_text("\n".join(lines) + "\n", encoding="latin-1")
    return w.events.height


def kuairec(folder: Path) -> int:
    """Watched videos with three times, durations and a ratio; the tags as a list in a text."""
    w = world()
    pl.DataFrame(
        {
            "user_id": w.events["user"],
            "video_id": w.events["item"],
            "play_duration": [4000 + n * 37 % 9000 for n in range(w.events.height)],
            "video_duration": w.of_items(lambda n: 5000 + 211 * n),
            "time": [_when(s, "%Y-%m-%d %H:%M:%S.123") for s in w.events["s"]],
            "date": [int(_when(s, "%Y%m%d")) for s in w.events["s"]],
            "timestamp": [s + 0.123 for s in w.events["s"]],
            "watch_ratio": [(4000 + n * 37 % 9000) / (5000 + 211 * item) for n, item in enumerate(w.events["item"])],
        }
    ).write_csv(folder / "big_matrix.csv")
    numbers = {name: n for n, name in enumerate(sorted(set(w.items["genres"].explode())))}
    pl.DataFrame(
        {
            "video_id": w.items["item"],
            "feat": [str([numbers[one] for one in genres]) for genres in w.items["genres"]],
        }
    ).write_csv(folder / "item_categories.csv")
    pl.DataFrame(
        {
            "user_id": w.users["user"],
            "user_active_degree": ["full_active" if n % 3 else "high_active" for n in range(50)],
            "is_video_author": [n % 2 for n in range(50)],
            "follow_user_num_range": ["(10,50]" if n % 2 else "0" for n in range(50)],
        }
    ).write_csv(folder / "user_features.csv")
    return w.events.height


def book_crossing(folder: Path) -> int:
    """Ratings from 0 to 10 between semicolons and quotes, Latin-1, with dashes in the names; no times."""
    w = world()
    log = w.events.unique(["user", "item"], maintain_order=True)

    def write(name: str, columns: dict[str, list[object]]) -> None:
        quoted = [";".join(f'"{one}"' for one in row) for row in [columns, *zip(*columns.values(), strict=True)]]
        (folder / name).write_text("\r\n".join(quoted) + "\r\n", encoding="latin-1")

    def isbn(n: int) -> str:
        return f"0{3_454_171 + n * 9973:08}{'X' if n % 11 == 0 else n % 10}"

    marks = [one["rating"] * 2 if n % 3 else 0 for n, one in enumerate(log.iter_rows(named=True))]
    write(
        "BX-Book-Ratings.csv",
        {"User-ID": [276_725 + n for n in log["user"]], "ISBN": [isbn(n) for n in log["item"]], "Book-Rating": [*marks]},
    )
    write(
        "BX-Books.csv",
        {
            "ISBN": w.all_items(isbn),
            "Book-Title": [*w.items["title"]],
            "Book-Author": [f"Zoë Author {n % 9}" for n in range(40)],
            "Year-Of-Publication": [1990 + n % 12 for n in range(40)],
            "Publisher": [f"House {n % 6}" for n in range(40)],
            "Image-URL-S": [f"http://images.example/{n}.jpg" for n in range(40)],
        },
    )
    write(
        "BX-Users.csv",
        {
            "User-ID": [276_725 + n for n in range(50)],
            "Location": [f"{town}, skåne, sweden" for town in w.users["town"]],
            "Age": ["NULL" if n % 3 else 18 + n % 40 for n in range(50)],
        },
    )
    return sum(one == 0 or one >= 7 or one <= 4 for one in marks) - sum(one == 0 for one in marks)


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


def lastfm_360k(folder: Path) -> int:
    """Plays of an artist by a user, without names and times; people in another file."""
    w = world()
    pairs = w.events.group_by("user", "item", maintain_order=True).len()
    lines = [
        f"{hex_of(one['user'], 40)}\t{hex_of(one['item'], 32)}\t{w.items['title'][one['item']]}\t{one['len'] * 37 + one['item']}"
        for one in pairs.iter_rows(named=True)
    ]
    (folder / "usersha1-artmbid-artname-plays.tsv").write_text("\n".join(lines) + "\n")
    people = [
        f"{hex_of(one['user'], 40)}\t{one['gender'].lower()}\t{one['age']}\tSweden\tFeb 1{one['user'] % 9}, 2007"
        for one in w.users.iter_rows(named=True)
    ]
    (folder / "usersha1-profile.tsv").write_text("\n".join(people) + "\n")
    return pairs.height


LAYOUTS = [
    Layout("otto", "OTTO, a line per session with its events nested", otto, Expected(user="session", item="events.aid", time="events.ts", action="events.type", clicks=frozenset({"clicks", "carts", "orders"}))),
    Layout("gowalla", "Gowalla, check-ins without names", gowalla, Expected(user="column_1", item="column_5", time="column_2")),
    Layout("foursquare", "Foursquare, check-ins without names, with kinds of venues", foursquare, Expected(user="column_1", item="column_2", time="column_8", items_key="column_2", label="column_4")),
    Layout("kuairec", "KuaiRec, watched videos and their categories", kuairec, Expected(user="user_id", item="video_id", time="timestamp", items_key="video_id", label="feat", files="big_matrix.csv")),
    Layout("book-crossing", "Book-Crossing, quoted CSV in Latin-1", book_crossing, Expected(user="User-ID", item="ISBN", clicked="Book-Rating", items_key="ISBN", label="Publisher", files="BX-Book-Ratings.csv")),
    Layout("trivago", "Trivago, steps of sessions", trivago, Expected(user="user_id", item="reference", time="timestamp", action="action_type", clicks=frozenset({"clickout item"}), items_key="item_id", label="properties", files="train.csv")),
    Layout("lastfm-360k", "Last.fm 360K, plays without names and times", lastfm_360k, Expected(user="column_1", item="column_2", files="usersha1-artmbid-artname-plays.tsv")),
]
