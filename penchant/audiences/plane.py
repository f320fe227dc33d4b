"""Where the clusters of an item lie: its seeds among other users, in the plane in which they differ most."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Plane:
    """Points in two dimensions. seed_S2, number_S: the seeds, and the number of the group of each; other_N2: users who
    are no seeds; centroid_J2, number_J: the centroids of clusters, and their groups; kept: the share of all squared
    differences that the plane keeps."""

    seed_S2: np.ndarray
    number_S: np.ndarray
    other_N2: np.ndarray
    centroid_J2: np.ndarray
    number_J: np.ndarray
    kept: float


def plane_of(
    seed_SG: np.ndarray, number_S: np.ndarray, other_NG: np.ndarray, centroid_JG: np.ndarray, number_J: np.ndarray
) -> Plane:
    """Return the plane in which seeds and others differ most, with the centroids in it. Vectors are as RALM compares
    them."""
    axes_G2, mean_G, kept = main_axes(np.concatenate([seed_SG, other_NG]))
    seed_S2, other_N2, centroid_J2 = ((some - mean_G) @ axes_G2 for some in (seed_SG, other_NG, centroid_JG))
    return Plane(seed_S2, number_S, other_N2, centroid_J2, number_J, kept)


def main_axes(rows_NG: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return axes_G2, the two directions in which rows differ most; mean_G, where they cross; and the share of the
    squared differences along them.

    The same rows always give the same axes: the largest entry of each is positive.

    >>> main_axes(np.array([[0.0, 2.0], [0.0, -2.0], [1.0, 0.0], [-1.0, 0.0]]))[0].round(3).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    if not len(rows_NG):
        return np.zeros((rows_NG.shape[1], 2)), np.zeros(rows_NG.shape[1]), 1.0
    mean_G = rows_NG.mean(0)
    away_NG = (rows_NG - mean_G).astype(np.float64)
    strength_G, direction_GG = np.linalg.eigh(away_NG.T @ away_NG)
    axes_G2 = np.zeros((rows_NG.shape[1], 2))
    best = direction_GG[:, ::-1][:, :2]
    best = best * np.sign(best[np.abs(best).argmax(0), np.arange(best.shape[1])])
    axes_G2[:, : best.shape[1]] = best
    total = float(strength_G.sum())
    return axes_G2, mean_G, float(strength_G[-2:].sum()) / total if total > 0 else 1.0
