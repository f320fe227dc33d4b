"""Public data sets whose layout is known: a folder in, the mapping of its tables out. No data is read here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from penchant.errors import DataError
from penchant.logs.tables import Tables

LIKED, DISLIKED = 3.5, 1.5
"""Ratings from here up are clicks, down to here are not, in between are left out (UTPM section 5.1)."""


def movielens(folder: Path) -> Tables:
    """MovieLens: the Parquet tables of latest-small, 100K and 1M, or the CSV files of 20M and 25M.

    Tags: the three that most users gave a film, of the tags that at least eight films have (1M); the tag genome's three
    of highest relevance (20M and 25M, without ratings of films that have none); genres where there is nothing better
    (100K); user tags (latest-small).
    """
    if (folder / "interactions.parquet").exists():
        return _movielens_1m(folder)
    if (folder / "genome-scores.csv").exists() or (folder / "ratings.csv").exists():
        return _movielens_csv(folder)
    if (folder / "users.parquet").exists():
        return _movielens_100k(folder)
    return _movielens_latest(folder)


def s3rec(folder: Path) -> Tables:
    """S3-Rec sequences; attributes are the tags, at most five per item (the first by name)."""
    return _tables(
        folder,
        events={"files": "sequences.parquet", "user": "user_id", "item": "item_id", "time": "seq_pos", **_POSITION},
        item_values=[
            {"field": "tags", "files": "item_attributes.parquet", "item": "item_id", "value": "attr_id", "top": 5}
        ],
    )


def hetrec_lastfm(folder: Path) -> Tables:
    """HetRec 2011 Last.fm: a user tagging an artist is a click; an artist's tags are the five that most users gave, and
    a history knows those that they had given by then.
    """
    names = {"files": "tags.parquet", "value": "tag_id", "name": "tag"}
    tags = {"field": "tags", "files": "user_tag_artist.parquet", "item": "artist_id", "value": "tag_id", "names": names}
    return _tables(
        folder,
        events={
            "files": "user_tag_artist.parquet",
            "user": "user_id",
            "item": "artist_id",
            "time": ["year", "month", "day"],
        },
        items={"files": "artists.parquet", "item": "artist_id", "fields": {"title": "name"}},
        item_values=[{**tags, "top": 5}],
    )


def globo(folder: Path) -> Tables:
    """Globo.com news clicks; the inferred category of an article is its only tag."""
    return _tables(
        folder,
        events={
            "files": "clicks.parquet",
            "user": "user_id",
            "item": "click_article_id",
            "time": "click_timestamp",
            "time_unit": "ms",
        },
        items={
            "files": "articles_category_bounds.parquet",
            "item": "article_id",
            "fields": {"tags": "category_id"},
        },
    )


SOURCES: dict[str, Callable[[Path], Tables]] = {
    "movielens": movielens,
    "s3rec": s3rec,
    "hetrec-lastfm": hetrec_lastfm,
    "globo": globo,
}

_POSITION = {"time_unit": "position"}
_DEMOGRAPHICS = {
    "files": "users.parquet",
    "user": "user_id",
    "fields": {name: name for name in ("gender", "age", "occupation")},
}
_RATED = {"clicked": "rating", "clicked_at_least": LIKED, "not_clicked_at_most": DISLIKED}


def known_tables(source: str, folder: Path) -> Tables:
    """The tables of a known source. Raises DataError where the folder is missing."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; `folder` must hold the files of the source {source!r}")
    return SOURCES[source](folder)


def _movielens_1m(folder: Path) -> Tables:
    tags = {"field": "tags", "files": "movie_tags.parquet", "item": "movie_id", "value": "tag", "weight": "n_users"}
    return _tables(
        folder,
        events={
            "files": "interactions.parquet",
            "user": "user_id",
            "item": "movie_id",
            "time": "seq_pos",
            **_POSITION,
        },
        items={
            "files": "movies.parquet",
            "item": "movie_id",
            "fields": {"genres": "genres", "title": "title", "year": "year"},
        },
        # Film 3589 is another film in ML-10M, where the tags come from.
        item_values=[{**tags, "min_items": 8, "top": 3, "drop": {"movie_id": ["3589"]}}],
        users=_DEMOGRAPHICS,
    )


def _movielens_100k(folder: Path) -> Tables:
    return _tables(
        folder,
        events={
            "files": "ratings.parquet",
            "user": "user_id",
            "item": "movie_id",
            "time": "timestamp",
            **_RATED,
        },
        items={"files": "movies.parquet", "item": "movie_id", "fields": {"tags": "genres", "title": "title"}},
        users=_DEMOGRAPHICS,
    )


def _movielens_latest(folder: Path) -> Tables:
    return _tables(
        folder,
        events=_grouplens_events("ratings.parquet"),
        items={"files": "movies.parquet", "item": "movieId", "fields": {"genres": "genres", "title": "title"}},
        item_values=[_grouplens_tags("tags.parquet")],
    )


def _movielens_csv(folder: Path) -> Tables:
    events = _grouplens_events("ratings.csv")
    fields = {"genres": "genres", "title": "title"}
    items = {"files": "movies.csv", "item": "movieId", "fields": fields, "separator": "|"}
    if (folder / "genome-scores.csv").exists():
        tags: dict[str, Any] = {
            "field": "tags",
            "files": "genome-scores.csv",
            "item": "movieId",
            "value": "tagId",
            "weight": "relevance",
            "top": 3,
            "names": {"files": "genome-tags.csv", "value": "tagId", "name": "tag"},
        }
        events["items_with"] = "tags"
    else:
        tags = _grouplens_tags("tags.csv")
    return _tables(folder, events=events, items=items, item_values=[tags])


def _grouplens_events(file: str) -> dict[str, Any]:
    return {"files": file, "user": "userId", "item": "movieId", "time": "timestamp", "time_unit": "s", **_RATED}


def _grouplens_tags(file: str) -> dict[str, Any]:
    return {"field": "tags", "files": file, "item": "movieId", "value": "tag", "lowercase": True, "top": 5}


def _tables(folder: Path, **tables: Any) -> Tables:
    """The mapping, with paths made absolute by `folder`."""

    def placed(table: dict[str, Any]) -> dict[str, Any]:
        names = {"names": placed(table["names"])} if "names" in table else {}
        return {**table, **names, "files": str(folder.resolve() / table["files"])}

    filled = {
        name: [placed(t) for t in table] if isinstance(table, list) else placed(table) for name, table in tables.items()
    }
    return Tables.parse(filled, origin=str(folder))
