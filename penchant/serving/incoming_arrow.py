"""Arrow streams into events, with the same rules as JSON."""

import struct
from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from penchant.logs.times import seconds
from penchant.serving.incoming import BodyError, Incoming, LargeBodyError, read_values, refuse_many
from penchant.store.base import Event

MOST_TEXT = 1 << 26
"""Bytes that the texts of one column of one batch may hold: texts of views can share their bytes, and be many."""

_HEADER, _COMPRESSION = 2, 3
"""Which field is which in the tables Message and RecordBatch of Arrow's Message.fbs."""


def read_arrow(content: bytes, now: float) -> Incoming:
    """An Arrow IPC stream with columns user, item and, as far as they are known, time, clicked and id.

    Ids are texts or integers; times are timestamps, dates, numbers of UTC seconds, or ISO 8601
    texts. Compressed batches and
    dictionaries are refused: they may become any size in memory. Raises BodyError.
    """
    try:
        return read_values(list(_rows(content)), now)
    except (pa.ArrowException, ValueError, OSError, struct.error) as error:
        raise BodyError(f"the body is no Arrow stream that can be read: {str(error)[:200]}") from None


def _rows(content: bytes) -> Iterator[dict[str, object]]:
    messages = iter(pa.ipc.MessageReader.open_stream(content))
    first = next(messages, None)
    if first is None or first.type != "schema":
        raise BodyError("the body is no Arrow stream: it does not begin with a schema")
    schema, rows = pa.ipc.read_schema(first), 0
    _refuse_columns(schema)
    for message in messages:
        if message.type != "record batch" or _is_compressed(message.metadata.to_pybytes()):
            raise BodyError("the stream holds compressed batches or dictionaries; write it without")
        batch = pa.ipc.read_record_batch(message, schema)
        rows += batch.num_rows
        refuse_many(rows)
        batch.validate(full=True)
        columns = [_values(batch.column(place), name) for place, name in enumerate(schema.names)]
        for values in zip(*columns, strict=True):
            yield dict(zip(schema.names, values, strict=True))


def _refuse_columns(schema: pa.Schema) -> None:
    if len(set(schema.names)) < len(schema.names):
        raise BodyError(f"the columns are {', '.join(schema.names)[:200]}; each may be there once")
    for field in schema:
        if field.name not in Event._fields:
            raise BodyError(f"{field.name[:50]!r} is no column of events; they have {', '.join(Event._fields)}")
        if not _fits(field.name, field.type):
            raise BodyError(f"column {field.name} holds {str(field.type)[:50]}; {_WANTED[field.name]}")


def _fits(name: str, kind: pa.DataType) -> bool:
    if name == "clicked":
        return pa.types.is_boolean(kind)
    if name == "time" and (
        pa.types.is_timestamp(kind) or pa.types.is_date(kind) or kind in (pa.float32(), pa.float64())
    ):
        return True
    return pa.types.is_integer(kind) or kind in (pa.string(), pa.large_string(), pa.string_view())


_WANTED = {
    **dict.fromkeys(("user", "item", "id"), "it has to hold texts or integers"),
    "time": "it has to hold timestamps, dates, numbers of UTC seconds, or texts",
    "clicked": "it has to hold booleans",
}


def _values(column: pa.Array, name: str) -> list[object]:
    """As JSON has them."""
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(column.type):
        counts = pl.Series(column.cast(pa.int64()).to_pylist(), dtype=pl.Int64)
        return pl.select(seconds(pl.lit(counts), column.type.unit)).to_series().to_list()
    if column.type == pa.string_view() and _bytes_of_views(column) > MOST_TEXT:
        raise LargeBodyError(f"the texts of column {name} are longer than {MOST_TEXT:,} bytes; send fewer at once")
    return column.to_pylist()


def _bytes_of_views(column: pa.Array) -> int:
    """What all texts hold together; the first four bytes of each view are the length of its text."""
    views = column.buffers()[1]
    lengths = np.frombuffer(views, np.int32).reshape(-1, 4)[column.offset : column.offset + len(column), 0]
    return int(lengths.astype(np.int64).sum())


def _is_compressed(metadata: bytes) -> bool:
    """Whether a record batch says that its buffers are compressed, by the flatbuffer that describes it."""
    (root,) = struct.unpack_from("<I", metadata, 0)
    header = _field(metadata, root, _HEADER)
    (offset,) = struct.unpack_from("<I", metadata, header)
    return _field(metadata, header + offset, _COMPRESSION) != 0


def _field(metadata: bytes, table: int, number: int) -> int:
    """Where a field of a table stands, 0 where it is left out."""
    (back,) = struct.unpack_from("<i", metadata, table)
    (size,) = struct.unpack_from("<H", metadata, table - back)
    if 4 + 2 * number >= size:
        return 0
    (offset,) = struct.unpack_from("<H", metadata, table - back + 4 + 2 * number)
    return table + offset if offset else 0
