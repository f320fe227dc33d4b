"""What is counted of a log: the same in one bucket and in many, and against counts that are made another way."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.logs.counting.buckets import FEW_TIMES, Beside, Sum, count_bucket
from penchant.logs.counting.fields import count_field
from penchant.logs.counting.ids import RULES, TOGETHER, count_alike, count_ids
from penchant.logs.formats.part import Portions
from tests.logs.logs_on_disk import DAY_S, NOON, all_events, read_log

ITEMS = {"files": "items.parquet", "item": "id", "fields": {"tags": "tag"}}


def some_events(seed: int, rows: int = 300) -> pl.DataFrame:
    dice = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "u": [f"user {number}" for number in dice.integers(30, size=rows)],
            "i": [f"item {number}" for number in dice.integers(20, size=rows)],
            "t": NOON + DAY_S * dice.integers(9, size=rows),
            "c": dice.random(rows) < 0.5,
        }
    )


@pytest.mark.parametrize("bucket", [25, 90])
def test_many_buckets_are_counted_as_one_is(bucket: int, tmp_path: Path) -> None:
    counts = []
    for name, portions in (("one", Portions()), ("many", Portions(bucket=bucket))):
        folder = tmp_path / name
        folder.mkdir()
        tags = [[f"t{number % 3}"] if number % 4 else [] for number in range(15)]
        pl.DataFrame({"id": [f"item {n}" for n in range(15)], "tag": tags}).write_parquet(folder / "items.parquet")
        counts.append(read_log(folder, some_events(bucket), portions=portions, items=ITEMS).found)
    parted = {"buckets", "busiest_bucket"}
    one, many = ({name: said for name, said in found.items() if name not in parted} for found in counts)
    assert one == many


def test_counts_are_those_of_the_rows(tmp_path: Path) -> None:
    log = read_log(tmp_path, some_events(7), portions=Portions(bucket=40))
    events, found = all_events(log), log.found
    users, items = Counter(events["user"]), Counter(events["item"])
    days = Counter(str(np.datetime64(int(time), "s").astype("datetime64[D]")) for time in events["time"])
    assert found["busiest_user"] == max(users.values())
    top = Counter(log.events(found["busiest_bucket"])["user"]).most_common(1)[0][1]
    assert top == found["busiest_user"]
    assert found["busiest_users"] == sorted(users.values(), reverse=True)
    assert found["busiest_items"][0][1] == max(items.values())
    assert found["drawn"] == {"items": sum(count >= 5 for count in items.values()), "at_once": 0}
    assert found["again"] == 0
    assert found["days"] == dict(sorted(days.items()))
    assert found["times"]["distinct"] == events["time"].n_unique()
    assert found["times"]["midnight"] == 0


def test_no_user_is_named_in_what_is_counted(tmp_path: Path) -> None:
    users = [f"secret{number}.0" for number in range(50)]
    frame = pl.DataFrame({"u": users, "i": ["x"] * 50, "t": [NOON] * 50})
    pl.DataFrame({"id": [name[:-2] for name in users], "age": ["1"] * 50}).write_parquet(tmp_path / "users.parquet")
    told = {"files": "users.parquet", "user": "id", "fields": {"age": "age"}}
    log = read_log(tmp_path, frame, users=told)
    assert max(log.found["strangers"]["user"]["alike"].values()) == 50
    for path in log.folder.rglob("*.json"):
        assert "secret" not in path.read_text(encoding="utf-8"), path


def test_a_bucket_without_events_changes_nothing() -> None:
    beside = Beside.of(pl.DataFrame(schema={"item": pl.String}), pl.DataFrame(schema={"user": pl.String}))
    events = pl.DataFrame({"user": ["a"], "item": ["x"], "time": [float(NOON)], "clicked": [True]})
    more = {"repeated": 0, "backwards": 0, "left_out": {}, "examples": {}}
    sums = []
    for parts in ([events], [events.clear(), events, events.clear()]):
        added = Sum()
        for part in parts:
            added.add(0, {**count_bucket(part, beside, clock=True), **more})  # type: ignore[typeddict-item]
        sums.append(added.total())
    assert sums[0] == sums[1]


def test_what_is_kept_of_a_bucket_stays_small() -> None:
    rows = 20_000
    beside = Beside.of(pl.DataFrame(schema={"item": pl.String}), pl.DataFrame(schema={"user": pl.String}))
    events = pl.DataFrame(
        {
            "user": [f"u{number}" for number in range(rows)],
            "item": [f"{number:x<1000}" for number in range(rows)],
            "time": [float(NOON + number) for number in range(rows)],
            "clicked": [True] * rows,
        }
    )
    kept = count_bucket(events, beside, clock=True)
    assert kept["distinct"] is None
    assert len(json.dumps(kept)) < 15_000
    assert "u1" not in json.dumps(kept)


def test_different_times_are_counted_up_to_a_bound(tmp_path: Path) -> None:
    for more, expected in ((0, FEW_TIMES), (1, None)):
        count = FEW_TIMES + more
        frame = pl.DataFrame({"u": [f"u{n}" for n in range(count)], "i": ["x"] * count, "t": range(NOON, NOON + count)})
        assert read_log(tmp_path, frame, portions=Portions(bucket=30)).found["times"]["distinct"] == expected


def test_rows_that_are_left_out_are_counted_by_reason_with_the_first_of_each(tmp_path: Path) -> None:
    frames = [
        pl.DataFrame({"u": ["a", "b"], "i": ["x", "y"], "t": [NOON] * 2}),
        pl.DataFrame({"u": ["a", "c"], "i": ["y", "x"], "t": [NOON] * 2}),
    ]
    pl.DataFrame({"id": ["x", "y"], "tag": [["t"], []]}).write_parquet(tmp_path / "items.parquet")
    log = read_log(tmp_path, frames, portions=Portions(bucket=1), items=ITEMS, mapping={"items_with": "tags"})
    reason = "item without a value of 'tags' (items_with)"
    assert log.found["left_out"] == {reason: 2}
    assert log.found["examples"] == {reason: "events-0.parquet, row 2"}


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("7.0", "7"),
        ("7", "007"),
        ("u007", "u7"),
        (" a ", "a"),
        ("ABC", "abc"),
        ("{A1B2-C3D4}", "A1B2C3D4"),
        ("1234567890123456768", "1234567890123456789"),
        ("1.23457E+15", "1234567890123456"),
        ("user_12", "12"),
        ("12", "gid://shop/user/12"),
        (" {AB-07.0} ", "ab-7"),
    ],
)
def test_ids_that_are_written_otherwise_find_each_other(written: str, known: str) -> None:
    found = count_alike(pl.Series([written, "q?"]), pl.Series([known, "r!"]), named=True)
    assert max(found["alike"].values(), default=0) == 1
    assert found["example"] is not None
    assert (written, known) in found["example"].values()


@pytest.mark.parametrize(
    ("strangers", "table"),
    [
        (["B000ABC123", "B000XYZ77"], ["B999QQQ123", "B999QQR77"]),
        (["i1-0", "1-12", "11-2"], ["i0-10", "1-1-2", "112"]),
        (["1700000000000000001"], ["1500000000000000001"]),
        (["", ".0", "-"], ["", "{}"]),
        (["a"], []),
        ([], ["a"]),
    ],
)
def test_ids_of_different_things_do_not(strangers: list[str], table: list[str]) -> None:
    types = {"dtype": pl.String}
    found = count_alike(pl.Series(strangers, **types), pl.Series(table, **types), named=True)  # type: ignore[arg-type]
    assert {name: count for name, count in found["alike"].items() if name != TOGETHER} == {}


@given(st.lists(st.text(max_size=6), max_size=20, unique=True), st.lists(st.text(max_size=6), max_size=20, unique=True))
@settings(max_examples=20)
def test_whatever_ids_are_is_counted(strangers: list[str], table: list[str]) -> None:
    found = count_alike(pl.Series(strangers, dtype=pl.String), pl.Series(table, dtype=pl.String), named=False)
    assert set(found["alike"]) <= {*RULES, TOGETHER}
    assert all(0 < count <= len(strangers) for count in found["alike"].values())
    assert found["example"] is None
    counted = count_ids(strangers, named=True)
    assert counted["looked_at"] == len(strangers)


def snowflakes(count: int) -> list[int]:
    """Times, a machine and a place in the millisecond, which is mostly 0: made so, not rounded."""
    return [((1_300_000_000_000 + 977 * number) << 22) | (5 << 12) for number in range(count)]


RANDOM = np.random.default_rng(4).integers(2**61, 2**62, size=200)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([f"{float(one):.5E}" for one in RANDOM], {"scientific": 200}),
        ([f"{number}.0" for number in range(9)], {"point_zero": 9}),
        ([str(one) for one in RANDOM], {"long": 200, "zeros": 0}),
        ([str(int(float(one))) for one in RANDOM], {"long": 200, "floats": 200, "zeros": 0}),
        ([str(one)[:15] + "0000" for one in RANDOM], {"long": 200, "zeros": 200}),
        ([str(one) for one in snowflakes(50)], {"long": 50, "floats": 50, "rounder": 50}),
        (["12e5", "1e9", "ab", "", "3.5", "-1"], {"scientific": 0, "point_zero": 0, "long": 0}),
    ],
)
def test_how_ids_are_written_is_counted(ids: list[str], expected: dict[str, int]) -> None:
    counted = count_ids(ids, named=True)
    assert {name: counted[name] for name in expected} == expected  # type: ignore[literal-required]


@pytest.mark.parametrize(
    ("values", "separator"),
    [
        ([["a|b"], ["b|c"], ["a|c"], ["c|b|a"]], "|"),
        ([["a, b"], ["b, c"], ["a, c"], ["c, b"]], ", "),
        ([["a;b"], ["b;a"], ["a"], ["b"]], ";"),
        ([["['a', 'b']"], ["['b', 'a']"], ["['a']"], []], "[ ]"),
        ([["Matrix, The"], ["Alien, The"], ["Heat"], []], ", "),
        ([["a\x02b"], ["b\x02a"], ["a"], ["b"]], "\x02"),
        ([["a、b"], ["b、a"], ["a"], ["b"]], "、"),
        ([["a b"], ["b a"], ["a"], ["b"]], None),
        ([["a"], ["b c"], [], []], None),
    ],
)
def test_texts_that_hold_several_values_are_seen(values: list[list[str]], separator: str | None) -> None:
    items = pl.DataFrame({"item": list("wxyz"), "tags": values})
    joined = count_field(items, "tags", 0)["joined"]
    assert (joined and joined["separator"]) == separator


def test_items_that_have_nothing_beside_a_common_value_are_counted() -> None:
    items = pl.DataFrame(
        {"item": [str(n) for n in range(40)], "tags": [["all", "rare"]] * 3 + [["all"]] * 36 + [["odd"]]}
    )
    field = count_field(items, "tags", 9)
    assert (field["beside"], field["items_with"], field["values"]) == (4, 40, 3)
    assert field["commonest"][0] == ("all", 39)


def test_values_that_are_shared_say_nothing_or_differ_in_letters_only_are_counted() -> None:
    tags = [["House"], ["house"], ["house"], ["hip hop"], ["Hip  Hop"], ["Unknown", "own"], ["0"], []]
    field = count_field(pl.DataFrame({"item": list("abcdefgh"), "tags": tags}), "tags", 0)
    assert field["shared"] == 2
    assert field["absent"] == {"Unknown": 1}
    assert field["alike"] is not None
    assert (field["alike"]["values"], field["alike"]["texts"], field["alike"]["all_texts"]) == (2, 2, 8)
