"""What `penchant init` takes for evidence, and what for chance; what it says where there is no log."""

import random
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.logs.propose import UNSURE, as_toml, find_tables, propose
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.seen import evidence
from penchant.runfile import RunConfig

PublicData = Callable[[str], Path]
START = 1_700_000_000


def told(folder: Path) -> tuple[dict[str, Any], str]:
    """The tables that are proposed for a folder, and the whole text."""
    text = as_toml(propose(find_tables([folder]), folder))
    said = tomllib.loads(text)
    RunConfig.parse(said, origin="proposal")
    return said["logs"]["tables"], text


def clicks(rows: int = 4000, users: int = 600, items: int = 900) -> pl.DataFrame:
    """A log whose users and items are small whole numbers from 0 on; rows lie by user, a row each 40 seconds or at the
    same moment as the one before."""
    dice = random.Random(5)  # noqa: S311
    user = sorted(dice.randrange(users) for _ in range(rows))
    item = [min(int(dice.expovariate(5 / items)), items - 1) for _ in range(rows)]
    begins = [START + dice.randrange(2_000_000) for _ in range(users)]
    moment = [begins[who] + n % 7 // 2 * 40 for n, who in enumerate(user)]
    return pl.DataFrame({"user_id": user, "article_id": item, "timestamp": moment})


def write(folder: Path, **tables: pl.DataFrame) -> Path:
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    return folder


def kinds(rows: int, few: int) -> list[int]:
    return [n * 7 % few for n in range(rows)]


@pytest.mark.parametrize(
    ("left", "right", "lowest", "highest"),
    [
        (("user_id", range(500)), ("item_id", range(5000)), 0.0, 0.0),
        (("user_id", range(500)), ("id", range(5000)), 0.0, 0.1),
        (("user_id", range(500)), ("id", range(500)), 0.7, 0.7),
        (("user_id", range(70_000, 70_500)), ("id", range(70_000, 70_500)), 1.0, 1.0),
        (("user_id", range(3, 90_000, 977)), ("nr", range(3, 90_000, 977)), 0.9, 1.0),
        (("user_id", ["a", "b"]), ("nr", ["a", "b"]), 1.0, 1.0),
        (("year", [2001, 2002]), ("tag", ["jazz", "2001", "2002"]), 0.0, 0.0),
    ],
    ids=["two-things", "dense", "same-reach", "far-from-0", "sparse", "texts", "numbers-among-texts"],
)
def test_small_whole_numbers_are_the_same_by_chance(left: Any, right: Any, lowest: float, highest: float) -> None:
    columns = [Column(name, pl.Series(list(values))) for name, values in (left, right)]
    assert lowest <= evidence(columns[0], columns[1], 1.0, 1.0) <= highest


def test_moments_of_a_log_by_user_are_a_time(tmp_path: Path) -> None:
    log = clicks().with_row_index("file_row").rename({"timestamp": "c"})
    tables, _ = told(write(tmp_path, log=log))
    assert tables["events"]["time"] == "c"


@pytest.mark.parametrize("named", ["article_id", "click_article_id"])
def test_a_table_keyed_like_the_item_is_never_one_of_users(named: str, tmp_path: Path) -> None:
    articles = pl.DataFrame({"article_id": range(900), "n_clicks": kinds(900, 50), "category_id": kinds(900, 20)})
    points = pl.DataFrame({"article_id": range(40), "category_id": kinds(40, 9)})
    log = clicks().rename({"article_id": named}) if named != "article_id" else clicks()
    tables, text = told(write(tmp_path, clicks=log, bounds=articles, a_points=points))
    assert "users" not in tables
    assert (tables["items"]["item"], tables["items"]["files"]) == ("article_id", "bounds.parquet")
    assert "a_points.parquet is left out: there is a table of items already" in text


def test_a_row_per_item_and_number_is_a_table_of_values(tmp_path: Path) -> None:
    pairs = pl.DataFrame({"article_id": [n // 3 for n in range(2400)], "attr_id": [n * n % 301 for n in range(2400)]})
    tables, text = told(write(tmp_path, log=clicks(), attributes=pairs))
    assert [(one["item"], one["value"]) for one in tables["item_values"]] == [("article_id", "attr_id")]
    assert "has users and items too" not in text


def test_a_log_with_a_time_wins_and_its_codes_get_their_names(tmp_path: Path) -> None:
    log = clicks().select(
        "user_id",
        "article_id",
        (pl.col("article_id") * 31 % 200 + 1).alias("tag_id"),
        (pl.col("timestamp") % 28 + 1).alias("day"),
        (pl.col("timestamp") % 12 + 1).alias("month"),
        pl.lit(2009).alias("year"),
    )
    counts = clicks(rows=5000).select("user_id", "article_id", pl.lit(7).alias("listen_count"))
    names = pl.DataFrame({"tag_id": range(1, 201), "tag": [f"genre {n}" for n in range(200)]})
    titles = pl.DataFrame({"article_id": range(900), "name": [f"The Band {n}" for n in range(900)]})
    tables, text = told(write(tmp_path, a_counts=counts, tagged=log, tags=names, titles=titles))
    assert (tables["events"]["files"], tables["events"]["time"]) == ("tagged.parquet", ["year", "month", "day"])
    assert tables["item_values"][0]["names"] == {"files": "tags.parquet", "value": "tag_id", "name": "tag"}
    assert "tagged.parquet (about 4,000 rows) is taken for the log; a_counts.parquet (about 5,000 rows) has" in text


def test_times_of_tags_are_not_compared_with_places(tmp_path: Path) -> None:
    places = clicks().select("user_id", "article_id", pl.int_range(pl.len()).over("user_id").alias("seq_pos"))
    tags = clicks(rows=900).with_columns((pl.col("article_id") % 9).cast(pl.String).alias("tag"))
    tables, _ = told(write(tmp_path, log=places, tags=tags))
    assert tables["events"]["time_unit"] == "position"
    assert [(one["value"], "time" in one) for one in tables["item_values"]] == [("tag", False)]


def test_reasons_name_only_the_table_of_the_role(tmp_path: Path) -> None:
    people = pl.DataFrame({"user_id": range(600), "age": kinds(600, 60)})
    things = pl.DataFrame({"article_id": range(900), "category": kinds(900, 9)})
    _, text = told(write(tmp_path, log=clicks(), people=people, things=things))
    said = {role: line for line in text.splitlines() for role in ("user", "item") if line.startswith(f"# - {role} = ")}
    assert "(sure): its values are the key 'user_id' of people.parquet; its name says so" in said["user"]
    assert "(sure): its values are the key 'article_id' of things.parquet; its name says so" in said["item"]
    assert "things" not in said["user"]
    assert "people" not in said["item"]


def test_texts_without_columns_are_passed_over_with_one_note(tmp_path: Path) -> None:
    for name in ("README.txt", "LICENSE.txt"):
        (tmp_path / name).write_text("About these data\n\nThey are small.\nUse them well.\n")
    (tmp_path / "NOTES.md").write_text("# Notes\n")
    _, text = told(write(tmp_path, log=clicks()))
    assert "# - LICENSE.txt, README.txt have no columns, and are passed over\n" in text
    assert "neither items" not in text


def test_lines_above_the_rows_that_belong_to_them_are_told(tmp_path: Path) -> None:
    blocks = [
        f"{n}:\n" + "".join(f"{n * 40 + k},{k % 5 + 1},2005-09-{k + 10}\n" for k in range(9)) for n in range(1, 5)
    ]
    (tmp_path / "combined_data_1.txt").write_text("".join(blocks))
    (tmp_path / "movie_titles.csv").write_text("".join(f"{n},{1980 + n},Film number {n}\n" for n in range(1, 40)))
    tables, text = told(tmp_path)
    assert tables["events"] == {"files": UNSURE, "user": UNSURE, "item": UNSURE}
    assert "combined_data_1.txt is left out: lines such as '1:' stand above the rows that belong to them" in text


def _texts(rows: int) -> dict[str, object]:
    """A row per text, with a key, a day, prose and lists: things, and nobody who reads them."""
    return {
        "news_id": range(1, rows + 1),
        "date": pl.datetime_range(pl.datetime(1987, 2, 26), pl.datetime(1987, 10, 1), "3h", eager=True)[:rows],
        "title": [f"Bank raises rate for the time number {n}" for n in range(rows)],
        "body": [f"The bank said on day {n} that it would raise its rate. " * 4 for n in range(rows)],
        "topics": [["grain", "trade"][: n % 3] for n in range(rows)],
        "places": [[["usa", "uk", "japan"][n % 3]] for n in range(rows)],
    }


def _graph(rows: int) -> dict[str, object]:
    return {
        "head": [f"m.0{n * 7 % 400:04}" for n in range(rows)],
        "relation": [f"film.film.{('actor', 'genre', 'writer')[n % 3]}" for n in range(rows)],
        "tail": [f"m.0{n * 11 % 400:04}" for n in range(rows)],
    }


def _things(rows: int) -> dict[str, object]:
    return {"item_id": range(rows), "title": [f"The Thing {n}" for n in range(rows)], "tags": [["a", "b"]] * rows}


@pytest.mark.parametrize("made", [_texts, _graph, _things], ids=["texts", "graph", "items"])
def test_a_table_that_is_no_log_is_said_to_be_none(made: Callable[[int], Mapping[str, Any]], tmp_path: Path) -> None:
    tables, text = told(write(tmp_path, some=pl.DataFrame(made(1500))))
    assert tables["events"] == {"files": UNSURE, "user": UNSURE, "item": UNSURE}
    assert "no table looks like a log of users and items. Add one: a row each time somebody clicked" in text


def test_features_of_users_are_no_ids_of_theirs(tmp_path: Path) -> None:
    context = {f"user_feature_{n}": [f"{k * (n + 3) % (5 + n):032x}" for k in range(4000)] for n in range(4)}
    log = clicks().select("timestamp", pl.col("article_id").alias("item_id"), pl.Series("click", [0, 1] * 2000))
    tables, text = told(write(tmp_path, impressions=log.with_columns(**{k: pl.Series(v) for k, v in context.items()})))
    assert (tables["events"]["user"], tables["events"]["item"]) == (UNSURE, "item_id")
    assert tables["events"]["clicked"] == "click"
    assert "if none says who, the log cannot tell people apart: log an account, a cookie or a session" in text


@pytest.mark.parametrize(("user", "item", "sure"), [("user_id", "item_id", "sure"), ("who", "what", "a guess")])
def test_ordinary_names_and_a_time_leave_no_doubt(user: str, item: str, sure: str, tmp_path: Path) -> None:
    dice = random.Random(3)  # noqa: S311
    moments = pl.Series("at", [START + dice.randrange(9_000_000) for _ in range(4000)])
    log = clicks().rename({"user_id": user, "article_id": item}).sample(fraction=1.0, shuffle=True, seed=3)
    _, text = told(write(tmp_path, log=log.drop("timestamp").with_columns(moments)))
    assert f"user = '{user}' ({sure})" in text


def test_a_graph_of_items_says_nothing_of_an_item(tmp_path: Path) -> None:
    pairs = {
        "article_id": [n // 3 for n in range(900)],
        "relation": ["also_bought", "complement"] * 450,
        "other_id": kinds(900, 899),
    }
    tables, text = told(write(tmp_path, log=clicks(), relations=pl.DataFrame(pairs)))
    assert "item_values" not in tables
    assert "relations.parquet is left out" in text


def test_orders_lead_to_the_user_by_a_join(tmp_path: Path) -> None:
    log = clicks()
    orders = pl.DataFrame({"order_id": range(5000, 5600), "user_id": [n % 80 for n in range(600)]})
    lines = log.select((pl.col("user_id") + 5000).alias("order_id"), pl.col("article_id").alias("product_id"))
    products = pl.DataFrame({"product_id": range(900), "department": kinds(900, 8)})
    _, text = told(write(tmp_path, lines=lines, orders=orders, products=products))
    assert (
        "query = \"select * from 'lines.parquet' join 'orders.parquet' using (order_id)\" and user = \"user_id\""
        in text
    )


@pytest.mark.parametrize(
    ("name", "events", "said"),
    [
        ("ml-1m-ratings-half", ("user_id", "movie_id", "timestamp"), "rating looks like a rating"),
        ("kuairand-pure-14days", ("user_id", "video_id", "time_ms"), "key 'video_id' of video_features_basic.parquet"),
        ("amazon-grocery-rechorus", ("user_id", "item_id", "time"), "item_relations.parquet is left out: it has pairs"),
        ("kgat-amazon-book", ("user_id", "item_id", None), "no column looks like a time"),
        ("book-crossing-kg", ("user_id", "item_id", None), "README.txt has no columns, and is passed over"),
        ("open-bandit-small", (UNSURE, "item_id", "timestamp"), "which column is the user?"),
        ("reuters-21578", (UNSURE, UNSURE, None), "no table looks like a log of users and items"),
        ("ml-100k-kg-recbole", (UNSURE, UNSURE, None), "no table looks like a log of users and items"),
    ],
)
def test_public_data_that_init_was_not_built_with(
    name: str, events: tuple[str, str, str | None], said: str, public_data: PublicData
) -> None:
    tables, text = told(public_data(name))
    assert tuple(tables["events"].get(key) for key in ("user", "item", "time")) == events
    assert said in text
    assert "(a guess)" not in text


@pytest.mark.parametrize(
    ("name", "events", "items"),
    [
        ("globo-news-clicks", ("user_id", "click_article_id", "click_timestamp"), ("items", "article_id")),
        ("hetrec2011-lastfm", ("user_id", "artist_id", ["year", "month", "day"]), ("item_values", "tag_id")),
        ("s3rec-beauty", ("user_id", "item_id", "seq_pos"), ("item_values", "attr_id")),
        ("ml-1m", ("user_id", "movie_id", "seq_pos"), ("item_values", "tag")),
    ],
)
def test_public_data_under_other_names(
    name: str, events: tuple[str, str, object], items: tuple[str, str], public_data: PublicData, tmp_path: Path
) -> None:
    for file in public_data(name).glob("*.parquet"):
        (tmp_path / f"x_{file.name}").symlink_to(file)
    tables, _ = told(tmp_path)
    assert tuple(tables["events"].get(key) for key in ("user", "item", "time")) == events
    kind, column = items
    assert (tables[kind]["item"] if kind == "items" else tables[kind][0]["value"]) == column
