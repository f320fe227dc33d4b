"""Text files of columns: CSV, TSV and their kin, all read as text. Rows are numbered as lines are: the first line is 1,
blank lines do not count, and a quoted line break, allowed in columns that are not read, is part of its row."""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv

from penchant.errors import DataError, QuotingError
from penchant.logs.formats.dialect import CsvOptions, Dialect, find_dialect, lines_of, width_of
from penchant.logs.formats.part import PORTIONS, FilePart, Portions, ReadRows, column, frame_of, numbers
from penchant.logs.formats.places import readable

HEAD = 1 << 18
"""Bytes from which the dialect is found, and of each piece of a sample."""

_UNQUOTE = 'close the quote that is open there, or say csv = { quote = "" } if quotes are plain text'

_UNIT_SEPARATOR = "\x1f"
"""In the place of a separator of several letters: libraries know separators of one."""

_COMMA_NUMBER = r"^\s*([+-]?)(\d+|\d{1,3}(?:\.\d{3})+)(?:,(\d+))?\s*$"

_END, _RETURN, _PIECE = *b"\n\r", 1 << 17

BREAKS = 5
"""So many lines may stand inside quoted texts without a second look at them."""

LIKE_ROWS = 0.75
"""Share of the lines inside quoted texts that look like rows, above which a quote was left open."""


@dataclass(frozen=True)
class DelimitedPart(FilePart):
    """A text file of columns."""

    kind: ClassVar[str] = "csv"
    options: CsvOptions = field(default_factory=CsvOptions)

    @cached_property
    def dialect(self) -> Dialect:
        """How the file is written."""
        with readable(self.place, self.kind), self.place.stream() as file:
            head = bytes(file.read(HEAD))
        return find_dialect(head, self.options, self.name, whole=len(head) < HEAD)

    def guesses(self) -> dict[str, str]:
        return {self.name: "; ".join(self.dialect.guessed)} if self.dialect.guessed else {}

    def own_schema(self) -> pl.Schema:
        return pl.Schema(dict.fromkeys(self.dialect.columns, pl.String()))

    def count(self) -> int:
        with readable(self.place, self.kind):
            return self.place.lines_about()

    def sample(self, rows: int = 2000) -> pl.DataFrame:
        text = b"".join(self._pieces())
        if not text.strip():
            return self.with_partition(pl.DataFrame(schema=self.own_schema()))
        with readable(self.place, self.kind):
            found = pl.read_csv(
                text,
                has_header=False,
                new_columns=list(self.dialect.columns),
                separator=_one_letter(self.dialect.separator),
                quote_char=self.dialect.quote,
                infer_schema_length=None,
                ignore_errors=True,
                truncate_ragged_lines=True,
                extra_columns="ignore",
                missing_columns="insert",
            )
        step = max(1, len(found) // rows)
        taken = found if len(found) <= rows else found.gather_every(step).head(rows)
        texts = taken.select(column(name) for name in self.dialect.decimals if taken.schema[name] == pl.String)
        taken = taken.with_columns(map(_as_number, self._with_points(texts).get_columns()))
        return self.with_partition(taken)

    def require(self, columns: list[str]) -> None:
        """Raise a DataError that names the first missing column; of a file whose first line is taken for data, with
        what to say if it is not."""
        try:
            super().require(columns)
        except DataError as error:
            if self.dialect.header or self.options.header is not None or self.options.columns is not None:
                raise
            raise DataError(
                f"{error} (its first line is taken for data; say csv = {{ header = true }} if it names the columns)"
            ) from None

    def batches(self, columns: list[str], portions: Portions = PORTIONS) -> Iterator[ReadRows]:
        self.require(columns)
        inside = [name for name in columns if name in self.dialect.columns]
        with readable(self.place, self.kind, self.dialect.encoding), self._utf8() as file:
            for read in self._read(file, inside or [self.dialect.columns[0]], portions):
                yield ReadRows(self.with_partition(read.frame).select(map(column, columns)), read.rows, read.malformed)

    def _read(self, file: Any, columns: list[str], portions: Portions) -> Iterator[ReadRows]:
        malformed: list[tuple[int, str]] = []

        def set_aside(row: pyarrow.csv.InvalidRow) -> str:
            lines = [line.rstrip("\r\n") for line in lines_of(row.text)]
            malformed.extend((row.number - blank, line) for line in lines or [""])
            return "skip"

        above = self.dialect.before + int(self.dialect.header)
        blank = self.dialect.blank if self._skipped else 0  # counted by Arrow among the lines that it skips
        counted = _Counted(file)
        good = told = 0
        for part in self._parts(counted, columns, portions, set_aside):
            frame = self._with_points(frame_of(part))
            aside = list(dict.fromkeys(row for row, _ in malformed))
            rows = numbers(_rows(good, len(frame), aside, 1 + above))
            _refuse_line_breaks(self.name, frame, rows)
            yield ReadRows(frame, rows, malformed[told:])
            good, told = good + len(frame), len(malformed)
        if told < len(malformed):
            nothing = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
            yield ReadRows(nothing, numbers(np.arange(0)), malformed[told:])
        known = above + good + len(malformed)
        if counted.lines - known > BREAKS and self.dialect.quote is not None:
            self._refuse_swallowed(known)

    def _parts(self, file: Any, columns: list[str], portions: Portions, set_aside: Any) -> Iterator[Any]:
        """The rows by blocks. Raises DataError where one row is longer than a block."""
        try:
            yield from self._reader(pa.PythonFile(file, mode="r"), columns, portions, set_aside)
        except pa.ArrowInvalid as error:
            if "straddling object" not in str(error):
                raise
            raise DataError(
                f"{self.name} has a row that is longer than {portions.csv_bytes:,} bytes, in its first "
                f"{file.lines:,} lines; {_UNQUOTE if self.dialect.quote else 'make it shorter'}"
            ) from None

    def _refuse_swallowed(self, rows: int) -> None:
        """Raise DataError where lines are missing that would be rows by themselves: a quote was opened before them and
        not closed. Other lines that are missing are parts of texts of several lines. rows: all that were found, good or
        not, with the lines above the table."""
        separator, quote = _one_letter(self.dialect.separator), str(self.dialect.quote)
        with self._utf8() as file:
            text = io.TextIOWrapper(file, encoding="utf-8", errors="replace")
            widths = Counter(width_of(line, separator, quote) for line in text)
        missing = widths.total() - widths[0] - rows
        if missing > BREAKS and widths[len(self.dialect.columns)] - rows > LIKE_ROWS * missing:
            raise DataError(
                f"{self.name}: {missing:,} of its {rows + missing:,} lines stand inside quoted texts, though most of "
                f"them look like rows; {_UNQUOTE}"
            )

    def _reader(self, file: Any, columns: list[str], portions: Portions, set_aside: Any) -> Any:
        dialect = self.dialect
        return pyarrow.csv.open_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(
                block_size=portions.csv_bytes,
                use_threads=False,
                column_names=list(dialect.columns) if dialect.renamed or not dialect.header else None,
                skip_rows=self._skipped,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=_one_letter(dialect.separator),
                quote_char=dialect.quote or False,
                invalid_row_handler=set_aside,
                newlines_in_values=dialect.quote is not None,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=columns,
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )

    @property
    def _skipped(self) -> int:
        """Lines that are no part of the table, or whose names do not count. Other blank lines are passed over."""
        dialect = self.dialect
        return dialect.blank + dialect.before + int(dialect.renamed) if dialect.before or dialect.renamed else 0

    def _with_points(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Numbers with a point, in the columns that have commas."""
        commas = [name for name in frame.columns if name in self.dialect.decimals]
        return frame.with_columns(_with_point(column(name)).alias(name) for name in commas)

    def _utf8(self) -> Any:
        """The file as UTF-8, with a separator of one letter."""
        stream = self.place.stream()
        dialect = self.dialect
        if dialect.encoding in ("utf-8", "utf-8-sig") and len(dialect.separator) == 1:
            return stream
        text = io.TextIOWrapper(stream, encoding=dialect.encoding, newline="")
        return pa.PythonFile(_Recoded(text, dialect.separator), mode="r")

    def _pieces(self) -> list[bytes]:
        """Whole lines as UTF-8 from the file's beginning and, of a plain file on a disk, from its middle and end,
        without the line that names the columns."""
        with readable(self.place, self.kind), self._utf8() as file:
            head = bytes(file.read(HEAD))
        first, rest = head.removeprefix(b"\xef\xbb\xbf"), b""
        first = first if b"\n" in first else first.replace(b"\r", b"\n")
        for _ in range(self.dialect.blank + self.dialect.before + int(self.dialect.header)):
            _, _, first = first.partition(b"\n")
        size = self.place.size
        plain = self.dialect.encoding.startswith("utf-8") and len(self.dialect.separator) == 1
        if not plain or not self.place.local or self.place.endings[1] or size < 4 * HEAD:
            return [first if len(head) < HEAD else first.rpartition(b"\n")[0] + b"\n"]
        with readable(self.place, self.kind), self.place.open() as file:
            for start in (size // 2, size - HEAD):
                file.seek(start)
                rest += bytes(file.read(HEAD)).partition(b"\n")[2].rpartition(b"\n")[0] + b"\n"
        return [first.rpartition(b"\n")[0] + b"\n", rest]


class _Counted:
    """A stream that counts the lines that it gives, blank ones too."""

    closed = False

    def __init__(self, stream: Any) -> None:
        self._stream, self.lines = stream, 0

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """The stream is closed by those who opened it."""

    def read(self, size: int) -> pa.Buffer:
        block = self._stream.read_buffer(size)
        letters = np.frombuffer(block, np.uint8) if block.size else np.empty(0, np.uint8)
        self.lines += _count(letters, _END) or _count(letters, _RETURN)
        return block


def _count(letters: np.ndarray, letter: int) -> int:
    """How often a letter is there; by pieces that stay in the processor's cache."""
    pieces = (letters[start : start + _PIECE] for start in range(0, len(letters), _PIECE))
    return sum(int(np.count_nonzero(piece == letter)) for piece in pieces)


class _Recoded(io.RawIOBase):
    """A text stream as bytes of UTF-8, its separator of several letters as one."""

    def __init__(self, text: io.TextIOBase, separator: str) -> None:
        super().__init__()
        self._text, self._separator, self._left = text, separator, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; a separator is never cut in two, because whole lines are read."""
        parts, length = [self._left], len(self._left)
        while size < 0 or length < size:
            lines = self._text.readlines(1 << 16)
            if not lines:
                break
            text = "".join(lines)
            if len(self._separator) > 1:
                text = text.replace(self._separator, _UNIT_SEPARATOR)
            parts.append(text.encode())
            length += len(parts[-1])
        whole = b"".join(parts)
        cut = len(whole) if size < 0 else size
        self._left = whole[cut:]
        return whole[:cut]

    def close(self) -> None:
        self._text.close()
        super().close()


def _with_point(text: pl.Expr) -> pl.Expr:
    """
    >>> pl.select(_with_point(pl.lit(pl.Series(["1.234,5", "-3,50", "1.234", "a,b"])))).to_series().to_list()
    ['1234.5', '-3.50', '1234', 'a,b']
    """
    sign, whole, part = (text.str.extract(_COMMA_NUMBER, group) for group in (1, 2, 3))
    return pl.coalesce(sign + whole.str.replace_all(".", "", literal=True) + (pl.lit(".") + part).fill_null(""), text)


def _as_number(values: pl.Series) -> pl.Series:
    """Texts all of which are numbers as numbers."""
    if values.dtype != pl.String or not values.count():
        return values
    numbers = values.cast(pl.Float64, strict=False)
    return numbers if numbers.count() == values.count() else values


def _one_letter(separator: str) -> str:
    return separator if len(separator) == 1 else _UNIT_SEPARATOR


def _refuse_line_breaks(name: str, frame: pl.DataFrame, rows: pl.Series) -> None:
    """Raise DataError where a value holds line breaks: a quote was left open, so that all lines after it became one
    value."""
    for values in frame.get_columns():
        # Of a name such as "^a$", which is a pattern, Polars finds no column here.
        broken = values.rename("").str.contains("\n", literal=True).arg_true()
        if len(broken):
            raise QuotingError(
                f"{name}, row {rows[broken[0]]}: {values.name!r} goes on over several lines, ",
                repr(values[broken[0]][:60]),
                "; close the quote that was left open there, or take the line breaks out",
            )


def _rows(before: int, count: int, malformed: list[int], first: int) -> np.ndarray:
    """Row numbers of `count` good rows after `before` good ones, counting the malformed rows. first: the number of the
    first row."""
    good_before_malformed = np.asarray(malformed) - first - np.arange(len(malformed))
    order = np.arange(before, before + count)
    return order + first + np.searchsorted(good_before_malformed, order, side="right")
