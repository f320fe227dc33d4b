"""What every store promises."""

from collections.abc import Callable, Sequence
from threading import Thread

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.errors import StoreError
from penchant.store.base import (
    LEASE_S,
    Backlog,
    Entry,
    Erased,
    Event,
    Fate,
    Join,
    Joined,
    Key,
    Poison,
    Seeds,
    Store,
    StoreBounds,
    natural_id,
)
from tests.store.conftest import LASTING, Bench, Fresh

MANY = 1_000_000


def click(user: str, item: str, time: float) -> Event:
    return Event(user, item, time, True, natural_id(item, time, clicked=True))


def look(user: str, item: str, time: float) -> Event:
    return Event(user, item, time, False, natural_id(item, time, clicked=False))


def consume(store: Store, consumer: str = "consumer") -> None:
    while entries := store.take(consumer, 100):
        store.settle(entries)


def said(seeds: Seeds) -> list[tuple[str, float]]:
    assert seeds.time_S.dtype == np.float64
    return list(zip(seeds.users, seeds.time_S.tolist(), strict=True))


# Events


def test_an_event_is_in_the_history_as_soon_as_it_is_acknowledged(store: Store) -> None:
    events = [click("ann", "42", 10.5), look("bob", "7", 3.25), look("ann", "7", 1.125)]
    assert store.append(events, 100.0) == [Fate.NEW] * 3
    assert store.histories(["bob", "ann", "nobody"]) == [[events[1]], [events[2], events[0]], []]
    assert type(store.histories(["ann"])[0][0].clicked) is bool
    assert sorted(store.users()) == ["ann", "bob"]


def test_the_same_id_twice_counts_once(store: Store) -> None:
    first, changed = Event("ann", "42", 10.0, True, "x"), Event("ann", "43", 11.0, False, "x")
    other = Event("bob", "42", 10.0, True, "x")
    assert store.append([first, changed, other], 1.0) == [Fate.NEW, Fate.REPEATED, Fate.NEW]
    assert store.append([changed, first], 2.0) == [Fate.REPEATED] * 2
    assert store.histories(["ann", "bob"]) == [[first], [other]]
    assert store.backlog() == Backlog(2, 1.0, 0)


def test_nothing_appended_changes_nothing(store: Store) -> None:
    assert store.append([], 1.0) == []
    assert store.take("consumer", 10) == []
    assert store.backlog() == Backlog(0, None, 0)


def test_events_at_the_same_time_are_ordered_by_item_and_id(store: Store) -> None:
    events = [Event("ann", item, 1.0, False, own) for item, own in [("b", "2"), ("a", "9"), ("b", "1"), ("é", "0")]]
    store.append(events, 1.0)
    assert [(event.item, event.id) for event in store.histories(["ann"])[0]] == [
        ("a", "9"), ("b", "1"), ("b", "2"), ("é", "0")
    ]  # fmt: skip


def test_a_history_keeps_the_latest_events(fresh: Fresh) -> None:
    store, times = fresh(StoreBounds(events=1000)).store, list(range(1050))
    for start in range(0, len(times), 150):
        store.append([look("ann", "1", float(time)) for time in times[start : start + 150][::-1]], 1.0)
    [history] = store.histories(["ann"])
    assert [event.time for event in history] == times[50:]
    store.append([look("ann", "1", -1.0)], 1.0)
    assert store.histories(["ann"]) == [history]


STRANGE = [
    "a b",
    'quote"s',
    "back\\slash",
    "new\nline",
    "tab\t",
    "\x01\x1f\x7f",
    "é",
    "日本語",
    "😀",
    ":",
    "penchant:",
    "é" * 1000,
]


@pytest.mark.parametrize("name", STRANGE, ids=ascii)
def test_any_text_can_be_an_id(store: Store, name: str) -> None:
    event = Event(name, name, 1.5, True, name)
    store.append([event, look("ann", name, 2.0)], 1.0)
    assert store.histories([name]) == [[event]]
    assert store.append([event], 1.0) == [Fate.REPEATED]
    store.open_candidates([name], 1.0)
    entries = store.take(name, 10)
    assert entries[0].events == (event, look("ann", name, 2.0))
    store.settle(entries)
    assert said(store.seeds(name, 10)) == [(name, 1.5)]
    assert sorted(store.shown(name)) == sorted([name, "ann"])
    assert store.joined("0", 10).joins == [Join(name, name)]
    store.put_items({name: {name: [name]}})
    assert store.items(0)[1] == {name: {name: [name]}}
    store.publish(name, {name: name.encode()}, "1")
    assert store.clusters(name, 0)[1] == {name: name.encode()}
    assert store.hold(name, name)
    assert store.holders() == {name: name}
    assert set(store.users()) == {name, "ann"}
    assert store.forget(name, "digest", 1.0) == Erased(1, 0, 1)
    assert store.shown(name) == ["ann"]
    assert store.joined("0", 10).joins == [Join(name, "")]


# The log


def test_entries_come_oldest_first_and_about_as_many_events_as_asked(store: Store) -> None:
    for time in range(5):
        store.append([look("ann", "1", time + part / 4) for part in range(3)], 10.0 + time)
    first = store.take("one", 4)
    assert [event.time for entry in first for event in entry.events] == [0, 0.25, 0.5, 1, 1.25, 1.5]
    assert len(store.take("two", 1)) == 1
    assert len(store.take("three", MANY)) == 2
    assert store.take("four", MANY) == []
    assert store.backlog() == Backlog(15, 10.0, 0)
    store.settle(first)
    assert store.backlog() == Backlog(9, 12.0, 0)


def test_a_consumer_gets_again_what_it_has_not_settled_and_more(store: Store) -> None:
    store.append([look("ann", "1", 1.0)], 1.0)
    first = store.take("one", 10)
    store.append([look("ann", "1", 2.0)], 1.0)
    assert store.take("one", 1) == first
    both = store.take("one", 10)
    assert both[0] == first[0]
    assert len(both) == 2
    store.settle(both[:1])
    assert store.take("one", 10) == both[1:]


def test_what_a_dead_consumer_has_taken_is_free_again(bench: Bench) -> None:
    store = bench.store
    store.append([look("ann", "1", 1.0)], 1.0)
    taken = store.take("one", 10)
    bench.pass_time(LEASE_S - 1)
    assert store.take("two", 10) == []
    assert store.take("one", 10) == taken
    bench.pass_time(LEASE_S - 1)
    assert store.take("two", 10) == []
    bench.pass_time(2)
    assert store.take("two", 10) == taken
    assert store.take("one", 10) == []


def test_settled_by_two_consumers_counts_once(bench: Bench) -> None:
    store = bench.store
    store.open_candidates(["1"], 1.0)
    store.append([click("ann", "1", 1.0)], 1.0)
    slow = store.take("slow", 10)
    bench.pass_time(LEASE_S + 1)
    quick = store.take("quick", 10)
    store.settle(quick, [Poison("x", "why", 1.0)])
    store.settle(slow, [Poison("x", "why", 1.0)])
    store.settle(quick, [Poison("x", "why", 1.0)])
    assert store.joined("0", 10).joins == [Join("1", "ann")]
    assert store.backlog() == Backlog(0, None, 1)
    assert store.poison(10) == [Poison("x", "why", 1.0)]


def test_poison_comes_latest_first_and_may_come_alone(store: Store) -> None:
    store.settle([], [Poison("a", "first", 1.0), Poison("b", "second", 2.0)])
    store.settle([], [Poison("c", "third", 3.0)])
    assert [said.content for said in store.poison(2)] == ["c", "b"]
    assert store.poison(0) == []
    assert store.backlog().aside == 3


def test_poison_is_bounded_but_counted(fresh: Fresh) -> None:
    store = fresh(StoreBounds(aside=3)).store
    for place in range(5):
        store.settle([], [Poison(str(place), "why", 1.0)])
    assert [said.content for said in store.poison(10)] == ["4", "3", "2"]
    assert store.backlog().aside == 5


GARBAGE = [b"\xff\xfe", b'["ann","1"', b"7", b'["ann","1",1.0,true]']


@LASTING
@pytest.mark.parametrize("content", GARBAGE, ids=repr)
def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(bench: Bench, content: bytes) -> None:
    store = bench.store
    store.append([click("ann", "1", 1.0)], 1.0)
    bench.log(content)
    store.append([click("bob", "1", 2.0)], 1.0)
    entries = store.take("one", 10)
    assert [len(entry.events) for entry in entries] == [1, 0, 1]
    wrong = entries[1]
    assert wrong.problem is not None
    assert content.decode("utf-8", "replace") in wrong.content
    store.settle(entries, [Poison(wrong.content, wrong.problem, 3.0)])
    assert store.poison(1) == [Poison(wrong.content, wrong.problem, 3.0)]
    assert said(store.seeds("1", 10)) == [("ann", 1.0), ("bob", 2.0)]
    assert store.backlog() == Backlog(0, None, 1)
    assert store.take("one", 10) == []


# Items


def test_seeds_are_the_latest_clicks_of_distinct_users(store: Store) -> None:
    store.append([click("ann", "1", 5.0), click("bob", "1", 3.0), look("cat", "1", 9.0)], 1.0)
    store.append([click("ann", "1", 2.0), click("bob", "1", 4.0), click("dan", "1", 4.0), click("ann", "2", 8.0)], 1.0)
    assert said(store.seeds("1", 10)) == []
    consume(store)
    assert said(store.seeds("1", 10)) == [("bob", 4.0), ("dan", 4.0), ("ann", 5.0)]
    assert said(store.seeds("1", 2)) == [("dan", 4.0), ("ann", 5.0)]
    assert said(store.seeds("1", 0)) == []
    assert said(store.seeds("none", 10)) == []
    assert sorted(store.shown("1")) == ["ann", "bob", "cat", "dan"]
    assert store.shown("none") == []


def test_seeds_of_an_item_are_bounded(fresh: Fresh) -> None:
    store = fresh(StoreBounds(seeds=10)).store
    names = [f"user{time * 7 % 25:02}" for time in range(25)]
    for time, name in enumerate(names):
        store.append([click(name, "1", float(time))], 1.0)
        consume(store)
    latest = [(names[time], float(time)) for time in range(15, 25)]
    assert said(store.seeds("1", MANY)) == latest
    store.append([click("late", "1", 3.0)], 1.0)
    consume(store)
    assert said(store.seeds("1", MANY)) == latest
    assert len(store.shown("1")) == 26


def test_new_seeds_of_open_candidates_are_followed(store: Store) -> None:
    store.append([click("old", "1", 1.0)], 1.0)
    consume(store)
    store.open_candidates(["1"], 2.0)
    begin = store.joined("", 10)
    assert begin.joins == []
    assert not begin.lost
    store.append([click("old", "1", 2.0), click("ann", "1", 2.0), click("bob", "9", 2.0), look("cat", "1", 2.0)], 1.0)
    consume(store)
    store.append([click("cat", "1", 3.0), click("dan", "1", 3.0)], 1.0)
    consume(store)
    first = store.joined(begin.cursor, 1)
    assert first.joins == [Join("1", "ann")]
    rest = store.joined(first.cursor, 10)
    assert sorted(rest.joins) == [Join("1", "cat"), Join("1", "dan")]
    assert not rest.lost
    assert store.joined(rest.cursor, 10) == Joined([], rest.cursor, lost=False)
    assert store.joined("", 10).cursor == rest.cursor


def test_who_is_too_far_behind_is_told_so(fresh: Fresh) -> None:
    store = fresh(StoreBounds(joined=3)).store
    store.open_candidates(["1"], 0.0)
    begin = store.joined("", 10).cursor
    users = [f"user{place}" for place in range(10)]
    for time, user in enumerate(users):
        store.append([click(user, "1", float(time))], 1.0)
        consume(store)
    late = store.joined(begin, 10)
    assert late.lost
    assert [join.user for join in late.joins] == users[-3:]
    assert not store.joined(late.cursor, 10).lost
    nothing = store.joined(begin, 0)
    assert nothing.lost
    assert not store.joined(nothing.cursor, 10).lost


def test_items_are_told_since_a_change(store: Store) -> None:
    assert store.items(0)[1] == {}
    store.put_items({"1": {"tag": ["a", "b"]}, "2": {"tag": []}})
    number, items = store.items(0)
    assert items == {"1": {"tag": ["a", "b"]}, "2": {"tag": []}}
    assert store.items(number) == (number, {})
    store.put_items({"2": {"author": ["x"]}})
    later, items = store.items(number)
    assert later > number
    assert items == {"2": {"author": ["x"]}}
    assert store.items(0) == (later, {"1": {"tag": ["a", "b"]}, "2": {"author": ["x"]}})


# Candidates


def test_candidates_open_once_and_close(store: Store) -> None:
    store.open_candidates(["1", "2"], 5.5)
    store.open_candidates(["2", "3"], 7.0)
    assert store.candidates() == {"1": 5.5, "2": 5.5, "3": 7.0}
    store.close_candidates(["2", "nothing"])
    assert store.candidates() == {"1": 5.5, "3": 7.0}
    store.open_candidates(["2"], 9.0)
    assert store.candidates()["2"] == 9.0
    store.open_candidates([], 9.0)
    store.close_candidates([])


def test_clusters_are_told_since_a_change_and_only_of_open_candidates(store: Store) -> None:
    store.open_candidates(["1", "2"], 0.0)
    assert store.clusters("m", 0)[1] == {}
    store.publish("m", {"1": b"\x00\xff", "9": b"closed"}, "5")
    store.publish("m", {"2": b"two"}, "5")
    number, clusters = store.clusters("m", 0)
    assert clusters == {"1": b"\x00\xff", "2": b"two"}
    assert store.clusters("m", number) == (number, {})
    store.publish("m", {"1": b"again"}, "6")
    later, clusters = store.clusters("m", number)
    assert later > number
    assert clusters == {"1": b"again"}
    assert store.cursor("m") == "6"
    assert store.cursor("other") is None
    store.close_candidates(["1"])
    store.open_candidates(["1"], 1.0)
    assert store.clusters("m", 0)[1] == {"2": b"two"}


def test_who_stood_still_does_not_undo_what_others_published_meanwhile(store: Store) -> None:
    store.open_candidates(["1"], 0.0)
    before = store.joined("", 0).cursor
    store.append([click("ann", "1", 1.0)], 1.0)
    store.settle(store.take("consumer", 10))
    later = store.joined(before, 10).cursor
    store.publish("m", {"1": b"with ann"}, later)
    for cursor in before, "of another store":
        with pytest.raises(StoreError, match="another process has published clusters with later seeds"):
            store.publish("m", {"1": b"without"}, cursor)
    assert store.clusters("m", 0)[1] == {"1": b"with ann"}
    assert store.cursor("m") == later
    store.publish("other", {"1": b"of another model"}, before)
    store.publish("m", {"1": b"with ann, anew"}, later)
    assert store.clusters("m", 0)[1] == {"1": b"with ann, anew"}


def test_other_models_are_dropped(store: Store) -> None:
    store.open_candidates(["1"], 0.0)
    store.append([click("ann", "1", 1.0)], 1.0)
    for model in "a", "b", "c":
        store.put_vectors(model, {"ann": (1, model.encode())})
        store.publish(model, {"1": model.encode()}, model)
    store.drop_models(["b", "unknown"])
    assert [store.clusters(model, 0)[1] for model in "abc"] == [{}, {"1": b"b"}, {}]
    assert [store.cursor(model) for model in "abc"] == [None, "b", None]
    assert [store.vectors(model, ["ann"]) for model in "abc"] == [[None], [b"b"], [None]]


def test_a_vector_of_more_events_is_kept(store: Store) -> None:
    store.append([click(user, "1", float(time)) for user in ("ann", "bob") for time in range(12)], 1.0)
    store.put_vectors("m", {"ann": (3, b"3:\x00\xff"), "bob": (1, b"")})
    store.put_vectors("m", {"ann": (2, b"older")})
    assert store.vectors("m", ["bob", "ann", "eve"]) == [b"", b"3:\x00\xff", None]
    store.put_vectors("m", {"ann": (3, b"as new"), "bob": (12, b"twelve")})
    assert store.vectors("m", ["ann", "bob"]) == [b"as new", b"twelve"]
    assert store.vectors("other", ["ann"]) == [None]
    assert store.vectors("m", []) == []


def test_vectors_of_users_without_a_history_are_ignored(store: Store) -> None:
    store.append([click("ann", "1", 1.0)], 1.0)
    store.put_vectors("m", {"ann": (1, b"a"), "eve": (1, b"e")})
    store.forget("ann", "digest", 2.0)
    store.put_vectors("m", {"ann": (1, b"late")})
    assert store.vectors("m", ["ann", "eve"]) == [None, None]
    store.append([click("ann", "1", 3.0)], 3.0)
    store.put_vectors("m", {"ann": (1, b"anew")})
    assert store.vectors("m", ["ann"]) == [b"anew"]


# Who does what


def test_a_name_has_one_holder_until_given_back_or_silent_for_long(bench: Bench) -> None:
    store = bench.store
    assert store.hold("leader", "one")
    assert not store.hold("leader", "two")
    assert store.hold("other", "two")
    assert store.holders() == {"leader": "one", "other": "two"}
    store.release("leader", "two")
    bench.pass_time(LEASE_S - 1)
    assert store.hold("leader", "one")
    bench.pass_time(LEASE_S - 1)
    assert not store.hold("leader", "two")
    assert store.holders() == {"leader": "one"}
    bench.pass_time(2)
    assert store.hold("leader", "two")
    assert not store.hold("leader", "one")
    store.release("leader", "two")
    assert store.hold("leader", "one")
    assert store.holders() == {"leader": "one"}


def test_keys_are_kept_oldest_first(store: Store) -> None:
    new, old = Key("n", "d1", "admin", "new one", 9.5, 10.0), Key("o", "d2", "read", "old one", 1.5, 0.5)
    store.put_key(new)
    store.put_key(old)
    assert store.keys() == [old, new]
    changed = Key("o", "d3", "ingest", "changed", 1.5, 2.0)
    store.put_key(changed)
    assert store.keys() == [changed, new]
    assert store.drop_key("n")
    assert not store.drop_key("n")
    assert store.keys() == [changed]


# Erasure


def test_forgotten_is_forgotten_everywhere(store: Store) -> None:
    store.open_candidates(["1"], 0.0)
    store.append([click("ann", "1", 1.0), look("ann", "2", 2.0), click("annabel", "1", 3.0)], 1.0)
    consume(store)
    store.settle([], [Poison('["ann","x"]', "odd", 1.0), Poison('["annabel"]', "odd", 1.0), Poison("x", "of ann", 1.0)])
    store.append([look("ann", "3", 4.0), look("annabel", "3", 4.0)], 7.0)
    store.append([look("ann", "4", 5.0)], 8.0)
    assert store.forget("ann", "digest", 50.0) == Erased(events=4, log=2, items=2)
    assert store.histories(["ann"]) == [[]]
    assert list(store.users()) == ["annabel"]
    assert said(store.seeds("1", 10)) == [("annabel", 3.0)]
    assert [store.shown(item) for item in ("1", "2", "3", "4")] == [["annabel"], [], [], []]
    # A seed of the one item that is open has left it.
    joins = [Join("1", "annabel"), Join("1", "")]
    assert store.joined("0", 10) == Joined(joins, store.joined("", 1).cursor, lost=False)
    assert [said.content for said in store.poison(10)] == ['["annabel"]']
    assert store.backlog() == Backlog(1, 7.0, 3)
    consume(store)
    assert [store.shown(item) for item in ("1", "2", "3", "4")] == [["annabel"], [], ["annabel"], []]
    assert store.forget("ann", "digest", 60.0) == Erased(0, 0, 0)
    assert store.joined("0", 10).joins == joins


def test_what_a_consumer_holds_of_a_forgotten_user_does_not_come_back(store: Store) -> None:
    store.append([click("ann", "1", 1.0), click("bob", "1", 1.0)], 1.0)
    held = store.take("one", 10)
    store.forget("ann", "digest", 2.0)
    store.settle(held)
    assert store.shown("1") == []
    consume(store, "two")
    assert store.shown("1") == ["bob"]
    assert said(store.seeds("1", 10)) == [("bob", 1.0)]


def test_items_whose_events_have_left_the_history_are_forgotten_too(fresh: Fresh) -> None:
    store = fresh(StoreBounds(events=1000)).store
    store.append([click("ann", "first", 0.0)], 1.0)
    store.append([look("ann", "rest", float(time)) for time in range(1, 1200)], 1.0)
    consume(store)
    assert "first" not in {event.item for event in store.histories(["ann"])[0]}
    assert store.forget("ann", "digest", 1.0).items == 2
    assert store.shown("first") == store.shown("rest") == []


@LASTING
def test_unreadable_entries_that_speak_of_a_forgotten_user_go_too(bench: Bench) -> None:
    bench.log(b'["ann","1"')
    bench.log(b'["annabel","1"')
    assert bench.store.forget("ann", "digest", 1.0) == Erased(0, 1, 0)
    [left] = bench.store.take("one", 10)
    assert "annabel" in left.content


def test_the_forgotten_are_told_since_a_change(store: Store) -> None:
    assert store.forgotten(0)[1] == {}
    store.forget("ann", "a", 1.5)
    store.forget("bob", "b", 2.5)
    number, forgotten = store.forgotten(0)
    assert forgotten == {"a": 1.5, "b": 2.5}
    store.forget("ann", "a", 3.5)
    assert store.forgotten(number)[1] == {"a": 3.5}
    assert store.forgotten(store.forgotten(0)[0])[1] == {}


# Order, repeats, threads


def expected(events: Sequence[Event]) -> tuple[list[list[Event]], list[dict[str, float]], list[set[str]]]:
    """Histories, seeds and who was shown, from the distinct events alone."""
    distinct = set(events)
    histories = [
        sorted(
            (event for event in distinct if event.user == user), key=lambda event: (event.time, event.item, event.id)
        )
        for user in USERS
    ]
    clicks = [sorted((e.time, e.user) for e in distinct if e.clicked and e.item == item) for item in ITEMS]
    seeds = [{user: time for time, user in found} for found in clicks]
    return histories, seeds, [{event.user for event in distinct if event.item == item} for item in ITEMS]


def found(store: Store) -> tuple[list[list[Event]], list[dict[str, float]], list[set[str]]]:
    for item in ITEMS:
        pairs = [(time, user) for user, time in said(store.seeds(item, MANY))]
        assert pairs == sorted(pairs)
        assert len(store.shown(item)) == len(set(store.shown(item)))
    seeds = [dict(said(store.seeds(item, MANY))) for item in ITEMS]
    return store.histories(USERS), seeds, [set(store.shown(item)) for item in ITEMS]


USERS = ["ann", "bob", "cat"]
ITEMS = ["1", "2"]
EVENT = st.builds(
    lambda user, item, time, clicked: Event(user, item, time, clicked, natural_id(item, time, clicked=clicked)),
    st.sampled_from(USERS), st.sampled_from(ITEMS), st.sampled_from([1.0, 2.5, 3.0]), st.booleans()
)  # fmt: skip
STEP = st.sampled_from(["append", "take", "settle", "settle", "crash"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    batches=st.lists(st.lists(EVENT, max_size=6), max_size=6),
    steps=st.lists(st.tuples(STEP, st.booleans()), max_size=20),
)
def test_any_order_with_repeats_and_crashes_leads_to_the_same(
    fresh: Callable[[], Bench], batches: list[list[Event]], steps: list[tuple[str, bool]]
) -> None:
    bench = fresh()
    store = bench.store
    store.open_candidates(ITEMS, 0.0)
    todo, held = list(batches), list[list[Entry]]()
    for step, second in steps:
        if step == "append" and todo:
            store.append(todo.pop(), 1.0)
        elif step == "take":
            held.append(store.take("two" if second else "one", 3))
        elif step == "settle" and held:
            store.settle(held[0] if second else held.pop())
        elif step == "crash":
            bench.pass_time(LEASE_S + 1)
    for batch in [*todo, *batches[::2]]:
        store.append(batch, 1.0)
    bench.pass_time(LEASE_S + 1)
    consume(store)
    for entries in held:
        store.settle(entries)
    events = [event for batch in batches for event in batch]
    assert found(store) == expected(events)
    assert sorted(store.joined("0", MANY).joins) == sorted({Join(e.item, e.user) for e in events if e.clicked})
    assert store.backlog() == Backlog(0, None, 0)


def test_threads_append_and_consume_at_once(store: Store) -> None:
    def work(place: int) -> None:
        for time in range(20):
            store.append([click(f"user{place}", "1", float(time)), click("all", "1", float(time))], 1.0)
            store.settle(store.take(f"consumer{place}", 5))

    threads = [Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place in range(8):
        store.settle(store.take(f"consumer{place}", MANY))
    assert [len(history) for history in store.histories([*(f"user{place}" for place in range(8)), "all"])] == [20] * 9
    assert said(store.seeds("1", MANY)) == [(user, 19.0) for user in sorted(["all", *(f"user{n}" for n in range(8))])]
    assert store.backlog().events == 0


def test_a_store_that_is_there_answers(store: Store) -> None:
    store.ping()
    store.ping_writing()
