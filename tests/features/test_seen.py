"""What a history sees of an item: what had been said strictly before it was looked at."""

from math import inf

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from penchant.features.seen import Seen
from penchant.features.vocabulary import Vocabulary
from penchant.logs.said import seen_at

ITEMS = pl.DataFrame({"item": ["x", "y", "z"], "tags": [["rock", "pop"], ["folk"], []]})
TAGS = Vocabulary(pl.Series(["rock", "pop"]), pl.Series([2, 1]))
# Of x, jazz was seen from 1 to 4, rock from 2 and pop from 4 on; jazz and folk are in no vocabulary.
SAID = pl.DataFrame(
    [("x", "jazz", 1.0, 4.0), ("x", "rock", 2.0, inf), ("x", "pop", 4.0, inf), ("y", "folk", 3.0, inf)],
    schema=["item", "value", "since", "until"],
    orient="row",
)


def at(values: Seen, *asked: tuple[int, float]) -> list[list[int]]:
    """The values of each entry at its moment."""
    entries, moments = np.array([entry for entry, _ in asked], int), np.array([moment for _, moment in asked])
    numbers, owner = values.at(entries, moments)
    return [sorted(numbers[owner == place].tolist()) for place in range(len(asked))]


def test_a_value_is_seen_from_just_after_it_was_said() -> None:
    values = Seen.of(ITEMS, "tags", TAGS.ids, SAID)
    assert at(values, (0, 1.0), (0, 1.5), (0, 2.0), (0, 2.5), (0, 4.0), (0, 4.5)) == [
        [],
        [1],
        [1],
        [1, 2],
        [1, 2],
        [2, 3],
    ]
    assert at(values, (1, 3.0), (1, 3.5), (2, 9.0)) == [[], [1], []]


def test_all_is_seen_at_an_infinite_moment_and_where_nothing_has_a_time() -> None:
    for values in (Seen.of(ITEMS, "tags", TAGS.ids, SAID), Seen.of(ITEMS, "tags", TAGS.ids)):
        assert at(values, (0, inf), (1, inf), (2, inf)) == [[2, 3], [1], []]
    assert at(Seen.of(ITEMS, "tags", TAGS.ids), (0, 0.0)) == [[2, 3]]


def test_what_was_said_and_what_is_said_in_the_end_are_told_apart_alike() -> None:
    values = Seen.of(ITEMS, "tags", TAGS.told_apart, SAID)
    (folk,), (jazz,) = at(values, (1, 9.0), (0, 1.5))
    assert folk < 0
    assert jazz < 0
    assert folk != jazz
    assert values.always.values.tolist() == [2, 3, folk]


def test_an_item_is_its_own_value() -> None:
    items = Vocabulary(pl.Series(["z"]), pl.Series([1]))
    assert at(Seen.of(ITEMS, "item", items.ids), (0, 1.0), (2, inf)) == [[1], [2]]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, inf])), max_size=20),
    st.integers(1, 9),
)
def test_many_steps_give_what_one_gives(asked: list[tuple[int, float]], at_once: int) -> None:
    ids = dict(zip(TAGS.values, range(2, 4), strict=True))
    found = at(Seen(Seen.of(ITEMS, "tags", TAGS.ids, SAID).arrays, at_once=at_once), *asked)
    for (entry, moment), numbers in zip(asked, found, strict=True):
        values = seen_at(SAID, moment).filter(pl.col("item") == "xyz"[entry])["value"]
        assert numbers == sorted(ids.get(value, 1) for value in values)
