from dataclasses import replace

import numpy as np
import pytest
import torch

from penchant.errors import DataError
from penchant.logs.users import user_hash
from penchant.models.lookalikes.promise import Candidate
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.models.lookalikes.seed_clusters import SeedClusters, averaged, gather, packed, placed
from penchant.models.parts.cluster_scores import score
from penchant.models.parts.clusters import add, cluster
from tests.audiences.crowds import KIND_N, USERS, crowd, ralm

CONFIGS = {
    "attention": RalmConfig(width=16, clusters=4),
    "average": RalmConfig(width=16, clusters=4, pool="average"),
    "detach": RalmConfig(width=16, clusters=4, detach=True),
    "prelu": RalmConfig(width=16, clusters=4, transform="prelu"),
}
EVERYONE = np.arange(USERS)


def by_hash(rows_S: np.ndarray) -> np.ndarray:
    """Rows of the crowd in the order of their users' hashes, which is that of k-means."""
    return rows_S[np.argsort(user_hash(crowd().users).to_numpy()[rows_S])]


@pytest.fixture(params=list(CONFIGS.values()), ids=list(CONFIGS))
def model(request: pytest.FixtureRequest) -> Ralm:
    return ralm(request.param)


@pytest.mark.parametrize("seeds", [1, 3, 60])
def test_scores_are_those_of_the_model_with_the_same_clusters(model: Ralm, seeds: int) -> None:
    crowded, seed_S = crowd(), np.random.default_rng(0).permutation(USERS)[:seeds]
    score_B = SeedClusters(model, seed=5).liken(Candidate(2, seed_S), crowded).scores(EVERYONE)
    centroid_JX, sizes_J = gather(model, crowded.vectors_NX[by_hash(seed_S)], 4, seed=5)
    with torch.inference_mode():
        given = (torch.from_numpy(centroid_JX)[None], torch.from_numpy(sizes_J)[None])
        expected_B = model.scores(torch.from_numpy(crowded.vectors_NX), *given, torch.zeros(USERS, dtype=torch.long))
    np.testing.assert_allclose(score_B, expected_B.numpy(), atol=1e-5)


def test_clusters_are_those_of_transformed_seeds_and_centroids_means_of_universal_ones() -> None:
    """What lies on the dead side of the transform is one cluster, however far apart it is."""
    model = ralm()
    with torch.no_grad():
        model.shared.weight.zero_()
        model.shared.weight[0, 0] = 1.0
        model.shared.bias.zero_()
    vectors_SX = np.zeros((4, 8), np.float32)
    vectors_SX[:, 0], vectors_SX[:, 1] = [-50, -1, 2, 2], [0, 8, 4, 6]
    centroid_JX, sizes_J = gather(model.eval(), vectors_SX, 4, seed=0)
    assert sizes_J.tolist() == [2, 2]
    np.testing.assert_allclose(centroid_JX[:, :2], np.array([[-25.5, 4], [2, 5]]))


def test_a_detached_centroid_is_the_mean_of_transformed_seeds() -> None:
    model, vectors_SX = ralm(CONFIGS["detach"]).eval(), crowd().vectors_NX[:50]
    centroid_JX, sizes_J = gather(model, vectors_SX, 4, seed=0)
    with torch.inference_mode():
        expected_G = model.transform(torch.from_numpy(vectors_SX)).mean(0).numpy()
    np.testing.assert_allclose((centroid_JX * sizes_J[:, None]).sum(0) / 50, expected_G, atol=1e-5)


def test_each_seed_has_its_cluster() -> None:
    seed_S = np.random.default_rng(0).permutation(USERS)[:60]
    likeness = SeedClusters(ralm(RalmConfig(width=16, clusters=3)), seed=0).liken(Candidate(2, seed_S), crowd())
    assert likeness.seed_S.tolist() == by_hash(seed_S).tolist()
    pairs = set(zip(likeness.cluster_S.tolist(), KIND_N[likeness.seed_S].tolist(), strict=True))
    assert len(pairs) == 3


def test_contributions_add_up_to_the_score(model: Ralm) -> None:
    likeness = SeedClusters(model, seed=0).liken(Candidate(2, EVERYONE[:40]), crowd())
    share_BJ = likeness.contributions(EVERYONE[40:])
    assert share_BJ.shape == (USERS - 40, 4)
    np.testing.assert_allclose(share_BJ.sum(1), likeness.scores(EVERYONE[40:]), atol=1e-5)


def test_without_seeds_nothing_can_be_said() -> None:
    likeness = SeedClusters(ralm(), seed=0).liken(Candidate(2, EVERYONE[:0]), crowd())
    assert np.isnan(likeness.scores(EVERYONE[:3])).all()


def test_another_crowd_is_transformed_anew() -> None:
    crowded, asked, made = crowd(), Candidate(2, EVERYONE[:40]), SeedClusters(ralm(), seed=0)
    before_B = made.liken(asked, crowded).scores(EVERYONE)
    turned = replace(crowded, vectors_NX=-crowded.vectors_NX)
    after_B = made.liken(asked, turned).scores(EVERYONE)
    np.testing.assert_array_equal(after_B, SeedClusters(ralm(), seed=0).liken(asked, turned).scores(EVERYONE))
    assert not np.allclose(before_B, after_B)


def test_dropout_is_for_training_only() -> None:
    model = ralm(CONFIGS["prelu"]).train()
    first, second = (
        SeedClusters(model, seed=0).liken(Candidate(2, EVERYONE[:9]), crowd()).scores(EVERYONE) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_seeds_that_join_one_by_one_end_near_those_clustered_at_once(model: Ralm) -> None:
    """Three kinds of users, three clusters: where each belongs is plain."""
    model.eval()
    seen_NX = averaged(model, crowd().vectors_NX)
    clusters = cluster(seen_NX[:30], placed(model, seen_NX[:30]), 3, seed=0)
    for start in range(30, 200, 17):
        stop = min(start + 17, 200)
        clusters = add(clusters, seen_NX[start:stop], lambda averaged_NX: placed(model, averaged_NX))
    whole = cluster(seen_NX[:200], placed(model, seen_NX[:200]), 3, seed=0)
    with torch.inference_mode():
        user_NG = model.transform(torch.from_numpy(crowd().vectors_NX)).numpy()
    norm_N = np.linalg.norm(user_NG, axis=1)
    one_by_one, at_once = (score(packed(model, seeds), user_NG, norm_N) for seeds in (clusters, whole))
    np.testing.assert_allclose(one_by_one, at_once, atol=1e-3)


def test_a_seed_that_is_not_finite_is_refused_by_its_row() -> None:
    vectors_SX = crowd().vectors_NX[:5].copy()
    vectors_SX[3, 2] = np.nan
    with pytest.raises(DataError, match="vector 3 of 5"):
        gather(ralm().eval(), vectors_SX, 4, seed=0)
