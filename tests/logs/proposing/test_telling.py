"""Logs that changed over time, and data that cannot be read as it is: what `penchant init` makes of it and says."""

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.logs.ingest import ingest
from penchant.logs.propose import as_toml, find_tables, propose
from penchant.logs.tables import Tables

START_S = 1_767_225_600
ROWS = 240


def log(first: int = 0, rows: int = ROWS, **columns: Any) -> pl.DataFrame:
    """Clicks of 30 users on 20 items, one each 1,000 seconds."""
    n = range(first, first + rows)
    frame = {
        "user_id": [f"u{one * 7 % 30}" for one in n],
        "item_id": [f"i{one * 11 % 97 % 20}" for one in n],
        "ts": [START_S + one * 1_000 for one in n],
        "clicked": [one % 7 < 3 for one in n],
    }
    return pl.DataFrame({**frame, **columns})


def told(folder: Path) -> tuple[dict[str, Any], str]:
    """The tables that are proposed for a folder, and the whole text."""
    text = as_toml(propose(find_tables([folder]), folder))
    return tomllib.loads(text)["logs"]["tables"], text


def events_of(tables: dict[str, Any], folder: Path) -> int:
    """The events of the log when it is read so."""
    parsed = Tables.parse(tables, origin="proposal")
    return int(ingest(parsed, folder, folder / "log", max_rejected_share=0.0).found["events"])


def write(path: Path, frame: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path)


def older_and_newer(change: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two parts of a log, the newer one with a change."""
    newer = log(ROWS, page=["home"] * ROWS)
    of_time = pl.from_epoch("ts").dt.strftime("%Y-%m-%d %H:%M:%S").alias("ts")
    changed = {
        "added": newer.with_columns(device=pl.lit("phone")),
        "missing": newer.drop("page"),
        "both": newer.with_columns(device=pl.lit("phone")).drop("page"),
        "types": newer.with_columns(of_time, pl.col("clicked").cast(pl.Int8), device=pl.lit(1)),
    }
    return log(page=["home"] * ROWS).with_columns(pl.from_epoch("ts")), changed[change]


@pytest.mark.parametrize("change", ["added", "missing", "both", "types"])
@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("events/a.parquet", "events/b.parquet"), "events"),
        (("day_1.parquet", "day_2.parquet"), "day_*.parquet"),
        (("events/dt=2026-01-01/part-0.parquet", "events/dt=2026-02-01/part-0.parquet"), "events"),
    ],
    ids=["folder", "shards", "hive"],
)
def test_parts_whose_columns_changed_over_time_are_one_log(
    names: tuple[str, str], files: str, change: str, tmp_path: Path
) -> None:
    for name, part in zip(names, older_and_newer(change), strict=True):
        write(tmp_path / name, part)
    tables, text = told(tmp_path)
    events = tables["events"]
    assert [events.get(key) for key in ("files", "user", "item", "time", "clicked")] == [
        files,
        "user_id",
        "item_id",
        "ts",
        "clicked",
    ]
    assert "parts of one log" in text
    assert events_of({"events": events}, tmp_path) == 2 * ROWS


@pytest.mark.parametrize("names", [("views.csv", "purchases.csv"), ("a/part-0.csv", "b/part-0.csv")])
def test_two_logs_of_nearly_one_shape_are_told_by_path_and_rows(names: tuple[str, str], tmp_path: Path) -> None:
    write(tmp_path / names[0], log())
    write(tmp_path / names[1], log(ROWS, 100).rename({"clicked": "is_clicked"}))
    tables, text = told(tmp_path)
    assert tables["events"]["files"] == names[0]
    assert (
        f"{names[0]} (about 241 rows) is taken for the log; {names[1]} (about 101 rows) has users and items too" in text
    )
    assert "if they are parts of one log, call clicked and is_clicked alike in both" in text


@pytest.mark.parametrize("per_second", [10**3, 10**6, 10**9])
@pytest.mark.parametrize("by_file", [True, False])
def test_numbers_of_two_units_are_no_positions(per_second: int, by_file: bool, tmp_path: Path) -> None:
    parts = [log(), log(ROWS).with_columns(pl.col("ts") * per_second)]
    parts = parts if by_file else [pl.concat(parts)]
    for n, part in enumerate(parts):
        write(tmp_path / "log" / f"part-{n}.csv", part)
    tables, text = told(tmp_path)
    assert tables["events"]["time"] == "ts"
    assert "time_unit" not in tables["events"]
    finer = {10**3: "milliseconds", 10**6: "microseconds", 10**9: "nanoseconds"}[per_second]
    said = (
        f"'ts' is in seconds in log/part-0.csv and in {finer} in log/part-1.csv; write them alike"
        if by_file
        else "in 50% of the rows; write them alike"
    )
    assert said in text
    assert finer in text


def test_days_as_digits_are_the_time(tmp_path: Path) -> None:
    day = pl.from_epoch("ts").dt.strftime("%Y%m%d").cast(pl.Int64)
    write(
        tmp_path / "log.csv",
        log().select("user_id", "item_id", day.alias("day")).sample(fraction=1, shuffle=True, seed=1),
    )
    tables, _ = told(tmp_path)
    assert tables["events"]["time"] == "day"


QUERY = re.compile(r"query = \'\'\'(.*?)\'\'\'")


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pl.col("ts") / 86_400 + 25_569, "days since 1899-12-30"),
        (pl.col("ts") // 86_400, "days since 1970"),
    ],
)
def test_days_that_are_counted_are_named_with_a_query_that_works(column: pl.Expr, said: str, tmp_path: Path) -> None:
    write(tmp_path / "log.csv", log().with_columns(column.alias("ts")).rename({"ts": "my date"}))
    tables, text = told(tmp_path)
    assert "time" not in tables["events"]
    assert f"looks like {said}" in text
    found = QUERY.search(text)
    assert found
    events = {**tables["events"], "query": found[1], "time": "my date"}
    del events["files"]
    read = ingest(Tables.parse({"events": events}, origin="a note"), tmp_path, tmp_path / "log", max_rejected_share=0.0)
    assert datetime.fromtimestamp(read.found["first"], UTC).date().isoformat() == "2026-01-01"


@pytest.mark.parametrize("text", ["1. März 2026 10:00", "1 février 2026", "den 3 maj 2026, kl. 10"])
def test_a_time_in_words_is_named(text: str, tmp_path: Path) -> None:
    write(tmp_path / "log.csv", log(ts=[text.replace("2026", str(2020 + n % 7)) for n in range(ROWS)]))
    assert "'ts' (such as" in told(tmp_path)[1]
    assert "looks like a time that is written so that it cannot be read" in told(tmp_path)[1]


def test_a_log_without_a_time_names_what_comes_nearest(tmp_path: Path) -> None:
    write(tmp_path / "log.csv", log(ts=["soon"] * ROWS, page=["home"] * ROWS))
    assert "the nearest: ts (such as 'soon')" in told(tmp_path)[1]


@pytest.mark.parametrize("flag", ["action", "is_clicked"])
def test_what_was_done_may_stand_beside_the_record_of_the_item(flag: str, tmp_path: Path) -> None:
    values: dict[str, list[Any]] = {"action": ["click", "impression"], "is_clicked": [True, False]}
    with (tmp_path / "hits.jsonl").open("w") as file:
        for n, (user, _, ts, _) in enumerate(log().rows()):
            hits = [{"product": {"sku": f"P{(n + 5 * k) % 20}"}, flag: values[flag][k]} for k in range(2)]
            file.write(json.dumps({"visitor": {"id": user}, "ts": ts, "hits": hits}) + "\n")
    tables, text = told(tmp_path)
    assert tables["events"]["item"] == "hits.product.sku"
    assert tables["events"]["action" if flag == "action" else "clicked"] == f"hits.{flag}"
    assert "no column says what was clicked" not in text


@pytest.mark.parametrize(
    ("yes", "no"),
    [("VRAI", "FAUX"), ("SANT", "FALSKT"), ("ja", "nein"), ("oui", "non"), ("sí", "no"), ("是", "否"), ("да", "нет")],
)
def test_yes_and_no_of_other_languages_are_actions(yes: str, no: str, tmp_path: Path) -> None:
    write(
        tmp_path / "log.csv",
        log().with_columns(clicked=pl.Series([(no, no, yes, yes, no, no, no)[n % 7] for n in range(ROWS)])),
    )
    tables, text = told(tmp_path)
    assert (tables["events"]["action"], tables["events"]["actions"]) == ("clicked", {yes: True, no: False})
    assert f"{yes} for yes" in text
    found = ingest(
        Tables.parse({"events": tables["events"]}, origin="p"), tmp_path, tmp_path / "l", max_rejected_share=0
    )
    assert found.found["clicked"] == sum(n % 7 in (2, 3) for n in range(ROWS))


@pytest.mark.parametrize("mark", ["; ", "|"])
def test_lists_in_texts_of_the_log_are_told_with_a_query_that_works(mark: str, tmp_path: Path) -> None:
    tags = [mark.join(["jazz", "rock", f"t{n * 11 % 97 % 20 % 4}"]) for n in range(ROWS)]
    write(tmp_path / "log.csv", log(genres=tags))
    tables, text = told(tmp_path)
    assert "'genres' of the log holds lists such as" in text
    found = QUERY.search(text)
    assert found
    values = {"query": found[1], "field": "tags", "item": "item_id", "value": "value"}
    parsed = Tables.parse({"events": tables["events"], "item_values": [values]}, origin="a note")
    items = ingest(parsed, tmp_path, tmp_path / "l", max_rejected_share=0.0).items()
    assert {"jazz", "rock", "t0"} <= set(items["tags"].explode())


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_json_in_a_text_is_told_with_a_query_that_works(ending: str, tmp_path: Path) -> None:
    values = [json.dumps({"userId": user, "articleId": item, "at": ts}) for user, item, ts, _ in log().rows()]
    write(tmp_path / f"dump.{ending}", pl.DataFrame({"key": [f"u{n % 9}" for n in range(ROWS)], "value": values}))
    _, text = told(tmp_path)
    assert f"'value' of dump.{ending} holds JSON" in text
    found = QUERY.search(text)
    assert found
    events = {"query": found[1], "user": "userId", "item": "articleId", "time": "at"}
    assert events_of({"events": events}, tmp_path) == ROWS
