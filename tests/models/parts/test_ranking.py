"""One order for every ranking: by score, then by number; whatever a library's top-k does with equal scores."""

from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from penchant.models.parts.ranking import among_highest, best, highest, order, place_of

SCORES = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.25, 0.5, 3.0])
TABLES = hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=SCORES)


@given(TABLES, st.integers(0, 45))
def test_the_best_are_the_first_of_a_stable_sort(scores_BV: np.ndarray, most: int) -> None:
    top = best(torch.from_numpy(scores_BV), most)
    for scores_V, ids_K, scores_K in zip(scores_BV, top.ids, top.scores, strict=True):
        expected = sorted(range(len(scores_V)), key=lambda number: (-scores_V[number], number))[:most]
        assert ids_K.tolist() == expected
        assert scores_K.tolist() == scores_V[expected].tolist()


@pytest.mark.parametrize("count", [10, 100, 640, 641, 1000, 5000])
def test_of_equal_scores_the_first_are_taken_whatever_their_number(count: int) -> None:
    assert best(torch.zeros(3, count), 10).ids.tolist() == [list(range(10))] * 3
    one_above = torch.zeros(2, count).index_fill(1, torch.tensor([count - 1]), 1.0)
    assert best(one_above, 4).ids.tolist() == [[count - 1, 0, 1, 2]] * 2


def test_one_row_shared_by_all_is_ranked_as_any_other() -> None:
    shared = torch.tensor([0.5, 0.5, 0.9]).expand(3, -1)
    assert best(shared, 2).ids.tolist() == [[2, 0]] * 3


@given(TABLES)
def test_the_place_of_a_column_is_where_it_stands_in_the_order(scores_BV: np.ndarray) -> None:
    scores_V = torch.from_numpy(scores_BV[0])
    places = [place_of(scores_V, number) for number in order(scores_V).tolist()]
    assert places == list(range(1, len(scores_V) + 1))
    assert best(scores_V[None], len(scores_V)).ids[0].tolist() == order(scores_V).tolist()


@given(TABLES, st.integers(0, 45))
def test_the_highest_of_one_row_are_the_best_of_it(scores_BV: np.ndarray, most: int) -> None:
    expected = best(torch.from_numpy(scores_BV[:1]), most).ids[0].tolist()
    assert highest(scores_BV[0], most).tolist() == expected
    assert among_highest(scores_BV[0], most).tolist() == sorted(expected)


@given(TABLES, st.integers(0, 45), st.randoms(use_true_random=False))
def test_equal_scores_go_by_name_where_names_are_given(scores_BV: np.ndarray, most: int, random: Random) -> None:
    names = [f"{number:02}" for number in range(scores_BV.shape[1])]
    random.shuffle(names)
    expected = sorted(range(len(names)), key=lambda place: (-scores_BV[0, place], names[place]))[:most]
    assert highest(scores_BV[0], most, names=names).tolist() == expected
    assert among_highest(scores_BV[0], most, names=names).tolist() == sorted(expected)
