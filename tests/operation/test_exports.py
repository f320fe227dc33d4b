"""What a run gives out is read by other libraries as it was, whole or not there, without who was forgotten."""

import csv
import gzip
import json
import os
import re
import signal
import sys
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from penchant.audiences.spreadsheets import harmless
from penchant.choices import Exportable, Form
from penchant.command.offline import app
from penchant.errors import ConfigError, DataError, MissingStepError
from penchant.logs.forgotten import FORGOTTEN, add_forgotten, digest_of
from penchant.operation.erasure import erase_from_run
from penchant.operation.exports import table as exports_table
from penchant.operation.exports.schema import COLUMNS, MARK, SCHEMA_VERSION
from penchant.operation.exports.table import as_json, long_profiles, nested_profiles
from penchant.operation.exports.target import read_target, refuse_password, with_password
from penchant.pipeline import Run
from penchant.progress import Progress
from tests.helpers import lookalike_runs
from tests.helpers.exported import MEMBERS, PEOPLE, Person, audience_frame, long_rows, profiles_frame, written_run
from tests.helpers.processes import Forked
from tests.serving.worlds import MADE, trained

PAGE = Path(__file__).parents[2] / "docs" / "exports.md"
FOR_ALL = pytest.mark.parametrize("name", ["x.parquet", "x/", "x.csv", "x.csv.gz", "x.duckdb", "delta:x"])

LONG = [column.name for column in COLUMNS["profiles", "long"]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return written_run(tmp_path)


def target_of(name: str, folder: Path) -> str:
    return f"delta:{folder / name.removeprefix('delta:')}" if name.startswith("delta:") else f"{folder}/{name}"


NUMBERS: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(("rank", "clicks", "cluster"), lambda said: int(said) if said else None),
    **dict.fromkeys(("preference", "lift", "score"), float),
}
"""How columns of a CSV file are read that are no text."""


def read(target: str, table: str = "profiles") -> list[dict[str, Any]]:
    """Rows of an export, by another library: deltalake, DuckDB, the standard library. Delta keeps no order."""
    if target.startswith("delta:"):
        rows = DeltaTable(target.removeprefix("delta:")).to_pyarrow_table().to_pylist()
        users = [person[0] for person in PEOPLE]
        if "item" in rows[0]:
            return sorted(rows, key=lambda row: (row["item"], row.get("rank")))
        return sorted(rows, key=lambda row: (users.index(row["user"]), row.get("part"), row.get("rank")))
    if target.endswith((".csv", ".gz")):
        opened = gzip.open if target.endswith(".gz") else open
        with opened(target, "rt", encoding="utf-8", newline="") as file:
            found = csv.DictReader(file, strict=True)
            return [{name: NUMBERS.get(name, str)(said) for name, said in row.items()} for row in found]
    if target.endswith(".duckdb"):
        with duckdb.connect(target, read_only=True) as database:
            return list(database.table(table).to_arrow_table().to_pylist())
    files = f"{target}*.parquet" if target.endswith("/") else target
    with duckdb.connect() as database:
        return list(database.read_parquet(files).to_arrow_table().to_pylist())


def seen(rows: Sequence[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Values of some columns; numbers as 32 bits hold them, lists from JSON where they are text."""

    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return float(np.float32(value))
        if isinstance(value, str) and value.startswith("[{"):
            return plain(json.loads(value))
        if isinstance(value, dict):
            return {name: plain(one) for name, one in value.items()}
        return [plain(one) for one in value] if isinstance(value, list) else value

    return [tuple(plain(row[name]) for name in names) for row in rows]


def in_csv(text: str) -> str:
    """With a ' before what a spreadsheet would run."""
    plain = unicodedata.normalize("NFKC", text)
    seen = [mark for mark in plain if not mark.isspace() and unicodedata.category(mark)[0] not in "CZ"]
    risky = seen[:1] in (["="], ["+"], ["-"], ["@"], ["−"]) or text[:1] in ("\t", "\r", "\n")
    return f"'{text}" if risky and not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) else text


def as_in_csv(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(in_csv(one) if isinstance(one, str) else one for one in row) for row in rows]


def plain_rows(rows: Sequence[tuple[Any, ...]], *, text: bool) -> list[tuple[Any, ...]]:
    exact = [tuple(float(np.float32(one)) if isinstance(one, float) else one for one in row) for row in rows]
    return as_in_csv(exact) if text else exact


@FOR_ALL
def test_another_library_reads_the_same_in_long_form(run: Run, tmp_path: Path, name: str) -> None:
    target = target_of(name, tmp_path)
    told = run.export("profiles", target)
    assert seen(read(target), *LONG) == plain_rows(long_rows(), text=".csv" in name)
    assert (told.rows, told.users, told.bare, told.bare_users) == (len(long_rows()), len(PEOPLE), 1, ["nobody"])
    assert told.left_out() == [
        "Left out, because they have no tag: 1 users, such as nobody; the nested form has a row for them."
    ]


@FOR_ALL
def test_another_library_reads_the_same_in_nested_form(run: Run, tmp_path: Path, name: str) -> None:
    target = target_of(name, tmp_path)
    run.export("profiles", target, form="nested")
    rows = read(target)
    assert len(rows) == len(PEOPLE)
    text = ".csv" in name
    assert seen(rows, "user") == plain_rows([(person[0],) for person in PEOPLE], text=text)
    flat = [
        (row["user"], part, one["rank"], one["tag"], one["preference"], one["lift"], one["clicks"])
        for row in rows
        for part in ("clicked", "unseen")
        for one in (json.loads(row[part]) if text else row[part])
    ]
    wanted = [(in_csv(row[0]) if text else row[0], *row[1:]) for row in long_rows()]
    assert plain_rows(flat, text=False) == plain_rows(wanted, text=False)
    evidence = json.loads(rows[1]["evidence"]) if text else rows[1]["evidence"]
    assert [tuple(one.values()) for one in evidence] == [("tags", "a,b", 0.5), ("item", "-x", 0.25)]


@FOR_ALL
def test_audiences_go_into_one_table(run: Run, tmp_path: Path, name: str) -> None:
    target = target_of(name, tmp_path)
    told = run.export("audiences", target)
    wanted = [
        (item, rank, user, 1.5 / rank) for item in ("a/b %=", "i0-0") for rank, user in enumerate(MEMBERS[item], 1)
    ]
    rows = read(target, "audiences")
    assert seen(rows, "item", "rank", "user", "score") == plain_rows(wanted, text=".csv" in name)
    assert [row["cluster"] for row in rows] == [None, None, None, 1, 2]
    assert (told.rows, told.users, told.left_out()) == (5, 5, [])
    run.export("audiences", target_of(f"y{name}" if ":" not in name else "delta:y", tmp_path), form="nested")
    nested = read(target_of(f"y{name}" if ":" not in name else "delta:y", tmp_path), "audiences")
    members = [json.loads(row["members"]) if ".csv" in name else row["members"] for row in nested]
    assert [[one["user"] for one in some] for some in members] == [MEMBERS["a/b %="], MEMBERS["i0-0"]]


@FOR_ALL
def test_an_export_says_what_it_is(run: Run, tmp_path: Path, name: str) -> None:
    target = target_of(name, tmp_path)
    run.export("profiles", target)
    comments = {column.name: column.meaning for column in COLUMNS["profiles", "long"]}
    if name.startswith("delta:"):
        written = DeltaTable(tmp_path / "x")
        facts: Any = written.metadata().configuration
        assert {one.name: one.metadata["comment"] for one in written.schema().fields} == comments
    elif name.endswith(".duckdb"):
        with duckdb.connect(target) as database:
            (said,) = database.sql("SELECT comment FROM duckdb_tables() WHERE table_name = 'profiles'").fetchall()
            columns = database.sql("SELECT column_name, comment FROM duckdb_columns() WHERE table_name = 'profiles'")
            assert dict(columns.fetchall()) == comments
        facts = {f"{MARK}{name}": one for name, one in json.loads(said[0]).items()}
    elif ".csv" in name:
        said = json.loads(Path(f"{target}-metadata.json").read_text(encoding="utf-8"))
        assert {one["name"]: one["dc:description"] for one in said["tableSchema"]["columns"]} == comments
        assert said["url"] == name
        (facts,) = said["notes"]
    else:
        schema = pq.read_schema(f"{target}part-00000.parquet" if name == "x/" else target)
        assert {one.name: one.metadata[b"comment"].decode() for one in schema} == comments
        facts = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    wanted = {"schema": str(SCHEMA_VERSION), "table": "profiles", "form": "long", "model": "tags", "tags": "tags"}
    assert {f"{MARK}{name}": said for name, said in wanted.items()}.items() <= facts.items()


@pytest.mark.parametrize(("what", "form"), COLUMNS)
def test_the_page_describes_the_columns_that_are_written(what: Exportable, form: Form) -> None:
    page = PAGE.read_text(encoding="utf-8")
    lines = [f"| `{one.name}` | {one.type_name} | {one.meaning} |" for one in COLUMNS[what, form]]
    table = "\n".join(["| column | type | meaning |", "|---|---|---|", *lines, "\n"])
    head = f"{what.capitalize()}, {form} form: a row per "
    assert page.split(head)[1].partition("\n\n")[2].startswith(table)
    assert f"The version of the schema is **{SCHEMA_VERSION}**." in page


TEXT = st.text(max_size=4)
NUMBER = st.floats(-10, 10, width=32)
TAGS = st.lists(st.tuples(TEXT, NUMBER, NUMBER, st.integers(0, 2**40)), max_size=4)
PERSON = st.tuples(TEXT, TAGS, TAGS, st.lists(st.tuples(TEXT, TEXT, NUMBER), max_size=2))


@given(st.lists(PERSON, max_size=5))
def test_long_nested_and_json_hold_the_same(people: list[Person]) -> None:
    frame = profiles_frame(people)
    long, nested = long_profiles(frame).select(LONG), nested_profiles(frame)
    packed = as_json(nested)
    assert nested["user"].to_list() == packed["user"].to_list() == [person[0] for person in people]

    def flat(lists: Callable[[str, int], list[dict[str, Any]]]) -> list[tuple[Any, ...]]:
        return [
            (user, part, *(one[name] for name in LONG[2:]))
            for row, user in enumerate(nested["user"])
            for part in ("clicked", "unseen")
            for one in lists(part, row)
        ]

    assert flat(lambda part, row: nested[part][row].to_list()) == long.rows()
    read_again = flat(lambda part, row: json.loads(packed[part][row]))
    assert plain_rows(read_again, text=False) == plain_rows(long.rows(), text=False)
    told = [[tuple(one.values()) for one in some] for some in nested["evidence"].to_list()]
    assert told == [[tuple(one) for one in person[3]] for person in people]


@given(st.lists(st.text("=+-@−＝＋－＠﹢⁼ \t\r\n\u200b\ufeff\xa0\x00a1é.")))
def test_no_text_of_a_csv_is_run_by_a_spreadsheet(texts: list[str]) -> None:
    """However much that cannot be seen stands before it, and in letters of any width."""
    made = harmless(pl.DataFrame({"text": texts}, schema={"text": pl.String}))
    assert made["text"].to_list() == [in_csv(text) for text in texts]


def test_csv_keeps_to_its_standard(run: Run, tmp_path: Path) -> None:
    """Texts in quotes, numbers without, every record ends in CRLF; packed, the same rows are the same bytes."""
    run.export("profiles", tmp_path / "x.csv")
    lines = (tmp_path / "x.csv").read_bytes()
    assert lines.startswith(b'"user","part","rank","tag","preference","lift","clicks"\r\n"anna","clicked",1,"sci-fi",')
    assert lines.count(b"\r\n") == 1 + len(long_rows()) + 1  # one is within an id
    for name in ("a.csv.gz", "b.csv.gz"):
        run.export("profiles", tmp_path / name)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


@FOR_ALL
def test_what_is_there_is_refused_or_replaced(run: Run, tmp_path: Path, name: str) -> None:
    target = target_of(name, tmp_path)
    run.export("profiles", target)
    with pytest.raises(
        ConfigError, match=r"x.*(exists; give another|has a table profiles already; give an).*--replace"
    ):
        run.export("profiles", target, form="nested")
    assert len(read(target)) == len(long_rows())
    run.export("profiles", target, form="nested", replace=True)
    assert len(read(target)) == len(PEOPLE)
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []


def test_a_folder_that_is_no_export_is_never_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "mine" / "part-00000.parquet")
    with pytest.raises(ConfigError, match="mine holds what no export wrote, so it is not replaced"):
        run.export("profiles", f"{tmp_path}/mine/", replace=True)
    with pytest.raises(ConfigError, match="mine is no Delta table, so it is not replaced"):
        run.export("profiles", f"delta:{tmp_path}/mine", replace=True)
    assert pl.read_parquet(tmp_path / "mine" / "part-00000.parquet")["a"].to_list() == [1]


def test_tables_beside_it_in_a_database_stay(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.duckdb"
    with duckdb.connect(file) as database:
        database.execute("CREATE TABLE mine AS SELECT 1 AS a")
    run.export("profiles", file)
    run.export("audiences", file)
    with duckdb.connect(file) as database:
        assert {name for (name,) in database.sql("SHOW TABLES").fetchall()} == {"audiences", "mine", "profiles"}


def test_a_file_that_is_no_database_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("hello, this is not a database at all" * 500)
    with pytest.raises(ConfigError, match=r"x.duckdb cannot be written as a DuckDB database: .*not a valid DuckDB"):
        run.export("profiles", tmp_path / "x.duckdb", replace=True)


def test_a_delta_table_gets_a_new_version(run: Run, tmp_path: Path) -> None:
    run.export("profiles", f"delta:{tmp_path}/x")
    before = DeltaTable(tmp_path / "x").version()
    run.export("profiles", f"delta:{tmp_path}/x", form="nested", replace=True)
    after = DeltaTable(tmp_path / "x")
    assert after.metadata().configuration[f"{MARK}form"] == "nested"
    assert len(DeltaTable(tmp_path / "x", version=before).to_pyarrow_table()) == len(long_rows())


def export_and_die(folder: Path, target: str, after: int, *, replace: bool) -> None:
    """As a crash does, after some blocks of two users."""
    exports_table.BLOCK = 2

    def report(said: Progress) -> None:
        if said.done >= after:
            os.kill(os.getpid(), signal.SIGKILL)

    Run.open(folder).export("profiles", target, replace=replace, form="nested", report=report)


def _dying(*given: Any) -> None:
    export_and_die(*given[:3], replace=given[3])


@FOR_ALL
def test_whoever_is_killed_leaves_nothing_that_is_half(run: Run, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    target = target_of(name, out)
    died = Forked(_dying, run.folder, target, 4, False)
    assert died.status() == -signal.SIGKILL
    assert not (out / name.removeprefix("delta:")).exists()
    run.export("profiles", target)
    died = Forked(_dying, run.folder, target, 4, True)
    assert died.status() == -signal.SIGKILL
    assert len(read(target)) == len(long_rows())
    run.export("profiles", target, form="nested", replace=True)
    assert len(read(target)) == len(PEOPLE)
    assert {path.name.removesuffix("-metadata.json") for path in out.iterdir()} == {
        name.removeprefix("delta:").rstrip("/")
    }


def test_blocks_are_small_however_many_users_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports_table, "BLOCK", 300)
    people: list[Person] = [(f"u{number}", [("a", 1.0, 1.0, 1)], [], []) for number in range(2_000)]
    run = written_run(tmp_path, people)
    said: list[Progress] = []
    run.export("profiles", f"{tmp_path}/x/", report=said.append)
    sizes = [pq.read_metadata(path).num_rows for path in sorted((tmp_path / "x").iterdir())]
    assert (sum(sizes), max(sizes)) == (2_000, 300)
    assert [one.done for one in said if one.step == "export"][-1] == 2_000


def test_who_was_forgotten_stays_out_until_they_come_back(run: Run, tmp_path: Path) -> None:
    """Also where the erasure could not reach the run folder yet; after the log was read again they are a new user."""
    made = (run.folder / "log" / "found.json").stat().st_mtime
    add_forgotten(run.folder / FORGOTTEN, digest_of("anna"), made + 1)
    told = run.export("profiles", tmp_path / "x.parquet")
    assert "anna" not in {row["user"] for row in read(str(tmp_path / "x.parquet"))}
    assert (told.forgotten, told.users) == (1, len(PEOPLE) - 1)
    assert told.left_out()[0] == "Left out, because their user was forgotten: 1."
    assert run.export("audiences", tmp_path / "y.parquet").forgotten == 2
    for path in run.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (made + 2, made + 2))
    assert run.export("profiles", tmp_path / "z.parquet").forgotten == 0


def test_what_a_trained_run_says_of_a_user_is_what_goes_out(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = lookalike_runs.copied(trained(tmp_path_factory), tmp_path / "run")
    run.export("profiles", tmp_path / "x.parquet")
    rows = [row for row in read(str(tmp_path / "x.parquet")) if row["user"] == "u004"]
    profile = run.profile("u004")
    known = {one.tag: one for one in (*profile.clicked, *profile.unseen)}
    assert {row["tag"] for row in rows if row["part"] == "clicked"} == {one.tag for one in profile.clicked}
    for row in rows:
        said = known[row["tag"]]
        assert row["clicks"] == said.clicks
        assert (row["preference"], row["lift"]) == pytest.approx((said.preference, said.lift), abs=1e-5)
    erase_from_run(run.folder, "u004", MADE)
    run.export("profiles", tmp_path / "x.parquet", replace=True)
    assert "u004" not in {row["user"] for row in read(str(tmp_path / "x.parquet"))}


def test_an_audience_of_nobody_but_the_forgotten_has_no_row(run: Run, tmp_path: Path) -> None:
    for user in MEMBERS["i0-0"]:
        add_forgotten(run.folder / FORGOTTEN, digest_of(user), 4e9)
    run.export("audiences", tmp_path / "x.parquet", form="nested")
    assert [row["item"] for row in read(str(tmp_path / "x.parquet"))] == ["a/b %="]


def test_an_item_whose_id_is_too_long_for_a_file_is_found_in_the_log(tmp_path: Path) -> None:
    from penchant.audiences.of_item import ItemAudience, write_audience  # noqa: PLC0415

    run = written_run(tmp_path)
    item = "i/" * 200
    events = pl.read_parquet(tmp_path / "events.parquet")
    pl.concat([events, events.head(1).with_columns(item=pl.lit(item))]).write_parquet(tmp_path / "events.parquet")
    (run.folder / "log" / "found.json").unlink()
    run.check()
    (run.folder / "audiences").mkdir(exist_ok=True)
    made = ItemAudience(item, item, "ralm", "", (), None, 3, 0, 3, audience_frame(["a"], clusters=False), None, [], [])
    path = write_audience(made, run.folder / "audiences")
    assert len(path.stem) > 100
    run.export("audiences", tmp_path / "x.parquet")
    assert item in {row["item"] for row in read(str(tmp_path / "x.parquet"))}
    path.rename(path.with_name("j" * 116 + ".parquet"))
    with pytest.raises(MissingStepError, match=r"the audience jjj.* is of an item that its log does not hold any more"):
        run.export("audiences", tmp_path / "y.parquet")


def test_what_is_not_made_yet_is_told(run: Run, tmp_path: Path) -> None:
    (run.folder / "profiles" / "tags" / "done.json").unlink()
    with pytest.raises(MissingStepError, match=r"has no profiles by 'tags' yet; run `penchant profiles "):
        run.export("profiles", tmp_path / "x.parquet")
    for path in (run.folder / "audiences").iterdir():
        path.unlink()
    with pytest.raises(MissingStepError, match=r"has no audience yet; make one with `penchant audience "):
        run.export("audiences", tmp_path / "x.parquet")


@FOR_ALL
def test_files_of_a_run_that_are_damaged_or_old_are_told(run: Run, tmp_path: Path, name: str) -> None:
    target, file = target_of(name, tmp_path), run.folder / "profiles" / "tags" / "00001.parquet"
    pl.read_parquet(file).drop("clicked.lifts").write_parquet(file)
    with pytest.raises(DataError, match=r"00001.parquet has no column 'clicked.lifts': another version wrote it"):
        run.export("profiles", target)
    file.write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"00001.parquet cannot be read as Parquet: .*; make it again"):
        run.export("profiles", target)
    assert not (tmp_path / name.removeprefix("delta:")).exists()


REFUSED = [
    ("", "the target '' says no format"),
    ("x.txt", "the target 'x.txt' says no format that is known; write NAME.parquet, NAME/"),
    ("delta:", "the target 'delta:' says no format"),
    ("s3://bucket/x.parquet", "the target 's3://bucket/x.parquet' says no format"),
    ("http://me:secret@host/x.csv", "the target 'http://me@host/x.csv' says no format"),
]


@pytest.mark.parametrize(("target", "problem"), REFUSED)
def test_a_target_that_says_nothing_is_refused(run: Run, target: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(problem)):
        run.export("profiles", target)


def test_options_that_a_target_has_no_use_for_are_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ttl is 60, but .*x.csv does not forget by itself"):
        run.export("profiles", tmp_path / "x.csv", ttl_s=60)
    with pytest.raises(ConfigError, match=r"form is 'long', but Redis has one layout"):
        run.export("profiles", "redis://127.0.0.1/0", form="long")
    with pytest.raises(ConfigError, match=r"inside the run folder .*; name it elsewhere"):
        run.export("profiles", run.folder / "out" / "x.csv")


def test_a_password_comes_from_the_environment_alone() -> None:
    with pytest.raises(ConfigError, match="into the environment variable PENCHANT_REDIS_PASSWORD") as refused:
        refuse_password("redis://:s3cret@db:6379/0")
    assert "s3cret" not in str(refused.value)
    for target in ("redis://db", "redis://me@db:6379/0", "x.csv", "a:b@c.csv"):
        refuse_password(target)
        assert with_password(target, None) == target
    assert with_password("rediss://db/1", "a/b") == "rediss://:a%2Fb@db/1"
    assert with_password("x.csv", "secret") == "x.csv"
    assert read_target("out").kind == "folder"


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [("x.duckdb", "duck", "duckdb"), ("delta:x", "lake", "deltalake"), ("redis://h/0", "online", "redis")],
)
def test_what_is_not_installed_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, extra: str
) -> None:
    for loaded in [one for one in sys.modules if one.startswith("penchant.store.redis")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.delitem(sys.modules, f"penchant.operation.exports.{module}", raising=False)
    monkeypatch.setitem(sys.modules, extra, None)
    target = name if name.startswith("redis") else target_of(name, tmp_path)
    with pytest.raises(ConfigError, match=rf"{extra} is not installed.*: pip install 'penchant\[{extra}\]'"):
        run.export("profiles", target)


def test_the_command_says_what_it_wrote(run: Run, tmp_path: Path) -> None:
    words = ["export", run.folder, "profiles", "--to", tmp_path / "x.csv", "--form", "nested"]
    said = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert said.exit_code == 0, said.output
    assert f"Written to {tmp_path}/x.csv: 5 rows of 5 users." in said.output
    said = CliRunner().invoke(app, ["export", str(run.folder), "audiences", "--to", f"{tmp_path}/y/"])
    assert "y/: 5 rows of 5 members." in said.output
