"""How a text file of columns is written: what parts them, what quotes them, its decimal mark, its encoding, and whether
its first line names the columns. What the run file does not say is found from the file's beginning."""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count, islice, takewhile
from typing import Annotated, Literal

from pydantic import Field

from penchant.config import Config
from penchant.errors import DataError, QuotingError

SEPARATORS = ("\t", ",", ";", "|", "\x01", "^")
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LOOKED_AT = 200
"""Lines that are looked at."""

_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_WHOLE_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+)")
_NO_LIST = re.compile(r"[+-].*|0,\d+|\d+\..*|(0|[1-9]\d*),0\d*")
"""Numbers that are no list of two ids: with a sign, a whole part of 0 or with points in it, or decimals that begin with
0."""

_PADDED = re.compile(r"0\d")

NEARLY_ALL = 0.99
"""Share of the cells of a column that have to be numbers, so that commas in it are decimal marks."""

_MOMENT = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?|\w{3} \w{3} \d{1,2} .*\d{4}")
_BLANK = re.compile(r"(?:[ \t]*\r?\n)*")
_EXCEL = re.compile(r"sep=(.)")
NONE = (0.0, 0)
"""How even columns are where there is but one."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WESTERN = re.compile(r"[À-ÖØ-öø-ÿŒœŠšŽžŸ€’‘“”–—…´°\u00a7£©®«»¡¿ºª·]")


class CsvOptions(Config):
    """How text files of columns are written, as far as that is not found by itself.

    separator: what parts the columns, such as ";" or "::"; quote: what stands around a text that holds the separator,
    "" for nothing; decimal: the decimal mark of all columns of numbers, "." or ","; encoding: a name that Python knows,
    such as "cp1252".
    header: whether the first line names the columns; columns: their names, of a file whose first line does not.
    """

    separator: Annotated[str, Field(min_length=1)] | None = None
    quote: Literal['"', "'", ""] | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    header: bool | None = None
    columns: list[str] | None = None


@dataclass(frozen=True)
class Dialect:
    """How a file is written. quote: None for nothing; decimals: the columns whose numbers have a comma; before: lines
    above the table, which are remarks or say the separator; blank: empty lines above its first; renamed: whether
    columns are called otherwise than the first line has it; guessed: what was found without being sure, a sentence
    each."""

    separator: str
    quote: str | None
    decimals: tuple[str, ...]
    encoding: str
    header: bool
    columns: tuple[str, ...]
    before: int = 0
    blank: int = 0
    renamed: bool = False
    guessed: tuple[str, ...] = ()


def decode(head: bytes, told: str | None, name: str) -> tuple[str, str, list[str]]:
    """The text of a file's beginning, its encoding, and what had to be guessed. Raises DataError where the encoding is
    neither told nor to be seen."""
    if told is not None:
        try:
            return codecs.getincrementaldecoder(told)(errors="replace").decode(head), told, []
        except LookupError:
            raise DataError(f"{name}: no encoding is called {told!r}; name one that Python knows, as cp1252") from None
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return codecs.getincrementaldecoder(encoding)(errors="replace").decode(head), encoding, []
    wide = _without_mark(head)
    if wide:
        text = codecs.getincrementaldecoder(wide)(errors="replace").decode(head)
        return text, wide, [f"every second byte is 0, so it is read as {wide}"]
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head), "utf-8", []
    except UnicodeDecodeError:
        return _western(head, name)


def _without_mark(head: bytes) -> str | None:
    """UTF-16 of a file that does not begin with its mark, by the zeros of Western letters."""
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if head[first::2].count(0) > 0.4 * len(head) > 10 * head[1 - first :: 2].count(0):
            return encoding
    return None


def _western(head: bytes, name: str) -> tuple[str, str, list[str]]:
    """Read bytes that are no UTF-8 as Windows writes Western European letters, if they look like that: a few letters
    with accents among many without."""
    text = head.decode("cp1252", errors="replace")
    odd = [mark for mark in text if not mark.isascii()]
    if len(odd) > 0.2 * len(text) or sum(bool(_WESTERN.match(mark)) for mark in odd) < 0.95 * len(odd):
        raise DataError(
            f"{name} is not written in UTF-8, and its bytes do not say in what; say it in the run file, such as "
            f'csv = {{ encoding = "gb18030" }}, "shift_jis", "cp1251" or "latin-1"'
        )
    return text, "cp1252", ["its bytes are no UTF-8 and are read as cp1252 (Western European)"]


def find_dialect(head: bytes, told: CsvOptions, name: str, *, whole: bool) -> Dialect:
    """The dialect of a file that begins with these bytes; whole: they are the whole file. Raises DataError, see
    `decode`, and where the lines have fewer columns than are told, or the first line is none of the table."""
    text, encoding, guessed = decode(head, told.encoding, name)
    text = text.removeprefix("\ufeff")
    above = lines_of(text)[: count_remarks(text, told)]
    remarks = sum(bool(line.strip()) for line in above)
    guessed += [f"{remarks} lines of remarks above the table are passed over"] if remarks else []
    below = text[sum(map(len, above)) :]
    lines = _lines(below, whole)
    says = _EXCEL.fullmatch(lines[0].strip()) if lines else None
    if says:
        told = told.model_copy(update={"separator": told.separator or says[1]})
        lines = lines[1:]
    separator, quote = _separator(lines, told)
    if separator == " " and not told.separator:
        guessed.append("its columns are parted by spaces")
    rows = _rows(lines, separator, quote)
    _refuse_preamble(lines, rows, name)
    header, columns, more = _columns(rows, told, name)
    decimals = _decimals(rows[int(header) :], columns, separator, told.decimal)
    guessed += [f"numbers in {', '.join(decimals)} have a decimal comma"] if decimals and not told.decimal else []
    return Dialect(
        *(separator, quote, decimals, encoding, header, columns),
        before=remarks + int(bool(says)),
        blank=len(above) - remarks + len(lines_of(_BLANK.match(below)[0])),  # type: ignore[index]
        renamed=header and bool(rows) and tuple(rows[0]) != columns,
        guessed=(*guessed, *more),
    )


def _columns(rows: Sequence[Sequence[str]], told: CsvOptions, name: str) -> tuple[bool, tuple[str, ...], list[str]]:
    """Whether the first row names the columns, their names, and what was guessed."""
    width = max((len(row) for row in rows), default=0)
    if told.columns is not None:
        if rows and len(told.columns) != width:
            raise QuotingError(
                f"{name}: csv.columns names {len(told.columns)} columns, and its lines have {width}, such as ",
                rows[0],
                "; name each of them",
            )
        header = told.header if told.header is not None else bool(rows) and list(rows[0]) == told.columns
        return header, tuple(told.columns), []
    header = told.header if told.header is not None else has_header(rows)
    if header:
        names = _once_each(rows[0] if rows else [])
        twice = [new for new, old in zip(names, rows[0], strict=True) if new != old] if rows else []
        return True, names, [f"its names stand twice, and the second is called {', '.join(twice)}"] if twice else []
    names = tuple(f"column_{place + 1}" for place in range(width))
    if told.header is None and rows:
        return False, names, [f"its first line is data, so its columns are called {names[0]} to {names[-1]}"]
    return False, names, []


def _once_each(names: Sequence[str]) -> tuple[str, ...]:
    """
    >>> _once_each(["user", "item", "user", "user"])
    ('user', 'item', 'user_2', 'user_3')
    """
    found: dict[str, None] = {}
    for name in names:
        tries = chain([name], (f"{name}_{number}" for number in count(2)))
        found[next(one for one in tries if one not in found)] = None
    return tuple(found)


def _refuse_preamble(lines: Sequence[str], rows: Sequence[Sequence[str]], name: str) -> None:
    """Raise DataError where the first line has one column and the lines below have several."""
    if len(lines) < 3 or not rows or len(rows[0]) > 1:
        return
    for separator in SEPARATORS:
        width = len(_rows(lines[1:2], separator, '"')[0])
        if width > 1 and all(len(row) == width for row in _rows(lines[1:], separator, '"')):
            raise QuotingError(
                f"{name} begins with ",
                repr(lines[0].strip()[:60]),
                f", which is no line of the table below it, whose {width} columns are parted by {separator!r}; take "
                f"the lines above the table out",
            )


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: no name is a number, a moment or an id, and none stands below itself or
    looks like all that stand there.

    >>> has_header([["user", "item"], ["a", "x"]]), has_header([["1", "x"], ["2", "y"]])
    (True, False)
    """
    if not rows:
        return True
    first, rest = rows[0], rows[1:]
    named = [cell for cell in first if cell]
    if not named or any(_is_value(cell) for cell in named):
        return False
    below = [[row[place] for row in rest if place < len(row)] for place in range(len(first))]
    return not any(_looks_alike(cell, cells) for cell, cells in zip(first, below, strict=True) if cell)


def _looks_alike(cell: str, below: Sequence[str]) -> bool:
    """Whether a cell is one more of those below it: it stands there too, or has their letters and figures in the same
    places."""
    if cell in below:
        return True
    shapes = {_shape(one) for one in below if one}
    return any(map(str.isdigit, cell)) and len(below) > 1 and shapes == {_shape(cell)}


def _shape(cell: str) -> str:
    """
    >>> _shape("user_000123"), _shape("N55528")
    ('user_9', 'N9')
    """
    return re.sub(r"\d+", "9", cell)


def _is_value(cell: str) -> bool:
    cell = cell.strip()
    return bool(
        _NUMBER.fullmatch(cell)
        or _MOMENT.fullmatch(cell)
        or _UUID.fullmatch(cell)
        or len(cell) > 100
        or "://" in cell
        or cell[:1] in ("[", "{")
    )


def count_remarks(text: str, told: CsvOptions) -> int:
    """The lines before the table that begin with # or are blank, as reports of analytics tools have them. A line with #
    that has as many columns as the next one names them.

    >>> count_remarks("# Report\\n# March\\n\\na,b\\n1,2\\n", CsvOptions())
    3
    >>> count_remarks("#id,age\\n1,2\\n", CsvOptions()), count_remarks("#a,1\\n#b,2\\n", CsvOptions())
    (0, 0)
    """
    lines = lines_of(text)
    remarks = len(list(takewhile(lambda line: line.startswith("#") or not line.strip(), lines)))
    if not any(line.startswith("#") for line in lines[:remarks]) or remarks == len(lines):
        return 0
    rest = _lines("".join(lines[remarks:]), whole=True)
    separator, quote = _separator(rest, told)
    width = len(_rows(rest, separator, quote)[0])
    widths = [len(row) for row in _rows([line for line in lines[:remarks] if line.strip()], separator, quote)]
    return 0 if width > 1 and widths[-1:] == [width] else remarks


def lines_of(text: str) -> list[str]:
    """Lines with their ends, which readers of CSV see; Python's `splitlines` parts at other marks too.

    >>> lines_of("a\\u2028b,c\\r\\n1,2\\n3")
    ['a\\u2028b,c\\r\\n', '1,2\\n', '3']
    """
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)


def _lines(text: str, whole: bool) -> list[str]:
    lines = lines_of(text)
    if not whole and len(lines) > 1:
        lines.pop()
    return list(islice((line for line in lines if line.strip()), LOOKED_AT))


def _separator(lines: Sequence[str], told: CsvOptions) -> tuple[str, str | None]:
    """What parts the columns most evenly, and what quotes them."""
    if told.separator:
        return told.separator, _quote(lines, told.separator, told)
    if lines and all("::" in line for line in lines):
        return "::", None
    tries = [(separator, _quote(lines, separator, told)) for separator in SEPARATORS]
    best = max(tries, key=lambda one: _evenness(lines, *one)) if lines else (",", '"')
    if lines and _evenness(lines, *best) == NONE and _are_spaced(lines):
        return " ", None
    return best


def _are_spaced(lines: Sequence[str]) -> bool:
    """Whether all lines have as many words, most of them numbers."""
    rows = [line.strip().split(" ") for line in lines]
    cells = [cell for row in rows for cell in row]
    even = len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows)
    return even and sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) > len(cells) / 2


def _evenness(lines: Sequence[str], separator: str, quote: str | None) -> tuple[float, int]:
    """How large a share of the rows has as many columns as the first one, and how many; of one column, nothing."""
    rows = _rows(lines, separator, quote)
    width = len(rows[0]) if rows else 0
    if width < 2:
        return NONE
    return round(sum(len(row) == width for row in rows) / len(rows), 1), width


def _quote(lines: Sequence[str], separator: str, told: CsvOptions) -> str | None:
    if told.quote is not None:
        return told.quote or None
    if len(separator) > 1:
        return None
    edge = re.escape(separator)
    marks = {
        mark: sum(bool(re.search(f"(^|{edge}){mark}([^{mark}]|{mark}{mark})*{mark}({edge}|$)", line)) for line in tried)
        for tried in [[line.strip() for line in lines]]
        for mark in "\"'"
    }
    if marks["'"] and not marks['"'] and marks["'"] >= len(lines) / 2:
        return "'"
    return '"' if marks['"'] or separator in (",", ";") else None


def _rows(lines: Sequence[str], separator: str, quote: str | None) -> list[list[str]]:
    if len(separator) > 1:
        return [line.rstrip("\r\n").split(separator) for line in lines]
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    try:
        return [row for row in csv.reader(lines, delimiter=separator, quotechar=quote, quoting=quoting) if row]
    except csv.Error:
        return [line.rstrip("\r\n").split(separator) for line in lines]


def width_of(line: str, separator: str, quote: str) -> int:
    """How many columns a line has by itself; 0 of a blank one."""
    if quote not in line:
        return line.count(separator) + 1 if line.strip("\r\n") else 0
    return len(_rows([line], separator, quote)[0])


def _decimals(
    rows: Sequence[Sequence[str]], columns: Sequence[str], separator: str, told: str | None
) -> tuple[str, ...]:
    """The columns whose numbers have a decimal comma. All columns of numbers, where that is told. Else those where at
    least half of the cells have a comma and some cell shows that it is no list of two ids, as 12,15 could be: a sign,
    a whole part of 0 or with points in it, or decimals that begin with 0. A column is one of numbers where nearly all
    of its cells are, and none begins with a 0 that numbers do not have, as 07,12 does."""
    if told == "." or (separator == "," and not told):
        return ()
    found = []
    for place, name in enumerate(columns):
        cells = [row[place].strip() for row in rows if place < len(row) and row[place].strip()]
        commas = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
        whole = sum(bool(_WHOLE_NUMBER.fullmatch(cell)) for cell in cells)
        sure = 2 * len(commas) >= max(1, len(cells)) and any(map(_NO_LIST.fullmatch, commas))
        if any(map(_PADDED.match, cells)):
            continue
        if len(commas) + whole >= NEARLY_ALL * len(cells) and (told or sure):
            found.append(name)
    return tuple(found)
