"""Public data sets: the mapping finds their files and columns, and what it reads is what the sets say of themselves."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from penchant.errors import DataError
from penchant.logs.formats.opened import open_parts
from penchant.logs.ingest import Log, ingest
from penchant.logs.items import read_items
from penchant.logs.propose import known_source, source_toml
from penchant.logs.sources import known_tables
from penchant.logs.tables import TableConfig, Tables
from penchant.models.interests.utpm import UtpmConfig
from penchant.pipeline import Run
from penchant.runfile import EXAMPLES, load_config
from tests.logs.logs_on_disk import all_events

PublicData = Callable[[str], Path]
ROOT = Path(__file__).parents[2]


def log_of(source: str, data: Path, folder: Path) -> Log:
    return ingest(known_tables(source, data), data, folder / "log", max_rejected_share=0.0)


def require_all_columns(tables: Tables) -> None:
    """Every file of a mapping is there and has the columns that the mapping names."""
    beside = [table for table in (tables.items, tables.users) if table]
    wanted: list[tuple[TableConfig, list[str]]] = [(table, list(table.fields.values())) for table in beside]
    wanted += [(tables.events, tables.events.columns), *((table, table.columns) for table in tables.item_values)]
    for table, columns in wanted:
        for part in open_parts(table, Path()):
            part.require(columns)


def write_movielens_csv(folder: Path) -> None:
    """A few lines in the layout of MovieLens 20M and 25M."""
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n"
        "1,1,4.0,1147880044\n1,2,3.0,1147868817\n1,3,1.5,1147868828\n2,1,3.5,1141415820\n2,3,0.5,1141415790\n"
    )
    (folder / "movies.csv").write_text(
        "movieId,title,genres\n"
        "1,Toy Story (1995),Adventure|Animation|Comedy\n"
        '2,"American President, The (1995)",Comedy|Drama\n'
        '3,"""Great Performances"" Cats (1998)",(no genres listed)\n'
    )
    (folder / "tags.csv").write_text(
        'userId,movieId,tag,timestamp\n1,1,Pixar,1\n2,1,pixar,2\n2,1,"classic, sci-fi",3\n1,3,cats,4\n'
    )
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n2,0112346,9087\n3,0123948,\n")


def write_genome(folder: Path) -> None:
    (folder / "genome-scores.csv").write_text(
        "movieId,tagId,relevance\n1,1,0.02\n1,2,0.9\n1,3,0.8\n1,4,0.95\n2,1,0.5\n2,2,0.1\n2,3,0.2\n2,4,0.3\n"
    )
    (folder / "genome-tags.csv").write_text('tagId,tag\n1,007\n2,pixar\n3,toys\n4,"animation, computer"\n')


def test_the_embedded_example_is_read_whole(tmp_path: Path) -> None:
    log = log_of("movielens", EXAMPLES / "ml-latest-small", tmp_path)
    found = log.found
    assert (found["rows"], found["users"], found["rejected"]) == (100_836, 610, {})
    assert found["events"] + sum(found["left_out"].values()) == 100_836
    ratings = pl.read_parquet(EXAMPLES / "ml-latest-small" / "ratings.parquet")["rating"]
    assert found["clicked"] == (ratings >= 3.5).sum()
    assert sum(found["left_out"].values()) == ratings.is_in([2.0, 2.5, 3.0]).sum()
    toy_story = log.items().row(by_predicate=pl.col("item") == "1", named=True)
    assert toy_story["title"] == ["Toy Story (1995)"]
    assert toy_story["genres"] == ["Adventure", "Animation", "Children", "Comedy", "Fantasy"]
    assert "pixar" in toy_story["tags"]


def test_movielens_csv_gives_clicks_genres_titles_and_the_three_best_genome_tags(tmp_path: Path) -> None:
    write_movielens_csv(tmp_path)
    write_genome(tmp_path)
    log = log_of("movielens", tmp_path, tmp_path)
    assert all_events(log).rows() == [
        ("1", "1", 1147880044.0, True),
        ("2", "1", 1141415820.0, True),
    ]
    # A rating between the thresholds, and two of a film without the genome.
    assert list(log.found["left_out"].values()) == [1, 2]
    assert log.items().rows() == [
        ("1", ["Adventure", "Animation", "Comedy"], ["Toy Story (1995)"], ["animation, computer", "pixar", "toys"]),
        ("2", ["Comedy", "Drama"], ["American President, The (1995)"], ["007", "animation, computer", "toys"]),
        ("3", [], ['"Great Performances" Cats (1998)'], []),
    ]


def test_movielens_csv_without_the_genome_takes_what_users_wrote(tmp_path: Path) -> None:
    write_movielens_csv(tmp_path)
    assert log_of("movielens", tmp_path, tmp_path).items()["tags"].to_list() == [
        ["pixar", "classic, sci-fi"],
        [],
        ["cats"],
    ]


@pytest.mark.parametrize("genome", [True, False])
def test_a_folder_of_movielens_is_recognised_and_its_run_file_loads(genome: bool, tmp_path: Path) -> None:
    write_movielens_csv(tmp_path)
    if genome:
        write_genome(tmp_path)
    assert known_source([tmp_path]) == "movielens"
    (tmp_path / "run.toml").write_text(source_toml("movielens", tmp_path, tmp_path), encoding="utf-8")
    assert load_config(tmp_path / "run.toml").logs.resolve(tmp_path) == known_tables("movielens", tmp_path)


def test_other_folders_and_single_files_are_no_known_source(tmp_path: Path) -> None:
    write_movielens_csv(tmp_path)
    assert known_source([tmp_path / "ratings.csv"]) is None
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "ratings.csv").touch()
    assert known_source([tmp_path / "mine"]) is None


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone is not a folder; .* source 'movielens'"):
        known_tables("movielens", tmp_path / "gone")


def test_movielens_1m_has_its_users_tags_and_order(public_data: PublicData, tmp_path: Path) -> None:
    data = public_data("ml-1m")
    assert known_source([data]) == "movielens"
    log = log_of("movielens", data, tmp_path)
    assert (log.found["rows"], log.found["users"], log.position) == (1_000_209, 6_040, True)
    assert log.users().columns == ["user", "gender", "age", "occupation"]
    items = log.items()
    assert items["tags"].list.len().max() == 3
    assert items.row(by_predicate=pl.col("item") == "3589", named=True)["tags"] == []
    assert items["tags"].explode(keep_nulls=False, empty_as_null=False).value_counts()["count"].to_numpy().max() > 8


def test_movielens_100k_takes_genres_for_tags(public_data: PublicData, tmp_path: Path) -> None:
    data = public_data("ml-100k")
    assert known_source([data]) == "movielens"
    log = log_of("movielens", data, tmp_path)
    assert (log.found["rows"], log.found["users"]) == (100_000, 943)
    assert "Comedy" in log.items()["tags"].explode(keep_nulls=False, empty_as_null=False)
    assert log.users().columns == ["user", "gender", "age", "occupation"]


def test_s3rec_has_at_most_five_attributes_per_item(public_data: PublicData, tmp_path: Path) -> None:
    data = public_data("s3rec-beauty")
    assert known_source([data]) == "s3rec"
    log = log_of("s3rec", data, tmp_path)
    assert (log.found["users"], log.position) == (22_363, True)
    assert log.items()["tags"].list.len().max() == 5


def test_hetrec_names_its_tags_and_dates_its_clicks(public_data: PublicData, tmp_path: Path) -> None:
    data = public_data("hetrec2011-lastfm")
    assert known_source([data]) == "hetrec-lastfm"
    tables = known_tables("hetrec-lastfm", data)
    require_all_columns(tables)
    left_out: Counter[str] = Counter()
    items = read_items(tables, data, left_out)
    assert "rock" in items.table["tags"].explode(keep_nulls=False, empty_as_null=False)
    assert items.table["tags"].list.len().max() == 5
    assert left_out == {
        "tags: no item, value, weight or time": 5,
        "tags: a value behind the first 5 of its item": 62_800,
    }
    log = ingest(tables, data, tmp_path / "log", max_rejected_share=0.05)
    assert log.found["rows"] == 186_478
    assert log.found["rejected"]["time in ['year', 'month', 'day']: this is before 1990"] == 5
    said = log.said("tags")
    assert said is not None
    assert said["since"].max() <= log.found["last"]  # type: ignore[operator]
    assert not log.position


def test_globo_has_the_files_and_columns_of_its_mapping(public_data: PublicData) -> None:
    data = public_data("globo-news-clicks")
    assert known_source([data]) == "globo"
    require_all_columns(known_tables("globo", data))


@pytest.mark.parametrize("name", ["s3rec-toys_and_games"])
def test_sets_of_the_same_layout_are_recognised(name: str, public_data: PublicData) -> None:
    require_all_columns(known_tables("s3rec", public_data(name)))


def write_made_up_20m(folder: Path) -> None:
    """MovieLens 20M in small: 60 users, 40 films, every other one of them liked, the third disliked, the rest between.

    Film 39 has no genome row and no genre, film 38 is IMAX; film f has tags f % 5, f % 5 + 1 and f % 5 + 2 above all.
    """
    genres = {38: "Action|IMAX", 39: "(no genres listed)"}
    films = "".join(f'{film},"Film, The {film} (1999)",{genres.get(film, "Drama|Comedy")}\n' for film in range(40))
    (folder / "movies.csv").write_text("movieId,title,genres\n" + films)
    ratings = [
        f"{user},{film},{[4.5, 1.0, 3.5, 2.5][place % 4]},{1_100_000_000 + 60 * place}\n"
        for user in range(60)
        for place, film in enumerate((7 * place + user) % 40 for place in range(40))
    ]
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "".join(ratings))
    relevance = [
        f"{film},{tag},{0.9 - 0.1 * (tag - film % 5) if film % 5 <= tag < film % 5 + 3 else 0.01 * tag:.5f}\n"
        for film in range(39)
        for tag in range(12)
    ]
    (folder / "genome-scores.csv").write_text("movieId,tagId,relevance\n" + "".join(relevance))
    (folder / "genome-tags.csv").write_text("tagId,tag\n" + "".join(f"{tag},tag {tag:02}\n" for tag in range(12)))
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n1,1,not of the genome,1\n")
    (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n1,0114709,862\n")


def test_the_run_file_of_the_paper_reads_20m_as_the_paper_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ml-20m").mkdir()
    write_made_up_20m(tmp_path / "ml-20m")
    monkeypatch.setenv("PENCHANT_DATA", str(tmp_path))
    run = Run.start(ROOT / "configs" / "movielens-20m.toml", tmp_path / "run")
    log = run.check()
    found = log.found
    assert (found["rows"], found["users"], found["rejected"]) == (2_400, 60, {})
    assert (found["events"], found["clicked"], sum(found["left_out"].values())) == (1_755, 1_170, 645)
    items = {row.pop("item"): row for row in log.items().rows(named=True)}
    assert items["12"]["tags"] == ["tag 02", "tag 03", "tag 04"]
    assert items["12"]["title"] == ["Film, The 12 (1999)"]
    assert items["38"]["genres"] == ["Action", "IMAX"]
    assert items["39"]["tags"] == []
    (prepared,) = run.prepare()
    assert set(run.interests().tags.values) == {f"tag {tag:02}" for tag in range(7)}
    genres = set(prepared.vocabulary("genres").values)
    assert genres == {"Action", "Comedy", "Drama", "IMAX"}
    assert prepared.negatives("tags") == "logged"
    assert sum(len(shard.users) for shard in run.interests().shards("test")) in range(6, 19)
    for shard in run.interests().shards("train"):
        tags, _ = shard.labels(slice(None))
        assert tags.shape[1:] == (10, 3)
        assert (tags > 0).any(2).sum(1).max() == 6
        assert {shard.arrays[f"{name}.ids"].shape[1] for name in ("tags", "genres")} == {10}
    assert run.interests().section.training.loss == "joint"
    model = run.interests().section.model
    assert isinstance(model, UtpmConfig)
    sizes = (model.embedding, model.user, run.config.evaluation.at)
    assert sizes == (16, 16, [1, 2, 3])
