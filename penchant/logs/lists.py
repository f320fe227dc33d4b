"""Lists that stand in one text, in the ways that programs write them."""

import ast
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from math import isnan

import polars as pl

LONGEST = 20_000
"""Characters of a text that is read as a list."""

_LIST = r"^\s*(\[[\s\S]*\]|\{[\s\S]*\}|\([\s\S]*\))\s*$"
_NUMPY_PART = r"'[^']*'|\"[^\"]*\"|[\w.+-]+"
_NUMPY = rf"\[\s*(?:{_NUMPY_PART})(?:\s+(?:{_NUMPY_PART}))*\s*\]"
_POSTGRES_PART = r'(?:"(?:[^"\\]|\\.)*"|[^\s,{}"\\:](?:[^,{}"\\:]*[^\s,{}"\\:])?)'
_NAMES = ("name", "label", "title", "value", "text", "tag", "id")
"""Keys of a record that say what it is called, the best first."""


def as_lists(texts: pl.Series) -> pl.Series:
    """Lists of texts. A text that is a list as JSON, Python, NumPy, Java or PostgreSQL write it becomes its parts, any
    other text a list of itself; each distinct text is parsed once.

    >>> written = ['["a", "b"]', "['a', 'b']", "['a' 'b']", "[a, b]", '{a,"b"}', "[]", "[{'id': 1, 'name': 'a'}]", "a"]
    >>> as_lists(pl.Series(written)).to_list()
    [['a', 'b'], ['a', 'b'], ['a', 'b'], ['a', 'b'], ['a', 'b'], [], ['a'], ['a']]
    """
    texts = texts.rename("")  # because to Polars its name may be a pattern
    written = texts.filter(texts.str.contains(_LIST).fill_null(False)).unique()
    single = texts.to_frame("text").select(pl.concat_list("text")).to_series()
    if written.is_empty():
        return single
    parts = pl.Series([parse_list(text) for text in written], dtype=pl.List(pl.String))
    found = pl.DataFrame({"text": written, "parts": parts})
    joined = texts.to_frame("text").join(found, on="text", how="left", maintain_order="left")
    return joined.select(pl.coalesce("parts", pl.Series("single", single))).to_series()


def is_list(text: str) -> bool:
    """Whether a text is written as a list.

    >>> is_list("['a']"), is_list("a, b"), is_list("[sic] a")
    (True, False, False)
    """
    return re.match(_LIST, text) is not None and parse_list(text) != [text]


def parse_list(text: str) -> list[str]:
    """The parts of a list that is written as one text; the text itself where it is none."""
    if len(text) > LONGEST:
        return [text]
    for value in _readings(text.strip()):
        if isinstance(value, list | tuple):
            return [part for one in value for part in _parts(one)]
    return [text]


def _readings(text: str) -> Iterator[object]:
    """What a text may mean, in JSON, as NumPy prints an array (before Python, to which two texts side by side are one),
    in Python, in Java, and in PostgreSQL."""
    with suppress(ValueError, RecursionError):
        yield json.loads(text)
    if re.fullmatch(_NUMPY, text):
        yield [re.sub(r"^([+-]?\d+)\.0*$", r"\1", one).strip("'\"") for one in re.findall(_NUMPY_PART, text)]
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        value = ast.literal_eval(text)
        # A set has no order of its own, and another one in each process.
        yield ast.literal_eval(f"[{text[1:-1]}]") if isinstance(value, set) else value
    if re.fullmatch(r"\[[^\[\]{}\"']*, [^\[\]{}\"']*\]", text):
        yield text[1:-1].split(", ")
    if re.fullmatch(rf"\{{(?:{_POSTGRES_PART}(?:,{_POSTGRES_PART})*)?\}}", text):
        parts = re.findall(_POSTGRES_PART, text[1:-1])
        yield [re.sub(r"\\(.)", r"\1", one[1:-1]) if one[0] == '"' else one for one in parts if one != "NULL"]


def _parts(value: object) -> Iterator[str]:
    """A part as a text, whole numbers without a fraction; of a record, what it is called."""
    if isinstance(value, dict):
        called = next((value[key] for key in _NAMES if value.get(key) is not None), None)
        yield from _parts(called if called is not None else json.dumps(value, default=str))
    elif isinstance(value, bool):
        yield str(value).lower()
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
    elif value is not None and not (isinstance(value, float) and isnan(value)):
        yield str(value)
