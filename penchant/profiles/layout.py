"""Lay vectors out on a map, where those that are alike by cosine lie close together.

Source: van der Maaten, "Accelerating t-SNE using tree-based algorithms", JMLR 15, 2014, as scikit-learn has it.
"""

import numpy as np
from sklearn.manifold import TSNE

FEWEST = 5
"""Of fewer tags there are no neighbourhoods to keep: they lie along their principal components."""

NEIGHBOURS = 30.0
"""Perplexity: so many of the nearest tags, or a third of all, are kept close."""

ROUNDS = 500
"""Of the descent: twice as many take twice the time and find hardly more neighbours."""

COARSENESS = 0.8
"""Tags that are seen together under a smaller angle than this, in radians, push as one."""

BEGIN, CHANCE = 1e-2, 1e-3
"""The largest of the first coordinates, which are the principal components, and what is added to them by chance: else
tags of one vector would stay on one spot, as those would that begin within a millionth of each other."""

NOTHING = 1e-9
"""A spread that is not one but rounding."""


def lay_out(vectors_VE: np.ndarray, seed: int) -> np.ndarray:
    """Where each vector lies, [V, 2] float32 within -1 and 1; the same for a seed. Vectors of zero are like nothing.

    >>> lay_out(np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 1.0]]), seed=0)[:, 0].tolist()
    [-1.0, -1.0, 1.0]
    """
    exact_VE = vectors_VE.astype(np.float64)
    length_V = np.linalg.norm(exact_VE, axis=1, keepdims=True)
    direction_VE = exact_VE / np.where(length_V > 0, length_V, 1.0)
    main_VC = _principal(direction_VE)
    spread = float(np.abs(main_VC).max(initial=0.0))
    if len(vectors_VE) < FEWEST or spread == 0.0:
        return _scaled(main_VC)
    chance_VC = np.random.default_rng(seed).normal(size=main_VC.shape)
    begin_VC = BEGIN * main_VC / spread + CHANCE * chance_VC
    course = TSNE(
        init=begin_VC.astype(np.float32),
        perplexity=min(NEIGHBOURS, (len(vectors_VE) - 1) / 3),
        max_iter=ROUNDS,
        angle=COARSENESS,
        random_state=seed,
        n_jobs=1,
    )
    return _scaled(course.fit_transform(direction_VE.astype(np.float32)))


def _principal(rows_VE: np.ndarray) -> np.ndarray:
    """The two main components, [V, 2]; zero where there are not as many. The largest entry of each is positive."""
    main_VC = np.zeros((len(rows_VE), 2))
    if rows_VE.size == 0:
        return main_VC
    left, strength, _ = np.linalg.svd(rows_VE - rows_VE.mean(0), full_matrices=False)
    found_VC = (left * np.where(strength > NOTHING, strength, 0.0))[:, :2]
    largest_C = np.take_along_axis(found_VC, np.abs(found_VC).argmax(0)[None], 0)
    main_VC[:, : found_VC.shape[1]] = np.where(largest_C < 0, -found_VC, found_VC)
    return main_VC


def _scaled(place_VC: np.ndarray) -> np.ndarray:
    """Return the points centred and as large as fits, without stretching one axis."""
    if len(place_VC) == 0:
        return place_VC.astype(np.float32)
    low_C, high_C = place_VC.min(0), place_VC.max(0)
    half = max(float((high_C - low_C).max()) / 2, NOTHING)
    return np.clip((place_VC - (low_C + high_C) / 2) / half, -1.0, 1.0).astype(np.float32)
