"""What every store promises of users who were forgotten: nothing that happened before brings them back."""

from threading import Thread

import pytest

from penchant.errors import BusyError
from penchant.logs.forgotten import digest_of
from penchant.store.base import Backlog, Erased, Event, Fate, Store, StoreBounds, natural_id
from tests.store.conftest import Fresh
from tests.store.test_contract import click, consume, look, said

AT = 1_000.0


def forget(store: Store, user: str, at: float = AT) -> Erased:
    return store.forget(user, digest_of(user), at)


def test_events_that_come_again_do_not_bring_a_forgotten_user_back(store: Store) -> None:
    events = [click("ann", "1", AT - 5), look("ann", "2", AT)]
    store.append(events, AT)
    consume(store)
    forget(store, "ann")
    never_seen = click("ann", "3", AT - 900)
    other = click("bob", "1", AT - 5)
    assert store.append([events[0], other, events[1], never_seen], AT + 1) == [
        Fate.FORGOTTEN, Fate.NEW, Fate.FORGOTTEN, Fate.FORGOTTEN
    ]  # fmt: skip
    assert store.append([other, events[0]], AT + 1) == [Fate.REPEATED, Fate.FORGOTTEN]
    assert store.histories(["ann", "bob"]) == [[], [other]]
    assert store.backlog() == Backlog(1, AT + 1, 0)
    assert list(store.users()) == ["bob"]
    consume(store)
    assert store.shown("1") == ["bob"]
    assert store.shown("2") == store.shown("3") == []


def test_what_happens_later_counts_as_of_somebody_new(store: Store) -> None:
    store.append([click("ann", "1", AT - 5)], AT)
    forget(store, "ann")
    late = click("ann", "1", AT + 0.5)
    assert store.append([click("ann", "1", AT - 5), late], AT + 1) == [Fate.FORGOTTEN, Fate.NEW]
    assert store.histories(["ann"]) == [[late]]
    forget(store, "ann", AT + 2)
    assert store.append([late], AT + 3) == [Fate.FORGOTTEN]


def test_events_ahead_of_the_clock_are_forgotten_too(store: Store) -> None:
    ahead = click("ann", "1", AT + 3_000.123456789)
    store.append([ahead], AT)
    forget(store, "ann")
    assert store.append([ahead, look("ann", "1", AT + 10)], AT + 1) == [Fate.FORGOTTEN] * 2
    assert store.append([look("ann", "1", AT + 3_001)], AT + 3_001) == [Fate.NEW]


def test_an_earlier_erasure_takes_nothing_back(store: Store) -> None:
    store.append([click("ann", "1", AT + 50)], AT)
    forget(store, "ann")
    forget(store, "ann", AT - 500)
    store.add_forgotten({digest_of("ann"): AT - 700})
    assert store.forgotten(0)[1] == {digest_of("ann"): AT}
    assert store.append([click("ann", "1", AT + 50)], AT + 1) == [Fate.FORGOTTEN]


def test_users_whom_another_store_has_forgotten_do_not_come_back(store: Store) -> None:
    number, _ = store.forgotten(0)
    store.add_forgotten({digest_of("ann"): AT, digest_of("bob"): AT - 10})
    assert store.forgotten(number)[1] == {digest_of("ann"): AT, digest_of("bob"): AT - 10}
    events = [click("ann", "1", AT), click("bob", "1", AT - 9), click("bob", "1", AT - 10)]
    assert store.append(events, AT + 1) == [Fate.FORGOTTEN, Fate.NEW, Fate.FORGOTTEN]


def test_a_batch_that_races_the_erasure_is_kept_before_it_or_dropped_after(store: Store) -> None:
    """Whoever comes first, nothing of the user is left."""
    events = [[Event(user, "1", AT - part, True, f"{part}") for user in ("ann", "bob")] for part in range(40)]
    fates = list[list[Fate]]()

    def append() -> None:
        fates.extend(store.append(batch, AT) for batch in events)

    def work() -> None:
        for _ in range(20):
            consume(store, "consumer")

    sides = [Thread(target=append), Thread(target=work)]
    for side in sides:
        side.start()
    forget(store, "ann")
    for side in sides:
        side.join()
    consume(store, "consumer")
    assert store.histories(["ann"]) == [[]]
    assert len(store.histories(["bob"])[0]) == 40
    assert store.shown("1") == ["bob"]
    assert {of_bob for _, of_bob in fates} == {Fate.NEW}
    of_ann = [of_ann for of_ann, _ in fates]
    assert of_ann == sorted(of_ann, key=[Fate.NEW, Fate.FORGOTTEN].index)


def test_a_vector_of_what_was_forgotten_does_not_come_back(store: Store) -> None:
    """A consumer that was slow puts what it made of five events, when somebody new has one."""
    store.append([click("ann", "1", AT - part) for part in range(5)], AT)
    forget(store, "ann")
    store.append([click("ann", "1", AT + 1)], AT)
    store.put_vectors("m", {"ann": (5, b"of what was forgotten")})
    assert store.vectors("m", ["ann"]) == [None]
    store.put_vectors("m", {"ann": (1, b"of somebody new")})
    assert store.vectors("m", ["ann"]) == [b"of somebody new"]


@pytest.mark.parametrize("count", [9, 10, 40])
def test_every_item_of_a_user_is_forgotten_however_long_the_history(fresh: Fresh, count: int) -> None:
    store = fresh(StoreBounds(events=10)).store
    for place in range(count):
        store.append([click("ann", f"item {place}", float(place)), click("bob", f"item {place}", 1.0)], 1.0)
        consume(store)
    store.append([click("ann", "waits", 99.0)], 1.0)
    assert forget(store, "ann").items == count
    consume(store)
    items = [f"item {place}" for place in range(count)]
    assert all(store.shown(item) == ["bob"] for item in items)
    assert all(said(store.seeds(item, 9)) == [("bob", 1.0)] for item in items)
    assert store.shown("waits") == []


def test_the_store_can_be_tidied_at_any_time(store: Store) -> None:
    store.tidy()
    store.append([click("ann", "1", 1.0)], 1.0)
    forget(store, "ann")
    store.tidy()
    store.tidy()


# Items that have fields


def test_items_with_fields_are_bounded(fresh: Fresh) -> None:
    store = fresh(StoreBounds(items=3)).store
    store.put_items({"1": {"tag": ["a"]}, "2": {}})
    with pytest.raises(BusyError, match="the store would hold fields of 4 items, more than 3; train a run whose table"):
        store.put_items({"2": {"tag": ["changed"]}, "3": {}, "4": {}})
    number, items = store.items(0)
    assert items == {"1": {"tag": ["a"]}, "2": {}}
    store.put_items({"3": {}})
    store.put_items({"1": {"tag": ["b"]}, "3": {"tag": ["c"]}})
    assert store.items(number)[1] == {"1": {"tag": ["b"]}, "3": {"tag": ["c"]}}
    with pytest.raises(BusyError):
        store.put_items({"4": {}})


# Numbers


def test_a_number_that_is_ahead_of_the_store_is_of_another(store: Store) -> None:
    store.open_candidates(["1"], 0.0)
    store.put_items({"1": {}})
    store.publish("m", {"1": b"x"}, "0")
    store.forget("ann", "digest", 1.0)
    for told in store.items, lambda after: store.clusters("m", after), store.forgotten:
        number, all_of_it = told(0)
        assert told(number) == (number, {})
        assert told(number + 5) == (number, all_of_it)
    assert store.joined(str(store.items(0)[0] + 5), 10).lost
    assert store.joined("spoilt", 10).lost
    assert not store.joined(store.joined("spoilt", 10).cursor, 10).lost


def test_a_store_that_begins_later_tells_lower_numbers(fresh: Fresh) -> None:
    first = fresh().store
    for _ in range(3):
        first.put_items({"1": {"tag": [natural_id("1", 1.0, clicked=True)]}})
    before, cursor = first.items(0)[0], first.joined("", 1).cursor
    second = fresh().store
    for number in range(7):
        second.put_items({str(number): {}})
    number, items = second.items(before)
    assert number < before
    assert len(items) == 7
    assert second.joined(cursor, 10).lost
