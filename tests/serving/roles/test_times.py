"""The same moment is the same number of seconds, however it is written, in a log or sent live: else it counts twice."""

import datetime as dt
import io
import tempfile
from pathlib import Path

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.logs.check import check_rows
from penchant.logs.formats.opened import open_parts
from penchant.logs.rows.clocks import settle_clock
from penchant.logs.tables import EventsTable
from penchant.logs.times import PER_SECOND
from penchant.serving.incoming import read_lines
from penchant.serving.incoming_arrow import read_arrow

FIRST, LAST = 631_152_000, 4_102_444_799
ZONES = [None, "UTC", "Europe/Stockholm", "Asia/Kolkata"]
DAY_S = 86_400


def in_batch(table: pa.Table, form: str = "parquet") -> list[float]:
    """The times of a file's rows, its unit found by the size of numbers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"events.{form}"
        pq.write_table(table, path) if form == "parquet" else pl.DataFrame(pl.from_arrow(table)).write_csv(path)
        mapping = EventsTable(files=str(path), user="user", item="item", time="time")
        (part,) = open_parts(mapping, path.parent)
        (batch,) = part.batches(table.column_names)
    checked = check_rows(batch.frame, batch.rows, mapping, settle_clock([batch.frame], mapping, part.name))
    assert checked.rejected.is_empty()
    return checked.events["time"].to_list()


def live(table: pa.Table) -> list[float]:
    """As an Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    read = read_arrow(sink.getvalue(), 0.0)
    assert not read.refused
    return [event.time for event in read.events]


def lines(times: list[object]) -> list[float]:
    """As lines of JSON."""
    body = b"\n".join(orjson.dumps({"user": "u", "item": "i", "time": time}) for time in times)
    return [event.time for event in read_lines(body, 0.0).events]


def events(times: pa.Array) -> pa.Table:
    return pa.table({"user": ["u"] * len(times), "item": ["i"] * len(times), "time": times})


@given(
    st.lists(st.integers(FIRST * 10**9, LAST * 10**9), min_size=1, max_size=5),
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.sampled_from(ZONES),
)
def test_a_moment_is_one_number_in_every_unit_and_zone(moments_ns: list[int], unit: str, zone: str | None) -> None:
    counts = [moment * PER_SECOND[unit] // 10**9 for moment in moments_ns]
    micros = [count * 10**6 // PER_SECOND[unit] for count in counts]
    wanted = [micro / 10**6 for micro in micros]
    stamps = events(pa.array(counts, pa.timestamp(unit, zone)))
    assert in_batch(stamps) == live(stamps) == wanted
    numbers = events(pa.array(counts, pa.int64()))
    assert in_batch(numbers) == in_batch(numbers, "csv") == wanted
    assert live(events(pa.array(wanted))) == lines(list(wanted)) == in_batch(events(pa.array(wanted))) == wanted
    texts = [f"{dt.datetime.fromtimestamp(count // PER_SECOND[unit], dt.UTC):%Y-%m-%dT%H:%M:%S}" for count in counts]
    if unit != "s":
        digits = len(str(PER_SECOND[unit])) - 1
        texts = [f"{text}.{count % PER_SECOND[unit]:0{digits}}" for text, count in zip(texts, counts, strict=True)]
    texts = [text + ("Z" if zone else "") for text in texts]
    assert lines(list(texts)) == live(events(pa.array(texts))) == wanted
    assert in_batch(events(pa.array(texts))) == in_batch(events(pa.array(texts)), "csv") == wanted


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_a_day_is_its_first_moment(kind: pa.DataType) -> None:
    days = events(pa.array([20_000, 20_001], pa.int32()).cast(pa.date32()).cast(kind))
    wanted = [20_000.0 * DAY_S, 20_001.0 * DAY_S]
    assert in_batch(days) == live(days) == lines(["2024-10-04", "2024-10-05"]) == wanted


def test_a_float_of_seconds_holds_every_microsecond_and_no_more() -> None:
    assert live(events(pa.array([1_700_000_000_123_456_999, None], pa.timestamp("ns")))) == [1_700_000_000.123456, 0.0]
