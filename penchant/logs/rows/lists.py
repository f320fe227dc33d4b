"""Lists of texts, from whatever a table holds them as; also lists in one text, in the ways that programs write them."""

import ast
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from math import isnan

import polars as pl
from polars.datatypes import DataTypeClass

from penchant.logs.formats.nested import flat
from penchant.logs.rows.ids import text_of_bytes, wrong_type

LONGEST = 20_000
"""Characters of a text that is read as a list."""

MOSTLY = 0.5
"""Share of the texts in square brackets, beyond which a column holds lists."""

_LIST = (
    r"^\s*(\[[\s\S]*\]|\{[\s\S]*\}|\([\s\S]*\)|\"\s*[\[{(][\s\S]*[\]})]\s*\"|"
    r"(?:np\.|numpy\.)?array\([\s\S]*\)|(?:frozen)?set\([\s\S]*\))\s*$"
)
_BRACKETED = r"^\s*\[[\s\S]*\]\s*$"
_RECORD = r"^\s*\{[\s\S]*\}\s*$"
_CALLED = r"(?:(?:np\.|numpy\.)?array|(?:frozen)?set)\(\s*([\[{][\s\S]*[\]}])?\s*(?:,\s*dtype=[^()\[\]{}]*)?\)"
"""A list as a call of Python or NumPy writes it, such as array(['a'], dtype=object)."""

_QUOTED_OR_NAN = r"('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|\bnan\b"
_NUMPY_PART = r"'[^']*'|\"[^\"]*\"|[+-]?(?:\d[\d.]*(?:e[+-]?\d+)?|nan|inf)"
_NUMPY = rf"\[\s*(?:{_NUMPY_PART})(?:\s+(?:{_NUMPY_PART}))*\s*\]"
_POSTGRES_PART = r'(?:"(?:[^"\\]|\\.)*"|[^\s,{}"\\:](?:[^,{}"\\:]*[^\s,{}"\\:])?)'
_NAMES = ("name", "label", "title", "value", "text", "tag", "id")
"""Keys of a record that say what it is called, the best first."""


def values_as_lists(values: pl.Series, name: str) -> pl.Series:
    """A list of texts per row: of a text its parts, of a record what it is called, of a list of lists all values. Whole
    numbers have no fraction. name: of the column. Raises DataError for types that are no values of items or users.

    >>> values_as_lists(pl.Series([[1.0, 2.5], None]), "tags").to_list()
    [['1', '2.5'], None]
    >>> values_as_lists(pl.Series([{"id": 1, "name": "a"}]), "tags").to_list()
    [['a']]
    """
    if values.dtype == pl.String:
        return as_lists(values)
    _refuse(name, values.dtype, values.dtype)
    values = values.rename("")  # because to Polars its name may be a pattern
    if not isinstance(values.dtype, pl.List | pl.Array):
        return values_as_lists(values.to_frame().select(pl.concat_list(pl.all())).to_series(), name)
    flattened, dtype = flat(pl.all(), values.dtype)
    assert isinstance(dtype, pl.List | pl.Array)
    inner = _inside(dtype)
    values = values.to_frame().select(flattened.cast(pl.List(inner))).to_series()
    if inner == pl.Binary:
        parts = values.list.explode(keep_nulls=False, empty_as_null=False)
        texts = dict(zip(parts, text_of_bytes(parts, name), strict=True))
        told = [row if row is None else [texts.get(one) for one in row] for row in values]
        return pl.Series(told, dtype=pl.List(pl.String))
    if isinstance(inner, pl.Struct):
        fields = {one.name: one.dtype for one in inner.fields}
        names = {name: _instance(fields[name]) for name in _NAMES if name in fields}
        if any(dtype.is_nested() for dtype in names.values()):
            return _of_each(values)
        called = [_as_text(pl.element().struct.field(name), dtype) for name, dtype in names.items()]
        return values.list.eval(pl.coalesce(called))
    lists = values.list.eval(_as_text(pl.element(), inner))
    return _of_each(lists) if lists.list.eval(pl.element().str.contains(_RECORD)).list.any().any() else lists


def _refuse(name: str, dtype: pl.DataType, whole: pl.DataType) -> None:
    """Raise DataError where values of a type, or the lists that hold them, cannot be texts. whole: of the column."""
    nameless = isinstance(dtype, pl.Struct) and not {one.name for one in dtype.fields}.intersection(_NAMES)
    if nameless or isinstance(dtype, pl.Map | pl.Duration | pl.BaseExtension | pl.Object):
        raise wrong_type(name, whole, "values of a field are texts, numbers, or lists of them")
    if isinstance(dtype, pl.List | pl.Array):
        _refuse(name, _inside(dtype), whole)
    if isinstance(dtype, pl.Struct) and any(one.name in _NAMES and one.dtype == pl.Binary for one in dtype.fields):
        raise wrong_type(name, whole, "bytes in records are no texts")


def _inside(dtype: pl.List | pl.Array) -> pl.DataType:
    return _instance(dtype.inner)


def _instance(dtype: DataTypeClass | pl.DataType) -> pl.DataType:
    """An instance, where Polars gives a class."""
    return dtype() if isinstance(dtype, type) else dtype


def _as_text(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """A plain value as a text, without a fraction where it is whole."""
    if isinstance(dtype, pl.Decimal) and dtype.scale:
        return value.cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
    if dtype.is_float():
        return value.fill_nan(None).cast(pl.String).str.replace(r"\.0$", "")
    return value.cast(pl.String)


def _of_each(lists: pl.Series) -> pl.Series:
    """Lists of records, or of texts that may be records in JSON, as what these are called. One that says nothing
    becomes null, so that lists beside it still belong to it."""
    told = [None if row is None else [part for one in row for part in _said(one)] for row in lists.to_list()]
    return pl.Series(told, dtype=pl.List(pl.String))


def _said(value: object) -> list[str | None]:
    if isinstance(value, str):
        called = _record(value)
        return [value] if called is None else list(called) or [None]
    return list(_parts(value)) or [None]


def _record(text: str) -> list[str] | None:
    """What a record in JSON or Python is called; None for other texts and for records that have no key for a name."""
    if not re.match(_RECORD, text) or len(text) > LONGEST:
        return None
    with suppress(RecursionError):
        value = next((one for one in _readings(text.strip()) if isinstance(one, dict)), {})
        return list(_parts(value)) if any(key in value for key in _NAMES) else None
    return None


def as_lists(texts: pl.Series) -> pl.Series:
    """Lists of texts. A text that is a list as JSON, Python, NumPy, Java or PostgreSQL write it becomes its parts, a
    record what it is called, any other text a list of itself; each distinct text is parsed once. In a column where most
    texts stand in square brackets, one value in brackets is a list as well.

    >>> written = ['["a", "b"]', "['a', 'b']", "['a' 'b']", "[a, b]", '{a,"b"}', "[]", "[{'id': 1, 'name': 'a'}]", "a"]
    >>> as_lists(pl.Series(written)).to_list()
    [['a', 'b'], ['a', 'b'], ['a', 'b'], ['a', 'b'], ['a', 'b'], [], ['a'], ['a']]
    >>> as_lists(pl.Series(["[a,b]", "[a]", "[b]"])).to_list()
    [['a', 'b'], ['a'], ['b']]
    """
    texts = texts.rename("")  # because to Polars its name may be a pattern
    written = texts.filter(texts.str.contains(_LIST).fill_null(False)).unique()
    single = texts.to_frame("text").select(pl.concat_list("text")).to_series()
    if written.is_empty():
        return single
    filled = texts.filter((texts.str.len_bytes() > 0).fill_null(False))
    in_lists = int(filled.str.contains(_BRACKETED).sum()) > MOSTLY * len(filled)
    called = [_record(text) for text in written]
    parts = [parse_list(text, in_lists) if name is None else name for text, name in zip(written, called, strict=True)]
    found = pl.DataFrame({"text": written, "parts": pl.Series(parts, dtype=pl.List(pl.String))})
    joined = texts.to_frame("text").join(found, on="text", how="left", maintain_order="left")
    return joined.select(pl.coalesce("parts", pl.Series("single", single))).to_series()


def is_list(text: str) -> bool:
    """Whether a text is written as a list.

    >>> is_list("['a']"), is_list("a, b"), is_list("[sic] a")
    (True, False, False)
    """
    return re.match(_LIST, text) is not None and parse_list(text) != [text]


def parse_list(text: str, in_lists: bool = False) -> list[str]:
    """The parts of a list that is written as one text; the text itself where it is none. in_lists: whether the column
    holds lists, so that a single word in square brackets is one, too."""
    if len(text) > LONGEST:
        return [text]
    with suppress(RecursionError):
        for value in _readings(text.strip()):
            if isinstance(value, str) and (parts := parse_list(value)) != [value]:  # JSON in JSON
                return parts
            if isinstance(value, list | tuple):
                return [part for one in value for part in _parts(one)]
    alone = re.fullmatch(r"\s*\[([^\[\]{}\"',]+)\]\s*", text) if in_lists else None
    return [alone[1].strip()] if alone else [text]


def _readings(text: str) -> Iterator[object]:
    """What a text may mean, in JSON, as NumPy prints an array (before Python, to which two texts side by side are one),
    in Python, in Java, and in PostgreSQL."""
    with suppress(ValueError, RecursionError):
        yield json.loads(text)
    called = re.fullmatch(_CALLED, text)
    if called:
        text = called[1] or "[]"
    if re.fullmatch(_NUMPY, text):
        yield [re.sub(r"^([+-]?\d+)\.0*$", r"\1", one).strip("'\"") for one in re.findall(_NUMPY_PART, text)]
    for python in (text, re.sub(_QUOTED_OR_NAN, lambda found: found[1] or "None", text)):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            value = ast.literal_eval(python)
            # A set has no order of its own, and another one in each process.
            yield ast.literal_eval(f"[{python[1:-1]}]") if isinstance(value, set) else value
    if re.fullmatch(r"\[[^\[\]{}\"',]*(?:,[^\[\]{}\"',]*)+\]", text):
        yield [part.strip() for part in text[1:-1].split(", " if ", " in text else ",")]
    if re.fullmatch(rf"\{{(?:{_POSTGRES_PART}(?:,{_POSTGRES_PART})*)?\}}", text):
        parts = re.findall(_POSTGRES_PART, text[1:-1])
        yield [re.sub(r"\\(.)", r"\1", one[1:-1]) if one[0] == '"' else one for one in parts if one != "NULL"]


def _parts(value: object) -> Iterator[str]:
    """A value as texts, whole numbers without a fraction; of a record, what it is called; of a list, all it holds."""
    if isinstance(value, dict):
        named = any(key in value for key in _NAMES)
        called = next((value[key] for key in _NAMES if value.get(key) is not None), None)
        yield from _parts(called if named else json.dumps(value, default=str))
    elif isinstance(value, list | tuple):
        yield from (part for one in value for part in _parts(one))
    elif isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
    elif isinstance(value, Decimal):
        yield f"{value:f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))
    elif value is not None and not (isinstance(value, float) and isnan(value)):
        yield str(value)
