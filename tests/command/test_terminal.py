"""What files, ids and errors hold gives no orders to the terminal; and a run file is written for any header."""

import re
import sys
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.panel import Panel
from rich.table import Table

from penchant.command.drawn import Terminal
from penchant.command.offline import main
from penchant.command.shown import say, shown, styled
from penchant.config import read_toml
from penchant.logs.propose import as_toml, find_tables, propose
from penchant.pipeline import Run
from penchant.runfile import load_config
from tests.helpers.planted import write_planted_log

HOSTILE = "a\x1b[31mb\x00c\rd\x07e\x7ff\x9bg\u202eh\u2066i\u2028j\ud800k"
ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\ud800]")


def test_a_text_keeps_its_letters_and_loses_its_orders() -> None:
    assert shown(HOSTILE) == "a␛[31mb␀c␍d␇e␡f·g·h·i·j·k"
    assert shown("two\nlines\tта ユ é 👩\u200d🔬") == "two\nlines\tта ユ é 👩\u200d🔬"


def test_whatever_is_drawn_gives_no_orders() -> None:
    file = StringIO()
    console = Terminal(file=file, force_terminal=False, width=200, color_system=None)
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    for thing in (HOSTILE, table, Panel(HOSTILE, title=HOSTILE)):
        console.print(thing, markup=False)
    assert not ORDERS.search(file.getvalue())
    assert file.getvalue().count("f·g·h·i·j·k") == 6
    widths = {len(line) for line in file.getvalue().splitlines() if line.startswith(("┃", "│"))}
    assert len(widths) <= 2, "columns stay in line"


def test_only_our_own_styles_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE, " ", styled(HOSTILE, bold=True))
    assert not ORDERS.search(capsys.readouterr().out)


def test_an_error_shows_what_a_file_holds_without_its_orders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "h.csv").write_text("us\x1b[2Jer,i\x7ftem\n1,2\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["penchant", "replay", str(tmp_path / "h.csv")])
    with pytest.raises(SystemExit):
        main()
    written = capsys.readouterr().err
    assert "us␛[2Jer" in written
    assert not ORDERS.search(written)


@pytest.mark.parametrize(
    "mark", ["\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", '"', "'''", "\\", "\t", "]", "#", "\n"]
)
def test_init_writes_a_run_file_for_any_header(mark: str, tmp_path: Path) -> None:
    """It says the names as they are, and the tables are found by them."""
    write_planted_log(tmp_path)
    for path in tmp_path.glob("*.parquet"):
        frame = pl.read_parquet(path)
        frame.rename({name: f"{name[:2]}{mark}{name[2:]}" for name in frame.columns}).write_parquet(path)
    (tmp_path / "run.toml").write_text(as_toml(propose(find_tables([tmp_path]), tmp_path)), encoding="utf-8")
    assert read_toml(tmp_path / "run.toml")["logs"]["tables"]["events"]["user"] == f"us{mark}er"
    log = Run.start(load_config(tmp_path / "run.toml"), tmp_path / "run", base=tmp_path).check()
    assert log.found["users"] == 60
