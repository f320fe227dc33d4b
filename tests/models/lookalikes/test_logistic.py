"""Logistic regression per item: the fit that it stands for, and the cases where there is nothing to fit."""

import numpy as np
import polars as pl
import pytest
from scipy.special import logit

from penchant.features.ragged import Ragged, offsets_of
from penchant.models.lookalikes.logistic import NEGATIVES_PER_SEED, Logistic, LogisticConfig
from penchant.models.lookalikes.promise import Candidate, Crowd


def crowd_of(*values: list[int], width: int) -> Crowd:
    flat = np.array([value for own in values for value in own], np.int64)
    ragged = Ragged(offsets_of(np.array([len(own) for own in values])), flat)
    return Crowd(pl.Series(range(len(values))), np.zeros((len(values), 1), np.float32), ragged, width)


def scores(seeds: list[int], crowd: Crowd, most: int = 2_000, seed: int = 0, item: int = 2) -> np.ndarray:
    made = Logistic(LogisticConfig(most_seeds=most), seed=seed)
    return made.liken(Candidate(item, np.array(seeds, np.int64)), crowd).scores(np.arange(len(crowd)))


def test_the_fit_is_where_the_slope_of_loss_and_penalty_is_zero() -> None:
    """2 seeds and all 10 others: Σ (p - y) = 0 for the bias, Σ (p - y) x_v + w_v = 0 for each value."""
    values = [[0, 1], [0], [0], [1], [2], [1, 2], [2], [], [1], [2], [0, 2], [1]]
    score_N = scores([0, 1], crowd_of(*values, width=3)).astype(float)
    error_N = score_N - (np.arange(12) < 2)
    bias = logit(score_N[7])
    weight_V = logit(score_N[[2, 3, 4]]) - bias
    slope_V = [sum(error_N[row] for row in range(12) if value in values[row]) for value in range(3)]
    assert error_N.sum() == pytest.approx(0, abs=1e-3)
    assert weight_V + slope_V == pytest.approx([0, 0, 0], abs=1e-3)
    assert weight_V[0] > 0.5


def test_a_value_that_the_fit_never_saw_changes_nothing() -> None:
    score_N = scores([0, 1], crowd_of([0], [0], [0, 7], *[[1]] * 3_000, width=9))
    assert score_N[2] == score_N[0] > score_N[3]


def test_so_many_seeds_at_most_and_five_times_as_many_of_the_others_are_fitted() -> None:
    """Every user has a value of their own, so a score above or below the bias tells a positive from a negative."""
    score_N = scores(list(range(40)), crowd_of(*[[row] for row in range(100)], [], width=101), most=10)
    above_N, below_N = score_N > score_N[100], score_N < score_N[100]
    assert above_N[:40].sum() == above_N.sum() == 10
    assert below_N[40:].sum() == below_N.sum() == 10 * NEGATIVES_PER_SEED


def test_the_draw_changes_with_the_item_and_the_seed() -> None:
    crowd = crowd_of(*[[row % 7, 7 + row % 5] for row in range(60)], width=12)
    first = scores([0, 1, 2], crowd)
    assert not np.array_equal(first, scores([0, 1, 2], crowd, seed=1))
    assert not np.array_equal(first, scores([0, 1, 2], crowd, item=3))


def test_a_probability_is_that_of_the_sample() -> None:
    """Nothing tells seeds from others, so everyone has the share of seeds among examples."""
    crowd = crowd_of(*[[0]] * 600, width=1)
    np.testing.assert_allclose(scores(list(range(20)), crowd), 1 / (1 + NEGATIVES_PER_SEED), atol=1e-3)


@pytest.mark.parametrize(
    ("seeds", "values"),
    [([], [[0], [1]]), ([0, 1], [[0], [1]]), ([0], [[], []])],
    ids=["no seeds", "nobody else", "no values"],
)
def test_nothing_is_said_where_there_is_nothing_to_tell_apart(seeds: list[int], values: list[list[int]]) -> None:
    assert np.isnan(scores(seeds, crowd_of(*values, width=2))).all()
