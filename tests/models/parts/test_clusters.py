import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.errors import DataError
from penchant.models.parts.clusters import BLOCK, Drift, add, cluster, drift, grouped, kmeans

SEED = st.integers(0, 2**16)


def blobs(points: int, groups: int, seed: int = 0, width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Points around far apart centres, and the group of each."""
    rng = np.random.default_rng(seed)
    centre_JX = np.eye(groups, width) * 20
    group_N = rng.permutation(np.arange(points) % groups)
    return (centre_JX[group_N] + rng.normal(size=(points, width))).astype(np.float32), group_N


def same_partition(one_N: np.ndarray, other_N: np.ndarray) -> bool:
    return len(set(zip(one_N.tolist(), other_N.tolist(), strict=True))) == len(set(one_N)) == len(set(other_N))


def stay(averaged_NX: np.ndarray) -> np.ndarray:
    return averaged_NX


@given(SEED, st.integers(30, 60))
def test_groups_that_lie_apart_are_found_in_whatever_order_the_points_come(seed: int, points: int) -> None:
    points_NX, group_N = blobs(points, 4, seed)
    assert same_partition(kmeans(points_NX, 4, seed), group_N)
    turned = np.random.default_rng(seed).permutation(points)
    assert same_partition(kmeans(points_NX[turned], 4, seed), group_N[turned])


@given(SEED, st.integers(1, 8), st.integers(0, 40))
def test_labels_leave_out_no_number_and_equal_points_share_one(seed: int, clusters: int, points: int) -> None:
    points_NG = np.random.default_rng(seed).integers(0, 3, (points, 2)).astype(np.float32)
    labels_N = kmeans(points_NG, clusters, seed)
    found = len(np.unique(labels_N))
    assert found <= clusters
    assert sorted(set(labels_N.tolist())) == list(range(found))
    if len(np.unique(points_NG, axis=0)) <= clusters:
        assert same_partition(labels_N, np.unique(points_NG, axis=0, return_inverse=True)[1]) or not points


def test_clusters_that_nobody_joins_are_left_out() -> None:
    """Points so close together, and so far from zero, that some centroids cannot be told apart."""
    points_NG = (1000 + 0.001 * np.random.default_rng(0).normal(size=(3000, 2))).astype(np.float32)
    labels_N = kmeans(points_NG, 20, seed=0)
    assert 1 < labels_N.max() + 1 < 20
    assert np.bincount(labels_N).all()


def test_the_same_points_and_seed_give_the_same_labels() -> None:
    points_NG = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    np.testing.assert_array_equal(kmeans(points_NG, 20, seed=3), kmeans(points_NG, 20, seed=3))
    assert not np.array_equal(kmeans(points_NG, 20, seed=3), kmeans(points_NG, 20, seed=4))


def test_no_more_distinct_points_than_clusters_are_clusters_of_their_own() -> None:
    points_NG = np.array([[1, 0], [0, 1], [1, -0.0], [0, 1], [2, 2]], np.float32)
    assert kmeans(points_NG, 20, seed=0).tolist() == [0, 1, 0, 1, 2]
    assert kmeans(points_NG, 3, seed=0).tolist() == [0, 1, 0, 1, 2]
    assert kmeans(points_NG[:0], 3, seed=0).tolist() == []


def test_a_vector_that_is_not_finite_is_refused_by_its_row() -> None:
    points_NG = np.ones((9, 2), np.float32)
    points_NG[4, 1] = np.nan
    with pytest.raises(DataError, match="vector 4 of 9"):
        kmeans(points_NG, 3, seed=0)
    with pytest.raises(DataError, match="vector 4 of 9"):
        grouped(points_NG, np.zeros(9, np.int64), 3)
    points_NG[4, 1] = np.inf
    with pytest.raises(DataError, match="vector 4 of 9"):
        add(cluster(points_NG[:4], points_NG[:4], 3, seed=0), points_NG, stay)


@given(SEED, st.integers(1, 6), st.lists(st.integers(0, 9), max_size=6))
def test_a_centroid_is_the_mean_of_its_members_however_they_came(seed: int, most: int, batches: list[int]) -> None:
    rng = np.random.default_rng(seed)
    began_NX = rng.normal(size=(int(rng.integers(0, 12)), 3)).astype(np.float32)
    clusters, joined = cluster(began_NX, began_NX, most, seed), [(began_NX, kmeans(began_NX, most, seed))]
    for batch in batches:
        new_NX = rng.normal(size=(batch, 3)).astype(np.float32)
        before = clusters
        for one_X in new_NX:  # one by one, so that it is known whom each joined
            size_J = clusters.size_J
            clusters = add(clusters, one_X[None], stay)
            grown_J = clusters.size_J - np.pad(size_J, (0, len(clusters.size_J) - len(size_J)))
            joined.append((one_X[None], np.flatnonzero(grown_J)))
        assert add(before, new_NX, stay).members == clusters.members
        np.testing.assert_allclose(add(before, new_NX, stay).total_JX.sum(0), clusters.total_JX.sum(0), atol=1e-6)
    every_NX, label_N = np.concatenate([one for one, _ in joined]), np.concatenate([label for _, label in joined])
    assert clusters.size_J.tolist() == np.bincount(label_N, minlength=len(clusters.size_J)).tolist()
    means = [every_NX[label_N == label].mean(0) for label in range(len(clusters.size_J))]
    np.testing.assert_allclose(clusters.centroids, np.array(means).reshape(-1, 3), atol=1e-5)
    assert clusters.squares == pytest.approx(float((every_NX**2).sum()), rel=1e-5)


def test_while_there_is_room_a_seed_unlike_any_centroid_opens_a_cluster() -> None:
    first = np.array([[1, 0], [5, 5]], np.float32)
    clusters = cluster(first, first, 3, seed=0)
    clusters = add(clusters, np.array([[1, 0], [1, 0.1], [1, 0.1], [5, 6]], np.float32), stay)
    assert clusters.size_J.tolist() == [2, 2, 2]
    np.testing.assert_allclose(clusters.centroids, np.array([[1, 0], [5, 5.5], [1, 0.1]]))
    assert add(grouped(first[:0], np.zeros(0, np.int64), 3), first, stay).size_J.tolist() == [1, 1]


def test_seeds_join_the_centroid_that_is_nearest_where_they_are_compared() -> None:
    first = np.array([[-3, 0], [0, 3]], np.float32)
    clusters = add(cluster(first, first, 2, seed=0), np.array([[3.5, 0]], np.float32), np.abs)
    assert clusters.size_J.tolist() == [2, 1]
    np.testing.assert_allclose(clusters.centroids, np.array([[0.25, 0], [0, 3]]))


def test_a_large_batch_joins_in_steps_that_let_centroids_move_on() -> None:
    """Two seeds of one group, then many of two: in one step, half the first group would join the other's cluster."""
    points_NX, group_N = blobs(2_000, 2)
    first_NX = points_NX[group_N == 0][:2]
    found_JX = add(cluster(first_NX, first_NX, 2, seed=0), points_NX, stay).centroids
    mean_JX = np.array([points_NX[group_N == group].mean(0) for group in (0, 1)])
    far_JJ = np.linalg.norm(found_JX[:, None] - mean_JX, axis=2)
    assert (far_JJ.min(0) < 1).all()


def test_sums_of_many_blocks_are_sums_of_all() -> None:
    points_NX, group_N = blobs(2 * BLOCK + 3, 3)
    clusters = grouped(points_NX, group_N, 3)
    double_NX = points_NX.astype(np.float64)
    np.testing.assert_allclose(clusters.total_JX, [double_NX[group_N == group].sum(0) for group in range(3)])
    assert clusters.squares == pytest.approx((double_NX**2).sum())
    assert clusters.size_J.tolist() == np.bincount(group_N).tolist()


def test_drift_is_worked_out_by_hand() -> None:
    """Centroids 0 and 8 on a line; two seeds at 2 move one of them by 4/3; mean 12/4 = 3, mean square 72/4 = 18."""
    line_NX = np.array([[0], [8]], np.float32)
    clusters = cluster(line_NX, line_NX, 2, seed=0)
    assert (drift(clusters).moved, drift(clusters).added) == (0, 0)
    clusters = add(clusters, np.array([[2], [2]], np.float32), stay)
    assert clusters.size_J.tolist() == [3, 1]
    moved = np.sqrt(3 / 4 * (4 / 3) ** 2 / (18 - 9))
    assert drift(clusters).moved == pytest.approx(moved)
    assert drift(clusters).added == 0.5


def test_drift_has_no_unit() -> None:
    points_NX, _ = blobs(200, 3)

    def after(scale: np.float32) -> Drift:
        clusters = cluster(points_NX[:50] * scale, points_NX[:50] * scale, 5, seed=0)
        return drift(add(clusters, points_NX[50:] * scale, stay))

    assert after(np.float32(1)).moved > 0.01
    assert after(np.float32(1)).moved == pytest.approx(after(np.float32(1024)).moved)
    assert after(np.float32(1)).added == 0.75


def test_equal_seeds_do_not_drift() -> None:
    same_NX = np.ones((4, 2), np.float32)
    assert drift(add(cluster(same_NX, same_NX, 1, seed=0), same_NX, stay)).moved == 0


def test_a_cluster_opened_since_has_moved_from_where_it_was_opened() -> None:
    line_NX = np.array([[0], [100]], np.float32)
    clusters = add(cluster(line_NX[:1], line_NX[:1], 2, seed=0), line_NX[1:], stay)
    assert drift(clusters).moved == 0
    assert drift(clusters).added == 0.5
