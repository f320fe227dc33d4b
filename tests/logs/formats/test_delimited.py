"""Text files of columns: each dialect that programs write is found, told where it was a guess, and read as it was
written."""

import bz2
import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.errors import ConfigError, DataError
from penchant.logs.formats.delimited import HEAD, DelimitedPart
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import PORTIONS, Portions
from penchant.logs.tables import TableConfig

Rows = list[tuple[Any, ...]]


def part_of(folder: Path, name: str, content: str | bytes, **options: Any) -> DelimitedPart:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (part,) = open_parts(TableConfig.parse({"files": name, "csv": options}, origin="test"), folder)
    assert isinstance(part, DelimitedPart)
    return part


def rows_of(part: DelimitedPart, portions: Portions = PORTIONS) -> Rows:
    columns = list(part.schema())
    return [row for batch in part.batches(columns, portions) for row in batch.frame.rows()]


TABLE: Rows = [("a", "x, y", "1"), ("b", 'z "q"', "2"), ("c", "w", "3")]
DIALECTS: list[tuple[str, str | bytes, Rows]] = [
    ("log.csv", 'user,item,n\na,"x, y",1\nb,"z ""q""",2\nc,w,3\n', TABLE),
    ("log.csv", 'user;item;n\na;x, y;1\nb;"z ""q""";2\nc;w;3\n', TABLE),
    ("log.tsv", 'user\titem\tn\na\tx, y\t1\nb\tz "q"\t2\nc\tw\t3\n', TABLE),
    ("log.csv", 'user|item|n\na|x, y|1\nb|z "q"|2\nc|w|3\n', TABLE),
    ("log.csv", 'user\x01item\x01n\na\x01x, y\x011\nb\x01z "q"\x012\nc\x01w\x013\n', TABLE),
    ("log.dat", 'user::item::n\na::x, y::1\nb::z "q"::2\nc::w::3\n', TABLE),
    ("log.csv", "user,item,n\na,'x, y',1\nb,'z \"q\"',2\nc,'w',3\n", TABLE),
    ("log.csv", 'sep=;\nuser;item;n\na;x, y;1\nb;"z ""q""";2\nc;w;3\n', TABLE),
    ("log.csv", '\n\nuser,item,n\na,"x, y",1\n\nb,"z ""q""",2\nc,w,3\n', TABLE),
    ("log.csv", 'user,item,n\r\na,"x, y",1\r\nb,"z ""q""",2\r\nc,w,3\r\n', TABLE),
    ("log.csv", 'user,item,n\ra,"x, y",1\rb,"z ""q""",2\rc,w,3\r', TABLE),
    ("log.txt", "196 242 3\n186 302 3\n", [("196", "242", "3"), ("186", "302", "3")]),
    ("log.tsv", 'user\titem\na\t19" screen\nb\t"x\nc\t"y" z\n', [("a", '19" screen'), ("b", '"x'), ("c", '"y" z')]),
    (
        "log.csv",
        "user;price\na;1.234,50\nb;-2,5\nc;1.000\nd;\n",
        [("a", "1234.50"), ("b", "-2.5"), ("c", "1000"), ("d", None)],
    ),
    ("log.csv", "user,*,^a$,\na,1,2,3\n", [("a", "1", "2", "3")]),
    ("log.inter", "user_id:token\titem_id:token\n1\t2\n", [("1", "2")]),
    ("log.csv", "user,item\n", []),
    ("log.csv", "user\na\nb\n", [("a",), ("b",)]),
    ("log.csv", "1\n2\n", [("1",), ("2",)]),
]


@pytest.mark.parametrize(("name", "content", "expected"), DIALECTS)
def test_a_dialect_is_found(name: str, content: str, expected: Rows, tmp_path: Path) -> None:
    part = part_of(tmp_path, name, content)
    assert rows_of(part) == expected
    assert part.sample().columns == list(part.schema())


DECIMALS: dict[str, tuple[list[str], list[str]]] = {
    "weights": (["0,5", "1,25", "1"], ["0.5", "1.25", "1"]),
    "prices": (["9,99", "12,50", "3,05"], ["9.99", "12.50", "3.05"]),
    "with signs": (["-1,5", "2,5", "+3,5"], ["-1.5", "2.5", "+3.5"]),
    "pairs of ids": (["12,15", "1,2", "33,4"], ["12,15", "1,2", "33,4"]),
    "lists of ids": (["12,15", "1,0,3", "0,4"], ["12,15", "1,0,3", "0,4"]),
    "padded ids": (["07,12", "08,09", "11,02"], ["07,12", "08,09", "11,02"]),
    "names": (["0,5", "1,5", "x,y"], ["0,5", "1,5", "x,y"]),
    "mostly whole": (["3", "4", "0,4"], ["3", "4", "0,4"]),
    "points as well": (["0,5", "1.5", "2,5"], ["0,5", "1.5", "2,5"]),
}


@pytest.mark.parametrize("what", DECIMALS)
@pytest.mark.parametrize("separator", [";", "\t"])
def test_commas_are_decimal_marks_where_a_column_shows_it(what: str, separator: str, tmp_path: Path) -> None:
    written, meant = DECIMALS[what]
    lines = [separator.join(["user", "of", "n"]), *(separator.join(["a", "1,2", one]) for one in written)]
    part = part_of(tmp_path, "log.csv", "\n".join(lines))
    assert rows_of(part) == [("a", "1,2", one) for one in meant]
    assert part.guesses() == ({} if written == meant else {part.name: "numbers in n have a decimal comma"})


def test_a_decimal_comma_that_is_told_counts_in_all_columns_of_numbers(tmp_path: Path) -> None:
    part = part_of(tmp_path, "log.csv", "user;n;tags;m\na;12,15;1,2,3;4\nb;1,2;4,5;5\n", decimal=",")
    assert rows_of(part) == [("a", "12.15", "1,2,3", "4"), ("b", "1.2", "4,5", "5")]
    assert rows_of(part_of(tmp_path, "log.csv", "user;n\na;0,5\n", decimal=".")) == [("a", "0,5")]


def log_with(titles: dict[int, str], rows: int = 1_000) -> str:
    """A CSV log, some of whose titles are told."""
    lines = (f"u{row % 50},i{row % 7},{1_700_000_000 + row},{titles.get(row, 'Foo')}" for row in range(rows))
    return "\n".join(["user,item,time,title", *lines, ""])


UNREAD = ["user", "item", "time"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("opened", "lost"), [([50], "949 of its 1,001"), ([50, 60], "10 of its 1,001"), ([5, 800], "795 of its 1,001")]
)
def test_a_quote_left_open_in_a_column_that_is_not_read_is_told(
    opened: list[int], lost: str, end: str, tmp_path: Path
) -> None:
    text = log_with(dict.fromkeys(opened, '"Foo bar baz')).replace("\n", end)
    part = part_of(tmp_path, "log.csv", text)
    with pytest.raises(DataError, match=rf'log\.csv: {lost} lines stand inside .* csv = \{{ quote = "" \}}'):
        list(part.batches(UNREAD))


def test_a_quote_left_open_for_longer_than_a_block_is_told(tmp_path: Path) -> None:
    part = part_of(tmp_path, "log.csv", log_with({50: '"Foo'}))
    with pytest.raises(DataError, match=r"log\.csv has a row that is longer than 4,000 bytes, .* close the quote"):
        list(part.batches(UNREAD, Portions(csv_bytes=4_000)))


def test_quotes_that_are_plain_text_swallow_nothing_where_that_is_told(tmp_path: Path) -> None:
    part = part_of(tmp_path, "log.csv", log_with({50: '"Foo', 60: '7" disc'}), quote="")
    assert sum(len(batch.frame) for batch in part.batches(UNREAD)) == 1_000


@pytest.mark.parametrize("title", ['"Foo,\nbar"', '"\n\n\nFoo\n\n, bar, baz\n"', '"a, b, c\nd\n""e"", f, g, h\ni"'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("above", ["", "\n\n", "# one\n# two\n\n", "sep=,\n"])
def test_texts_of_several_lines_in_columns_that_are_not_read_are_fine(
    title: str, encoding: str, above: str, tmp_path: Path
) -> None:
    text = above + log_with(dict.fromkeys(range(300, 1_000, 2), title))
    part = part_of(tmp_path, "log.csv", text.encode(encoding))
    assert sum(len(batch.frame) for batch in part.batches(UNREAD)) == 1_000
    assert not any(batch.malformed for batch in part.batches(UNREAD))


def test_blank_lines_between_rows_are_no_lost_lines(tmp_path: Path) -> None:
    part = part_of(tmp_path, "log.csv", log_with({}).replace("\n", "\n\n"))
    assert sum(len(batch.frame) for batch in part.batches(UNREAD)) == 1_000


LETTERS = "user,item\nMåns Öberg,smörgås\nb,c\n"
ENCODED: list[tuple[str, str, dict[str, str], str | None]] = [
    (LETTERS, "utf-8", {}, None),
    (LETTERS, "utf-8-sig", {}, None),
    (LETTERS, "utf-16", {}, None),
    (LETTERS, "utf-32", {}, None),
    (LETTERS, "utf-16-le", {}, "read as utf-16-le"),
    (LETTERS, "utf-16-be", {}, "read as utf-16-be"),
    (LETTERS, "cp1252", {}, "read as cp1252"),
    (LETTERS, "latin-1", {}, "read as cp1252"),
    ("user,item\nŁódź,żółw\nb,c\n", "cp1250", {"encoding": "cp1250"}, None),
    ("user,item\nМосква,привет\nb,c\n", "cp1251", {"encoding": "cp1251"}, None),
    ("user,item\n用户,音乐\nb,c\n", "gb18030", {"encoding": "gb18030"}, None),
    ("user,item\nユーザー,音楽\nb,c\n", "shift_jis", {"encoding": "shift_jis"}, None),
]


@pytest.mark.parametrize(("text", "encoding", "said", "guessed"), ENCODED)
def test_an_encoding_is_found_or_told(
    text: str, encoding: str, said: dict[str, str], guessed: str | None, tmp_path: Path
) -> None:
    part = part_of(tmp_path, "log.csv", text.encode(encoding), **said)
    assert rows_of(part) == [tuple(line.split(",")) for line in text.splitlines()[1:]]
    assert rows_of(part, Portions(csv_bytes=24)) == rows_of(part)
    assert (guessed or "") in "".join(part.guesses().values())
    assert bool(part.guesses()) == bool(guessed)


@pytest.mark.parametrize("encoding", ["cp1251", "gb18030", "shift_jis", "euc_kr"])
def test_an_encoding_that_cannot_be_seen_is_asked_for(encoding: str, tmp_path: Path) -> None:
    words = {"cp1251": "Москва", "gb18030": "音乐", "shift_jis": "音楽", "euc_kr": "음악"}
    part = part_of(tmp_path, "log.csv", f"user,item\n{words[encoding] * 3},1\n".encode(encoding))
    with pytest.raises(DataError, match=r"is not written in UTF-8, .* csv = \{ encoding = "):
        part.schema()


@pytest.mark.parametrize(
    ("beginning", "byte", "says"),
    [("a,b\n", b"M\xe5ns,b\n", 'no UTF-8 .* encoding = "cp1252"'), ("é,b\n", b"\x81,b\n", "no CP1252")],
)
def test_a_wrong_byte_far_behind_the_beginning_names_the_encoding(
    beginning: str, byte: bytes, says: str, tmp_path: Path
) -> None:
    content = b"user,item\n" + beginning.encode("cp1252") + b"a,b\n" * (HEAD // 4) + byte
    with pytest.raises(DataError, match=rf"log\.csv holds bytes that are {says}"):
        rows_of(part_of(tmp_path, "log.csv", content))


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("user,item\na,b\n", ["user", "item"]),
        ("a,x\nb,y\n", ["a", "x"]),
        (",user,item\n0,a,b\n", ["", "user", "item"]),
        ("user,user,item,user\na,b,c,d\n", ["user", "user_2", "item", "user_3"]),
        ("user,item_1\nu1,item_2\nu1,x\n", ["user", "item_1"]),
        ("1,x\n2,y\n", ["column_1", "column_2"]),
        ("u1,i7\nu2,i8\nu3,i9\n", ["column_1", "column_2"]),
        ("2026-03-01,a\n2026-03-02,b\n", ["column_1", "column_2"]),
        ("like,x\nskip,y\nlike,z\n", ["column_1", "column_2"]),
        ("https://a.b,x\nhttps://c.d,y\n", ["column_1", "column_2"]),
    ],
)
def test_whether_the_first_line_names_the_columns(content: str, columns: list[str], tmp_path: Path) -> None:
    part = part_of(tmp_path, "log.csv", content)
    assert list(part.schema()) == columns
    assert bool(part.guesses()) == (columns[0] == "column_1" or "user_2" in columns)


@pytest.mark.parametrize(
    ("options", "columns", "first"),
    [
        ({"columns": ["u", "i"]}, ["u", "i"], ("user", "item")),
        ({"columns": ["user", "item"]}, ["user", "item"], ("1", "2")),
        ({"header": True, "columns": ["u", "i"]}, ["u", "i"], ("1", "2")),
        ({"header": False}, ["column_1", "column_2"], ("user", "item")),
    ],
)
def test_the_run_file_may_name_the_columns(
    options: dict[str, Any], columns: list[str], first: tuple[str, str], tmp_path: Path
) -> None:
    part = part_of(tmp_path, "log.csv", "user,item\n1,2\n", **options)
    assert (list(part.schema()), rows_of(part)[0], part.guesses()) == (columns, first, {})


def test_a_missing_column_of_a_file_whose_names_were_taken_for_data_says_so(tmp_path: Path) -> None:
    part = part_of(tmp_path, "log.csv", "user,2019\na,1\n")
    with pytest.raises(DataError, match=r"'user'; it has: column_1, column_2 .*csv = \{ header = true \}"):
        list(part.batches(["user"]))
    assert rows_of(part_of(tmp_path, "log.csv", "user,2019\na,1\n", header=True)) == [("a", "1")]


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (
            "Report of May\n\nuser,item\na,b\n",
            {},
            r"log\.csv begins with 'Report of May', which is no line of the table",
        ),
        (
            "1,2\n",
            {"columns": ["a", "b", "c"]},
            r"csv\.columns names 3 columns, and its lines have 2, such as \['1', '2'\]",
        ),
        ("a,b\n", {"encoding": "latin-99"}, "no encoding is called 'latin-99'"),
    ],
)
def test_what_cannot_be_read_is_said(content: str, options: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        part_of(tmp_path, "log.csv", content, **options).schema()


@pytest.mark.parametrize("option", [{"separator": ""}, {"quote": "''"}, {"decimal": ";"}])
def test_options_that_make_no_sense_are_named(option: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"csv.{next(iter(option))}"):
        part_of(tmp_path, "log.csv", "a,b\n", **option)


@pytest.mark.parametrize("above", ["", "\n", "sep=,\n", "\nsep=,\n", "\n\n\n"])
@pytest.mark.parametrize("names", ["user,item", "user,user"])
@pytest.mark.parametrize("block", [20, 1 << 20])
def test_rows_are_numbered_by_the_lines_that_count(above: str, names: str, block: int, tmp_path: Path) -> None:
    part = part_of(tmp_path, "log.csv", f"{above}{names}\na,b\nshort\n\nc,d\nx,y,z\ne,f\n")
    batches = list(part.batches(["user"], Portions(csv_bytes=block)))
    first = 3 if "sep" in above else 2
    assert [row for batch in batches for row in batch.rows] == [first, first + 2, first + 4]
    assert [line for batch in batches for line in batch.malformed] == [(first + 1, "short"), (first + 3, "x,y,z")]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("separator", [",", "::"])
def test_a_packed_file_is_unpacked(ending: str, separator: str, tmp_path: Path) -> None:
    text = "".join(f"{user}{separator}{item}\n" for user, item in [("user", "item"), ("å", "ö"), ("c", "d")])
    part = part_of(tmp_path, f"log.csv{ending}", PACKERS[ending](text.encode()))
    assert rows_of(part, Portions(csv_bytes=12)) == [("å", "ö"), ("c", "d")]


def test_a_sample_has_the_beginning_the_middle_and_the_end(tmp_path: Path) -> None:
    lines = [f"{number},{number // 100_000}\n" for number in range(300_000)]
    sample = part_of(tmp_path, "log.csv", "user,item\n" + "".join(lines)).sample(300)
    assert len(sample) == 300
    assert sample["item"].unique().sort().to_list() == [0, 1, 2]
    assert sample["user"].is_unique().all()


CELLS = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" ,;'\"|"), min_size=1, max_size=8)
NUMBERS = st.integers(-(10**18), 10**18).map(str)
COLUMN = st.sampled_from([CELLS, NUMBERS]).flatmap(lambda cells: st.lists(st.none() | cells, min_size=12, max_size=12))


@settings(deadline=None, max_examples=60)
@given(st.data(), st.lists(COLUMN, min_size=2, max_size=4), st.sampled_from(["csv", "polars"]))
def test_a_table_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, columns: list[list[str | None]], writer: str
) -> None:
    separator = data.draw(st.sampled_from([",", ";", "\t", "|", "\x01"]))
    ends = data.draw(st.sampled_from(["\n", "\r\n"]))
    quoted = data.draw(st.booleans())
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    frame = pl.DataFrame({f"column {'abcd'[place]}": column for place, column in enumerate(columns)})
    text = _write(frame, writer, separator, ends, quoted)
    part = part_of(tmp_path_factory.mktemp("log"), "log.csv", text.encode(encoding), separator=separator, quote='"')
    assert rows_of(part) == frame.rows()
    assert rows_of(part, Portions(csv_bytes=1 << 10)) == frame.rows()


def _write(frame: pl.DataFrame, writer: str, separator: str, ends: str, quoted: bool) -> str:
    if writer == "polars":
        style: Literal["always", "necessary"] = "always" if quoted else "necessary"
        return frame.write_csv(separator=separator, line_terminator=ends, quote_style=style)
    quoting: Any = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    with io.StringIO() as file:
        lines = csv.writer(file, delimiter=separator, lineterminator=ends, quoting=quoting)
        lines.writerows([frame.columns, *frame.rows()])
        return file.getvalue()
