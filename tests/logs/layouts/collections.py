"""Data that researchers collected: places, books, music and videos."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tests.logs.layouts.layout import START_S, Expected, Layout, hex_of, world


def _when(seconds: int, form: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


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
            "comments": [
                f"We had a lovely stay, number {n}, and the host met us at the door." for n in range(w.events.height)
            ],
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
    pairs = [
        (1000 + one["item"] * 3, tag, 100 - 20 * k)
        for one in w.items.iter_rows(named=True)
        for k, tag in enumerate(one["genres"])
    ]
    pl.DataFrame(pairs, schema=["track_id", "tag", "weight"], orient="row").write_csv(
        folder / "tags.tsv", separator="\t"
    )
    return w.events.height


def lastfm_360k(folder: Path) -> int:
    """Plays of an artist by a user, without names and times; people in another file."""
    w = world()
    pairs = w.events.group_by("user", "item", maintain_order=True).len()
    lines = [
        f"{hex_of(one['user'], 40)}\t{hex_of(one['item'], 32)}\t{w.items['title'][one['item']]}\t{one['len'] * 37}"
        for one in pairs.iter_rows(named=True)
    ]
    (folder / "usersha1-artmbid-artname-plays.tsv").write_text("\n".join(lines) + "\n")
    people = [
        f"{hex_of(one['user'], 40)}\t{one['gender'].lower()}\t{one['age']}\tSweden\tFeb 1{one['user'] % 9}, 2007"
        for one in w.users.iter_rows(named=True)
    ]
    (folder / "usersha1-profile.tsv").write_text("\n".join(people) + "\n")
    return pairs.height


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

    marks = [one["rating"] * 2 - n % 2 if n % 3 else 0 for n, one in enumerate(log.iter_rows(named=True))]
    write(
        "BX-Book-Ratings.csv",
        {
            "User-ID": [276_725 + n for n in log["user"]],
            "ISBN": [isbn(n) for n in log["item"]],
            "Book-Rating": [*marks],
        },
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


LAYOUTS = [
    Layout(
        "inside-airbnb",
        "Inside Airbnb, reviews and listings",
        inside_airbnb,
        Expected(
            user="reviewer_id", item="listing_id", time="date", items_key="id", label="amenities", files="reviews.csv"
        ),
    ),
    Layout(
        "lfm-2b",
        "LFM-2b, listening events and tags",
        lfm2b,
        Expected(
            user="user_id",
            item="track_id",
            time="timestamp",
            items_key="track_id",
            label="tag",
            files="listening-events.tsv",
        ),
    ),
    Layout(
        "lastfm-360k",
        "Last.fm 360K, plays without names and times",
        lastfm_360k,
        Expected(user="column_1", item="column_2", files="usersha1-artmbid-artname-plays.tsv"),
    ),
    Layout(
        "gowalla",
        "Gowalla, check-ins without names",
        gowalla,
        Expected(user="column_1", item="column_5", time="column_2"),
    ),
    Layout(
        "foursquare",
        "Foursquare, check-ins without names, with kinds of venues",
        foursquare,
        Expected(user="column_1", item="column_2", time="column_8", items_key="column_2", label="column_4"),
    ),
    Layout(
        "kuairec",
        "KuaiRec, watched videos and their categories",
        kuairec,
        Expected(
            user="user_id", item="video_id", time="time", items_key="video_id", label="feat", files="big_matrix.csv"
        ),
    ),
    Layout(
        "book-crossing",
        "Book-Crossing, quoted CSV in Latin-1",
        book_crossing,
        Expected(
            user="User-ID",
            item="ISBN",
            clicked="Book-Rating",
            items_key="ISBN",
            label="Book-Author",
            files="BX-Book-Ratings.csv",
        ),
    ),
]
