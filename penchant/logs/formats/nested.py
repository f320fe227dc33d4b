"""Paths into nested columns: `items.item_id` of a list of records, `event_params.page` of a list of keys and values."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import polars.selectors as cs

Walked = tuple[pl.Expr, pl.DataType]


def pick(path: str, schema: pl.Schema) -> tuple[str, pl.Expr] | None:
    """The column that a path begins with, and the values at its end: of a path through lists, one list. None where the
    path leads nowhere.

    >>> frame = pl.DataFrame({"items": [[{"id": 1, "n": 2}, {"id": 3, "n": 4}]]})
    >>> frame.select(pick("items.id", frame.schema)[1]).to_series().to_list()
    [[1, 3]]
    """
    for root, steps in _parted(path.split(".")):
        if root in schema and steps:
            walked = _walk(cs.by_name(root).as_expr(), schema[root], steps)
            if walked:
                return root, flat(*walked)[0]
    return None


def follow(value: Any, steps: Sequence[str]) -> Any:
    """The same for a value of JSON; None where the path leads nowhere.

    >>> follow([{"key": "page", "value": {"string_value": "/a", "int_value": None}}], ["page"])
    '/a'
    """
    if not steps:
        return value
    if isinstance(value, dict):
        return next((follow(value[key], rest) for key, rest in _parted(steps) if key in value), None)
    if not isinstance(value, list):
        return None
    if value and all(isinstance(one, dict) and one.keys() == {"key", "value"} for one in value):
        said = {one["key"]: one["value"] for one in reversed(value)}
        return next((_said(follow(said[key], rest)) for key, rest in _parted(steps) if key in said), None)
    return [follow(one, steps) for one in value]


def as_text(value: Any) -> Any:
    """A value of JSON as a text, a list or a list of lists as one list of texts, null as None. A whole number loses its
    fraction.

    >>> as_text([1, 2.0, ["b", [True]], None, {"c": 1}])
    ['1', '2', 'b', 'true', None, '{"c": 1}']
    """
    while isinstance(value, list) and any(isinstance(one, list) for one in value):
        value = [part for one in value for part in (one if isinstance(one, list) else [one])]
    return [_text(one) for one in value] if isinstance(value, list) else _text(value)


def flat(values: pl.Expr, dtype: pl.DataType) -> Walked:
    """Lists of lists as one list of all values; anything else as it is.

    >>> frame = pl.DataFrame({"a": [[["x"], [], ["y", None]], None]})
    >>> frame.select(flat(pl.col("a"), frame.schema["a"])[0])["a"].to_list()
    [['x', 'y', None], None]
    """
    while isinstance(dtype, pl.List | pl.Array) and isinstance(inner := _type(dtype.inner), pl.List | pl.Array):
        deeper = pl.List(inner.inner)
        parts = pl.element().cast(deeper).list.explode(keep_nulls=True, empty_as_null=False)
        values, dtype = values.cast(pl.List(deeper)).list.eval(parts), deeper
    return values, dtype


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def _parted(steps: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """A first name and the steps behind it: the longest name first, because names may have dots."""
    for end in range(len(steps), 0, -1):
        yield ".".join(steps[:end]), steps[end:]


def _said(value: Any) -> Any:
    """The one value of a record that has a key for each type and fills one of them, as GA4 writes values."""
    if not isinstance(value, dict):
        return value
    return next((one for one in value.values() if one is not None), None)


def _walk(values: pl.Expr, dtype: pl.DataType, steps: Sequence[str]) -> Walked | None:
    if not steps:
        return values, dtype
    if isinstance(dtype, pl.Struct):
        return _walk_record(values, dtype, steps)
    if isinstance(dtype, pl.Map):
        record = pl.Struct({"key": dtype.key, "value": dtype.value})
        return _walk_keys(values.cast(pl.List(record)), record, steps)
    if isinstance(dtype, pl.List | pl.Array):
        inner = _type(dtype.inner)
        if isinstance(inner, pl.Struct) and {one.name for one in inner.fields} == {"key", "value"}:
            return _walk_keys(values, inner, steps)
        walked = _walk(pl.element(), inner, steps)
        as_list = values.cast(pl.List(inner))
        return (as_list.list.eval(walked[0]), pl.List(walked[1])) if walked else None
    return None


def _walk_record(values: pl.Expr, dtype: pl.Struct, steps: Sequence[str]) -> Walked | None:
    there = {one.name: _type(one.dtype) for one in dtype.fields}
    tries = (
        _walk(values.struct.field(name), there[name], rest)
        for name, rest in _parted(steps)
        if name in there and name not in ("*",) and not name.startswith("^")
    )
    return next((walked for walked in tries if walked), None)


def _walk_keys(values: pl.Expr, record: Any, steps: Sequence[str]) -> Walked:
    """The value of one key of a list of keys and values, as a text."""
    kind = next(_type(one.dtype) for one in record.fields if one.name == "value")
    said = pl.element().struct.field("value")
    if isinstance(kind, pl.Struct):
        told = pl.coalesce(said.struct.field(one.name).cast(pl.String) for one in kind.fields)
    else:
        told = said.cast(pl.String)
    of_key = pl.element().struct.field("key").cast(pl.String) == ".".join(steps)
    return values.list.eval(told.filter(of_key)).list.first(), pl.String()


def _type(dtype: Any) -> pl.DataType:
    """An instance, where Polars gives a class."""
    return dtype() if isinstance(dtype, type) else dtype
