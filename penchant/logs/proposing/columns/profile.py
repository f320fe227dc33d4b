"""What a column looks like in a sample of its table: the facts that all roles are judged by."""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import UUID

import numpy as np
import polars as pl
import polars.selectors as cs

from penchant.logs.proposing.columns.answers import yes_and_no
from penchant.logs.proposing.columns.clocks import ColumnClock, clock_of
from penchant.logs.proposing.columns.lists import Listing, listing_of
from penchant.logs.proposing.columns.shares import bounds, mean, share

NOTHING = ["", "\\N", "NULL", "null", "nan", "NaN", "None", "undefined", "<NA>", "N/A", "n/a", "#N/A", "NaT", "(null)"]
NOTHING += ["(not set)", "(none)", "(no genres listed)"]
FLAGS = {"0", "1", "true", "false", "yes", "no", "t", "f", "y", "n"}
MOST_COLUMNS, DEEPEST = 400, 5
_KEY_VALUE = {"key", "value"}


@dataclass(frozen=True)
class Column:
    """A column of a sample, by its path. values: as they were read, a value per row; a list where `is_list`."""

    name: str
    values: pl.Series

    @property
    def is_list(self) -> bool:
        return isinstance(self.values.dtype, pl.List | pl.Array)

    @cached_property
    def texts(self) -> pl.Series:
        """A text per row, or a list of them; null where there is none."""
        if not self.is_list:
            return _as_texts(self.values)
        return _as_texts(self.flat_values)

    @cached_property
    def flat_values(self) -> pl.Series:
        if not self.is_list:
            return self.values
        lists = self.values.arr.to_list() if isinstance(self.values.dtype, pl.Array) else self.values
        return lists.list.explode(keep_nulls=False, empty_as_null=False)

    @cached_property
    def flat(self) -> pl.Series:
        """All values that are there, as texts; those of lists one by one."""
        return self.texts.drop_nulls()

    @cached_property
    def distinct(self) -> pl.Series:
        return self.flat.unique()

    @property
    def rows(self) -> int:
        return len(self.values)

    @cached_property
    def nulls(self) -> float:
        """The share of rows without a value."""
        if self.is_list:
            return share(self.values.list.len().fill_null(0) == 0)
        return self.texts.null_count() / max(1, self.rows)

    @cached_property
    def repeats(self) -> float:
        """The share of values that stood there before: 0 where each is unique."""
        return 1.0 - len(self.distinct) / max(1, len(self.flat))

    @property
    def is_unique(self) -> bool:
        return not self.is_list and len(self.flat) > 0 and len(self.distinct) == len(self.flat)

    @cached_property
    def is_number(self) -> bool:
        dtype = self.flat_values.dtype
        return dtype.is_numeric() or (dtype == pl.String and self._numbers_of_texts)

    @cached_property
    def _numbers_of_texts(self) -> bool:
        head = self.flat.head(200)
        return len(head) > 0 and bool(head.str.contains(r"^-?\d{1,18}(\.\d+)?$").all())

    @cached_property
    def numbers(self) -> pl.Series:
        return self.flat.cast(pl.Float64, strict=False).fill_nan(None).drop_nulls()

    @cached_property
    def is_whole(self) -> bool:
        return self.is_number and len(self.numbers) > 0 and bool((self.numbers == self.numbers.floor()).all())

    @cached_property
    def is_flag(self) -> bool:
        """Whether it says yes or no."""
        if self.flat_values.dtype == pl.Boolean:
            return True
        if not 1 <= len(self.distinct) <= 6:
            return False
        said = set(self.distinct.str.to_lowercase())
        plain = said <= {"0", "1", "0.0", "1.0", "true", "false"}
        return plain or (len(said) <= 2 and said <= FLAGS) or yes_and_no(said) is not None

    @cached_property
    def clock(self) -> ColumnClock | None:
        if self.is_flag:
            return None
        found = clock_of(_plain(self.flat_values if self.is_list else self.values))
        if found is None or (self.is_number and _is_called_an_id(self.name)):
            return None
        return replace(found, seconds=_first_of_each(found.seconds, self.values)) if self.is_list else found

    @cached_property
    def listing(self) -> Listing | None:
        """How its texts are lists."""
        if self.is_list or self.is_number or self.values.dtype != pl.String or self.clock:
            return None
        return listing_of(self.texts.head(4000), self.name.endswith("_seq"))

    @cached_property
    def length(self) -> float:
        """Characters of a value, on average."""
        return mean(self.flat.str.len_chars())

    @cached_property
    def spaces(self) -> float:
        """Spaces within a value, on average."""
        return mean(self.flat.str.count_matches(" "))

    @cached_property
    def is_prose(self) -> bool:
        """Whether it is free text: comments, descriptions, addresses of pages."""
        return not self.is_number and self.length > 80

    @cached_property
    def looks_like_ids(self) -> bool:
        """Whether its values could name something: not a clock, a flag, a measure, a list in a text, or prose."""
        if self.is_flag or self.is_address or self.clock or self.is_prose or len(self.distinct) < 1 or self.listing:
            return False
        if self.flat_values.dtype == pl.Boolean or self.flat_values.dtype.is_temporal():
            return False
        if self.is_number and not self.is_whole:
            return self._is_id_read_as_float
        return not (self.is_whole and bounds(self.numbers)[0] < 0)

    @cached_property
    def is_address(self) -> bool:
        """Whether its values are addresses on the internet, which people share and change."""
        head = self.flat.head(100)
        return share(head.str.contains(r"^\d{1,3}(\.\w{1,3}){3}$|^[0-9a-f]{1,4}(:[0-9a-f]{0,4}){3,7}$")) > 0.9

    @property
    def _is_id_read_as_float(self) -> bool:
        """Ids of browsers, 1234567890.1700000000, look like floats in a CSV file."""
        head = self.flat.head(200)
        return share(head.str.contains(r"^\d{5,10}\.\d{5,}$")) > 0.8


def columns_of(frame: pl.DataFrame) -> tuple[list[Column], list[str]]:
    """The columns of a sample, nested ones by their paths, and the names of those whose type is not understood."""
    found: list[Column] = []
    strange: list[str] = []
    for series in frame.get_columns():
        if len(found) < MOST_COLUMNS:
            _unfold(series.name, series, found, strange, DEEPEST)
    return found, strange


def _unfold(name: str, values: pl.Series, found: list[Column], strange: list[str], depth: int) -> None:
    dtype = values.dtype
    if isinstance(dtype, pl.Array):
        values = values.arr.to_list()
        dtype = values.dtype
    if isinstance(dtype, pl.Struct):
        if depth:
            for inner in values.struct.unnest().get_columns():
                _unfold(f"{name}.{inner.name}", inner, found, strange, depth - 1)
    elif isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
        names = {one.name for one in dtype.inner.fields}
        if names == _KEY_VALUE:
            _unfold_pairs(name, values, found)
        elif depth:
            for one in dtype.inner.fields:
                inner = values.list.eval(pl.element().struct.field(one.name)).alias(one.name)
                _unfold(f"{name}.{one.name}", inner, found, strange, depth - 1)
    elif _is_strange(dtype) or (isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.List | pl.Array)):
        strange.append(f"{name} ({dtype.ext_name() if isinstance(dtype, pl.BaseExtension) else dtype})")
    elif dtype != pl.Null:
        found.append(Column(name, values))


def _unfold_pairs(name: str, values: pl.Series, found: list[Column]) -> None:
    """Of a list of {key, value}, a column for each key: the value of that key, where a row has it."""
    pairs = pl.DataFrame({"row": pl.int_range(len(values), eager=True), "pair": values}).explode("pair").unnest("pair")
    pairs = pairs.drop_nulls("key")
    value = pairs["value"]
    if isinstance(value.dtype, pl.Struct):
        of_type = [pl.lit(one.cast(pl.String, strict=False)) for one in value.struct.unnest().get_columns()]
        value = pairs.select(pl.coalesce(*of_type)).to_series()
    pairs = pairs.with_columns(value.alias("value"))
    for key in pairs["key"].unique().sort().to_list()[:60]:
        of_key = pairs.filter(pl.col("key") == key).unique("row", keep="first", maintain_order=True)
        column = pl.DataFrame({"row": pl.int_range(len(values), eager=True)}).join(
            of_key.select(pl.col("row").cast(pl.Int64), "value"), on="row", how="left", maintain_order="left"
        )
        found.append(Column(f"{name}.{key}", column["value"].alias(str(key))))


def _is_strange(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.BaseExtension) or dtype in (pl.Object, pl.Time, pl.Duration)


def _is_called_an_id(name: str) -> bool:
    return re.search(r"(?i)(^|[_\W]|(?<=[a-z])(?=I))ids?(:token)?$", name) is not None


def _first_of_each(flat: pl.Series, lists: pl.Series) -> pl.Series:
    """Of values that stood in lists, the first of each list; null for an empty one."""
    lengths = lists.list.len().fill_null(0)
    starts = (lengths.cum_sum() - lengths).to_numpy()
    there = (lengths > 0).to_numpy()
    firsts = np.full(len(lists), np.nan)
    firsts[there] = flat.cast(pl.Float64).fill_null(np.nan).to_numpy()[starts[there]]
    return pl.Series(firsts).fill_nan(None)


def _plain(values: pl.Series) -> pl.Series:
    """Categories as texts; all else as it is."""
    return values.cast(pl.String) if isinstance(values.dtype, pl.Categorical | pl.Enum) else values


def _as_texts(values: pl.Series) -> pl.Series:
    dtype = values.dtype
    if dtype == pl.Binary:
        texts = pl.Series(values.name, [_of_bytes(one) for one in values.to_list()], dtype=pl.String)
    elif dtype.is_float():
        whole = values == values.floor()
        texts = pl.select(
            pl.when(pl.lit(whole) & (pl.lit(values).abs() < 9e15))
            .then(pl.lit(values).cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(pl.lit(values.fill_nan(None)).cast(pl.String))
        ).to_series()
    else:
        texts = values.cast(pl.String, strict=False)
    if isinstance(dtype, pl.Decimal):
        texts = texts.str.replace(r"\.0+$", "")
    return texts.set(texts.is_in(NOTHING), None)


def _of_bytes(value: bytes | None) -> str | None:
    if value is None:
        return None
    if len(value) == 16:
        return str(UUID(bytes=value))
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def by_name(name: str) -> pl.Expr:
    """The column of exactly this name."""
    return cs.by_name(name).as_expr()
