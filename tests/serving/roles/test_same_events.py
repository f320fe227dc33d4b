"""A log that is ingested and the same log that is sent live are the same events, so that each counts once; and what is
no clock is refused by both."""

import datetime as dt
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.logs.ingest import ingest
from penchant.logs.tables import Tables
from penchant.logs.times import NEWEST_S, OLDEST_S, PER_SECOND, clock_problem
from penchant.serving.incoming import Incoming, event_of, read_json, read_lines
from penchant.serving.incoming_arrow import read_arrow
from penchant.serving.roles.consumer import problem_of
from penchant.serving.snapshot import Snapshot
from penchant.serving.users import _merged
from penchant.store.base import natural_id

COLUMNS = ("user", "item", "time", "clicked")


class Said(NamedTuple):
    """An event as it happened. at_ns: since 1970."""

    user: str
    item: str
    at_ns: int
    clicked: bool


# Texts with what CSV, JSON and a shell find special; no separator of columns or lists, which tell how a table is meant.
IDS = st.integers(-(2**63), 2**63 - 1).map(str) | st.text("aZ0é名🎬'\"#%&=+\\/-_. ", min_size=1, max_size=9).filter(
    lambda text: text.strip() == text
)
LOGS = st.lists(
    st.builds(Said, IDS, IDS, st.integers(OLDEST_S * 10**9, NEWEST_S * 10**9), st.booleans()),
    min_size=1,
    max_size=6,
    unique_by=lambda one: (one.user, one.item),
)


def counts(said: list[Said], unit: str) -> list[int]:
    """Times in whole units: what is finer is cut off."""
    return [one.at_ns * PER_SECOND[unit] // 10**9 for one in said]


def iso(said: list[Said], unit: str, end: str) -> list[str]:
    """ISO 8601 with as many digits as the unit has."""
    digits = len(str(PER_SECOND[unit])) - 1
    texts = []
    for count in counts(said, unit):
        whole, part = divmod(count, PER_SECOND[unit])
        at = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=whole)
        texts.append(at.isoformat() + (f".{part:0{digits}}" if digits else "") + end)
    return texts


def arrow(said: list[Said], times: pa.Array) -> pa.Table:
    ids = {name: [getattr(one, name) for one in said] for name in ("user", "item")}
    return pa.table({**ids, "time": times, "clicked": [one.clicked for one in said]})


def stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def rows(said: list[Said], times: list[Any]) -> list[dict[str, Any]]:
    return [
        dict(zip(COLUMNS, (*one[:2], time, one.clicked), strict=True)) for one, time in zip(said, times, strict=True)
    ]


# Ways to write a log, and to send it: functions of the events, a unit and a zone.

Way = Callable[[list[Said], str, str | None], Any]


def as_seconds(said: list[Said], unit: str) -> list[float]:
    """As a float has them: of nanoseconds it holds the microseconds."""
    unit = "us" if unit == "ns" else unit
    return [count / PER_SECOND[unit] for count in counts(said, unit)]


LIVE: dict[str, Way] = {
    "json, seconds": lambda said, unit, _: read_json(orjson.dumps(rows(said, as_seconds(said, unit))), 0.0),
    "lines, texts": lambda said, unit, zone: read_lines(
        b"\n".join(map(orjson.dumps, rows(said, iso(said, unit, "Z" if zone else "")))), 0.0
    ),
    "arrow, timestamps": lambda said, unit, zone: read_arrow(
        stream(arrow(said, pa.array(counts(said, unit), pa.timestamp(unit, zone)))), 0.0
    ),
    "arrow, texts": lambda said, unit, _: read_arrow(stream(arrow(said, pa.array(iso(said, unit, "+00:00")))), 0.0),
}


def parquet(table: pa.Table, folder: Path) -> str:
    pq.write_table(table, folder / "e.parquet")
    return "e.parquet"


def csv(table: pa.Table, folder: Path) -> str:
    pl.DataFrame(pl.from_arrow(table)).write_csv(folder / "e.csv", quote_style="non_numeric")
    return "e.csv"


def lines(table: pa.Table, folder: Path) -> str:
    (folder / "e.jsonl").write_bytes(b"\n".join(map(orjson.dumps, table.to_pylist())))
    return "e.jsonl"


FILES = {"parquet": parquet, "csv": csv, "lines": lines}
TIMES: dict[str, Way] = {
    "timestamps": lambda said, unit, zone: pa.array(counts(said, unit), pa.timestamp(unit, zone)),
    "integers": lambda said, unit, _: pa.array(counts(said, unit), pa.int64()),
    "texts": lambda said, unit, zone: pa.array(iso(said, unit, "Z" if zone else "")),
}
BATCH = [
    (file, times)
    for file in FILES
    for times in TIMES
    if (file, times) not in (("csv", "timestamps"), ("lines", "timestamps"))
]


def ingested(write: Callable[[Path], str], **events: Any) -> list[tuple[Any, ...]]:
    """The events of a log of one table whose columns are called as those of events."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        table = {"files": write(folder), **dict(zip(COLUMNS, COLUMNS, strict=True)), **events}
        log = ingest(Tables.parse({"events": table}, origin="test"), folder, folder / "log", max_rejected_share=1.0)
        return [row for bucket in range(log.buckets) for row in log.events(bucket).select(COLUMNS).iter_rows()]


@pytest.mark.parametrize(("file", "times"), BATCH)
@settings(max_examples=7)
@given(LOGS, st.sampled_from(list(PER_SECOND)), st.sampled_from([None, "UTC", "Asia/Kolkata"]), st.data())
def test_each_event_of_a_log_is_the_same_live(
    file: str, times: str, said: list[Said], unit: str, zone: str | None, data: st.DataObject
) -> None:
    table = arrow(said, TIMES[times](said, unit, zone))
    numbers = data.draw(st.booleans()) and all(one.user.lstrip("-").isdigit() for one in said)
    if numbers:
        table = table.set_column(0, "user", table["user"].cast(pa.int64()))
    found = ingested(lambda folder: FILES[file](table, folder))
    for way, send in LIVE.items():
        incoming: Incoming = send(said, unit, zone)
        assert incoming.refused == {}, way
        assert sorted(event[:4] for event in incoming.events) == sorted(found), way
        assert [event.id for event in incoming.events] == [
            natural_id(event.item, event.time, clicked=event.clicked) for event in incoming.events
        ]
        assert [problem_of(event) for event in incoming.events] == [None] * len(said)


ISO_TEXTS = [
    "2026-03-01",
    "2026-03-01 10:00:00",
    "2026-03-01T10:00:00.5Z",
    "2026-03-01T10:00:00+01:00",
    "2026-03-01 10:00:00+05:30",
    "2026-03-01T10:00:00-0330",
    "2026-03-01T10:00:00.123456789Z",
    "2026-03-01t10:00:00z",
    "2026-03-01 10:00:00 UTC",
    "2026-03-01T10",
]
"""Ways to write a moment that both understand."""

NO_ISO = [
    "soon",
    "2026-W09",
    "2026-W09-7",
    "2026-060",
    "2026-03-01x10:00:00",
    "2026-13-01",
    "",
]


def test_a_text_is_one_moment_or_none_in_both() -> None:
    texts = [*ISO_TEXTS, *NO_ISO]
    table = arrow([Said("anna", str(number), 0, True) for number in range(len(texts))], pa.array(texts))
    found = ingested(lambda folder: parquet(table, folder))
    incoming = read_arrow(stream(table), 0.0)
    assert sorted(event[:4] for event in incoming.events) == sorted(found)
    assert [texts[place] for place in incoming.refused] == NO_ISO
    assert incoming.refused[len(ISO_TEXTS)].startswith("time is 'soon'; it has to be UTC seconds, or ISO 8601 text")


CLOCKS = [
    *(float(bound + by) for bound in (OLDEST_S, NEWEST_S) for by in (-1, -0.5, 0, 0.5, 1)),
    *(1.7 * 10.0**power for power in range(19)),
    *(0.0, -1.0, -1.7e9, 20_260_301.0, 20_260_301_103_000.0, 1e300, float("inf"), float("nan")),
]


def test_what_is_no_clock_of_a_log_is_refused_live_and_the_other_way_round() -> None:
    said = [Said("anna", str(number), 0, True) for number in range(len(CLOCKS))]
    table = arrow(said, pa.array(CLOCKS))
    found = ingested(lambda folder: parquet(table, folder), time_unit="s")
    live = [event for event in read_arrow(stream(table), 0.0).events if problem_of(event) is None]
    assert sorted(event[:4] for event in live) == sorted(found)
    assert {event.time for event in live} == {time for time in CLOCKS if OLDEST_S <= time <= NEWEST_S}


@pytest.mark.parametrize(("unit", "words"), [("ms", "milliseconds"), ("us", "microseconds"), ("ns", "nanoseconds")])
@given(at_s=st.integers(OLDEST_S, NEWEST_S))
def test_a_finer_unit_is_named_however_it_is_sent(unit: str, words: str, at_s: int) -> None:
    table = arrow([Said("anna", "42", 0, True)], pa.array([at_s * PER_SECOND[unit]]))
    body = orjson.dumps(table.to_pylist()[0])
    for incoming in (read_json(body, 0.0), read_lines(body, 0.0), read_arrow(stream(table), 0.0)):
        (problem,) = map(problem_of, incoming.events)
        assert problem is not None
        assert problem.startswith("time is ")
        assert problem.endswith(f": these look like {words}; send UTC seconds")


@given(st.floats() | st.floats(0, 1e19).map(float) | st.integers(0, 10**15).map(float))
def test_a_clock_is_of_1990_to_2100_and_all_else_has_a_word(seconds: float) -> None:
    assert (clock_problem(seconds) is None) == (OLDEST_S <= seconds <= NEWEST_S)


@given(st.dates(dt.date(1990, 1, 1), dt.date(2100, 12, 31)), st.times())
def test_a_day_written_as_a_number_is_called_so(day: dt.date, time: dt.time) -> None:
    for number in (f"{day:%Y%m%d}", f"{day:%Y%m%d}{time:%H%M}", f"{day:%Y%m%d}{time:%H%M%S}"):
        assert clock_problem(float(number)) == "this looks like a day written as a number"


class Positions(Snapshot):
    """Of a log without a clock: what a history needs of it."""

    def __init__(self) -> None:
        pass

    def clicks(self, row: int) -> list[tuple[float, str]]:
        return [(1.0, "first"), (2.0, "second")][row:]


def test_a_live_event_comes_after_all_of_a_log_without_a_clock() -> None:
    said = {"user": "anna", "item": "third", "time": "2026-03-01"}
    event = event_of(said, 0.0)
    assert problem_of(event) is None
    assert [item for _, item in _merged(Positions(), 0, [event])] == ["first", "second", "third"]
    assert problem_of(event_of({**said, "time": 3}, 0.0)) == "time is 3: this is before 1990; send UTC seconds"
