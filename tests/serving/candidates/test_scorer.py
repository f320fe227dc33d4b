from itertools import product
from threading import Event, Thread

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.models.lookalikes.seed_clusters import averaged, packed
from penchant.models.parts.cluster_scores import score
from penchant.models.parts.clusters import Clusters, grouped
from penchant.serving.candidates import kernel
from penchant.serving.candidates.scorer import AT_ONCE, Scorer
from penchant.serving.view import Scored

WIDTH = 24
MODELS = [
    RalmConfig.model_validate(
        {"pool": pool, "transform": bend, "global_attention": form, "detach": detach, "width": width, "clusters": most}
    )
    for (pool, bend, form, detach), (width, most) in zip(
        product(("attention", "average"), ("relu", "prelu"), ("lin", "printed", "self"), (False, True)),
        product((32, 40, 256), (1, 6, 7, 20, 1, 8, 20, 3)),
        strict=True,
    )
]


def trained(config: RalmConfig) -> Ralm:
    torch.manual_seed(0)
    model = Ralm(config, WIDTH).eval()
    if model.local is not None:
        torch.nn.init.normal_(model.local.weight, std=config.width**-0.5)
    return model


def made_up(model: Ralm, items: int, seed: int = 0) -> dict[str, Clusters]:
    """Candidates with one cluster and more."""
    rng, most = np.random.default_rng(seed), model.config.clusters
    seed_JX = averaged(model, rng.normal(size=(2 * most, WIDTH)).astype(np.float32))
    found = {}
    for item in range(items):
        labels = np.arange(2 * most) % (item % most + 1)
        found[f"i{item}"] = grouped(rng.permutation(seed_JX), labels, most)
    return found


def centroids(clusters: dict[str, Clusters]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {item: (one.centroids, one.size_J) for item, one in clusters.items()}


def users(number: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(number, WIDTH)).astype(np.float32)


@torch.inference_mode()
def expected(model: Ralm, clusters: dict[str, Clusters], user_BX: np.ndarray) -> np.ndarray:
    user_BG = model.transform(torch.from_numpy(user_BX)).numpy()
    norm_B = np.linalg.norm(user_BG, axis=1)
    return np.stack([score(packed(model, one), user_BG, norm_B) for one in clusters.values()], 1)


@pytest.mark.parametrize("config", MODELS, ids=str)
def test_scores_are_those_of_a_look_alike_run(config: RalmConfig) -> None:
    model = trained(config)
    clusters, scorer = made_up(model, 50), Scorer(model)
    scorer.put(centroids(clusters))
    for number in (0, 1, 2, 3, 8, 11, 16):
        items, score_BC = scorer.score(users(number))
        assert items == scorer.items == tuple(clusters)
        assert score_BC.dtype == np.float32
        np.testing.assert_allclose(score_BC, expected(model, clusters, users(number)), atol=1e-5)


@pytest.fixture(scope="module")
def model() -> Ralm:
    return trained(RalmConfig(width=32, clusters=6))


@pytest.mark.parametrize("number", [1, 5])
def test_nobody_and_nothing_score_zero(model: Ralm, number: int) -> None:
    dead = trained(RalmConfig(width=32, clusters=6))
    torch.nn.init.zeros_(dead.shared.bias)
    nobody_X, nothing_JX, seeds = np.zeros((number, WIDTH), np.float32), np.zeros((2, WIDTH), np.float32), users(2)
    scorer = Scorer(dead)
    scorer.put(
        {"zeros": (nothing_JX, np.ones(2, int)), "some": (seeds, np.ones(2, int)), "none": (seeds[:0], seeds[:0, 0])}
    )
    assert not scorer.score(nobody_X)[1].any()
    items, score_BC = scorer.score(users(number))
    assert [item for item, score in zip(items, score_BC[0], strict=True) if score] == ["some"]


@pytest.mark.parametrize("number", [1, 5])
def test_a_cluster_without_seeds_is_none(model: Ralm, number: int) -> None:
    scorer, seeds = Scorer(model), users(3)
    scorer.put({"two": (seeds[:2], np.array([4, 5])), "three": (seeds, np.array([4, 5, 0]))})
    _, score_BC = scorer.score(users(number))
    np.testing.assert_allclose(score_BC[:, 0], score_BC[:, 1], atol=1e-6)


@pytest.mark.parametrize("number", [1, 5])
def test_a_user_who_is_not_finite_has_scores_that_are_none(model: Ralm, number: int) -> None:
    scorer, user_BX = Scorer(model), users(number)
    scorer.put(centroids(made_up(model, 5)))
    user_BX[0, 3] = np.nan
    _, score_BC = scorer.score(user_BX)
    assert np.isnan(score_BC[0]).all()
    assert np.isfinite(score_BC[1:]).all()


def test_only_items_asked_about_that_are_there_are_scored_in_their_order(model: Ralm) -> None:
    clusters, scorer = made_up(model, 9), Scorer(model)
    assert scorer.score(users(3))[1].shape == (3, 0)
    scorer.put(centroids(clusters))
    expected_BC = expected(model, clusters, users(3))
    items, score_BC = scorer.score(users(3), ["i7", "gone", "i2"])
    assert items == ["i7", "i2"]
    np.testing.assert_allclose(score_BC, expected_BC[:, [7, 2]], atol=1e-5)
    assert scorer.score(users(1), ["gone"])[1].shape == (1, 0)


def test_candidates_are_replaced_and_removed(model: Ralm) -> None:
    old, new, scorer = made_up(model, 9), made_up(model, 9, seed=1), Scorer(model)
    scorer.put(centroids(old))
    scorer.put(centroids({item: new[item] for item in ("i8", "i1")}))
    scorer.remove(["i3", "gone"])
    now = {item: new[item] if item in ("i8", "i1") else one for item, one in old.items() if item != "i3"}
    items, score_BC = scorer.score(users(2))
    assert items == tuple(now)
    np.testing.assert_allclose(score_BC, expected(model, now, users(2)), atol=1e-5)


def test_room_is_used_again(model: Ralm) -> None:
    scorer, clusters = Scorer(model), centroids(made_up(model, AT_ONCE + 50))
    for _ in range(10):
        scorer.put(clusters)
        scorer.remove(list(clusters)[:30])
    assert len(scorer._record_SR) == 2 * len(clusters)


def test_what_is_being_scored_is_not_written_to(model: Ralm) -> None:
    scorer, clusters = Scorer(model), centroids(made_up(model, 40))
    scorer.put(clusters)
    oldest = scorer._table
    before = oldest.record_SR[oldest.rows].copy()
    for seed in range(30):
        scorer.put(centroids(made_up(model, 40, seed)))
        if seed == 10:
            held, held_before = scorer._table, scorer._table.record_SR[scorer._table.rows].copy()
    np.testing.assert_array_equal(oldest.record_SR[oldest.rows], before)
    np.testing.assert_array_equal(held.record_SR[held.rows], held_before)


@pytest.mark.parametrize("number", [1, 5])
def test_no_score_mixes_an_old_candidate_with_a_new_one(model: Ralm, number: int) -> None:
    """Every score is that of one of two worlds, while candidates go from one to the other and others come and go."""
    worlds = [centroids(made_up(model, 300, seed)) for seed in (0, 1)]
    scorer, user_BX, stop, wrong = Scorer(model), users(number), Event(), list[int]()
    scores = []
    for world in worlds:
        scorer.put(world)
        scores.append(scorer.score(user_BX)[1].copy())

    def look() -> None:
        while not stop.is_set():
            items, score_BC = scorer.score(user_BX)
            seen_BC = score_BC[:, [row for row, item in enumerate(items) if item in worlds[0]]]
            near = [np.isclose(seen_BC, one_BC, atol=1e-6).all(0) for one_BC in scores]
            wrong.extend(np.flatnonzero(~near[0] & ~near[1]))

    lookers = [Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    others = {f"other {item}": pair for item, pair in worlds[0].items()}
    for turn in range(60):
        scorer.put(worlds[turn % 2])
        if turn % 5 == 0:
            scorer.put(others)
        if turn % 5 == 2:
            scorer.remove(others)
    stop.set()
    for looker in lookers:
        looker.join()
    assert not wrong


def test_nothing_is_compiled_after_the_start(model: Ralm) -> None:
    scorer = Scorer(model)
    signatures = [len(kernel.score_one.signatures), len(kernel.score_many.signatures)]
    scorer.put(centroids(made_up(model, 5)))
    for number in (1, 2, 3, 20):
        scorer.score(users(number))
        scorer.score(users(2 * number)[::2], ["i1", "i3"])
    assert [len(kernel.score_one.signatures), len(kernel.score_many.signatures)] == signatures == [1, 1]


def test_weights_are_exact_to_a_millionth() -> None:
    @kernel.compiled
    def weights(fit_N: np.ndarray, weight_N: np.ndarray) -> None:
        for n in range(len(fit_N)):
            weight_N[n] = kernel._weight(fit_N[n])

    fit_N = np.concatenate([np.linspace(-12, 12, 100_001), [-1e30, 1e30, 0]]).astype(np.float32)
    weight_N = np.empty_like(fit_N)
    weights(fit_N, weight_N)
    np.testing.assert_allclose(weight_N, np.exp(np.tanh(fit_N.astype(np.float64))), atol=1e-6)


def test_what_cannot_be_kept_on_disk_is_compiled_all_the_same() -> None:
    named: dict[str, object] = {}
    exec("def double(x):\n    return 2 * x", named)  # noqa: S102  # no file, no folder beside it
    double = named["double"]
    assert callable(double)
    assert kernel.compiled(double)(21) == 42


@given(st.lists(st.integers(-50, 50), min_size=1), st.integers(0, 60))
def test_the_best_are_the_highest_in_order(scores: list[int], most: int) -> None:
    named = [str(place) for place in range(len(scores))]
    chosen = Scored("anna", False, named, np.array(scores, np.float32)).best(most)
    assert len({item for item, _ in chosen}) == len(chosen) == min(most, len(scores))
    assert [score for _, score in chosen] == sorted(scores, reverse=True)[:most]
    assert all(scores[int(item)] == score for item, score in chosen)
