"""The types of Parquet as ids and as times, exact or refused with the name of the type."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penchant.errors import DataError
from penchant.logs.clocks import read_clock, settle_clock
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.part import PORTIONS, Part, Portions
from penchant.logs.ids import as_id
from penchant.logs.tables import NONE, EventsTable, TableConfig


class Tensor(pa.ExtensionType):  # type: ignore[misc]
    """As Ray Data writes a column of arrays."""

    def __init__(self) -> None:
        super().__init__(pa.list_(pa.int64()), "ray.data.arrow_tensor")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"[2]"


def extension(kind: Any, storage: list[Any]) -> pa.Array:
    return pa.ExtensionArray.from_storage(kind, pa.array(storage, kind.storage_type))


UUIDS = [UUID(int=7), uuid4(), UUID("12345678-1234-5678-1234-567812345678")]
BYTES = [one.bytes for one in UUIDS]
AS_IDS: dict[str, tuple[pa.Array, list[str | None]]] = {
    "dictionary": (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
    "dictionary of numbers": (pa.array([1, None]).dictionary_encode(), ["1", None]),
    "large strings": (pa.array(["a", None, ""], pa.large_string()), ["a", None, None]),
    "string views": (pa.array(["a", None], pa.string_view()), ["a", None]),
    "text as bytes": (pa.array(["ж".encode(), None, b"", b"NULL"]), ["ж", None, None, None]),
    "bytes of one length": (pa.array([b"abc", None], pa.binary(3)), ["abc", None]),
    "sixteen letters": (pa.array([b"user-00000000001"], pa.binary(16)), ["user-00000000001"]),
    "UUIDs as bytes": (pa.array([*BYTES, None], pa.binary(16)), [*map(str, UUIDS), None]),
    "UUIDs": (extension(pa.uuid(), [*BYTES, None]), [*map(str, UUIDS), None]),
    "JSON": (extension(pa.json_(), ["1", None]), ["1", None]),
    "whole floats": (pa.array([1.0, None, float("nan")]), ["1", None, None]),
    "small floats": (pa.array([1.0, 2.0**24 - 1], pa.float32()), ["1", "16777215"]),
    "unsigned": (pa.array([2**64 - 1, None], pa.uint64()), ["18446744073709551615", None]),
    "decimals": (pa.array([Decimal(10**20), None], pa.decimal128(21, 0)), [str(10**20), None]),
    "decimals with a fraction": (pa.array([Decimal("12.00")], pa.decimal128(20, 2)), ["12"]),
    "small decimals": (pa.array([Decimal(12)], pa.decimal32(5, 0)), ["12"]),
    "wide decimals": (pa.array([Decimal(10**45), None], pa.decimal256(50, 0)), [str(10**45), None]),
    "answers": (pa.array([True, None]), ["true", None]),
    "nothing": (pa.nulls(2), [None, None]),
    "days": (pa.array([date(2026, 3, 13)]), ["2026-03-13"]),
}
NO_IDS: dict[str, tuple[pa.Array, str]] = {
    "fractions": (pa.array([1.5]), "numbers such as 1.5, which are no ids"),
    "fractions of decimals": (pa.array([Decimal("1.50")]), "numbers such as 1.50, which are no ids"),
    "rounded floats": (pa.array([2.0**53]), "9007199254740992 as floats, which cannot hold every id"),
    "rounded small floats": (pa.array([2.0**24], pa.float32()), "beyond 16,777,216"),
    "other bytes": (pa.array([b"\xff\xfe"]), "bytes that are neither UTF-8 nor UUIDs of 16 bytes"),
    "records": (pa.array([{"x": 1, "y": 2}]), "records, .* by its path: c.x, c.y"),
    "lists of records": (pa.array([[{"x": 1}]]), "lists of records, .* by its path: c.x"),
    "maps": (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), "values of type Map"),
    "tensors": (extension(pa.fixed_shape_tensor(pa.int64(), [2]), [[1, 2]]), "extension type arrow.fixed_shape_tensor"),
    "tensors of Ray": (extension(Tensor(), [[1, 2]]), "extension type ray.data.arrow_tensor"),
}

MOMENT = datetime(2026, 3, 13, 14, 5, 9, 123_456, tzinfo=UTC)
PLAIN = MOMENT.replace(tzinfo=None)
SECOND = MOMENT.replace(microsecond=0)


def part_of(folder: Path, values: pa.Array, **options: Any) -> Part:
    pq.write_table(pa.table({"c": values, "other": pa.nulls(len(values))}), folder / "log.parquet", **options)
    (part,) = open_parts(TableConfig.parse({"files": "log.parquet"}, origin="test"), folder)
    return part


def frames_of(part: Part, portions: Portions = PORTIONS) -> list[pl.DataFrame]:
    return [batch.frame for batch in part.batches(["c"], portions)]


@pytest.mark.parametrize("kind", AS_IDS)
def test_a_type_is_read_as_ids(kind: str, tmp_path: Path) -> None:
    values, expected = AS_IDS[kind]
    part = part_of(tmp_path, values)
    for portions in (PORTIONS, Portions(rows=1)):
        frames = frames_of(part, portions)
        assert [one for frame in frames for one in frame.select(as_id(frame, "c", NONE)).to_series()] == expected
        assert {frame.schema["c"] for frame in frames} == {part.schema()["c"]}
    assert part.sample().schema["c"] == part.schema()["c"]


@pytest.mark.parametrize("kind", NO_IDS)
def test_a_type_that_holds_no_ids_is_named(kind: str, tmp_path: Path) -> None:
    values, says = NO_IDS[kind]
    part = part_of(tmp_path, values)
    (frame,) = frames_of(part)
    with pytest.raises(DataError, match=f"column 'c' holds .*{says}"):
        frame.select(as_id(frame, "c", NONE))
    assert len(list(part.batches(["other"]))) == 1


def times_of(values: pa.Array, folder: Path, **options: Any) -> list[datetime | None]:
    table = EventsTable.parse({"files": "x", "user": "u", "item": "i", "time": "c"}, origin="test")
    (frame,) = frames_of(part_of(folder, values, **options))
    seconds = read_clock(frame, table, settle_clock([frame], table, "log"))
    return [None if one is None else datetime.fromtimestamp(one, UTC) for one in seconds]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Stockholm", "+02:00"])
def test_moments_of_all_units_and_zones_are_read(unit: str, zone: str | None, tmp_path: Path) -> None:
    values = pa.array([PLAIN, None]).cast(pa.timestamp(unit), safe=False).cast(pa.timestamp(unit, zone))
    exact = {"s": SECOND, "ms": MOMENT.replace(microsecond=123_000)}.get(unit, MOMENT)
    assert times_of(values, tmp_path) == [exact, None]


def test_other_types_of_time_are_read(tmp_path: Path) -> None:
    day = SECOND.replace(hour=0, minute=0, second=0)
    old = pa.array([PLAIN, None], pa.timestamp("ns"))
    assert times_of(old, tmp_path, use_deprecated_int96_timestamps=True) == [MOMENT, None]
    assert times_of(pa.array([day.date()]), tmp_path) == [day]
    assert times_of(pa.array([day.date()], pa.date64()), tmp_path) == [day]
    for text in (pa.array([str(PLAIN)]), pa.array([str(PLAIN)]).dictionary_encode(), pa.array([str(PLAIN).encode()])):
        assert times_of(text, tmp_path) == [MOMENT]
    assert times_of(pa.array([Decimal("1773410709.5")]), tmp_path) == [SECOND.replace(microsecond=500_000)]


@pytest.mark.parametrize("values", [pa.array([time(14, 5)]), pa.array([timedelta(1)]), pa.array([[1]])])
def test_types_that_are_no_time_are_named(values: pa.Array, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'c' holds (Time|Duration|List).*, which is no time"):
        times_of(values, tmp_path)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["c", "c"]), tmp_path / "log.parquet")
    (part,) = open_parts(TableConfig.parse({"files": "log.parquet"}, origin="test"), tmp_path)
    with pytest.raises(DataError, match=r"log\.parquet has two columns that are called 'c'"):
        part.schema()
