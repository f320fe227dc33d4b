"""What was said of items is kept as it was said last, in little more memory than its letters take."""

import tracemalloc

from penchant.serving.users import Told


def test_what_was_said_last_of_an_item_stands() -> None:
    told = Told()
    told.add({"a": {"tags": ["x"]}, "b": {"tags": []}})
    told.add({"a": {"tags": ["y", "\u00fc"]}})
    assert told == {"a": {"tags": ["y", "\u00fc"]}, "b": {"tags": []}}
    assert ("a" in told, "c" in told, told.get("c"), len(told)) == (True, False, None, 2)


def test_more_may_be_said_while_all_of_it_is_read() -> None:
    told = Told()
    told.add({"a": {"tags": ["x"]}})
    for _ in told.items():
        told.add({"b": {"tags": ["y"]}})
    assert len(told) == 2


def test_many_short_values_take_little_more_than_their_letters() -> None:
    told, items = Told(), 200
    said = {str(item): {"tags": [f"{item:06} {value:03}" for value in range(1_000)]} for item in range(items)}
    tracemalloc.start()
    told.add(said)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 1.5 * items * 1_000 * len("000000 000")
