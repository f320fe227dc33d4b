"""What `penchant init` writes: a run file that is accepted and runs, and a note for every guess it could not make."""

import tomllib
from pathlib import Path

import polars as pl
import pytest

from penchant.errors import DataError
from penchant.logs.ingest import Log, ingest
from penchant.logs.propose import UNSURE, as_toml, find_tables, propose
from penchant.runfile import RunConfig
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
