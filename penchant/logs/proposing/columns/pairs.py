"""Texts that hold items with a flag each, "N55689-1 N35729-0": no key of a run file takes them apart, a query does."""

from dataclasses import dataclass

import polars as pl

from penchant.logs.proposing.columns.profile import by_name
from penchant.logs.proposing.columns.shares import share

_PAIR = r"[^\s,;|]+[-:_=][01]"
_PAIRED = rf"^{_PAIR}([ ,;|]{_PAIR})*$"


@dataclass(frozen=True)
class PairedTexts:
    """A column of such texts. mark: what parts them; item, clicked: what the query calls the two halves."""

    column: str
    mark: str
    others: tuple[str, ...]
    item: str
    clicked: str

    def query(self, source: str) -> str:
        """DuckDB's SQL for a row per item. source: what it reads from, such as read_csv('…')."""
        kept = ", ".join(quoted_name(one) for one in self.others)
        one = f"unnest(string_split({quoted_name(self.column)}, {quoted_text(self.mark)})) as one"
        taken = f"left(one, length(one) - 2) as {quoted_name(self.item)}, right(one, 1) as {quoted_name(self.clicked)}"
        return f"select {kept}, {taken} from (select {kept}, {one} from {source})"  # noqa: S608


def find_pairs(frame: pl.DataFrame) -> PairedTexts | None:
    """The column of a table that holds items with flags; None where there is none."""
    for series in frame.get_columns():
        if series.dtype != pl.String:
            continue
        known = series.drop_nulls().head(500)
        if len(known) < 5 or share(known.str.contains(_PAIRED)) < 0.98:
            continue
        marks = [mark for mark in " ,;|" if share(known.str.contains(mark, literal=True)) > 0.3]
        ends = set(known.str.slice(-1).to_list())
        if len(marks) == 1 and (ends == {"0", "1"} or known.str.contains("[-:_=]0").any()):
            there = set(frame.columns)
            item, clicked = (
                next(n for n in (name, f"{name}_of_{series.name}") if n not in there) for name in ("item", "clicked")
            )
            others = tuple(name for name in frame.columns if name != series.name)
            return PairedTexts(series.name, marks[0], others, item, clicked)
    return None


def taken_apart(frame: pl.DataFrame, paired: PairedTexts) -> pl.DataFrame:
    """A row per item, as the query gives it."""
    halves = frame.with_columns(by_name(paired.column).str.split(paired.mark)).explode(paired.column)
    text = by_name(paired.column)
    return halves.select(
        *(by_name(name) for name in paired.others),
        text.str.slice(0, text.str.len_chars() - 2).alias(paired.item),
        text.str.slice(-1).alias(paired.clicked),
    )


def source_of(kind: str, files: list[str], columns: tuple[str, ...], header: bool, separator: str) -> str | None:
    """What DuckDB reads files by, all columns of texts as text; None for formats that it does not read so."""
    listed = "[" + ", ".join(map(quoted_text, files)) + "]" if len(files) > 1 else quoted_text(files[0])
    if kind == "parquet":
        return f"read_parquet({listed})"
    if kind == "csv" and len(separator) == 1:
        names = "[" + ", ".join(map(quoted_text, columns)) + "]"
        mark = "'\\t'" if separator == "\t" else quoted_text(separator)
        quote = ", quote = ''" if separator == "\t" else ""
        dialect = f"delim = {mark}, header = {str(header).lower()}{quote}"
        return f"read_csv({listed}, {dialect}, names = {names}, all_varchar = true)"
    return None


def quoted_name(text: str) -> str:
    """A name as SQL has it."""
    return '"' + text.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"
