"""What a run file can say of a table: which rows count, what is a click, what stands for none, what is left out."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.errors import ConfigError, DataError
from penchant.files import read_json
from penchant.logs.ingest import Log, ingest
from penchant.logs.tables import EventsTable, ItemsTable, Tables
from tests.logs.logs_on_disk import NOON, all_events, read_log, rejected

HOUR_S = 3600


def shown(count: int, **columns: Any) -> pl.DataFrame:
    """So many events of one user, a second apart, with further columns."""
    plain = {"u": ["u"] * count, "i": [f"i{n}" for n in range(count)], "t": [NOON + n for n in range(count)]}
    return pl.DataFrame({**plain, **columns})


def items_of(log: Log) -> list[str]:
    return all_events(log)["item"].to_list()


def test_actions_say_what_is_a_click_and_what_does_not_count(tmp_path: Path) -> None:
    frame = shown(4, what=["purchase", "view", "scroll", None])
    log = read_log(tmp_path, frame, mapping={"action": "what", "actions": {"purchase": True, "view": False}})
    assert all_events(log).select("item", "clicked").rows() == [("i0", True), ("i1", False)]
    assert log.found["left_out"] == {"'what' is an action that `actions` does not name": 2}
    assert rejected(log) == []


def test_an_action_and_its_values_need_each_other() -> None:
    table = {"files": "x", "user": "u", "item": "i"}
    for said in ({"action": "what"}, {"actions": {"buy": True}}):
        with pytest.raises(ConfigError, match=r"`action` and `actions` need each other: .* purchase = true"):
            EventsTable.parse({**table, **said}, origin="test")
    with pytest.raises(ConfigError, match="`clicked` and `action` both say what a click is"):
        EventsTable.parse({**table, "action": "a", "actions": {"b": True}, "clicked": "c"}, origin="test")


WORTHS: dict[str, tuple[dict[str, Any], list[tuple[str, bool, int]]]] = {
    "several": (
        {"buy": 5, "like": 0.25, "view": False},
        [("i0", True, 5000), ("i1", True, 250), ("i2", False, 0), ("i3", True, 5000)],
    ),
    "smallest and largest": ({"buy": 0.001, "like": 1000}, [("i0", True, 1), ("i1", True, 1_000_000), ("i3", True, 1)]),
    "a decimal that no float is": (
        {"buy": 16.081, "like": True},
        [("i0", True, 16081), ("i1", True, 1000), ("i3", True, 16081)],
    ),
    "zero": ({"like": 2.5, "view": 0.0}, [("i1", True, 2500), ("i2", False, 0)]),
}


@pytest.mark.parametrize("kind", WORTHS)
def test_an_action_may_count_as_more_than_one_click(kind: str, tmp_path: Path) -> None:
    actions, wanted = WORTHS[kind]
    frame = shown(4, what=["buy", "like", "view", "buy"])
    log = read_log(tmp_path, frame, mapping={"action": "what", "actions": actions})
    assert all_events(log).select("item", "clicked", "worth").rows() == wanted
    assert log.found["clicked"] == sum(clicked for _, clicked, _ in wanted)


@pytest.mark.parametrize("actions", [{"buy": 1, "view": 0}, {"buy": 1.0, "view": -0.0}])
def test_one_and_zero_are_true_and_false_and_make_the_same_log(actions: dict[str, Any], tmp_path: Path) -> None:
    frame, logs = shown(2, what=["buy", "view"]), []
    for place, said in enumerate(({"buy": True, "view": False}, actions)):
        (tmp_path / str(place)).mkdir()
        logs.append(read_log(tmp_path / str(place), frame, mapping={"action": "what", "actions": said}))
    one, other = (read_json(log.folder / "source.json")["tables"] for log in logs)
    assert one == other
    assert all_events(logs[1]).columns == ["user", "item", "time", "clicked"]


@pytest.mark.parametrize(
    "worth", [-1, -0.001, 0.0004, 1.0005, 1000.001, 10**400, float("nan"), float("inf"), "5", None]
)
def test_what_no_click_can_count_as_is_refused(worth: Any) -> None:
    table = {"files": "x", "user": "u", "item": "i", "action": "what", "actions": {"buy": worth}}
    shown = re.escape(repr(worth)[:100])  # the beginning of a long one
    said = (
        rf"'actions.buy' is {shown}.*: write true \(a click\), false \(shown, not clicked\), or as how "
        r"many clicks it counts: a number from 0.001 to 1000 with at most three decimals"
    )
    with pytest.raises(ConfigError, match=said):
        EventsTable.parse(table, origin="test")


def test_of_repeats_the_one_stays_that_counts_most(tmp_path: Path) -> None:
    """A click before what was shown, then by its worth, whatever the order of the rows."""
    what = ["view", "like", "buy", "like", "buy", "like", "view"]
    frame = shown(7, what=what).with_columns(i=pl.Series(list("aaabbcc")), t=pl.lit(NOON))
    log = read_log(tmp_path, frame, mapping={"action": "what", "actions": {"buy": 3.0, "like": 0.5, "view": False}})
    assert all_events(log).select("item", "clicked", "worth").rows() == [
        ("a", True, 3000),
        ("b", True, 3000),
        ("c", True, 500),
    ]
    assert [row for _, row, _ in rejected(log)] == [1, 2, 4, 7]


@pytest.mark.parametrize(("codes", "kind"), [([1, 2, 3], pl.Int64), ([1.0, 2.0, 3.5], pl.Float64)])
def test_an_action_that_is_a_number_is_told_by_what_it_is_worth(
    codes: list[float], kind: type[pl.DataType], tmp_path: Path
) -> None:
    frame = shown(3).with_columns(what=pl.Series(codes, dtype=kind))
    log = read_log(tmp_path, frame, mapping={"action": "what", "actions": {"1": 4.0, "2": False}})
    assert all_events(log).select("item", "clicked", "worth").rows() == [("i0", True, 4000), ("i1", False, 0)]
    assert rejected(log) == []


@pytest.mark.parametrize(
    ("rule", "values", "wanted", "left"),
    [
        ("keep", ["se", "no"], ["i0", "i3"], 3),
        ("keep", [1], ["i4"], 4),
        ("drop", ["se"], ["i1", "i2", "i3", "i4"], 1),
    ],
)
def test_rows_count_by_their_values(rule: str, values: list[Any], wanted: list[str], left: int, tmp_path: Path) -> None:
    frame = shown(5, country=["se", "dk", None, "no", "1"])
    log = read_log(tmp_path, frame, mapping={rule: {"country": values}})
    assert items_of(log) == wanted
    assert sum(log.found["left_out"].values()) == left


def test_a_number_is_kept_by_its_worth_and_a_truth_by_its_word(tmp_path: Path) -> None:
    frame = shown(3, level=[1.0, 2.5, 1.0], real=[True, True, False])
    log = read_log(tmp_path, frame, mapping={"keep": {"level": [1], "real": [True]}})
    assert items_of(log) == ["i0"]


def test_a_row_that_does_not_count_is_not_judged(tmp_path: Path) -> None:
    frame = shown(3, country=["se", "dk", "dk"]).with_columns(t=pl.Series(["2001-01-01", "no time", "none"]))
    assert rejected(read_log(tmp_path, frame, mapping={"keep": {"country": ["se"]}})) == []


def test_tables_beside_the_log_are_filtered_too(tmp_path: Path) -> None:
    pl.DataFrame({"i": ["i0", "i1"], "tags": ["a", "b"], "live": [True, False]}).write_parquet(tmp_path / "items.pq")
    items = {"files": "items.pq", "item": "i", "fields": {"tags": "tags"}, "keep": {"live": [True]}}
    log = read_log(tmp_path, shown(2), items=items)
    assert log.items().rows() == [("i0", ["a"])]
    assert log.found["rows_beside_left_out"] == {"items: 'live' is none of the values that `keep` names": 1}


@pytest.mark.parametrize("text", ["\\N", "NULL", "null", "nan", "None", "undefined", "<NA>", "(not set)"])
def test_what_programs_write_for_nothing_is_no_user_no_item_and_no_tag(text: str, tmp_path: Path) -> None:
    pl.DataFrame({"i": ["i0"], "tags": [["a", text]]}).write_parquet(tmp_path / "items.pq")
    frame = shown(3).with_columns(u=pl.Series(["u", text, "u"]), i=pl.Series(["i0", "i1", text]))
    log = read_log(tmp_path, frame, items={"files": "items.pq", "item": "i", "fields": {"tags": "tags"}})
    assert items_of(log) == ["i0"]
    assert log.items()["tags"].to_list() == [["a"]]
    assert [reason for _, _, reason in rejected(log)] == [
        f"no user in 'u', where '{text}' stands for none",
        f"no item in 'i', where '{text}' stands for none",
    ]


def test_a_run_file_says_what_stands_for_none(tmp_path: Path) -> None:
    frame = shown(3).with_columns(u=pl.Series(["None", "-", "u"]))
    assert items_of(read_log(tmp_path, frame, mapping={"none": ["-"]})) == ["i0", "i2"]


LISTS: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, bool]]]] = {
    "flags beside the items": ({"i": [["a", "b"]], "c": [[1, 0]]}, {}, [("a", True), ("b", False)]),
    "the clicked items": ({"i": [["a", "b", "c"]], "c": [["c", "a"]]}, {}, [("a", True), ("b", False), ("c", True)]),
    "numbers of items": ({"i": [[7, 8]], "c": [[8]]}, {}, [("7", False), ("8", True)]),
    "one item, clicked if in the list": ({"i": ["a"], "c": [["b"]]}, {}, [("a", False)]),
    "lists as text": ({"i": ["['a', 'b']"], "c": ["[True, False]"]}, {}, [("a", True), ("b", False)]),
    "lists with a separator": ({"i": ["a b"], "c": ["1 0"]}, {"separator": " "}, [("a", True), ("b", False)]),
    "ratings": ({"i": [["a", "b"]], "c": [[5.0, 1.0]]}, {"clicked_at_least": 4.0}, [("a", True), ("b", False)]),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_row_of_lists_is_a_row_per_value(kind: str, tmp_path: Path) -> None:
    columns, mapping, wanted = LISTS[kind]
    log = read_log(tmp_path, pl.DataFrame({"u": ["u"], "t": [NOON], **columns}), mapping=mapping)
    assert all_events(log).select("item", "clicked").rows() == wanted


def test_times_may_be_a_list_too_and_it_is_said(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["u", "v"], "i": [["a", "b"], ["c"]], "t": [[NOON, NOON + 1], [NOON]]})
    log = read_log(tmp_path, frame)
    assert all_events(log).select("user", "item", "time").rows() == [
        ("u", "a", NOON),
        ("u", "b", NOON + 1),
        ("v", "c", NOON),
    ]
    assert log.found["guessed"] == {"lists": "2 rows hold lists, which were parted into 3"}


def test_lists_that_do_not_belong_together_are_set_aside_and_empty_ones_left_out(tmp_path: Path) -> None:
    frame = pl.DataFrame({"u": ["u"] * 3, "t": [NOON] * 3, "i": [["a"], ["b", "c"], []], "c": [[True], [True], []]})
    log = read_log(tmp_path, frame)
    assert items_of(log) == ["a"]
    assert rejected(log) == [("events-0.parquet", 2, "the lists in 'i' and 'c' are not equally long")]
    assert log.found["left_out"] == {"an empty list": 1}


def test_a_zone_is_that_of_times_that_do_not_say_theirs(tmp_path: Path) -> None:
    frame = shown(3).with_columns(t=pl.Series(["2001-01-01 12:00", "2001-07-01 12:00", "2001-01-01T12:00:00Z"]))
    log = read_log(tmp_path, frame, mapping={"time_zone": "Europe/Stockholm"})
    days = 181 * 24 * HOUR_S
    assert sorted(all_events(log)["time"]) == [NOON - HOUR_S, NOON, NOON + days - 2 * HOUR_S]


def test_a_zone_that_is_none_is_refused() -> None:
    table = {"files": "x", "user": "u", "item": "i", "time": "t", "time_zone": "Stockholm"}
    with pytest.raises(ConfigError, match=r"time_zone' is 'Stockholm'.*Europe/Stockholm"):
        EventsTable.parse(table, origin="test")


def test_a_format_of_ones_own(tmp_path: Path) -> None:
    frame = shown(2).with_columns(t=pl.Series(["12h00 on 01/02/03", "12h00 on 03/02/01"]))
    log = read_log(tmp_path, frame, mapping={"time_format": "%Hh%M on %y/%m/%d"})
    assert all_events(log)["time"].to_list() == [981_201_600, 1_044_100_800]  # 3 February 2001, 1 February 2003


def test_values_that_stand_on_everything_may_be_left_out(tmp_path: Path) -> None:
    pl.DataFrame({"i": list("abcd"), "tags": [["all", "x"], ["all"], ["all", "y"], ["all"]]}).write_parquet(
        tmp_path / "items.pq"
    )
    items = {"files": "items.pq", "item": "i", "fields": {"tags": "tags"}, "most_items": {"tags": 0.9}}
    log = read_log(tmp_path, shown(2), items=items)
    assert log.items()["tags"].to_list() == [["x"], [], ["y"], []]
    assert log.found["rows_beside_left_out"] == {"tags: 'all', which more than 90% of the items have": 4}
    with pytest.raises(ConfigError, match="most_items names 'tag', which is not one of `fields`: tags"):
        ItemsTable.parse({**items, "most_items": {"tag": 0.5}}, origin="test")


def test_what_top_and_min_items_cut_is_counted(tmp_path: Path) -> None:
    rows = pl.DataFrame({"i": ["a", "a", "a", "b"], "tag": ["x", "y", "z", "x"]})
    rows.write_parquet(tmp_path / "tags.pq")
    values = {"field": "tags", "files": "tags.pq", "item": "i", "value": "tag"}
    log = read_log(tmp_path, shown(2), item_values=[{**values, "top": 1}])
    assert log.found["rows_beside_left_out"] == {"tags: a value behind the first 1 of its item": 2}
    tables = Tables.parse(
        {
            "events": {"files": "events-*.parquet", "user": "u", "item": "i", "time": "t"},
            "item_values": [{**values, "min_items": 2, "most_items": 1.0}],
        },
        origin="test",
    )
    found = ingest(tables, tmp_path, tmp_path / "again", max_rejected_share=0.0).found
    assert found["rows_beside_left_out"] == {"tags: a value of fewer than 2 items": 2}


def test_files_or_a_query_but_not_both() -> None:
    table = {"user": "u", "item": "i"}
    for said in ({}, {"files": "x", "query": "select 1"}):
        with pytest.raises(ConfigError, match="give `files` or, in their place, a `query`"):
            EventsTable.parse({**table, **said}, origin="test")
    with pytest.raises(ConfigError, match="`database` needs `query`"):
        EventsTable.parse({**table, "files": "x", "database": "y"}, origin="test")


def test_users_with_few_events_are_left_out_and_of_many_the_latest_stay(tmp_path: Path) -> None:
    counts = {"one": 1, "three": 3, "five": 5}
    rows = [(user, f"i{n}", NOON + n) for user, count in counts.items() for n in range(count)]
    frame = pl.DataFrame([*rows, rows[0], rows[0]], schema=["u", "i", "t"], orient="row")
    log = read_log(tmp_path, frame, mapping={"events_at_least": 3, "events_at_most": 4})
    assert all_events(log).select("user", "item").rows() == [
        *(("five", f"i{n}") for n in range(1, 5)),
        *(("three", f"i{n}") for n in range(3)),
    ]
    assert log.found["left_out"] == {"user with fewer than 3 events": 1, "user's event before the latest 4": 1}


def test_actions_may_be_a_list_beside_the_items_and_a_filter_may_ask_for_one_of_a_list(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"u": ["u", "v"], "t": [NOON] * 2, "i": [["a", "b", "c"], ["d"]], "what": [["buy", "see", "ad"], ["buy"]]}
    ).with_columns(tests=pl.Series([["x", "y"], ["z"]]))
    mapping = {"action": "what", "actions": {"buy": True, "see": False}, "keep": {"tests": ["y"]}}
    log = read_log(tmp_path, frame, mapping=mapping)
    assert all_events(log).select("item", "clicked").rows() == [("a", True), ("b", False)]
    assert sum(log.found["left_out"].values()) == 2


def test_of_a_user_with_more_events_than_a_store_keeps_the_latest_stay(tmp_path: Path) -> None:
    events = pl.DataFrame(
        {"u": "bot", "i": pl.int_range(10_050, eager=True), "t": NOON + pl.int_range(10_050, eager=True)}
    )
    log = read_log(tmp_path, events)
    assert log.found["events"] == 10_000
    assert log.found["first"] == NOON + 50
    assert log.found["left_out"] == {"user's event before the latest 10,000": 50}


@pytest.mark.parametrize(
    ("column", "values", "wanted"),
    [
        (["True", "false", "TRUE", None], [True], ["i0", "i2"]),
        (["1.0", "1", "2", "x"], [1], ["i0", "i1"]),
        (["1", "2", "1.00", None], [1.0], ["i0", "i2"]),
        ([1.0, 2.5, 1.0, None], ["1"], ["i0", "i2"]),
        (["a", "", None, " a "], [""], ["i1", "i2"]),
        (["Buy", "buy", "b", None], ["buy"], ["i1"]),
    ],
)
def test_a_value_is_the_same_however_a_table_writes_it(
    column: list[Any], values: list[Any], wanted: list[str], tmp_path: Path
) -> None:
    log = read_log(tmp_path, shown(4, x=column), mapping={"keep": {"x": values}})
    assert items_of(log) == wanted


def test_values_that_no_row_has_are_told(tmp_path: Path) -> None:
    mapping = {"keep": {"x": ["a", "z"]}, "action": "what", "actions": {"buy": True, "sell": True}}
    log = read_log(tmp_path, shown(2, x=["a", "b"], what=["buy", "buy"]), mapping=mapping)
    assert log.found["guessed"] == {
        "keep x": "no row has 'z' in 'x', which `keep` names",
        "actions what": "no row has 'sell' in 'what', which `actions` names",
    }


def test_where_nothing_is_left_it_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of 2 rows is an event: 2 × 'x' is none of the values that `keep` names"):
        read_log(tmp_path, shown(2, x=["a", "b"]), mapping={"keep": {"x": ["z"]}})


@pytest.mark.parametrize("clicked", [[{"a": 1}], [b"\xff"], [[{"a": 1}]]])
def test_what_says_neither_yes_nor_no_is_refused(clicked: list[Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column 'c' holds .*, which does not say whether an item was clicked"):
        read_log(tmp_path, shown(1, c=clicked))


def test_without_a_time_the_order_of_two_files_stays_whatever_lines_are_blank(tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 6)):
        lines = [f'{{"u": "u", "i": "i{first + n:02}"}}' for n in range(6)]
        (tmp_path / f"{name}.jsonl").write_text("\n" * 5 * (name == "a") + "\n".join(lines) + "\n")
    log = read_log(tmp_path, shown(1), mapping={"files": ["a.jsonl", "b.jsonl"], "time": None})
    assert items_of(log) == [f"i{n:02}" for n in range(12)]
