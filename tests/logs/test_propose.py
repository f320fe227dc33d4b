"""What `penchant init` writes: a run file that is accepted and runs, and a note for every guess it could not make."""

import json
import tomllib
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest

from penchant.errors import DataError
from penchant.logs.ingest import Log, ingest
from penchant.logs.propose import UNSURE, as_toml, find_tables, propose
from penchant.runfile import RunConfig
from tests.logs.layouts.layout import World, uuid_of, world
from tests.logs.logs_on_disk import NOON, all_events


def proposed(folder: Path) -> tuple[RunConfig, str]:
    """The run file for all tables of a folder: checked, and as text."""
    text = as_toml(propose(find_tables([folder]), folder))
    return RunConfig.parse(tomllib.loads(text), origin="proposal"), text


def log_of(config: RunConfig, folder: Path) -> Log:
    assert config.logs.tables
    return ingest(config.logs.tables, folder, folder / "log", max_rejected_share=0.0)


def write_events(path: Path, **columns: object) -> None:
    frame = pl.DataFrame({"user_id": ["a", "a", "b", "b"], "article_id": ["x", "y", "x", "z"], **columns})
    frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path)


TIMES = [NOON, NOON + 1, NOON + 2, NOON + 3]


def test_events_items_and_users_are_mapped_and_run(tmp_path: Path) -> None:
    write_events(tmp_path / "events.csv", timestamp=TIMES, clicked=[1, 0, 1, 1])
    pl.DataFrame(
        {
            "article_id": ["x", "y", "z", "w"],
            "title": ["One", "Two", "Four", "Five"],
            "keywords": [["k", "l"], ["k"], [], ["m"]],
            "section": ["s", "s", "t", "t"],
        }
    ).write_parquet(tmp_path / "articles.parquet")
    pl.DataFrame({"user_id": list("abcdef"), "town": list("ppqqpp")}).write_csv(tmp_path / "members.csv")
    config, text = proposed(tmp_path)
    assert [rule.name for rule in config.features.fields] == ["tags", "section", "town", "recent", "item"]
    assert config.profiles.item_name == "title"
    assert config.labels.field == "tags"
    assert "Look at these" not in text
    log = log_of(config, tmp_path)
    assert all_events(log)["clicked"].to_list() == [True, False, True, True]
    assert log.items().row(by_predicate=pl.col("item") == "x", named=True) == {
        "item": "x",
        "tags": ["k", "l"],
        "section": ["s"],
        "title": ["One"],
    }
    assert log.users()["town"].to_list()[0] == ["p"]


def test_a_table_of_items_and_tags_becomes_item_values(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", time=TIMES)
    pl.DataFrame({"article_id": ["x", "x", "y"], "tag": ["k", "l", "k"]}).write_parquet(tmp_path / "tagged.parquet")
    config, text = proposed(tmp_path)
    assert config.labels.field == "tags"
    assert "events.parquet: no column says what was clicked, so every row counts as a click" in text
    assert dict(log_of(config, tmp_path).items().rows()) == {"x": ["k", "l"], "y": ["k"]}


def test_separated_texts_are_lists_and_a_single_separator_in_a_title_is_not(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", time=TIMES)
    titles = ["One|Two", *(f"Title {n}" for n in range(8))]
    genres = ["Action|Comedy", "Comedy", "Drama|Action"] * 3
    ids = ["x", "y", "z", *(f"i{n}" for n in range(6))]
    pl.DataFrame({"article_id": ids, "title": titles, "genres": genres}).write_csv(tmp_path / "articles.csv")
    config, text = proposed(tmp_path)
    assert "articles.csv: lists are taken to be separated by '|'" in text
    assert "no field is called tags; 'genres' is predicted instead" in text
    assert config.labels.field == "genres"
    assert [rule.name for rule in config.features.fields] == ["genres", "recent", "item"]
    assert log_of(config, tmp_path).items()["genres"].to_list()[-3] == ["Action", "Comedy"]


def test_ratings_get_thresholds_to_look_at(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", time=TIMES, rating=[5.0, 4.0, 1.0, 4.0])
    config, text = proposed(tmp_path)
    assert config.logs.tables
    assert config.logs.tables.events.clicked_at_least == 4.0
    assert "rating looks like a rating: from 4.0 up is a click" in text


def test_two_ratings_are_ratings_too(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", time=TIMES, stars=[5, 1, 5, 5])
    config, _ = proposed(tmp_path)
    assert all_events(log_of(config, tmp_path))["clicked"].to_list() == [True, False, True, True]


def test_a_missing_time_is_noted(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet")
    config, text = proposed(tmp_path)
    assert "events.parquet: no column looks like a time, so the order of the rows will count" in text
    assert log_of(config, tmp_path).position


@pytest.mark.parametrize("name", ["shown_at", "shownAt", "clicked_at", "event_ts", "show_time", "view_date"])
def test_a_column_that_is_called_as_moments_are_is_the_time(tmp_path: Path, name: str) -> None:
    write_events(tmp_path / "events.parquet", **{name: TIMES}, clicked=[1, 0, 1, 1])
    config, text = proposed(tmp_path)
    assert config.logs.tables
    assert (config.logs.tables.events.time, config.logs.tables.events.clicked) == (name, "clicked")
    assert "no column looks like a time" not in text


def test_a_time_comes_before_a_column_that_is_only_called_like_one(tmp_path: Path) -> None:
    write_events(tmp_path / "events.csv", member_at=["home", "work", "home", "work"], timestamp=TIMES)
    config, _ = proposed(tmp_path)
    assert config.logs.tables
    assert config.logs.tables.events.time == "timestamp"


def test_year_month_and_day_are_a_time(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", year=[2001] * 4, month=[1] * 4, day=[1, 2, 3, 4])
    config, _ = proposed(tmp_path)
    assert config.logs.tables
    assert config.logs.tables.events.time == ["year", "month", "day"]


def test_what_could_not_be_guessed_is_marked_and_noted(tmp_path: Path) -> None:
    pl.DataFrame({"who": ["a"], "what": ["x"], "ts": [NOON]}).write_csv(tmp_path / "log.csv")
    config, text = proposed(tmp_path)
    assert config.logs.tables
    assert (config.logs.tables.events.user, config.logs.tables.events.item) == (UNSURE, UNSURE)
    assert "log.csv: which column is the user? It has who, what, ts" in text
    assert "log.csv: which column is the item? It has who, what, ts" in text
    assert "no table gives the items tags" in text
    with pytest.raises(DataError, match=r"log\.csv has no column '\?'; it has: who, what, ts"):
        log_of(config, tmp_path)


def test_a_table_without_a_role_is_left_out_with_a_note(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", time=TIMES)
    pl.DataFrame({"weather": ["rain"], "wind": [3]}).write_csv(tmp_path / "weather.csv")
    _, text = proposed(tmp_path)
    assert "weather.csv is left out: it looks like neither items, users nor tags (weather, wind)" in text


def test_a_second_table_of_items_is_left_out_with_a_note(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", time=TIMES)
    for name in ("a.csv", "b.csv"):
        pl.DataFrame({"article_id": list("xyzw"), "kind": list("kkll")}).write_csv(tmp_path / name)
    _, text = proposed(tmp_path)
    assert "b.csv is left out: there is a table of items already; join the two" in text


def test_only_a_field_of_the_items_is_predicted(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", time=TIMES)
    pl.DataFrame({"user_id": list("abcd"), "topic": list("ppqq")}).write_csv(tmp_path / "a-members.csv")
    tags = tmp_path / "tags"
    tags.mkdir()
    pl.DataFrame({"article_id": list("xyzw"), "kind": list("kkll")}).write_csv(tmp_path / "tags" / "items.csv")
    proposal = propose([*find_tables([tmp_path]), *find_tables([tags])], tmp_path)
    config = RunConfig.parse(tomllib.loads(as_toml(proposal)), origin="proposal")
    assert config.labels.field == "kind"


def test_equal_names_and_names_in_any_script_are_told_apart(tmp_path: Path) -> None:
    write_events(tmp_path / "events.parquet", time=TIMES)
    columns = {
        "категория": list("kkll"),
        "the kind": list("mmnn"),
        "label": list("oopp"),
        'a "quoted" one': list("qqrr"),
    }
    pl.DataFrame({"article_id": list("xyzw"), **columns}).write_parquet(tmp_path / "articles.parquet")
    pl.DataFrame({"user_id": list("abcd"), "категория": list("ppqq")}).write_csv(tmp_path / "members.csv")
    config, _ = proposed(tmp_path)
    names = [rule.name for rule in config.features.fields]
    assert names == ["категория", "the_kind", "label_2", "a__quoted__one", "категория_2", "recent", "item"]
    log = log_of(config, tmp_path)
    assert log.items().columns[1:] == names[:4]
    assert log.users().columns[1:] == ["категория_2"]


def test_a_malformed_line_does_not_stop_the_proposal(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(f"user_id,item_id,time\na,x,{NOON}\na,x,{NOON},more\nb,y,{NOON}\n")
    config, _ = proposed(tmp_path)
    assert config.logs.tables
    assert config.logs.tables.events.columns == ["user_id", "item_id", "time"]


def test_a_folder_without_tables_is_named(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").touch()
    with pytest.raises(DataError, match=rf"no table in {tmp_path}; give files or a folder .*\.parquet"):
        find_tables([tmp_path])


def write_log(path: Path, **columns: Any) -> World:
    """A log of users in sittings, with more columns; by the ending of its name."""
    w = world()
    frame = pl.DataFrame(
        {
            "user_id": w.of_users(lambda n: f"u{n}"),
            "item_id": w.of_items(lambda n: f"i{n}"),
            "ts": w.events["s"],
            **columns,
        }
    )
    frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path)
    return w


def tables_of(folder: Path) -> tuple[dict[str, Any], str]:
    """The proposed tables, as the run file has them, and its text."""
    text = as_toml(propose(find_tables([folder]), folder))
    return tomllib.loads(text)["logs"]["tables"], text


@pytest.mark.parametrize(
    "written",
    [
        "|".join,
        ",".join,
        ", ".join,
        "; ".join,
        " / ".join,
        " ".join,
        " > ".join,
        json.dumps,
        repr,
        lambda parts: "{" + ",".join(parts) + "}",
        lambda parts: "[" + " ".join(f"'{one}'" for one in parts) + "]",
        lambda parts: repr([{"id": len(one), "name": one} for one in parts]),
    ],
    ids=[
        "pipe",
        "comma",
        "comma-space",
        "semicolon",
        "slash",
        "space",
        "more",
        "json",
        "repr",
        "pg",
        "numpy",
        "records",
    ],
)
def test_lists_are_found_in_whatever_way_they_are_written(written: Callable[[list[str]], str], tmp_path: Path) -> None:
    w = write_log(tmp_path / "log.csv")
    stuff = [written(list(one)) for one in w.items["genres"]]
    pl.DataFrame({"item_id": w.all_items(lambda n: f"i{n}"), "heading": w.items["title"], "stuff": stuff}).write_csv(
        tmp_path / "things.csv"
    )
    config, _ = proposed(tmp_path)
    items = log_of(config, tmp_path).items().sort("item")
    wanted = dict(zip(w.all_items(lambda n: f"i{n}"), w.items["genres"].to_list(), strict=True))
    assert {row["item"]: row["stuff"] for row in items.iter_rows(named=True)} == wanted
    assert items["title"].list.first().to_list() == [
        dict(zip(wanted, w.items["title"], strict=True))[i] for i in items["item"]
    ]


IDS: dict[str, Callable[[list[int]], pl.Series]] = {
    "category": lambda n: pl.Series([f"c{one}" for one in n], dtype=pl.Categorical),
    "decimal": lambda n: pl.Series([Decimal(one + 10**20) for one in n], dtype=pl.Decimal(38, 0)),
    "bytes": lambda n: pl.Series([f"b{one}".encode() for one in n]),
    "uuid": lambda n: pl.Series([UUID(uuid_of(one)).bytes for one in n]),
    "like a clock": lambda n: pl.Series([1_700_000_000 + one for one in n]),
    "large": lambda n: pl.Series([2**63 + one for one in n], dtype=pl.UInt64),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_of_every_type_are_users_and_items(kind: str, tmp_path: Path) -> None:
    w = world()
    made = {"who": IDS[kind](w.events["user"].to_list()), "what": IDS[kind]([one + 500 for one in w.events["item"]])}
    pl.DataFrame({**made, "at": w.events["s"]}).write_parquet(tmp_path / "log.parquet")
    tables, _ = tables_of(tmp_path)
    assert [tables["events"].get(key) for key in ("user", "item", "time")] == ["who", "what", "at"]


def test_ratings_beside_a_log_are_no_users(tmp_path: Path) -> None:
    w = write_log(tmp_path / "log.csv")
    pairs = w.events.unique(["user", "item"], maintain_order=True)[:100]
    rated = {"user_id": [f"u{n}" for n in pairs["user"]], "item_id": [f"i{n}" for n in pairs["item"]]}
    pl.DataFrame({**rated, "stars": pairs["rating"]}).write_csv(tmp_path / "ratings.csv")
    tables, text = tables_of(tmp_path)
    assert "users" not in tables
    assert " is taken for the log; ratings.csv (about 101 rows) has users and items too" in text


def test_ids_that_are_written_otherwise_in_two_tables_are_told(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv")
    pl.DataFrame({"user_id": [f"USER-{n}" for n in range(50)], "town": ["a", "b"] * 25}).write_csv(
        tmp_path / "users.csv"
    )
    assert (
        "hardly any user of the log stands in 'user_id'; are the ids written alike in both?" in tables_of(tmp_path)[1]
    )


@pytest.mark.parametrize(
    ("view", "cart", "buy", "actions"),
    [
        ("view", "add_to_cart", "purchase", {"view": True, "add_to_cart": True, "purchase": True}),
        ("impression", "click", "order", {"impression": False, "click": True, "order": True}),
        ("view", "click", "buy", {"view": False, "click": True, "buy": True}),
        ("pv", "fav", "remove_from_cart", {"pv": True, "fav": True}),
        ("浏览", "加购", "购买", {"浏览": True, "加购": True, "购买": True}),
    ],
)
def test_what_was_done_says_what_a_click_is(
    view: str, cart: str, buy: str, actions: dict[str, bool], tmp_path: Path
) -> None:
    done = world().events["act"].replace_strict({"view": view, "cart": cart, "buy": buy})
    write_log(tmp_path / "log.csv", kind=done)
    events = tables_of(tmp_path)[0]["events"]
    assert (events["action"], events["actions"]) == ("kind", actions)


def test_what_was_done_in_unknown_words_is_asked_for(tmp_path: Path) -> None:
    done = world().events["act"].replace_strict({"view": "katso", "cart": "lisää", "buy": "osta"})
    write_log(tmp_path / "log.csv", event_type=done)
    tables, text = tables_of(tmp_path)
    assert "action" not in tables["events"]
    assert 'action = "event_type" and actions = { katso = true, "lisää" = true, osta = true }' in text


def test_a_time_that_follows_from_the_item_or_the_user_is_not_the_clock(tmp_path: Path) -> None:
    w = world()
    published = [datetime(2026, 2, 1, 10, n % 60) for n in w.events["item"]]
    joined = [datetime(2026, 1, 1, n % 24, 7) for n in w.events["user"]]
    write_log(tmp_path / "log.parquet", published=published, joined=joined)
    assert tables_of(tmp_path)[0]["events"]["time"] == "ts"


def test_places_in_a_history_are_positions(tmp_path: Path) -> None:
    w = world()
    frame = pl.DataFrame({"a": w.events["user"], "b": w.events["item"] + 900}).sort("a", maintain_order=True)
    frame.with_columns(pl.int_range(pl.len()).over("a").alias("c")).write_parquet(tmp_path / "log.parquet")
    events = tables_of(tmp_path)[0]["events"]
    assert (events["user"], events["time"], events["time_unit"]) == ("a", "c", "position")


def test_files_with_the_same_columns_are_one_table_at_any_depth(tmp_path: Path) -> None:
    w = write_log(tmp_path / "whole.parquet")
    frame = pl.read_parquet(tmp_path / "whole.parquet")
    (tmp_path / "whole.parquet").unlink()
    for day in range(6):
        folder = tmp_path / "my [logs]" / "2026" / f"{day + 1:02}"
        folder.mkdir(parents=True)
        frame.gather_every(6, day).write_ndjson(folder / "events.json")
    (folder / "._SUCCESS.crc").write_bytes(b"crc")
    config, _ = proposed(tmp_path)
    assert len(all_events(log_of(config, tmp_path))) == w.events.height


def test_tables_with_the_same_columns_but_keys_of_their_own_stay_apart(tmp_path: Path) -> None:
    for name in ("brands", "shops"):
        pl.DataFrame({"id": range(1, 9), "name": [f"{name} {n}" for n in range(8)]}).write_csv(tmp_path / f"{name}.csv")
    assert [table.name for table in find_tables([tmp_path])] == ["brands.csv", "shops.csv"]


def test_codes_of_the_items_get_the_names_of_another_table(tmp_path: Path) -> None:
    w = write_log(tmp_path / "log.csv")
    ids = w.all_items(lambda n: f"i{n}")
    pl.DataFrame(
        {"item_id": ids, "brand": [n % 5 + 1 for n in range(40)], "kind": [n % 4 + 30 for n in range(40)]}
    ).write_csv(tmp_path / "things.csv")
    for name, first, rows in (("brands", 1, 5), ("kinds", 30, 4)):
        pl.DataFrame({"id": range(first, first + rows), "name": [f"{name} {n}" for n in range(rows)]}).write_csv(
            tmp_path / f"{name}.csv"
        )
    config, text = proposed(tmp_path)
    items = log_of(config, tmp_path).items()
    assert items.row(by_predicate=pl.col("item") == "i7", named=True) == {
        "item": "i7",
        "brand": ["brands 2"],
        "kind": ["kinds 3"],
    }
    assert "Left out" not in text


def test_a_folder_with_other_files_in_it_is_not_named_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "clicks"
    folder.mkdir()
    for part in range(3):
        write_log(folder / f"part-{part}.csv")
    (folder / "README.md").write_text("# Clicks")
    assert tables_of(tmp_path)[0]["events"]["files"] == "clicks/part-*.csv"


def test_files_that_are_given_one_by_one_are_one_table(tmp_path: Path) -> None:
    files = [tmp_path / f"part-{part}.csv" for part in range(3)]
    for file in files:
        write_log(file)
    assert [table.patterns(tmp_path) for table in find_tables(files[:2])] == [["part-0.csv", "part-1.csv"]]
    assert [table.patterns(tmp_path) for table in find_tables(files)] == ["part-*.csv"]


def test_a_few_files_with_names_of_their_own_are_listed(tmp_path: Path) -> None:
    for name in ("train", "test"):
        write_log(tmp_path / f"{name}.csv")
    assert tables_of(tmp_path)[0]["events"]["files"] == ["test.csv", "train.csv"]


def test_a_file_that_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "empty.csv").touch()
    tables, text = tables_of(tmp_path)
    assert tables["events"]["files"] == "log.csv"
    assert "broken.parquet is left out: cannot be read as parquet" in text


def test_properties_of_the_item_in_the_log_are_its_fields(tmp_path: Path) -> None:
    w = world()
    kinds = w.of_items(dict(zip(w.items["item"], w.items["category"], strict=True)).__getitem__)
    heads = w.of_items(dict(zip(w.items["item"], w.items["title"], strict=True)).__getitem__)
    write_log(tmp_path / "log.csv", sort=kinds, title=heads)
    config, text = proposed(tmp_path)
    assert (config.labels.field, config.profiles.item_name) == ("sort", "title")
    assert "'sort' of the log is taken for a field of the items" in text
    assert set(log_of(config, tmp_path).items().columns) == {"item", "sort", "title"}


def test_columns_of_yes_and_no_are_no_good_tags(tmp_path: Path) -> None:
    w = write_log(tmp_path / "log.csv")
    flags = {name: [int(name in one) for one in w.items["genres"]] for name in ("Action", "Comedy", "Drama")}
    pl.DataFrame({"item_id": w.all_items(lambda n: f"i{n}"), **flags}).write_csv(tmp_path / "films.csv")
    assert "if several columns of yes and no are its tags, make one column of them, a list" in tables_of(tmp_path)[1]


def test_numbers_that_users_and_items_share_are_told_apart_by_what_the_tables_are_about(tmp_path: Path) -> None:
    w = world()
    pl.DataFrame({"a": w.events["user"], "b": w.events["item"], "c": w.events["s"]}).write_csv(tmp_path / "x.csv")
    pl.DataFrame({"d": range(50), "e": ["p", "q"] * 25}).write_csv(tmp_path / "y.csv")
    pl.DataFrame({"f": range(40), "g": w.items["title"], "h": w.items["category"]}).write_csv(tmp_path / "z.csv")
    tables, _ = tables_of(tmp_path)
    assert (tables["events"]["user"], tables["users"]["user"], tables["items"]["item"]) == ("a", "d", "f")
