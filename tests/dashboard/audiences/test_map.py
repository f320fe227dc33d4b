"""The picture of clusters."""

import numpy as np

from penchant.audiences.plane import plane_of
from penchant.dashboard.audiences.map import HEIGHT, WIDTH, picture_of


def test_all_lie_inside_the_picture_and_centroids_of_small_clusters_are_not_drawn() -> None:
    rng = np.random.default_rng(0)
    seed_SG, other_NG = rng.normal(size=(40, 3)), 1e6 * rng.normal(size=(100, 3))
    number_S, centroid_JG = np.repeat([1, 2, 0], [20, 17, 3]), rng.normal(size=(4, 3))
    asked = seed_SG, number_S, other_NG, centroid_JG, np.array([2, 0, 1, 0])
    found = picture_of(plane_of(*asked))
    assert found == picture_of(plane_of(*asked))
    small, one, two = found.marks
    assert [(mark.number, mark.path.count("M")) for mark in found.marks] == [(0, 6), (1, 20), (2, 17)]
    assert (small.x, small.y, small.shape, one.shape, two.shape) == (None, None, "cross", "circle", "square")
    places = [tuple(map(int, part.removesuffix("h0").split())) for part in found.others.split("M")[1:]]
    assert len(places) == 100
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places)
