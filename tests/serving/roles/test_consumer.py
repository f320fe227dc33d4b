"""Consumers make of the log what is derived of it, whatever they find there and however often they do it."""

from collections.abc import Sequence
from threading import Thread
from typing import Any

import pytest

from penchant.errors import StoreError
from penchant.serving.roles.consumer import MOST_ID, MOST_TEXT, consume, problem_of
from penchant.serving.served import Served
from penchant.serving.users import News, Users
from penchant.store.base import Entry, Event, Poison
from penchant.store.memory import MemoryStore
from tests.serving import worlds
from tests.serving.worlds import MADE

ITEM, MOST = "i1-1", 1_000
GOOD = Event("anna", ITEM, MADE, True, "good")


class SpoiltStore(MemoryStore):
    """Says what it was asked to write, in order; refuses to settle once; and has one entry that cannot be read."""

    def __init__(self, *, refuses: bool = False, unreadable: bool = False) -> None:
        super().__init__()
        self.asked, self._refuses, self._unreadable = list[str](), refuses, unreadable

    def put_vectors(self, model: str, vectors: Any) -> None:
        self.asked.append("put_vectors")
        super().put_vectors(model, vectors)

    def take(self, consumer: str, most: int) -> list[Entry]:
        found = super().take(consumer, most)
        if self._unreadable:
            found = [Entry(found[0].number, (), "it is cut short", '[["anna"'), *found[1:]]
        return found

    def settle(self, entries: Sequence[Entry], poison: Sequence[Poison] = ()) -> None:
        self.asked.append("settle")
        if self._refuses:
            self._refuses = False
            raise StoreError("the store is away")
        super().settle(entries, poison)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


def users_of(store: MemoryStore, served: Served) -> Users:
    return Users(store, News(store), served)


def consume_all(store: MemoryStore, users: Users, *, consumer: str = "one", most: int = MOST) -> int:
    return consume(store, [users], consumer, most, lambda: MADE + 7)


def test_where_nothing_waits_nothing_is_done(served: Served) -> None:
    store = SpoiltStore()
    assert consume_all(store, users_of(store, served)) == 0
    assert store.asked == []


def test_vectors_are_there_before_events_count(served: Served) -> None:
    store = SpoiltStore(refuses=True)
    users = users_of(store, served)
    store.append([GOOD, Event("ben", ITEM, MADE, True, "b")], at=MADE)
    with pytest.raises(StoreError, match="the store is away"):
        consume_all(store, users)
    assert None not in store.vectors(served.name, ["anna", "ben"])
    assert (store.seeds(ITEM, MOST).users, store.backlog().events) == ([], 2)
    assert consume_all(store, users) == 2
    assert store.asked == ["put_vectors", "settle"] * 2
    assert (store.seeds(ITEM, MOST).users, store.backlog().events) == (["anna", "ben"], 0)


def test_without_a_look_alike_events_count_all_the_same() -> None:
    store = SpoiltStore()
    store.append([GOOD], at=MADE)
    assert consume(store, [], "one", MOST, lambda: MADE) == 1
    assert store.asked == ["settle"]
    assert store.seeds(ITEM, MOST).users == ["anna"]


def test_about_so_many_events_are_taken_as_were_asked_for(served: Served) -> None:
    store = MemoryStore()
    for number in range(5):
        store.append([GOOD._replace(id=f"{number} {place}") for place in range(2)], at=MADE)
    users = users_of(store, served)
    assert [consume_all(store, users, most=3) for _ in range(4)] == [4, 4, 2, 0]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"time": float("nan")}, "time is nan: this is no finite number; send UTC seconds"),
    ({"time": float("-inf")}, "time is -inf: this is no finite number; send UTC seconds"),
    ({"time": -1.0}, "time is -1: this is before 1990; send UTC seconds"),
    ({"time": 0.5}, "time is 0.5: this is before 1990; send UTC seconds"),
    ({"time": 1_700_000.0}, "time is 1700000: this is before 1990; send UTC seconds"),
    ({"time": 4_102_444_801.0}, "time is 4102444801: this is after 2100; send UTC seconds"),
    ({"time": 1e300}, "time is 1e+300: this is after 2100; send UTC seconds"),
    ({"time": MADE * 10**3}, "time is 1800000000000: these look like milliseconds; send UTC seconds"),
    ({"time": MADE * 10**6}, "time is 1800000000000000: these look like microseconds; send UTC seconds"),
    ({"time": MADE * 10**9}, "time is 1.8e+18: these look like nanoseconds; send UTC seconds"),
    ({"time": 20_260_301.0}, "time is 20260301: this looks like a day written as a number; send UTC seconds"),
    ({"time": 2.0260301103e13}, "time is 20260301103000: this looks like a day written as a number; send UTC seconds"),
    ({"time": 20_261_301.0}, "time is 20261301: this is before 1990; send UTC seconds"),
    ({"time": 7}, "time is 7; it has to be UTC seconds since 1970"),
    ({"user": ""}, "user has to be a text of 1 to 1,000 characters"),
    ({"user": "x" * (MOST_TEXT + 1)}, "user has to be a text of 1 to 1,000 characters"),
    ({"item": 5}, "item has to be a text of 1 to 1,000 characters"),
    ({"id": "x" * (MOST_ID + 1)}, "id has to be a text of 1 to 1,100 characters"),
    (
        {"item": "half \ud800"},
        "item is no valid Unicode: it holds half of a surrogate pair, or bytes that are no UTF-8",
    ),
]


@pytest.mark.parametrize(("change", "problem"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_an_event_that_makes_no_sense_says_why(change: dict[str, Any], problem: str) -> None:
    assert problem_of(GOOD._replace(**change)) == problem


def test_the_longest_texts_are_events_still() -> None:
    assert problem_of(Event("ü" * MOST_TEXT, "x" * MOST_TEXT, MADE, False, "y" * MOST_ID)) is None


def test_one_bad_event_among_good_ones_is_set_aside_alone(served: Served) -> None:
    store = MemoryStore()
    bad = Event("ben", ITEM, float("nan"), True, "bad")
    store.append([GOOD, bad, Event("carl", ITEM, MADE + 1, False, "c")], at=MADE)
    users = users_of(store, served)
    assert consume_all(store, users) == 3
    assert consume_all(store, users) == 0
    assert (store.seeds(ITEM, MOST).users, set(store.shown(ITEM))) == (["anna"], {"anna", "carl"})
    assert store.poison(9) == [
        Poison(repr(tuple(bad)), "time is nan: this is no finite number; send UTC seconds", MADE + 7)
    ]
    assert store.vectors(served.name, ["ben"]) == [None]


def test_an_entry_that_cannot_be_read_is_set_aside_with_its_content(served: Served) -> None:
    store = SpoiltStore(unreadable=True)
    store.append([Event("ben", ITEM, MADE, True, "b")], at=MADE)
    store.append([GOOD], at=MADE)
    assert consume_all(store, users_of(store, served)) == 1
    assert store.poison(9) == [Poison('[["anna"', "it is cut short", MADE + 7)]
    assert (store.seeds(ITEM, MOST).users, store.backlog().events) == (["anna"], 0)


def test_two_consumers_count_every_event_once(served: Served) -> None:
    store = MemoryStore()
    users, done = users_of(store, served), list[int]()
    for number in range(60):
        store.append([Event(f"u{number % 20:03}", ITEM, MADE + number, True, str(number))], at=MADE)

    def work(name: str) -> None:
        while events := consume_all(store, users, consumer=name, most=4):
            done.append(events)

    workers = [Thread(target=work, args=[name]) for name in ("one", "two")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(done) == 60
    found = store.seeds(ITEM, MOST)
    assert dict(zip(found.users, found.time_S.tolist(), strict=True)) == {
        f"u{number % 20:03}": MADE + number for number in range(40, 60)
    }
    assert (store.backlog().events, store.backlog().aside) == (0, 0)
    assert None not in store.vectors(served.name, found.users)
