"""A run whose profiles and audiences were written by hand, so that a test knows every value of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from penchant.files import write_json
from penchant.pipeline import Run
from tests.helpers.planted import write_planted_run

Tags = Sequence[tuple[str, float, float, int]]
"""Tag, preference, lift and clicks of each."""

Person = tuple[str, Tags, Tags, Sequence[tuple[str, str, float]]]
"""The id, tags clicked and unseen, and the evidence: field, value, weight."""

PEOPLE: list[Person] = [
    ("anna", [("sci-fi", 0.75, 0.5, 3), ("=cmd()", 0.5, -0.25, 1)], [("drama", 0.25, 0.125, 0)], []),
    ('=1+1 "quoted", with\r\nlines', [("a,b", 0.1, 0.3, 7)], [], [("tags", "a,b", 0.5), ("item", "-x", 0.25)]),
    ("nobody", [], [], []),
    ("-17", [], [("drama", 1e-7, 0.0, 0), ("@home", -3.0, 0.0, 0)], []),
    ("名", [("null", 0.5, 0.5, 2)], [("", 0.25, 0.25, 0)], [("tags", "null", 1.0)]),
]

MEMBERS = {"i0-0": ["名", "anna"], "a/b %=": ["anna", "-17", "nobody"]}
"""Users of audiences, by item."""


def profiles_frame(people: Sequence[Person]) -> pl.DataFrame:
    """As `build_profiles` writes them."""
    lists: dict[str, Any] = {"user": [person[0] for person in people]}
    numbers = {"preferences": (1, pl.Float32), "lifts": (2, pl.Float32), "clicks": (3, pl.Int64)}
    schema: dict[str, Any] = {"user": pl.String}
    for part, place in (("clicked", 1), ("unseen", 2)):
        for name, (number, kind) in {"tags": (0, pl.String), **numbers}.items():
            if (part, name) != ("unseen", "clicks"):
                lists[f"{part}.{name}"] = [[tag[number] for tag in person[place]] for person in people]
                schema[f"{part}.{name}"] = pl.List(kind)
    for number, (name, kind) in enumerate({"fields": pl.String, "values": pl.String, "weights": pl.Float32}.items()):
        lists[f"evidence.{name}"] = [[one[number] for one in person[3]] for person in people]
        schema[f"evidence.{name}"] = pl.List(kind)
    return pl.DataFrame(lists, schema)


def written_run(folder: Path, people: Sequence[Person] = PEOPLE) -> Run:
    """A run with the profiles in two files, and audiences. Its log was not read."""
    folder.mkdir(exist_ok=True)
    run = Run.start(write_planted_run(folder), folder / "run")
    for name in ("log/found.json", "prepared/users/manifest.json"):
        write_json(run.folder / name, {})
    profiles = run.folder / "profiles" / "tags"
    write_json(profiles / "weights.json", {})
    half = len(people) // 2
    for number, some in enumerate((people[:half], people[half:])):
        profiles_frame(some).write_parquet(profiles / f"{number:05}.parquet")
    write_json(profiles / "done.json", {})
    (run.folder / "audiences").mkdir()
    for item, members in MEMBERS.items():
        audience_frame(members, clusters=item == "i0-0").write_parquet(
            run.folder / "audiences" / f"{quoted(item)}.parquet"
        )
    return run


def quoted(item: str) -> str:
    return item.replace("%", "%25").replace("/", "%2F").replace(" ", "%20").replace("=", "%3D")


def audience_frame(members: Sequence[str], *, clusters: bool) -> pl.DataFrame:
    """As `write_audience` writes it."""
    rows = pl.DataFrame({"rank": range(1, len(members) + 1), "user": members}).with_columns(
        score=pl.lit(1.5, pl.Float32) / pl.col("rank")
    )
    return rows.with_columns(cluster=pl.col("rank").cast(pl.Int32)) if clusters else rows


def long_rows(people: Sequence[Person] = PEOPLE) -> list[tuple[Any, ...]]:
    """The long form of profiles: user, part, rank, tag, preference, lift, clicks."""
    return [
        (person[0], part, rank, *tag)
        for person in people
        for part, tags in (("clicked", person[1]), ("unseen", person[2]))
        for rank, tag in enumerate(tags, 1)
    ]
