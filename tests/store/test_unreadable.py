"""What something else wrote into a store, or a disk spoilt: it counts as not there, and keeps nobody from the rest."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from penchant.store.base import KEPT, Event, Fate, Key, Poison, Store
from penchant.store.redis.store import RedisStore
from penchant.store.sqlite.store import SqliteStore
from penchant.store.unreadable import TOLD_S, Unreadable
from tests.store.conftest import LASTING, Bench, RedisBench, SqliteBench

ANN = Event("ann", "1", 1.5, True, "x")
KEY = Key("k1", "d" * 64, "read", "label", 1.0, 5.0)
GARBAGE = "\u2603 no json"


def fill(store: Store) -> None:
    """One sound thing of each kind."""
    store.put_key(KEY)
    store.open_candidates(["1"], 5.0)
    store.append([ANN], 2.0)
    store.settle(store.take("me", 10), [Poison("what", "why", 3.0)])
    store.put_items({"1": {"tags": ["a"]}})
    store.put_vectors("m", {"ann": (1, b"vector!!")})
    store.publish("m", {"1": b"clusters"}, store.joined("", 0).cursor)
    store.forget("gone", "0123456789abcdef", 4.0)
    assert store.hold("cluster", "me")


def read(store: Store) -> dict[str, Any]:
    """Whatever serving reads."""
    seeds = store.seeds("1", 10)
    return {
        "history": store.histories(["ann"]),
        "users": sorted(store.users()),
        "vectors": store.vectors("m", ["ann"]),
        "seeds": (seeds.users, seeds.time_S.tolist()),
        "shown": sorted(store.shown("1")),
        "items": store.items(0)[1],
        "candidates": store.candidates(),
        "clusters": store.clusters("m", 0)[1],
        "keys": store.keys(),
        "poison": store.poison(10),
        "forgotten": store.forgotten(0)[1],
        "holders": store.holders(),
        "since": store.backlog().since,
    }


@dataclass(frozen=True)
class Spoilt:
    """What is written beside what is sound. of_sqlite, of_redis: statements and commands; kind: under which it is
    counted."""

    kind: str
    of_sqlite: tuple[tuple[Any, ...], ...]
    of_redis: tuple[tuple[Any, ...], ...]


HISTORY = "INSERT INTO history (user, id, time, item, clicked) VALUES ('ann', ?, ?, ?, ?)"
TOUCHES = "INSERT INTO touches (item, user, time) VALUES ('1', ?, ?)"
ITEMS = "INSERT INTO items VALUES (?, ?, 1)"
ALL = [
    Spoilt(
        "event of a history",
        ((HISTORY, "a", "noon", "1", 1), (HISTORY, "b", 1.0, b"\xff", 1), (HISTORY, "c", 1e300, "1", "yes")),
        (
            ("HSET", "penchant:history:ann", "a", GARBAGE),
            ("HSET", "penchant:history:ann", "b", "[1,2,3]"),
            ("HSET", "penchant:history:ann", "c", '["1",1.0]'),
        ),
    ),
    Spoilt(
        "seed",
        ((TOUCHES, "bob", "noon"), (TOUCHES, b"\xff", 5.0)),
        (("ZADD", "penchant:seeds:1", "+inf", "bob"),),
    ),
    Spoilt(
        "item",
        ((ITEMS, "2", GARBAGE), (ITEMS, "3", "[1]"), (ITEMS, "4", '{"tags": "a"}'), (ITEMS, "5", '{"tags": [1]}')),
        tuple(
            command
            for item, said in (("2", GARBAGE), ("3", "[1]"), ("4", '{"tags": "a"}'), ("5", '{"tags": [1]}'))
            for command in (("HSET", "penchant:items", item, said), ("ZADD", "penchant:items:changes", 1, item))
        ),
    ),
    Spoilt("candidate", (("INSERT INTO candidates VALUES ('2', 'noon')",),), (("HSET", "penchant:open", "2", "noon"),)),
    Spoilt(
        "key",
        (
            ("INSERT INTO keys VALUES ('k2', x'00', 'read', 'l', 1.0, 5.0)",),
            ("INSERT INTO keys VALUES ('k3', 'd', 'all', 'l', 1.0, 5.0)",),
            ("INSERT INTO keys VALUES ('k4', 'd', 'read', 'l', 1.0, 'often')",),
        ),
        (("HSET", "penchant:keys", "k2", GARBAGE), ("HSET", "penchant:keys", "k3", '{"name": "k3"}')),
    ),
    Spoilt(
        "poison",
        (("INSERT INTO poison (content, reason, at) VALUES (x'ff', 'why', 'noon')",),),
        (("RPUSH", "penchant:poison", GARBAGE), ("RPUSH", "penchant:poison", "[1]")),
    ),
    Spoilt(
        "forgotten user",
        (("INSERT INTO forgotten (digest, at, change, until) VALUES ('x', 'noon', 1, 'noon')",),),
        (("HSET", "penchant:forgotten", "x", "noon"), ("ZADD", "penchant:forgotten:changes", 1, "x")),
    ),
]


def spoil(bench: Bench, spoilt: Spoilt) -> None:
    if isinstance(bench, SqliteBench):
        with closing(sqlite3.connect(bench.path, isolation_level=None)) as connection:
            for statement, *values in spoilt.of_sqlite:
                connection.execute(statement, values)
    else:
        assert isinstance(bench, RedisBench)
        for command in spoilt.of_redis:
            bench.raw.execute_command(*command)


@LASTING
@pytest.mark.parametrize("spoilt", ALL, ids=lambda one: one.kind)
def test_what_cannot_be_read_is_left_out_and_counted(bench: Bench, spoilt: Spoilt) -> None:
    fill(bench.store)
    before = read(bench.store)
    assert bench.store.unreadable.counts == {}
    spoil(bench, spoilt)
    if spoilt.kind == "seed" and isinstance(bench, SqliteBench):
        before["shown"] = ["ann", "bob"]  # who was shown it is not known to have clicked
    assert read(bench.store) == before
    assert bench.store.unreadable.counts.keys() <= {spoilt.kind, "name"}
    assert bench.store.unreadable.counts[spoilt.kind] > 0
    bench.store.append([Event("cleo", "1", 9.0, True, "y"), Event("ann", "1", 9.0, True, "y")], 9.0)
    bench.store.settle(bench.store.take("me", 10))
    assert bench.store.seeds("1", 10).users[-2:] == ["ann", "cleo"]
    assert bench.store.forget("ann", "fedcba9876543210", 10.0).events >= 2
    assert bench.store.histories(["ann"]) == [[]]


@LASTING
def test_vectors_and_numbers_that_are_none_count_as_not_there(bench: Bench) -> None:
    fill(bench.store)
    if isinstance(bench, SqliteBench):
        statements = ["vectors SET content = 7", "numbers SET value = 'many' WHERE name IN ('backlog', 'aside')"]
        spoil(bench, Spoilt("", tuple((f"UPDATE {statement}",) for statement in statements), ()))
    else:
        commands = ("HSET", "penchant:vectors:m", "ann", "garbage"), ("HSET", "penchant:numbers", "backlog", "many")
        spoil(bench, Spoilt("", (), commands))
    assert bench.store.vectors("m", ["ann"]) == [None]
    assert bench.store.backlog().events == 0


@LASTING
def test_names_that_are_no_text_keep_nobody_from_the_others(bench: Bench) -> None:
    fill(bench.store)
    before = read(bench.store)
    statements = (
        ("INSERT INTO candidates VALUES (CAST(x'ff' AS TEXT), 1.0)",),
        ("INSERT INTO history (user, id, time, item, clicked) VALUES (CAST(x'ff' AS TEXT), 'a', 1.0, '1', 1)",),
    )
    commands = ("HSET", "penchant:open", b"\xff", "1.0"), ("HSET", b"penchant:history:\xff", "a", '["1",1.0,true]')
    spoil(bench, Spoilt("", statements, commands))
    after = read(bench.store)
    assert after.pop("candidates") == {"1": 5.0, "\ufffd": 1.0}
    assert after.pop("users") == ["ann", "\ufffd"]
    assert after == {kind: said for kind, said in before.items() if kind in after}


def test_each_kind_is_told_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    unreadable = Unreadable(lambda: now)
    for _ in range(3):
        unreadable.add("key", "it is none", 2)
    unreadable.add("item", "it is none")
    assert len(caplog.messages) == 2
    now = TOLD_S
    unreadable.add("key", "it is none")
    assert caplog.messages[-1] == "something of the store cannot be read, and counts as not there (key): it is none"
    assert (len(caplog.messages), unreadable.counts) == (3, {"key": 7, "item": 1})


def test_marks_differ_after_every_change(fresh: Callable[..., Bench]) -> None:
    marks = list[int]()
    for _ in range(2):
        store = fresh(KEPT).store
        marks.append(store.candidates_mark())
        assert marks[-1] == store.candidates_mark() == 0
        store.open_candidates(["1"], 1.0)
        marks.append(store.candidates_mark())
        assert marks[-1] == store.candidates_mark()
        store.close_candidates(["1"])
        marks.append(store.candidates_mark())
    assert len(set(marks)) == 5, "an empty store has 0 each time, and all others differ"


@LASTING
@pytest.mark.parametrize("content", [b"\xff\x00{[", b"7.5", b"", b"9" * 30])
def test_an_epoch_that_is_none_begins_anew_in_every_process(bench: Bench, content: bytes) -> None:
    fill(bench.store)
    number, _ = bench.store.items(0)
    if isinstance(bench, SqliteBench):
        with closing(sqlite3.connect(bench.path)) as connection, connection:
            connection.execute("UPDATE numbers SET value = ? WHERE name = 'epoch'", (content,))
        opened: list[Store] = [SqliteStore(bench.path) for _ in range(2)]
    else:
        assert isinstance(bench, RedisBench)
        for name in ("epoch", "forgotten", "rewritten"):
            bench.raw.hset("penchant:numbers", name, content)
        opened = [RedisStore(bench.url) for _ in range(2)]
    with closing(opened[0]) as one, closing(opened[1]) as other:
        assert one.items(0) == other.items(0)
        assert one.items(number)[1] == {"1": {"tags": ["a"]}}, "all is told again"
        one.tidy()
        assert one.append([Event("bob", "1", 9.0, True, "y")], 9.0) == [Fate.NEW]
        assert other.histories(["bob"])[0]
