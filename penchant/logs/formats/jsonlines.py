"""JSON lines: an object on each line, all read as text; a row is a line, and the first is 1."""

import codecs
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import ClassVar

import numpy as np
import polars as pl

from penchant.errors import DataError
from penchant.logs.formats.nested import as_text, follow, pick
from penchant.logs.formats.part import PORTIONS, FilePart, Portions, ReadRows, column, numbers
from penchant.logs.formats.places import readable

SAMPLED = 1_000
"""Objects that tell which keys there are."""


@dataclass(frozen=True)
class JsonLinesPart(FilePart):
    """A file of JSON lines."""

    kind: ClassVar[str] = "jsonl"

    @cached_property
    def _sampled(self) -> pl.DataFrame:
        return self._objects(SAMPLED)

    def own_schema(self) -> pl.Schema:
        return self._sampled.schema

    def count(self) -> int:
        with readable(self.place, self.kind):
            return self.place.lines_about()

    def sample(self, rows: int = 2000) -> pl.DataFrame:
        return self.with_partition(self._objects(rows))

    def batches(self, columns: list[str], portions: Portions = PORTIONS) -> Iterator[ReadRows]:
        self.require(columns)
        schema = self.own_schema()
        inside = [name for name in columns if name in schema or name not in self.partition]
        nested = {name: _holds_lists(name, schema) for name in inside if _is_nested(name, schema)}
        with readable(self.place, self.kind), self.place.stream() as file:
            first_row, lines = 1, _lines(file)
            while some := list(islice(lines, portions.rows)):
                read = _parse(some, inside, nested, first_row)
                yield ReadRows(self.with_partition(read.frame), read.rows, read.malformed)
                first_row += len(some)

    def reaches(self, path: str, schema: pl.Schema) -> bool:
        """Whether a path leads to a value: in the sample or, of a key that it lacks, in any line."""
        if super().reaches(path, schema):
            return True
        steps = path.split(".")
        with readable(self.place, self.kind), self.place.stream() as file:
            with_key = (line for line in _lines(file) if steps[-1].encode() in line and is_object(line))
            return any(_value(_load(line), path) is not None for line in with_key)

    def _objects(self, rows: int) -> pl.DataFrame:
        with readable(self.place, self.kind), self.place.stream() as file:
            lines = _lines(file)
            self._refuse_an_array(first := list(islice(lines, 2)))
            lines = chain(first, lines)
            objects = b"\n".join(islice((line.rstrip() for line in lines if is_object(line)), rows))
        if not objects:
            raise DataError(f"{self.name} holds no JSON object; a JSON lines file has one on each line")
        try:
            return pl.read_ndjson(objects, infer_schema_length=None)
        except pl.exceptions.PolarsError:
            keys = dict.fromkeys(key for line in objects.split(b"\n") for key in json.loads(line))
            return pl.read_ndjson(objects, schema=dict.fromkeys(keys, pl.String))

    def _refuse_an_array(self, lines: list[bytes]) -> None:
        """Raise DataError for a file that is one array of objects."""
        if b"".join(b"".join(lines)[:1000].split()).startswith(b"[{"):
            raise DataError(
                f"{self.name} is one JSON array, and what is read has an object on each line; write it so, such as "
                f"with: jq -c '.[]' array.json > lines.jsonl"
            )


def _is_nested(name: str, schema: pl.Schema) -> bool:
    """Whether a column is read value by value: a path, lists, records, and names that Polars takes for patterns."""
    return name not in schema or schema[name].is_nested() or name in ("", "*") or name.startswith("^")


def _holds_lists(path: str, schema: pl.Schema) -> bool:
    """Whether a path leads to lists, as far as the sample says so."""
    found = None if path in schema else pick(path, schema)
    return not found or isinstance(pl.DataFrame(schema=schema).select(found[1]).dtypes[0], pl.List)


def _lines(file: object) -> Iterator[bytes]:
    """Lines with their ends, of a stream that gives blocks."""
    left = b""
    first = True
    while block := bytes(file.read(1 << 20)):  # type: ignore[attr-defined]
        block = block.removeprefix(codecs.BOM_UTF8) if first else block
        first = False
        *whole, left = (left + block).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if left:
        yield left


def _parse(lines: list[bytes], columns: list[str], nested: Mapping[str, bool], first_row: int) -> ReadRows:
    """Parse all lines at once; where that fails, find the bad ones and parse the rest."""
    rows = np.arange(first_row, first_row + len(lines))
    filled = np.array([bool(line.strip()) for line in lines])
    malformed: list[tuple[int, str]] = []
    try:
        frame = _read(lines, columns, nested)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, ValueError):
        good = np.array([is_object(line) for line in lines])
        malformed = [
            (int(row), line.decode(errors="replace").rstrip())
            for row, line, bad in zip(rows, lines, filled & ~good, strict=True)
            if bad
        ]
        filled = good
        frame = _read([line for line, keep in zip(lines, good, strict=True) if keep], columns, nested)
    return ReadRows(frame, numbers(rows[filled]), malformed)


def _read(lines: list[bytes], columns: list[str], nested: Mapping[str, bool]) -> pl.DataFrame:
    """The columns of whole lines. nested: those that are read value by value, and whether
    they hold lists."""
    plain = {name: pl.String() for name in columns if name not in nested}
    content = b"".join(lines) if plain else b""
    frames = [pl.read_ndjson(content, schema=plain) if content.strip() else pl.DataFrame(schema=plain)] if plain else []
    if nested:
        frames.append(_follow([_load(line) for line in lines if line.strip()], nested))
    return pl.concat(frames, how="horizontal").select(map(column, columns)) if frames else pl.DataFrame()


def _follow(objects: list[dict[str, object]], paths: Mapping[str, bool]) -> pl.DataFrame:
    """The values behind paths, as texts or lists of texts: lists where one value is a list. paths: path → whether lists
    are expected; where they are not, an empty list is a list of keys and values without any."""
    found = {}
    for path, lists in paths.items():
        values = [as_text(_value(one, path)) for one in objects]
        values = values if lists else [None if value == [] else value for value in values]
        if any(isinstance(value, list) for value in values):
            values = [value if value is None or isinstance(value, list) else [value] for value in values]
            found[path] = pl.Series(values, dtype=pl.List(pl.String))
        else:
            found[path] = pl.Series(values, dtype=pl.String)
    return pl.DataFrame(found)


def _value(one: dict[str, object], path: str) -> object:
    return one[path] if path in one else follow(one, path.split("."))


def _load(line: bytes) -> dict[str, object]:
    """An object, by Python's own parser: orjson 3.13 makes floats of whole numbers beyond 64 bits."""
    said = json.loads(line, parse_constant=int)
    if not isinstance(said, dict):
        raise ValueError("no object")
    return said


def is_object(line: bytes) -> bool:
    """Say whether a line is a JSON object. `int` refuses NaN and Infinity, which Python accepts and JSON does not
    know."""
    try:
        return isinstance(json.loads(line, parse_constant=int), dict)
    except (ValueError, RecursionError):
        return False
