"""Ridge regression in closed form, against the equations it solves."""

import numpy as np
import pytest
from scipy import sparse

from penchant.training.linear_path import Moments, Predictor


def random_moments() -> tuple[Moments, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 7)) + 3, rng.normal(size=(200, 4))
    y[:, :2] += x[:, :2]
    parts = [Moments(7, 4), Moments(7, 4)]
    parts[0].add(sparse.csr_matrix(x[:120]), sparse.csr_matrix(y[:120]))
    parts[1].add(sparse.csr_matrix(x[120:]), sparse.csr_matrix(y[120:]))
    return Moments.summed(parts, 7, 4), x, y


@pytest.mark.parametrize("penalty", [3.0, 50.0])
def test_moments_solve_the_ridge_equations(penalty: float) -> None:
    moments, x, y = random_moments()
    weight = moments.solve(penalty)
    bias = moments.intercept(weight)
    centred_x, centred_y = x - x.mean(0), y - y.mean(0)
    expected = np.linalg.solve(centred_x.T @ centred_x + penalty * np.eye(7), centred_x.T @ centred_y)
    np.testing.assert_allclose(weight, expected, atol=1e-9)
    np.testing.assert_allclose((x @ weight + bias).mean(0), y.mean(0), atol=1e-9)


def test_a_prediction_is_what_the_weights_give() -> None:
    moments, x, _ = random_moments()
    weight = moments.solve(3.0)
    bias = moments.intercept(weight)
    found, shift = Predictor(moments).predict(sparse.csr_matrix(x[:5]), 3.0)
    np.testing.assert_allclose(shift, 0, atol=1e-6)
    np.testing.assert_allclose(found, x[:5] @ weight + bias, atol=1e-4)


def test_some_columns_are_a_fit_without_the_others() -> None:
    moments, x, y = random_moments()
    columns = np.array([0, 2, 5])
    alone = Moments(3, 4)
    alone.add(sparse.csr_matrix(x[:, columns]), sparse.csr_matrix(y))
    np.testing.assert_allclose(moments.only(columns).solve(3.0), alone.solve(3.0), atol=1e-9)


def test_full_rank_cuts_nothing_and_a_cut_keeps_the_mean() -> None:
    moments, x, y = random_moments()
    weight = moments.solve(3.0)
    bias = moments.intercept(weight)
    into, out = moments.reduce(weight, 4)
    cut_bias = moments.intercept(into @ out.T)
    np.testing.assert_allclose(x @ into @ out.T + cut_bias, x @ weight + bias, atol=1e-9)
    into, out = moments.reduce(weight, 2)
    cut_bias = moments.intercept(into @ out.T)
    assert (into.shape, out.shape) == ((7, 2), (4, 2))
    np.testing.assert_allclose((x @ into @ out.T + cut_bias).mean(0), y.mean(0), atol=1e-9)


def test_a_cut_is_the_best_of_its_rank() -> None:
    """By Eckart and Young, no fit of rank 2 is nearer to the full fit than the truncated singular values."""
    moments, x, _ = random_moments()
    weight = moments.solve(3.0)
    into, out = moments.reduce(weight, 2)
    centred = x - x.mean(0)
    lost = np.linalg.norm(centred @ (weight - into @ out.T))
    assert lost == pytest.approx(np.sqrt((np.linalg.svd(centred @ weight)[1][2:] ** 2).sum()))


def test_groups_have_their_own_intercepts_and_the_latest_has_the_lowest_number() -> None:
    rng = np.random.default_rng(1)
    x, weight = rng.normal(size=(300, 3)), rng.normal(size=(3, 2))
    group = np.arange(300) % 3
    y = x @ weight + np.array([[5.0, -5.0], [0.0, 0.0], [9.0, 9.0]])[group]
    moments = Moments(3, 2)
    for rows in (slice(0, 100), slice(100, 300)):
        moments.add(sparse.csr_matrix(x[rows]), sparse.csr_matrix(y[rows]), group[rows])
    found = moments.solve(1e-9)
    np.testing.assert_allclose(found, weight, atol=1e-8)
    np.testing.assert_allclose(moments.intercept(found, latest=True), [5.0, -5.0], atol=1e-8)
    predicted, shift = Predictor(moments).predict(sparse.csr_matrix(x[:1]), 1e-9)
    np.testing.assert_allclose(predicted + shift, x[:1] @ weight + [5.0, -5.0], atol=1e-4)
    np.testing.assert_allclose(predicted, x[:1] @ found + moments.intercept(found), atol=1e-4)


def test_a_mix_of_two_targets_is_a_fit_to_their_difference() -> None:
    moments, x, y = random_moments()
    half = Moments(7, 2)
    half.add(sparse.csr_matrix(x), sparse.csr_matrix(y[:, :2] - 0.5 * y[:, 2:]))
    np.testing.assert_allclose(moments.mixed(0.5).solve(3.0), half.solve(3.0), atol=1e-9)
