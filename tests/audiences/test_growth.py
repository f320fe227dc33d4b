"""How seeds grew, from the times of their clicks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.audiences.growth import POINTS, growth_of


@given(st.lists(st.integers(0, 400), max_size=600), st.integers(0, 1_000))
def test_a_growth_rises_to_all_seeds_in_few_points(times: list[int], earlier: int) -> None:
    found = growth_of(np.array(times, float), earlier=earlier, undated=3)
    assert found.undated == 3
    assert found.time_T == sorted(set(found.time_T))
    assert found.seeds_T == sorted(found.seeds_T)
    assert len(found.time_T) <= POINTS
    if times:
        assert (found.time_T[0], found.time_T[-1]) == (min(times), max(times))
        assert found.seeds_T[-1] == earlier + len(times)
