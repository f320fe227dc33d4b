from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.errors import ConfigError, DataError
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import PORTIONS, Portions, TablePart
from penchant.logs.formats.places import expand, find
from penchant.logs.tables import TableConfig

IDS = ["007", str(2**40), str(2**63 + 1), "ユーザー", "пользователь", " spaced ", "NA", "null", "1e5", '"quoted", then']
FORMATS = ["parquet", "csv", "jsonl"]
Pairs = list[tuple[str | None, int]]


def write(path: Path, frame: pl.DataFrame) -> Path:
    writers: dict[str, Callable[[Path], object]] = {
        ".parquet": frame.write_parquet,
        ".csv": frame.write_csv,
        ".jsonl": frame.write_ndjson,
    }
    writers[path.suffix](path)
    return path


def part_of(path: Path, **said: Any) -> TablePart:
    """The one part of a table."""
    (part,) = open_parts(TableConfig.parse({"files": str(path), **said}, origin="test"), path.parent)
    return part


def read_whole(path: Path, columns: list[str], portions: Portions = PORTIONS) -> pl.DataFrame:
    """All rows."""
    nothing = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.concat([nothing, *(batch.frame for batch in part_of(path).batches(columns, portions))])


def first_row(kind: str) -> int:
    """A CSV file's first row is its header."""
    return 2 if kind == "csv" else 1


def rows_of(path: Path, column: str = "user", portions: Portions = PORTIONS) -> tuple[Pairs, list[tuple[int, str]]]:
    """Every value with its row number, and every malformed line with its own, over all batches."""
    batches = list(part_of(path).batches([column], portions))
    good = [pair for batch in batches for pair in batch.frame.select(column, batch.rows).rows()]
    return good, [line for batch in batches for line in batch.malformed]


READERS: list[Callable[[TablePart], object]] = [
    lambda part: part.schema(),
    lambda part: part.sample(),
    lambda part: list(part.batches(["user"])),
]
SMALL = Portions(rows=3, csv_bytes=40)
BATCHES = pytest.mark.parametrize("portions", [PORTIONS, SMALL], ids=["one batch", "many batches"])


@BATCHES
@pytest.mark.parametrize("kind", FORMATS)
def test_every_row_keeps_its_text_and_its_number(kind: str, portions: Portions, tmp_path: Path) -> None:
    path = write(tmp_path / f"log.{kind}", pl.DataFrame({"other": range(len(IDS)), "user": IDS}))
    assert rows_of(path, portions=portions) == (list(zip(IDS, range(first_row(kind), 99), strict=False)), [])


@pytest.mark.parametrize("kind", FORMATS)
def test_small_batches_are_small(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"log.{kind}", pl.DataFrame({"user": [f"user {n:03}" for n in range(20)]}))
    heights = [len(batch.frame) for batch in part_of(path).batches(["user"], SMALL)]
    assert len(heights) > 3
    assert max(heights) < 6
    assert sum(heights) == 20


@pytest.mark.parametrize("block", [13, 16, 20, 1 << 20])
def test_malformed_csv_lines_come_back_with_their_rows(block: int, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item\nshort\na,b\nx,y,z\nc,d\ne\nf,g\nq,r\ns\nt,u\nlast,of,all\n")
    assert rows_of(path, portions=Portions(csv_bytes=block)) == (
        [("a", 3), ("c", 5), ("f", 7), ("q", 8), ("t", 10)],
        [(2, "short"), (4, "x,y,z"), (6, "e"), (9, "s"), (11, "last,of,all")],
    )


def test_a_csv_of_malformed_lines_only_gives_each_of_them(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item\nshort\nx,y,z\n")
    assert rows_of(path) == ([], [(2, "short"), (3, "x,y,z")])


def test_a_line_break_in_a_column_that_is_not_read_is_part_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('user,said\na,"two\nlines"\nx,y,z\nc,d\n')
    assert rows_of(path) == ([("a", 2), ("c", 4)], [(3, "x,y,z")])


def test_an_open_quote_does_not_swallow_the_lines_that_follow(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('item,user\na,b\nx,"y\nc,d\ne,f\n')
    with pytest.raises(
        DataError, match=r"log\.csv, row 3: 'user' goes on over several lines, 'y\\nc,d\\ne,f\\n'; close"
    ):
        rows_of(path)


def test_each_line_that_an_open_quote_makes_malformed_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('user,item\na,b\nx,y,z\n"x,y\nc,d\ne,f\n')
    assert rows_of(path) == ([("a", 2)], [(3, "x,y,z"), (4, '"x,y'), (4, "c,d"), (4, "e,f")])


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xef\xbb\xbfuser,item\r\na,b\r\nshort\r\nc,d\r\n")
    assert rows_of(path) == ([("a", 2), ("c", 4)], [(3, "short")])


@BATCHES
def test_malformed_json_lines_come_back_with_their_rows(portions: Portions, tmp_path: Path) -> None:
    bad = ['{"user":', "[1, 2]", "7", '{"user": "b"} {"user": "c"}', '{"user": NaN}']
    lines = ["", *bad[:1], '{"user": "a"}', *bad[1:3], "", '{"item": "of nobody"}', *bad[3:], '{"user": 42}']
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(lines))
    assert rows_of(path, portions=portions) == (
        [("a", 3), (None, 7), ("42", 10)],
        list(zip([2, 4, 5, 8, 9], bad, strict=True)),
    )


def test_json_numbers_beyond_64_bits_keep_every_digit(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f'{{"user": {2**63 + 1}}}\n{{"user": {10**30 + 7}}}\n')
    assert rows_of(path)[0] == [(str(2**63 + 1), 1), (str(10**30 + 7), 2)]


def test_an_empty_csv_cell_is_null_and_nothing_else_is(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('user,item\n,1\n"",2\nNA,3\nnull,4\n')
    assert rows_of(path)[0] == [(None, 2), (None, 3), ("NA", 4), ("null", 5)]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_missing_column_is_named_beside_those_that_are_there(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"log.{kind}", pl.DataFrame({"user": ["a"], "item": ["b"]}))
    with pytest.raises(DataError, match=rf"log\.{kind} has no column 'usr'; it has: user, item"):
        list(part_of(path).batches(["usr"]))


@pytest.mark.parametrize("kind", FORMATS)
def test_an_empty_file_is_called_empty(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"log.{kind}"
    path.touch()
    for reader in READERS:
        with pytest.raises(DataError, match=rf"log\.{kind} is empty; remove it or fill it"):
            reader(part_of(path))


def test_half_a_parquet_file_says_that_it_may_still_be_written(tmp_path: Path) -> None:
    path = write(tmp_path / "log.parquet", pl.DataFrame({"user": ["a"] * 100}))
    path.write_bytes(path.read_bytes()[:-20])
    for reader in READERS:
        with pytest.raises(DataError, match=r"log\.parquet cannot be read as parquet: .*wait until it is whole"):
            reader(part_of(path))


def test_text_that_is_not_utf8_names_the_file_and_one_line_of_reason(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("用户,标签\n甲,音乐\n".encode("gb18030"))
    with pytest.raises(DataError, match=r"log\.csv is not written in UTF-8, and .* encoding = \"gb18030\"") as caught:
        rows_of(path)
    assert "\n" not in str(caught.value)


def test_a_file_without_a_json_object_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("user,item\na,b\n")
    with pytest.raises(DataError, match=r"log\.jsonl holds no JSON object"):
        part_of(path).schema()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_small_table_is_read_whole(kind: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"item": ["a", "b", "c"] * 5, "tag": [f"tag {n}" for n in range(15)]})
    path = write(tmp_path / f"items.{kind}", frame)
    assert read_whole(path, ["tag", "item"], Portions(csv_bytes=20)).select("item", "tag").equals(frame)


def test_a_csv_with_nothing_but_a_header_is_a_table_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("item,tag\n")
    assert read_whole(path, ["item", "tag"]).shape == (0, 2)


def test_globs_find_files_in_order_and_several_patterns_add_up(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "deep/er/c.parquet", "d.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [place for pattern in ("*.csv", "**/*.parquet", "d.jsonl") for place in find(pattern, tmp_path)]
    assert [str(Path(place.path).relative_to(tmp_path)) for place in found] == [
        "a.csv",
        "b.csv",
        "deep/er/c.parquet",
        "d.jsonl",
    ]


def test_a_pattern_that_matches_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file matches 'gone/\*\.csv' \(looked for .*gone/\*\.csv\)"):
        find("gone/*.csv", tmp_path)


def test_environment_variables_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE_THE_LOGS_ARE", str(tmp_path / "logs"))
    assert expand("$WHERE_THE_LOGS_ARE/a.csv", Path("/elsewhere")) == str(tmp_path / "logs" / "a.csv")


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(ConfigError, match=r"'\$NOWHERE/a\.csv' names an environment variable that is not set"):
        expand("$NOWHERE/a.csv", Path())


def test_an_unknown_ending_is_named_beside_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(
        DataError, match=r"log\.xlsx: unknown format \.xlsx; known: \.parquet, .*; or say it: format = "
    ):
        part_of(path)


def test_endings_are_known_in_capitals_and_a_format_may_be_said(tmp_path: Path) -> None:
    for name in ("LOG.CSV", "log"):
        (tmp_path / name).write_text("user\na\n")
    assert rows_of(tmp_path / "LOG.CSV")[0] == [("a", 2)]
    assert part_of(tmp_path / "log", format="csv").kind == "csv"
