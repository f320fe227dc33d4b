"""What `penchant check` says, and its exit status; the same from Python, as JSON, and once by `penchant run`."""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner, Result

import penchant
from penchant.command import drawn as terminal
from penchant.command.drawn_check import show_found
from penchant.command.offline import app
from penchant.errors import ConfigError, DataError, MissingStepError
from penchant.logs.doubts import Doubt
from penchant.pipeline import Run
from tests.helpers.planted import write_planted_run


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are drawn whole."""
    monkeypatch.setattr(terminal.console, "_width", 300)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The run file of a small log with planted interests."""
    return write_planted_run(tmp_path)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def edit(file: Path, table: str, **columns: Any) -> None:
    path = file.parent / f"{table}.parquet"
    pl.read_parquet(path).with_columns(**columns).write_parquet(path)


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_a_good_log_is_good_to_go(file: Path) -> None:
    done = call("check", file)
    assert done.exit_code == 0
    assert last_line(done.output).startswith("Good to go")
    assert f"penchant run {file} --out runs/{file.stem}" in last_line(done.output)
    assert re.search(r"events of an item that the tables of items have +1,200 of 1,200 \(100\.0%\)", done.output)


def test_a_serious_doubt_says_what_to_do_and_ends_with_status_1(file: Path) -> None:
    edit(file, "items", item=pl.col("item").str.replace("i[12]", "no$0"))
    done = call("check", file)
    assert done.exit_code == 1
    assert "Only 3" in done.output
    assert "What to do: Add the missing items to the table of items" in done.output
    assert "Good to go" not in done.output
    assert last_line(done.output).startswith("Not ready: settle the serious doubt above, then check again.")


def test_a_lesser_doubt_is_told_and_ends_with_status_0(file: Path) -> None:
    edit(file, "events", clicked=True)
    done = call("check", file)
    assert done.exit_code == 0
    assert "look" in done.output
    assert "By 'clicked', 100.0% of the events are clicks." in done.output
    assert re.match(r"Good to go; look at the \w+ doubts? ", last_line(done.output))


def test_what_a_run_would_refuse_is_told_after_what_was_found(file: Path) -> None:
    """Ids of users are written differently, so that nobody has a row: the doubts say how."""
    edit(file, "users", user=pl.col("user") + ".0")
    done = call("check", file)
    assert isinstance(done.exception, DataError)
    assert "it would have 60 if “.0” at the end is taken away" in done.output
    assert re.search(r"'(u\d+)' in the log is '\1\.0' in the table", done.output)
    assert last_line(done.output) == "Not ready: a run would end with the error below."


@pytest.mark.parametrize(
    ("table", "change", "verdict", "status"),
    [
        ("events", {}, "good", 0),
        ("events", {"clicked": True}, "look", 0),
        ("items", {"item": pl.lit("no") + pl.col("item")}, "no", 1),
        ("users", {"user": pl.col("user") + ".0"}, "no", 1),
        ("events", {"user": pl.lit(None, pl.String)}, "no", 1),
    ],
)
def test_json_is_one_object_with_the_same_status(
    table: str, change: dict[str, Any], verdict: str, status: int, file: Path
) -> None:
    edit(file, "users", group=pl.col("group"))
    # The planted log has few users within an hour, which is told of every case.
    edit(file, table, **change)
    done = CliRunner().invoke(app, ["check", str(file), "--json"])
    said = json.loads(done.stdout)
    known = {doubt["kind"] for doubt in said["doubts"]} - {"testers", "one hour"}
    assert done.exit_code == status
    assert said["verdict"] == (verdict if known or verdict == "no" else "look")
    assert set(said) == {"verdict", "error", "doubts", "found"}
    assert (said["found"] is None) == ("make no sense" in (said["error"] or ""))
    assert all(set(doubt) == set(Doubt.__annotations__) for doubt in said["doubts"])


def test_a_broken_run_file_is_json_too(file: Path) -> None:
    file.write_text(file.read_text(encoding="utf-8") + "\n[labls]\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(file), "--json"])
    said = json.loads(done.stdout)
    assert (done.exit_code, said["verdict"], said["found"], said["doubts"]) == (1, "no", None, [])
    assert "labls" in said["error"]


@pytest.mark.parametrize(("text", "why"), [(None, "does not exist"), ("[logs", "not a TOML file"), ("x = [", "TOML")])
def test_a_run_file_that_is_none_is_json_too(text: str | None, why: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(path), "--json"])
    said = json.loads(done.stdout)
    assert (done.exit_code, said["verdict"], said["found"], said["doubts"]) == (1, "no", None, [])
    assert why in said["error"]
    assert isinstance(call("check", path).exception, ConfigError)


def test_python_has_the_same_doubts_before_and_after_a_run_is_opened(file: Path) -> None:
    run = Run.start(file, file.parent / "run")
    with pytest.raises(MissingStepError, match="holds no whole log yet; call `check` first"):
        run.doubts()
    edit(file, "events", clicked=True)
    run.check()
    assert "all clicked" in [doubt.kind for doubt in run.doubts()]
    assert Run.open(run.folder).doubts() == run.doubts()


def test_a_run_shows_the_doubts_once_and_goes_on(file: Path) -> None:
    edit(file, "items", item=pl.col("item").str.replace("i[12]", "no$0"))
    done = call("run", file, "--out", file.parent / "run")
    assert done.exit_code == 0, done.output
    assert done.output.count("Only 3") == 1
    assert "The run goes on" in done.output
    assert "Prec@1" in done.output
    kinds = [doubt.kind for doubt in penchant.Run.open(file.parent / "run").doubts() if doubt.serious]
    assert kinds == ["items"]


def test_what_was_left_out_set_aside_or_guessed_is_shown_with_its_first_example(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Run.start(file, file.parent / "run").check()
    show_found(
        {
            **log.found,
            "left_out": {"a rating between [b]": 7},
            "rejected": {"no user in 'u'": 3},
            "rows_beside_left_out": {"items: no id": 2},
            "examples": {"a rating between [b]": "a.csv, row 9", "no user in 'u'": "a.csv, row 4"},
            "guessed": {"dates": "Dates of 't' have the day [first]."},
        }
    )
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "7 a rating between [b] the first: a.csv, row 9",
        "3 no user in 'u' the first: a.csv, row 4",
        "2 items: no id",
        "Dates of 't' have the day [first].",
    ):
        assert words in said
