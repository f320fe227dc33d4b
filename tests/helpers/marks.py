"""Tables whose users are found again wherever their ids are written, and a search for them."""

import json
from pathlib import Path

import polars as pl

from penchant.logs.tables import Tables

MARK = "MARK-"
MARKS = [f"{MARK}{number}-of no-body" for number in range(12)]
START_S = 1_700_000_000


def write_marked(folder: Path) -> Tables:
    """Events as Parquet, CSV and JSON lines, some of their rows broken, and users as CSV."""
    rows = [
        {"user": MARKS[row % 12], "item": f"i{row % 7}", "time": START_S + 3_600 * row, "clicked": row % 3 > 0}
        for row in range(600)
    ]
    (folder / "events").mkdir(exist_ok=True)
    pl.DataFrame([*rows[:200], *rows[:3]]).write_parquet(folder / "events" / "a.parquet")
    written = pl.DataFrame(rows[200:400]).write_csv()
    broken = f"{MARKS[0]},,{START_S},true\n{MARKS[1]},i1,no time,true\n{MARKS[2]},i1\n{MARKS[3]},a,b,c,d,e\n"
    (folder / "events" / "b.csv").write_text(written + broken, encoding="utf-8")
    lines = [json.dumps(row) for row in rows[400:]] + [f'{{"user": "{MARKS[4]}", "item": ', f"{MARKS[5]}"]
    (folder / "events" / "c.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    people = pl.DataFrame({"user": MARKS, "group": [f"g{number % 2}" for number in range(12)]})
    people.write_csv(folder / "people.csv")
    events = {"files": "events/*", "user": "user", "item": "item", "time": "time", "clicked": "clicked"}
    users = {"files": "people.csv", "user": "user", "fields": {"group": "group"}}
    return Tables.parse({"events": events, "users": users}, origin="test")


def places_of(mark: str, folder: Path) -> list[str]:
    """The files that hold a text: in their names, their bytes, or the values of their columns."""
    return [
        str(path) for path in sorted(folder.rglob("*")) if mark in path.name or (path.is_file() and _has(path, mark))
    ]


def assert_nowhere(mark: str, folder: Path) -> None:
    """No file holds the text. There are files."""
    assert any(path.is_file() for path in folder.rglob("*"))
    assert places_of(mark, folder) == []


def _has(path: Path, mark: str) -> bool:
    if mark.encode() in path.read_bytes():
        return True
    if path.suffix == ".parquet":
        return mark in pl.read_parquet(path).write_json()
    return path.suffix == ".arrows" and mark in pl.read_ipc_stream(path).write_json()
