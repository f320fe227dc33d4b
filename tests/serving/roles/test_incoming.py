"""Events are read as they were meant, or refused one by one; no body takes more memory or time than it may."""

import io
import math
import time
from datetime import UTC, datetime
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as some

from penchant.serving.incoming import (
    MOST_EVENTS,
    MOST_MARKS,
    BodyError,
    EventError,
    LargeBodyError,
    event_of,
    load,
    read_json,
    read_lines,
    read_values,
)
from penchant.serving.incoming_arrow import MOST_TEXT, read_arrow
from penchant.serving.roles.consumer import problem_of
from penchant.store.base import Event

NOW = 1_800_000_000.0
ANNA = {"user": "anna", "item": "42", "time": 10.5, "clicked": False, "id": "x"}


def arrow(table: pa.Table, **options: Any) -> bytes:
    written = io.BytesIO()
    with pa.ipc.new_stream(written, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as stream:
        stream.write_table(table)
    return written.getvalue()


def test_one_event_a_list_and_an_object_of_events_are_the_same() -> None:
    wanted = [Event("anna", "42", 10.5, False, "x")]
    for body in (ANNA, [ANNA], {"events": [ANNA]}):
        assert read_json(orjson.dumps(body), NOW).events == wanted
    assert read_lines(orjson.dumps(ANNA), NOW).events == wanted
    assert read_arrow(arrow(pa.table({name: [value] for name, value in ANNA.items()})), NOW).events == wanted


def test_integers_become_text_exactly() -> None:
    largest = 2**64 - 1
    assert event_of({"user": largest, "item": -1, "id": 0, "time": 1}, NOW)[:3] == (str(largest), "-1", 1.0)
    table = pa.table({"user": pa.array([largest], pa.uint64()), "item": pa.array([-1], pa.int8())})
    assert read_arrow(arrow(table), NOW).events[0][:3] == (str(largest), "-1", NOW)


def test_an_event_without_id_has_that_of_its_showing() -> None:
    said = {"user": "anna", "item": "42", "time": 10.5}
    assert event_of(said, NOW).id == event_of(said, NOW + 1).id == "10.5 click 42"


def test_an_event_without_id_and_time_is_new_whenever_it_is_sent() -> None:
    one, other = (event_of({"user": "anna", "item": "42"}, NOW) for _ in range(2))
    assert one.time == other.time == NOW
    assert one.id != other.id


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (10, 10.0),
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T00:00:10.250", 10.25),
        ("1970-01-01 02:00:00+02:00", 0.0),
        ("1970-01-02", 86_400.0),
    ],
)
def test_time_is_seconds_or_iso_text_and_utc_without_a_zone(said: object, seconds: float) -> None:
    assert event_of({"user": "anna", "item": "42", "time": said}, NOW).time == seconds


def test_a_time_without_a_zone_is_utc_wherever_the_server_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert event_of({"user": "anna", "item": "42", "time": "1970-01-02"}, NOW).time == 86_400.0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user": None}, "user is missing; it has to be a text or an integer"),
        ({"user": 4.5}, "user is a number with a fraction, or of too many digits"),
        ({"item": True}, "item is true or false; it has to be a text or an integer"),
        ({"id": []}, "id is a list; it has to be a text or an integer"),
        ({"clicked": 1}, "clicked is a number; it has to be true or false"),
        ({"clicked": None}, "clicked is missing; it has to be true or false"),
        ({"time": math.nan}, "time is nan; it has to be UTC seconds"),
        ({"time": math.inf}, "time is inf; it has to be UTC seconds"),
        ({"time": "1700000000"}, "time is '1700000000'; it has to be UTC seconds"),
        ({"time": "20270115"}, "time is '20270115'; it has to be UTC seconds"),
        ({"time": "soon-ish"}, "time is 'soon-ish'; it has to be UTC seconds"),
        ({"time": True}, "time is true or false; it has to be UTC seconds"),
        ({"when": 1}, "'when' is no key of an event; it has user, item, time, clicked, id"),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(change: dict[str, object], reason: str) -> None:
    with pytest.raises(EventError) as refused:
        event_of(ANNA | change, NOW)
    assert reason in str(refused.value)


def test_a_value_that_is_no_object_is_refused_and_the_others_are_taken() -> None:
    incoming = read_values([ANNA, 7, [ANNA], {**ANNA, "id": "y"}], NOW)
    assert [event.id for event in incoming.events] == ["x", "y"]
    assert incoming.places == [0, 3]
    assert incoming.refused == {
        1: "this is a number; an event is an object",
        2: "this is a list; an event is an object",
    }


def test_an_unreadable_line_is_refused_alone() -> None:
    incoming = read_lines(b'{"user": "anna", "item": 1}\r\n\n{"user": NaN}\n{"user": "b", "item": 2}\n', NOW)
    assert [event.user for event in incoming.events] == ["anna", "b"]
    assert incoming.places == [0, 3]
    assert incoming.refused == {
        2: "user is a number with a fraction, or of too many digits; it has to be a text or an integer"
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'[{"user": "anna", "item": "\xff"}, {"user": "anna]',
        b"[nan]",
        b"[" * 100_000,
        b"\xef\xbb\xbf[]",
    ],
)
def test_what_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(BodyError, match="the body is no JSON"):
        read_json(body, NOW)


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (b'{"user": "\\ud800", "item": 1}', "user is no valid Unicode"),
        (b'{"user": "a\\udc00b", "item": 1}', "user is no valid Unicode"),
        (b'{"user": "\xff", "item": 1}', "user is no valid Unicode"),
        (b'{"user": "a\xed\xa0\x80", "item": 1}', "user is no valid Unicode"),
        (b'{"user": "\\ud83d\x8e", "item": 1}', "user is no valid Unicode"),
        (b'{"user": "a", "item": "\xc3("}', "item is no valid Unicode"),
        (b'{"user": "a", "item": 1, "id": "\\udfff"}', "id is no valid Unicode"),
        (b'{"user": "a", "item": 1, "time": NaN}', "time is nan; it has to be UTC seconds"),
        (b'{"user": "a", "item": 1, "time": -Infinity}', "time is -inf; it has to be UTC seconds"),
        (b'{"user": "a", "item": 1, "time": 1e999}', "time is inf; it has to be UTC seconds"),
        (b'{"user": "a", "item": 1, "time": "\xff"}', r"time is '\udcff'; it has to be UTC seconds"),
        (b'{"user": "a", "item": 1, "time": ' + b"9" * 9_999 + b"}", "time is inf; it has to be UTC seconds"),
        (b'{"user": NaN, "item": 1}', "user is a number with a fraction, or of too many digits"),
        (b'{"user": "a", "item": 18446744073709551616}', "item is a number with a fraction, or of too many digits"),
        (b'{"user": "a", "item": 1, "\xff": 1}', r"'\udcff' is no key of an event"),
        (b"NaN", "this is a number with a fraction, or of too many digits; an event is an object"),
    ],
)
def test_an_event_that_no_json_can_hold_is_refused_alone(spoilt: bytes, reason: str) -> None:
    sound, spoiling = (
        orjson.dumps(ANNA | {"time": NOW}),
        b'{"user": NaN}',
    )  # which has each body read as the spoilt one is
    for incoming in (
        read_json(b"[%b, %b, %b, %b]" % (sound, spoilt, spoiling, sound), NOW),
        read_json(b'{"events": [%b, %b, %b, %b]}' % (sound, spoilt, spoiling, sound), NOW),
        read_lines(b"\n".join([sound, spoilt, spoiling, sound]), NOW),
    ):
        told = {place: problem_of(event) for place, event in zip(incoming.places, incoming.events, strict=True)}
        refused = incoming.refused | {place: problem for place, problem in told.items() if problem}
        assert sorted(refused) == [1, 2]
        assert reason in refused[1]
        assert [event for event in incoming.events if not problem_of(event)] == [
            Event("anna", "42", NOW, False, "x")
        ] * 2
        orjson.dumps(list(refused.values()))


@given(some.binary(max_size=20), some.binary(max_size=20))
def test_whatever_stands_in_a_text_spoils_no_other_event(one: bytes, other: bytes) -> None:
    sound = orjson.dumps(ANNA)
    texts = [text.translate(None, b'"\\\n') for text in (one, other)]
    body = b'[%b, {"user": "%b", "item": "%b"}, %b]' % (sound, *texts, sound)
    incoming = read_json(body, NOW)
    assert [incoming.events[0].user, incoming.events[-1].user] == ["anna", "anna"]


@given(some.recursive(some.none() | some.booleans() | some.integers() | some.floats() | some.text(), some.lists))
def test_json_is_read_as_before_where_something_else_spoils_the_body(value: object) -> None:
    said = orjson.dumps(value, default=str) if not _is_large(value) else b"1"
    assert load(b"[%b, NaN]" % said)[0] == orjson.loads(said)


def _is_large(value: object) -> bool:
    """Whether there are integers in it that orjson does not write."""
    return any(map(_is_large, value)) if isinstance(value, list) else type(value) is int and abs(value) >= 1 << 63


def test_what_is_said_beside_events_is_refused() -> None:
    with pytest.raises(BodyError, match="'user' is said beside \"events\""):
        read_json(orjson.dumps({"events": [], "user": 1}), NOW)
    with pytest.raises(BodyError, match='"events" is a number'):
        read_json(b'{"events": 1}', NOW)


def test_of_a_key_that_is_there_twice_the_last_counts() -> None:
    assert read_json(b'{"user": 1, "item": 2, "user": 3}', NOW).events[0].user == "3"


@pytest.mark.parametrize("read", [read_json, read_lines])
def test_more_values_than_memory_is_meant_for_are_refused_before_they_are_read(read: Any) -> None:
    with pytest.raises(LargeBodyError, match=f"the body holds 1,100,000 values; send {MOST_MARKS:,} at most"):
        read(b"[" * 1_100_000, NOW)


def test_more_events_than_fit_are_refused() -> None:
    with pytest.raises(LargeBodyError, match=f"the body holds 100,001 events; send {MOST_EVENTS:,} at most"):
        read_json(b"[" + b"1," * MOST_EVENTS + b"1]", NOW)
    with pytest.raises(LargeBodyError, match="the body holds 100,001 events"):
        read_lines(b"1\n" * (MOST_EVENTS + 1), NOW)
    with pytest.raises(LargeBodyError, match="the body holds 100,001 events"):
        read_arrow(arrow(pa.table({"user": pa.array(range(MOST_EVENTS + 1))})), NOW)


JSON = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**63), 2**64 - 1)
    | some.floats(allow_nan=False)
    | some.text(max_size=9),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.sampled_from([*ANNA, "x"]), inner, max_size=5),
)


@given(JSON)
def test_any_json_is_read_or_refused(value: object) -> None:
    body = orjson.dumps(value)
    try:
        incoming = read_json(body, NOW)
    except BodyError:
        return
    assert len(incoming.events) == len(incoming.places)
    assert not set(incoming.places) & incoming.refused.keys()
    assert all(type(event) is Event and type(event.time) is float for event in incoming.events)


@given(some.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for read in (read_json, read_lines, read_arrow):
        try:
            read(body, NOW)
        except BodyError:
            continue


def table(**columns: Any) -> pa.Table:
    return pa.table({"user": ["anna", "bob"], "item": [1, 2]} | columns)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_arrow_timestamps_of_any_unit_are_seconds(unit: str) -> None:
    at = datetime(2027, 1, 15, 8, tzinfo=UTC)
    for zone in (None, "UTC"):
        times = pa.array([at, None], pa.timestamp(unit, zone))
        assert [event.time for event in read_arrow(arrow(table(time=times)), 5.0).events] == [NOW, 5.0]


def test_arrow_events_are_refused_one_by_one() -> None:
    users = pa.array([None, "bob"])
    incoming = read_arrow(arrow(pa.table({"user": users, "item": [1, 2], "clicked": [True, False]})), NOW)
    assert incoming.refused == {0: "user is missing; it has to be a text or an integer"}
    assert [event[:2] for event in incoming.events] == [("bob", "2")]


def test_arrow_streams_of_polars_are_read() -> None:
    written = io.BytesIO()
    pl.DataFrame({"user": ["anna", "a name of more than twelve letters"], "item": [1, 2]}).write_ipc_stream(written)
    assert [event.user for event in read_arrow(written.getvalue(), NOW).events] == [
        "anna",
        "a name of more than twelve letters",
    ]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"when": [1, 2]}, "'when' is no column of events"),
        ({"clicked": [1, 0]}, "column clicked holds int64; it has to hold booleans"),
        ({"id": [1.5, 2.5]}, "column id holds double; it has to hold texts or integers"),
        ({"id": [["x"], ["y"]]}, "column id holds list<"),
        ({"time": [True, False]}, "column time holds bool; it has to hold timestamps"),
        ({"id": pa.array(["x", "y"]).dictionary_encode()}, "column id holds dictionary<"),
        ({"id": pa.nulls(2)}, "column id holds null"),
    ],
)
def test_arrow_columns_of_another_kind_are_refused(columns: dict[str, Any], reason: str) -> None:
    with pytest.raises(BodyError) as refused:
        read_arrow(arrow(table(**columns)), NOW)
    assert reason in str(refused.value)


def test_arrow_columns_that_are_there_twice_are_refused() -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["user", "user"])
    with pytest.raises(BodyError, match="the columns are user, user; each may be there once"):
        read_arrow(arrow(twice), NOW)


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_compressed_arrow_streams_are_refused_unread(codec: str) -> None:
    bomb = arrow(pa.table({"user": ["0" * 10_000_000], "item": [1]}), compression=codec)
    assert len(bomb) < 100_000
    with pytest.raises(BodyError, match="compressed batches"):
        read_arrow(bomb, NOW)


def test_arrow_texts_that_share_their_bytes_are_refused_where_they_are_long_together() -> None:
    size, rows = 1 << 20, 100
    text = pa.py_buffer(b"0" * size)
    view = size.to_bytes(4, "little") + b"0000" + bytes(8)
    users = pa.Array.from_buffers(pa.string_view(), rows, [None, pa.py_buffer(view * rows), text])
    with pytest.raises(LargeBodyError, match=f"the texts of column user are longer than {MOST_TEXT:,} bytes"):
        read_arrow(arrow(pa.table({"user": users, "item": range(rows)})), NOW)


def test_arrow_offsets_that_point_elsewhere_are_refused() -> None:
    before, offset, after = arrow(table(user=["a" * 0x1234, ""])).rpartition((0x1234).to_bytes(4, "little"))
    assert offset
    with pytest.raises(BodyError, match=r"no Arrow stream that can be read: .*offset"):
        read_arrow(before + (10**6).to_bytes(4, "little") + after, NOW)


def test_a_spoilt_arrow_stream_never_does_more_than_be_refused() -> None:
    whole = arrow(table(time=pa.array([1, 2], pa.timestamp("ms")), clicked=[True, False]))
    for place in range(len(whole)):
        for value in (0, 0x7F, 0xFF):
            try:
                read_arrow(whole[:place] + bytes([value]) + whole[place + 1 :], NOW)
            except BodyError:
                continue
