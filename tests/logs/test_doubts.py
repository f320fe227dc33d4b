"""Each kind of doubt is told where it is due, with what to do, and good logs are left in peace."""

import datetime
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from penchant.logs.counting.ids import RULES
from penchant.logs.doubts import Doubt, Purpose, doubts
from penchant.logs.doubts.bounds import BOUNDS
from penchant.logs.doubts.tables import IN_SQL, alike_query
from penchant.logs.formats.part import Portions
from tests.logs.logs_on_disk import DAY_S, NOON, read_log

NOW = NOON + 1000.0 * DAY_S
USERS, EVENTS = 120, 5
SOME_BUCKETS = Portions(bucket=200)
PAGE = Path(__file__).parents[2] / "docs" / "data" / "check.md"

Change = Callable[[pl.DataFrame], pl.DataFrame]


def as_it_is(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


def log_of_ninety_days() -> pl.DataFrame:
    """Users who have five events each, within ninety days."""
    dice = np.random.default_rng(1)
    rows = USERS * EVENTS
    return pl.DataFrame(
        {
            "u": np.repeat([f"{number:03}" for number in range(USERS)], EVENTS),
            "i": [f"{number:02}" for number in dice.integers(30, size=rows)],
            "t": NOON + np.sort(dice.integers(90 * DAY_S, size=rows)),
            "c": dice.random(rows) < 0.5,
        }
    )


def items_table() -> pl.DataFrame:
    return pl.DataFrame({"id": [f"{n:02}" for n in range(30)], "tag": [[f"t{n % 7}", f"s{n % 4}"] for n in range(30)]})


def users_table() -> pl.DataFrame:
    return pl.DataFrame({"id": [f"{n:03}" for n in range(USERS)], "age": [str(n % 60) for n in range(USERS)]})


def told(
    folder: Path,
    events: Change = as_it_is,
    items: Change = as_it_is,
    users: Change = as_it_is,
    purpose: Purpose | None = None,
    mapping: dict[str, Any] | None = None,
    portions: Portions = SOME_BUCKETS,
) -> dict[str, Doubt]:
    """Doubts by kind, about a good log with some changes."""
    items(items_table()).write_parquet(folder / "items.parquet")
    users(users_table()).write_parquet(folder / "users.parquet")
    log = read_log(
        folder,
        events(log_of_ninety_days()),
        portions=portions,
        items={"files": "items.parquet", "item": "id", "fields": {"tags": "tag"}},
        users={"files": "users.parquet", "user": "id", "fields": {"age": "age"}},
        mapping=mapping or {},
    )
    # One user in one is for testing, so that few users are enough.
    found = doubts(log, purpose or Purpose(("tags",), folds=1), NOW)
    assert [one.serious for one in found] == sorted((one.serious for one in found), reverse=True)
    return {one.kind: one for one in found}


def test_a_good_log_is_left_in_peace(tmp_path: Path) -> None:
    assert told(tmp_path) == {}


def prefixed(column: str, text: str, share: float = 1.0) -> Change:
    def change(frame: pl.DataFrame) -> pl.DataFrame:
        few = pl.int_range(pl.len()) < share * pl.len()
        return frame.with_columns(pl.when(few).then(pl.lit(text) + pl.col(column)).otherwise(column).alias(column))

    return change


def with_column(**columns: Any) -> Change:
    return lambda frame: frame.with_columns(**columns)


def rewritten(column: str, change: Callable[[pl.Expr], pl.Expr]) -> Change:
    return lambda frame: frame.with_columns(change(pl.col(column)).alias(column))


def mostly(share: float, column: str, value: object) -> Change:
    """So many rows have one value; the others stay as they are."""
    some = pl.int_range(pl.len()) % 100 < 100 * share
    return lambda frame: frame.with_columns(pl.when(some).then(pl.lit(value)).otherwise(column).alias(column))


def later(days: int, rows: int) -> Change:
    """The last rows happen later."""
    last = pl.int_range(pl.len()) >= pl.len() - rows
    return lambda frame: frame.with_columns(t=pl.col("t") + pl.when(last).then(days * DAY_S).otherwise(0))


def busy_year(frame: pl.DataFrame) -> pl.DataFrame:
    """Twelve events a day, then 240 a day."""
    counts = np.repeat([12, 240], 40)
    times = NOON + np.repeat(np.arange(80), counts) * DAY_S + np.concatenate([np.arange(n) * 60 for n in counts])
    rows = len(times)
    return pl.DataFrame(
        {
            "u": [f"{n % USERS:03}" for n in range(rows)],
            "i": [f"{n % 30:02}" for n in range(rows)],
            "t": times,
            "c": [n % 2 == 0 for n in range(rows)],
        }
    )


RATED = with_column(c=pl.when(pl.int_range(pl.len()) % 100 < 96).then(0.5).otherwise(1.0))


def joined_by(separator: str) -> Change:
    return with_column(tag=pl.col("tag").list.join(separator))


def words_with_spaces(frame: pl.DataFrame) -> pl.DataFrame:
    """Each item has three of seven words, in one text."""
    words = [" ".join(f"t{(number * step) % 7}" for step in (1, 2, 5)) + f" t{number // 7}" for number in range(30)]
    return frame.with_columns(tag=pl.Series(words))


def some_are(value: str) -> pl.Expr:
    """One in four of the items has this value, the others what they had."""
    some = pl.int_range(pl.len()) % 4 == 0
    return pl.when(some).then(pl.concat_list(pl.lit(value))).otherwise(pl.col("tag"))


def robots(number: int, share: float) -> Change:
    """So many more users, who make this share of the log, in among 300 others."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        others = frame.with_columns(u=pl.lit("p") + (pl.int_range(pl.len()) % 300).cast(pl.String))
        rows = int(len(frame) * share / (1 - share)) // number * number
        more = frame.sample(rows, with_replacement=True, seed=3).with_columns(
            u=pl.lit("bot") + (pl.int_range(pl.len()) % number).cast(pl.String), t=pl.col("t").sort() + 7
        )
        return pl.concat([others, more])

    return change


def logged_twice(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame, frame.with_columns(t=pl.col("t") + 1)])


@pytest.mark.parametrize(
    ("kind", "serious", "changes"),
    [
        ("items", True, {"items": lambda frame: frame.head(10)}),
        ("items", False, {"items": lambda frame: frame.head(26)}),
        ("tags", True, {"items": mostly(0.95, "tag", [])}),
        ("tags", False, {"items": with_column(tag=pl.when(pl.int_range(30) > 14).then("tag").otherwise([]))}),
        ("users", True, {"users": lambda frame: frame.head(5)}),
        ("users", False, {"users": lambda frame: frame.head(60)}),
        ("ids", True, {"items": prefixed("id", "item-")}),
        ("ids", True, {"users": rewritten("id", lambda ids: ids + ".0")}),
        ("ids", True, {"users": rewritten("id", lambda ids: ids.str.strip_chars_start("0") + " ")}),
        ("ids", False, {"users": prefixed("id", " ", 0.03)}),
        ("testers", True, {"events": lambda frame: frame.head(9 * EVENTS)}),
        ("testers", False, {"events": lambda frame: frame.head(50 * EVENTS)}),
        ("once", True, {"events": with_column(u=pl.int_range(USERS * EVENTS).cast(pl.String))}),
        ("one value", True, {"items": mostly(0.96, "tag", ["all"])}),
        ("one value", False, {"items": mostly(0.96, "tag", ["all"]), "purpose": Purpose((), folds=1)}),
        ("common value", False, {"items": with_column(tag=pl.concat_list(pl.lit("all"), "tag"))}),
        ("one user", True, {"events": mostly(0.6, "u", "001")}),
        ("one user", False, {"events": mostly(0.2, "u", "001")}),
        ("one item", True, {"events": mostly(0.6, "i", "01")}),
        ("one item", False, {"events": mostly(0.3, "i", "01")}),
        ("one time", True, {"events": mostly(0.6, "t", NOON)}),
        ("one time", False, {"events": mostly(0.1, "t", NOON)}),
        ("few times", True, {"events": with_column(t=NOON)}),
        ("few times", True, {"events": with_column(t=NOON + pl.int_range(pl.len()) % 2 * DAY_S)}),
        ("few times", False, {"events": with_column(t=NOON + pl.int_range(pl.len()) // EVENTS % 20 * DAY_S)}),
        ("days only", False, {"events": with_column(t=pl.col("t") - pl.col("t") % DAY_S)}),
        ("future", True, {"events": with_column(t=pl.col("t") + 5000 * DAY_S)}),
        ("future", False, {"events": later(5000, 3)}),
        ("positions", False, {"events": with_column(t=pl.int_range(pl.len()))}),
        ("none", True, {"events": mostly(0.1, "u", "Unknown")}),
        ("none", False, {"events": mostly(0.01, "i", "missing")}),
        ("none", True, {"events": mostly(0.3, "u", "0")}),
        ("rounded", True, {"events": with_column(u=pl.lit("1.2") + pl.col("u") + pl.lit("E+15"))}),
        ("rounded", True, {"events": with_column(i=pl.lit("1234567890123") + pl.col("i") + pl.lit("000"))}),
        ("rounded", True, {"events": rewritten("u", lambda ids: (ids.cast(pl.Int64) * 7_654_321 + 2**52) * 256)}),
        ("point zero", False, {"events": rewritten("u", lambda ids: ids + ".0")}),
        ("repeats", True, {"events": lambda frame: pl.concat([frame] * 11)}),
        ("repeats", False, {"events": lambda frame: pl.concat([frame] * 2)}),
        ("set aside", False, {"events": mostly(0.03, "i", None)}),
        ("left out", True, {"events": RATED, "mapping": {"clicked_at_least": 0.9, "not_clicked_at_most": 0.1}}),
        ("far", False, {"events": later(-3000, 3)}),
        ("far", False, {"events": later(300, 3)}),
        ("gap", False, {"events": later(60, 300)}),
        ("jump", False, {"events": busy_year}),
        ("all clicked", False, {"events": with_column(c=True)}),
        ("few clicked", True, {"events": with_column(c=False)}),
        (
            "one text",
            True,
            {"items": with_column(tag=pl.format("{}{}: x{}", pl.lit("{"), pl.col("tag").list.first(), pl.lit("}")))},
        ),
        ("one text", True, {"items": with_column(tag=pl.col("tag").list.join("|"))}),
        ("one text", True, {"items": joined_by("\x01")}),
        ("one text", True, {"items": joined_by("^")}),
        ("one text", True, {"items": joined_by("、")}),
        ("one text", True, {"items": joined_by("·")}),
        ("one text", True, {"items": words_with_spaces}),
        ("alone", True, {"items": with_column(tag=pl.concat_list("id"))}),
        ("alone", True, {"items": with_column(tag=pl.concat_list(pl.lit("The ") + pl.col("id")))}),
        ("no value", False, {"items": with_column(tag=some_are("Unbekannt"))}),
        ("no value", False, {"items": with_column(tag=some_are("other"))}),
        ("alike", False, {"items": with_column(tag=some_are("T1"))}),
        ("alike", False, {"items": with_column(tag=some_are("t 1"))}),
        ("none", True, {"events": mostly(0.1, "u", "未登录")}),
        ("none", True, {"events": mostly(0.1, "i", "#NV")}),
        ("few users", True, {"events": robots(12, 0.55)}),
        ("few users", False, {"events": robots(5, 0.4)}),
        ("no time", False, {"events": lambda frame: frame.drop("t")}),
        ("one hour", False, {"events": with_column(t=NOON + 3 * pl.int_range(pl.len()))}),
        ("long ago", False, {"events": rewritten("t", lambda times: times - 8 * 365 * DAY_S)}),
        (
            "time of the item",
            True,
            {
                "events": rewritten("t", lambda _: NOON + pl.col("i").cast(pl.Int64) * 70_007),
                "portions": Portions(bucket=40),
            },
        ),
        ("twice", False, {"events": logged_twice}),
        ("window", True, {"events": later(20, 1), "purpose": Purpose(("tags",), 1, 2, 7.0)}),
        ("short", False, {"purpose": Purpose(("tags",), 1, 20, 7.0)}),
    ],
)
def test_what_is_doubtful_is_told(kind: str, serious: bool, changes: dict[str, Any], tmp_path: Path) -> None:
    found = told(tmp_path, **changes)
    assert kind in found, found
    doubt = found[kind]
    assert doubt.serious is serious, doubt
    assert doubt.advice.endswith(".")
    assert doubt.sentence.endswith(".")
    assert BOUNDS[kind].tells(doubt.share)
    assert doubt.as_json() == {**asdict(doubt), "examples": list(doubt.examples)}


def test_every_kind_is_tried() -> None:
    (mark,) = (one for one in test_what_is_doubtful_is_told.pytestmark if one.name == "parametrize")
    assert {case[0] for case in mark.args[1]} == set(BOUNDS)


@pytest.mark.parametrize(
    "changes",
    [
        {"items": with_column(tag=pl.lit("science fiction ") + pl.col("tag").list.first())},
        {"items": with_column(tag=pl.col("tag").list.eval(pl.lit("dark comedy ") + pl.element()))},
        {"events": lambda frame: frame.with_columns(u=heavy_tail(len(frame)))},
        {"events": rewritten("t", lambda times: times // DAY_S * DAY_S)},
        {"events": with_column(t=pl.int_range(pl.len())), "mapping": {"time_unit": "position"}},
    ],
)
def test_what_people_do_is_left_in_peace(changes: dict[str, Any], tmp_path: Path) -> None:
    new = {"one text", "alone", "no value", "alike", "few users", "one hour", "long ago", "time of the item", "twice"}
    assert new & set(told(tmp_path, **changes)) == set()


def heavy_tail(rows: int) -> pl.Series:
    weights = np.random.default_rng(5).lognormal(sigma=1.2, size=300)
    drawn = np.random.default_rng(6).choice(300, size=rows, p=weights / weights.sum())
    return pl.Series([f"{number:03}" for number in drawn])


@pytest.mark.parametrize("rule", IN_SQL)
def test_the_query_that_is_advised_is_one(rule: str, tmp_path: Path) -> None:
    """DuckDB runs it, and what it makes of ids is what the rule makes of them."""
    ids = ["a7.0", "x007", " 7", "A7", "{a1b2-c3d4}", "user_7"]
    pl.DataFrame({"item": ids}).write_csv(tmp_path / "clicks.csv")
    query = alike_query("item", rule)
    rows = duckdb.connect().execute(query.replace("clicks.csv", str(tmp_path / "clicks.csv"))).fetchall()
    expected = pl.Series(ids).to_frame("item").select(RULES[rule](pl.col("item")))["item"]
    assert [row[0] or None for row in rows] == [one or None for one in expected]


def test_ids_written_otherwise_are_told_with_a_pair_and_what_to_do(tmp_path: Path) -> None:
    doubt = told(tmp_path, events=rewritten("u", lambda ids: ids + ".0"))["ids"]
    assert "of 120 ids of the log that the table does not have, it would have 120 if “.0” at the end" in doubt.sentence
    (pair,) = doubt.examples
    assert re.fullmatch(r"'(\d+)\.0' in the log is '\1' in the table", pair)


def test_a_common_word_for_none_is_told_with_the_key_that_sets_it_aside(tmp_path: Path) -> None:
    doubt = told(tmp_path, events=mostly(0.1, "u", "anonymous"))["none"]
    assert doubt.examples == ("'anonymous' in 60 events",)
    assert "`none` under [logs.tables.events]" in doubt.advice


def test_nobody_is_found_where_the_log_forgot_them(tmp_path: Path) -> None:
    """Users that are shown as examples are looked up, so that one who was erased is shown no more."""
    log = read_log(tmp_path, mostly(0.6, "u", "001")(log_of_ninety_days()))
    for path in (log.folder / "events").glob("*.parquet"):
        pl.read_parquet(path).filter(pl.col("user") != "001").write_parquet(path)
    (doubt,) = (one for one in doubts(log, Purpose(), NOW) if one.kind == "one user")
    assert doubt.examples == ()


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_log_of_hardly_anything_is_judged_without_a_crash(rows: int, tmp_path: Path) -> None:
    found = told(tmp_path, events=lambda frame: frame.head(rows))
    assert found["testers"].serious


def test_positions_have_no_doubts_about_clocks(tmp_path: Path) -> None:
    found = told(tmp_path, events=with_column(t=pl.int_range(pl.len()) % 3), mapping={"time_unit": "position"})
    assert {"few times", "one time", "days only", "future", "positions", "gap"} & set(found) == set()


def test_the_page_prints_from_where_on_something_is_doubtful() -> None:
    """Bounds that changed are printed anew: paste what this test expects."""
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    for bound in BOUNDS.values():
        sign = "below" if bound.below else "above"
        mild, serious = (_number(one, bound.count) for one in (bound.mild, bound.serious))
        row = f"| {bound.measure} | {sign} {mild} | {f'{sign} {serious}' if serious else 'never'} | {bound.why} |"
        assert row in text, f"docs/data/check.md lacks: {row}"


def _number(bound: float | None, count: bool) -> str | None:
    return None if bound is None else f"{bound:,.0f}" if count else "0" if bound == 0 else f"{100 * bound:g} %"


def test_dates_are_told_as_days(tmp_path: Path) -> None:
    far = told(tmp_path, events=later(300, 3))["far"]
    for example in far.examples:
        datetime.date.fromisoformat(example)
