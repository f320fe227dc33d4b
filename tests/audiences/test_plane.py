"""The plane in which seeds and other users differ most."""

import numpy as np
import pytest

from penchant.audiences.plane import main_axes


def test_the_plane_is_that_of_the_greatest_differences_and_always_the_same_way_round() -> None:
    rng = np.random.default_rng(0)
    rows_NG = rng.normal(size=(200, 4)) * np.array([0.1, 5.0, 0.1, 2.0])
    axes_G2, mean_G, kept = main_axes(rows_NG)
    assert np.abs(axes_G2).round(1).tolist() == [[0, 0], [1, 0], [0, 0], [0, 1]]
    assert (axes_G2 >= -0.1).all()
    np.testing.assert_allclose(mean_G, rows_NG.mean(0))
    assert kept == pytest.approx(29 / 29.02, abs=1e-3)
    assert main_axes(np.ones((3, 4)))[2] == 1.0
    assert main_axes(np.ones((0, 4)))[0].shape == (4, 2)
