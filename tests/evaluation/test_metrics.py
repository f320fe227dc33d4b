"""Metrics against numbers worked by hand.

Three users, top 3 of each:
    top 3       clicked later              hits
    5 3 7       3, 9                       no yes no
    4 2 6       4                          yes no no
    8 9 2       8, 9, 2, and one unknown   yes yes yes
"""

from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from penchant.evaluation.estimates import resamples
from penchant.evaluation.metrics import Duels, auc, coverage, evenness, hits, ndcg, precision, recall
from penchant.features.ragged import Ragged
from penchant.models.parts.ranking import best

TOP_BK = np.array([[5, 3, 7], [4, 2, 6], [8, 9, 2]])
SCORES_BV = torch.zeros(3, 10).scatter(1, torch.tensor(TOP_BK), torch.tensor([3.0, 2.0, 1.0]).expand(3, -1))
TRUTH = Ragged(np.array([0, 2, 3, 6]), np.array([3, 9, 4, 2, 8, 9]))
SIZE_B = np.array([2, 1, 4])
HIT_BK = hits(SCORES_BV, best(SCORES_BV, 3), TRUTH)


def test_hits() -> None:
    assert HIT_BK.tolist() == [[0, 1, 0], [1, 0, 0], [1, 1, 1]]


def test_a_place_among_equal_scores_is_a_part_of_a_hit_by_all_of_them() -> None:
    """Tags 1, 2 and 4 are level behind tag 0; of these 2 and 4 were clicked, and the list ends after the first two."""
    scores_BV = torch.tensor([[0.9, 0.5, 0.5, 0.1, 0.5]])
    assert hits(scores_BV, best(scores_BV, 3), Ragged(np.array([0, 2]), np.array([2, 4]))).tolist() == [
        [0, 2 / 3, 2 / 3]
    ]


def test_an_empty_place_is_no_hit() -> None:
    scores_BV = torch.tensor([[0.9, -torch.inf, -torch.inf]])
    assert hits(scores_BV, best(scores_BV, 3), Ragged(np.array([0, 2]), np.array([0, 1]))).tolist() == [[1, 0, 0]]


LEVELS = st.lists(st.sampled_from([-np.inf, 0.0, 0.5, 1.0]), min_size=1, max_size=6)


@given(LEVELS, st.sets(st.integers(0, 5)), st.integers(1, 7), st.integers(0, 3))
def test_every_metric_is_the_mean_over_all_orders_of_equal_scores(
    scores: list[float], clicked: set[int], k: int, unknown: int
) -> None:
    true = sorted(tag for tag in clicked if tag < len(scores) and scores[tag] > -np.inf)
    size_B = np.array([max(1, len(true) + unknown)])
    scores_BV, truth = torch.tensor([scores]), Ragged(np.array([0, len(true)]), np.array(true, int))
    hit_BK = hits(scores_BV, best(scores_BV, k), truth)
    orders = [
        [tag for tag in ordered if scores[tag] > -np.inf]
        for ordered in permutations(range(len(scores)))
        if all(scores[one] >= scores[other] for one, other in pairwise(ordered))
    ]
    for metric in (precision, recall, ndcg):
        every = [
            metric(np.array([[tag in true for tag in ordered[:k]] or [False]]), size_B, k)[0] for ordered in orders
        ]
        assert metric(hit_BK, size_B, k)[0] == pytest.approx(np.mean(every), abs=1e-12)


@pytest.mark.parametrize("count", [20, 100, 1000, 5000])
def test_without_an_opinion_a_metric_is_what_chance_gives_however_many_candidates(count: int) -> None:
    """A tenth of all tags is true: so is a tenth of every place, wherever the true ones stand."""
    true = np.random.default_rng(count).permutation(count)[: count // 10]
    scores_BV, truth = torch.full((1, count), 0.25), Ragged(np.array([0, len(true)]), np.sort(true))
    hit_BK = hits(scores_BV, best(scores_BV, 10), truth)
    np.testing.assert_allclose(hit_BK, 0.1, rtol=1e-12)
    assert recall(hit_BK, np.array([len(true)]), 10)[0] == pytest.approx(10 / count)


@given(hnp.arrays(np.float32, (3, 9), elements=st.sampled_from([-2.0, 0.0, 0.5, 1.0])), st.integers(1, 9))
def test_scores_on_another_scale_have_the_same_hits(scores_BV: np.ndarray, k: int) -> None:
    truth = Ragged(np.array([0, 2, 3, 6]), np.array([0, 4, 8, 1, 2, 3]))
    one, other = torch.from_numpy(scores_BV), torch.from_numpy(np.exp(3 * scores_BV))
    assert hits(one, best(one, k), truth).tolist() == hits(other, best(other, k), truth).tolist()


@pytest.mark.parametrize(
    ("k", "expected"),
    [(1, [0 / 1, 1 / 1, 1 / 1]), (2, [1 / 2, 1 / 1, 2 / 2]), (3, [1 / 2, 1 / 1, 3 / 3])],
)
def test_precision_divides_by_the_most_that_could_be_hit(k: int, expected: list[float]) -> None:
    assert precision(HIT_BK, SIZE_B, k).tolist() == expected


def test_precision_examples_of_the_specification() -> None:
    """P@3 = {a, b, c}: C = {b} gives 1; C = {b, x} gives 1/2."""
    hit_BK = np.array([[False, True, False]] * 2)
    assert precision(hit_BK, np.array([1, 2]), 3).tolist() == [1.0, 0.5]


@pytest.mark.parametrize(("k", "expected"), [(1, [0, 1, 1 / 4]), (3, [1 / 2, 1, 3 / 4])])
def test_recall_counts_unknown_tags_as_missed(k: int, expected: list[float]) -> None:
    assert recall(HIT_BK, SIZE_B, k).tolist() == expected


def test_ndcg() -> None:
    second, third = 1 / np.log2(3), 1 / np.log2(4)
    expected = [second / (1 + second), 1.0, 1.0]
    np.testing.assert_allclose(ndcg(HIT_BK, SIZE_B, 3), expected)
    np.testing.assert_allclose(ndcg(HIT_BK[:, :2], SIZE_B, 2), [second / (1 + second), 1, 1])
    assert ndcg(np.array([[True, False, True]]), np.array([3]), 3)[0] == pytest.approx(
        (1 + third) / (1 + second + third)
    )


def test_a_ranking_shorter_than_k_is_taken_as_it_is() -> None:
    short = np.array([[True]])
    assert precision(short, np.array([4]), 3).tolist() == [1 / 3]
    assert ndcg(short, np.array([4]), 3)[0] < 1


def test_coverage() -> None:
    assert coverage(TOP_BK[:, :2], 10) == 6 / 10


@given(
    hnp.arrays(np.float32, (4, 12), elements=st.floats(-4, 4, width=32), unique=True),
    st.lists(st.sets(st.integers(0, 11)), min_size=4, max_size=4),
)
def test_where_no_scores_are_equal_hits_are_set_membership(scores_BV: np.ndarray, clicked: list[set[int]]) -> None:
    offsets = np.cumsum([0, *(len(tags) for tags in clicked)])
    values = np.array([tag for tags in clicked for tag in sorted(tags)], dtype=np.int64)
    top = best(torch.from_numpy(scores_BV), 5)
    expected = [[tag in tags for tag in row] for row, tags in zip(top.ids.tolist(), clicked, strict=True)]
    assert hits(torch.from_numpy(scores_BV), top, Ragged(offsets, values)).tolist() == expected


SCORE = st.sampled_from([-1.5, 0.0, 0.25, 0.5, 3.0, np.nan])
ENTRIES = st.lists(st.tuples(SCORE, st.booleans(), st.integers(0, 3), st.integers(0, 2)), max_size=30)


def naive(scores: list[float], true: list[bool]) -> float:
    """Every pair, one after the other."""
    plain = [-np.inf if np.isnan(score) else score for score in scores]
    won = [
        0.5 if mine == other else float(mine > other)
        for mine, good in zip(plain, true, strict=True)
        for other, bad in zip(plain, true, strict=True)
        if good and not bad
    ]
    return sum(won) / len(won) if won else float("nan")


def test_auc_counts_level_pairs_half_and_unscored_ones_lowest() -> None:
    # True: 0.7, 0.2, none; false: 0.7, 0.1, none. 0.7 wins 2.5 of 3, 0.2 wins 2, "none" is level with "none".
    scores, true = np.array([0.7, 0.2, np.nan, 0.7, 0.1, np.nan]), np.array([True] * 3 + [False] * 3)
    assert auc(scores, true) == (2.5 + 2 + 0.5) / 9


@given(ENTRIES)
def test_auc_is_the_share_of_pairs_in_order(entries: list[tuple[float, bool, int, int]]) -> None:
    scores, true = np.array([entry[0] for entry in entries]), np.array([entry[1] for entry in entries], bool)
    assert auc(scores, true) == pytest.approx(naive(scores.tolist(), true.tolist()), nan_ok=True)


@given(ENTRIES, st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_a_weight_counts_as_that_many_entries_and_groups_do_not_meet(
    entries: list[tuple[float, bool, int, int]], weights: list[int]
) -> None:
    scores, true, owner, group = (np.array([entry[place] for entry in entries]) for place in range(4))
    duels = Duels.of(
        scores.astype(float), true.astype(bool), owner_L=owner.astype(int), group_L=group.astype(int), groups=3
    )
    repeated = [entry for entry in entries for _ in range(weights[entry[2]])]
    expected = [
        naive([entry[0] for entry in mine], [entry[1] for entry in mine])
        for mine in ([entry for entry in repeated if entry[3] == one] for one in range(3))
    ]
    assert duels.won(np.array(weights, float)).tolist() == pytest.approx(expected, nan_ok=True)


def test_evenness_is_one_less_the_gini_coefficient() -> None:
    """Gini by its definition: all differences, halved, over the mean."""
    shown = np.array([5, 0, 1, 2])
    differences = sum(abs(one - other) for one in shown.tolist() for other in shown.tolist())
    assert evenness(shown) == pytest.approx(1 - differences / (2 * 4**2 * shown.mean()))
    assert evenness(np.array([7, 7])) == 1
    assert np.isnan(evenness(np.zeros(3)))


def test_the_bootstrap_agrees_with_the_closed_form_where_each_user_has_one_label() -> None:
    """DeLong's: the variance of each side's share of won duels, over its number."""
    rng = np.random.default_rng(0)
    true = np.arange(600) % 3 == 0
    scores, users = rng.normal(size=600) + true, np.arange(600)
    above = scores[true][:, None] > scores[~true]
    expected = (above.mean(1).var(ddof=1) / true.sum() + above.mean(0).var(ddof=1) / (~true).sum()) ** 0.5
    duels = Duels.of(scores, true, owner_L=users, group_L=np.zeros(600, int), groups=1)
    drawn = np.array([duels.won(weight)[0] for weight in resamples(600, 400, seed=0)])
    assert drawn.std(ddof=1) == pytest.approx(expected, rel=0.1)
    assert drawn.mean() == pytest.approx(above.mean(), abs=0.003)
