from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from penchant.models.lookalikes.ralm import ALPHA, BETA, Ralm, RalmConfig
from penchant.models.parts.cluster_scores import BLOCK, Packed, contributions, pack, score

G5_SEEDS = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
G5_GLOBAL = np.array([0.477581, 0.189521, 0.332897], np.float32)
G5_LOCAL = np.array([[1, 0.5], [0, 1]], np.float32)
G5_USER = np.array([[0.5, -1]], np.float32)


def lengths(user_NG: np.ndarray) -> np.ndarray:
    return np.linalg.norm(user_NG, axis=1)


def made_up(clusters: int, users: int, seed: int, *, least: float = 0.0) -> tuple[Packed, np.ndarray]:
    rng = np.random.default_rng(seed)
    seed_JG, user_NG = (np.maximum(rng.normal(size=(rows, 8)), least).astype(np.float32) for rows in (clusters, users))
    global_J = rng.dirichlet(np.ones(clusters)).astype(np.float32)
    return pack(seed_JG, global_J, rng.normal(size=(8, 8)).astype(np.float32), alpha=0.3, beta=0.7), user_NG


def test_golden_value_g5() -> None:
    packed = pack(G5_SEEDS, G5_GLOBAL, G5_LOCAL, alpha=0.3, beta=0.7)
    np.testing.assert_allclose(score(packed, G5_USER, lengths(G5_USER)), [-0.104755], atol=1e-6)
    only_global, only_local = (pack(G5_SEEDS, G5_GLOBAL, G5_LOCAL, alpha=a, beta=1 - a) for a in (1.0, 0.0))
    np.testing.assert_allclose(score(only_global, G5_USER, lengths(G5_USER)), [-0.108693], atol=1e-6)
    np.testing.assert_allclose(score(only_local, G5_USER, lengths(G5_USER)), [-0.103067], atol=1e-6)


@pytest.mark.parametrize("pool", ["attention", "average"])
@pytest.mark.parametrize("transform", ["relu", "prelu"])
@pytest.mark.parametrize("clusters", [1, 7, 20])
def test_scores_are_those_of_the_model(
    pool: Literal["attention", "average"], transform: Literal["relu", "prelu"], clusters: int
) -> None:
    torch.manual_seed(clusters)
    model = Ralm(RalmConfig(pool=pool, transform=transform, width=32), 16).eval()
    if model.local is not None:
        torch.nn.init.normal_(model.local.weight)
    user_BX, centroid_JX = torch.randn(BLOCK + 77, 16), torch.randn(clusters, 16)
    sizes_J = torch.randint(1, 9, (clusters,))
    with torch.inference_mode():
        seed_JG, user_BG = model.placed(centroid_JX), model.transform(user_BX).numpy()
        global_J = model.global_weights(seed_JG[None], sizes_J[None])[0].numpy()
        expected_B = model.scores(
            user_BX, centroid_JX[None], sizes_J[None], torch.zeros(len(user_BX), dtype=torch.long)
        )
    if model.local is None:
        packed = pack(seed_JG.numpy(), global_J, alpha=1, beta=0)
    else:
        packed = pack(seed_JG.numpy(), global_J, model.local.weight.detach().numpy(), alpha=ALPHA, beta=BETA)
    np.testing.assert_allclose(score(packed, user_BG, lengths(user_BG)), expected_B.numpy(), atol=1e-5)


@given(st.integers(1, 20), st.integers(0, 2**16))
def test_contributions_add_up_to_the_score_and_scores_lie_between_minus_one_and_one(clusters: int, seed: int) -> None:
    packed, user_NG = made_up(clusters, 50, seed, least=-9)
    share_NJ, score_N = (function(packed, user_NG, lengths(user_NG)) for function in (contributions, score))
    np.testing.assert_allclose(share_NJ.sum(1), score_N, atol=1e-5)
    assert np.abs(score_N).max() <= 1 + 1e-5


def test_a_contribution_is_what_the_formula_says() -> None:
    """[α g_c / |E_global| + β l_c / |E_local|] (E_u · E_c) / |E_u|, with G5's local weights and vectors."""
    local_J, local_G, global_G = np.array([0.517105, 0.241447, 0.241447]), (0.758553, 0.482895), (0.810479, 0.522419)
    weight_J = 0.3 * G5_GLOBAL / np.linalg.norm(global_G) + 0.7 * local_J / np.linalg.norm(local_G)
    packed = pack(G5_SEEDS, G5_GLOBAL, G5_LOCAL, alpha=0.3, beta=0.7)
    expected_J = weight_J * (G5_SEEDS @ G5_USER[0]) / np.linalg.norm(G5_USER)
    np.testing.assert_allclose(contributions(packed, G5_USER, lengths(G5_USER)), expected_J[None], atol=1e-6)


def test_a_score_does_not_depend_on_the_block_it_is_worked_out_in() -> None:
    packed, user_NG = made_up(20, 2 * BLOCK + 5, seed=0)
    score_N = score(packed, user_NG, lengths(user_NG))
    for rows in (slice(0, 1), slice(BLOCK - 1, BLOCK + 2), slice(2 * BLOCK, None), slice(0, 0)):
        np.testing.assert_allclose(score(packed, user_NG[rows], lengths(user_NG[rows])), score_N[rows], atol=1e-6)


def test_who_is_like_nobody_scores_zero() -> None:
    packed, user_NG = made_up(3, 4, seed=0)
    np.testing.assert_array_equal(score(packed, np.zeros_like(user_NG), np.zeros(4, np.float32)), np.zeros(4))
    dead = pack(
        np.zeros((3, 8), np.float32), np.full(3, 1 / 3, np.float32), np.eye(8, dtype=np.float32), alpha=0.3, beta=0.7
    )
    np.testing.assert_array_equal(score(dead, user_NG, lengths(user_NG)), np.zeros(4))


def test_large_inner_products_do_no_harm() -> None:
    """tanh has its ends, so no product is too large for the weights."""
    packed, user_NG = made_up(5, 50, seed=1)
    score_N = score(packed, user_NG * np.float32(1e6), lengths(user_NG) * np.float32(1e6))
    assert np.isfinite(score_N).all()
    assert np.abs(score_N).max() <= 1 + 1e-5
