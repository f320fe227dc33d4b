import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from penchant.features.ragged import Ragged

LISTS = st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=8)


@given(LISTS, st.data())
def test_lists_can_be_taken_in_any_order_and_cut_into_parts(lists: list[list[int]], data: st.DataObject) -> None:
    ragged = Ragged.of(pl.Series(lists, dtype=pl.List(pl.Int64)))
    assert len(ragged) == len(lists)
    chosen = data.draw(st.lists(st.integers(-1, len(lists) - 1), max_size=10))
    values, owner = ragged.take(np.array(chosen, dtype=np.int64))
    expected = [(value, place) for place, number in enumerate(chosen) if number >= 0 for value in lists[number]]
    assert list(zip(values.tolist(), owner.tolist(), strict=True)) == expected
    start = data.draw(st.integers(0, len(lists)))
    stop = data.draw(st.integers(start, len(lists)))
    part = ragged.part(slice(start, stop))
    assert part.lengths.tolist() == [len(values) for values in lists[start:stop]]
    assert part.values.tolist() == [value for values in lists[start:stop] for value in values]


def test_a_missing_list_is_empty() -> None:
    ragged = Ragged.of(pl.Series([[1], None, [], [2, 3]]))
    assert ragged.lengths.tolist() == [1, 0, 0, 2]
    assert ragged.values.tolist() == [1, 2, 3]
