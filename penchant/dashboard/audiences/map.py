"""Where clusters lie: seeds among other users, in the plane in which they differ most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT, MARGIN, EDGE = 640, 440, 20, 6
"""Of the picture, in its own unit."""

FAR_SEEDS, FAR_OTHERS = 0.01, 0.05
"""The shares on each side that may be too far out for it."""

SHAPES = ("circle", "square", "triangle", "diamond", "cross")
COLOURS = 8
"""The series of the style sheet; with the shapes, forty clusters look different."""

RADIUS = {"circle": 3.6, "square": 3.2, "triangle": 4.4, "diamond": 4.6, "cross": 4.2}


@dataclass(frozen=True)
class Mark:
    """One cluster in the picture. number: see `Group`, 0 for small ones together; path: its seeds; x, y: of its
    centroid, None for small ones, whose centroids would be persons."""

    number: int
    path: str
    x: int | None = None
    y: int | None = None

    @property
    def shape(self) -> str:
        return shape_of(self.number)

    @property
    def colour(self) -> int:
        """Number of the series; that of small clusters is the last."""
        return (self.number - 1) % COLOURS


@dataclass(frozen=True)
class Picture:
    """others: a path of users who are no seeds; marks: by number; kept: the share of the differences that is seen."""

    others: str
    marks: Sequence[Mark]
    kept: float


def picture_of(
    seed_SG: np.ndarray, number_S: np.ndarray, other_NG: np.ndarray, centroid_JG: np.ndarray, number_J: np.ndarray
) -> Picture:
    """Vectors as they are compared, of seeds, others and centroids; number_S, number_J: of the cluster of each seed,
    and of each centroid."""
    plane_G2, mean_G, kept = plane_of(np.concatenate([seed_SG, other_NG]))
    seed_S2, other_N2, centroid_J2 = ((some - mean_G) @ plane_G2 for some in (seed_SG, other_NG, centroid_JG))
    frame = _Frame([_inner(seed_S2, FAR_SEEDS), _inner(other_N2, FAR_OTHERS), centroid_J2])
    marks = []
    for number in np.unique(number_J).tolist():
        path = "".join(_symbol(shape_of(number), x, y) for x, y in frame.places(seed_S2[number_S == number]))
        ((x, y),) = frame.places(centroid_J2[number_J == number]) if number else ((None, None),)
        marks.append(Mark(number, path, x, y))
    return Picture("".join(f"M{x} {y}h0" for x, y in frame.places(other_N2)), marks, kept)


def plane_of(rows_NG: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """plane_G2, mean_G: the two directions in which rows differ most, and from where; and the share of their squared
    differences along these. The same rows give the same: of each direction the largest entry is positive.

    >>> plane_of(np.array([[0.0, 2.0], [0.0, -2.0], [1.0, 0.0], [-1.0, 0.0]]))[0].round(3).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    if not len(rows_NG):
        return np.zeros((rows_NG.shape[1], 2)), np.zeros(rows_NG.shape[1]), 1.0
    mean_G = rows_NG.mean(0)
    away_NG = (rows_NG - mean_G).astype(np.float64)
    strength_G, direction_GG = np.linalg.eigh(away_NG.T @ away_NG)
    plane_G2 = np.zeros((rows_NG.shape[1], 2))
    best = direction_GG[:, ::-1][:, :2]
    best = best * np.sign(best[np.abs(best).argmax(0), np.arange(best.shape[1])])
    plane_G2[:, : best.shape[1]] = best
    total = float(strength_G.sum())
    return plane_G2, mean_G, float(strength_G[-2:].sum()) / total if total > 0 else 1.0


def shape_of(number: int) -> str:
    """Of the marks of a cluster; small ones together are crosses.

    >>> shape_of(0), shape_of(1), shape_of(5)
    ('cross', 'circle', 'circle')
    """
    return SHAPES[(number - 1) % 4] if number else SHAPES[-1]


def _inner(points_N2: np.ndarray, far: float) -> np.ndarray:
    """The corners of a box that all but the share `far` on each side lie in; none where there are no points."""
    return np.quantile(points_N2, [far, 1 - far], axis=0) if len(points_N2) else points_N2


class _Frame:
    """What is framed lies inside the picture, as large as fits, and not stretched one way; the rest at its edge."""

    def __init__(self, framed: Sequence[np.ndarray]) -> None:
        framed_N2 = np.concatenate(framed)
        low_2, high_2 = framed_N2.min(0), framed_N2.max(0)
        room_2 = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
        self._scale = float((room_2 / np.maximum(high_2 - low_2, 1e-12)).min())
        self._middle_2 = (low_2 + high_2) / 2

    def places(self, points_N2: np.ndarray) -> list[tuple[int, int]]:
        """x, y, downwards as pictures count."""
        away_N2 = (points_N2 - self._middle_2) * self._scale * np.array([1.0, -1.0])
        whole_N2 = np.clip(away_N2 + np.array([WIDTH, HEIGHT]) / 2, EDGE, np.array([WIDTH, HEIGHT]) - EDGE)
        return [(x, y) for x, y in whole_N2.round().astype(int).tolist()]


def _symbol(shape: str, x: int, y: int) -> str:
    """A path around a point."""
    size = RADIUS[shape]
    match shape:
        case "circle":
            return f"M{x - size:g} {y}a{size} {size} 0 1 0 {2 * size:g} 0a{size} {size} 0 1 0 {-2 * size:g} 0z"
        case "square":
            return f"M{x - size:g} {y - size:g}h{2 * size:g}v{2 * size:g}h{-2 * size:g}z"
        case "triangle":
            return f"M{x} {y - size:g}l{size:g} {1.7 * size:g}h{-2 * size:g}z"
        case "diamond":
            return f"M{x} {y - size:g}l{size:g} {size:g}l{-size:g} {size:g}l{-size:g} {-size:g}z"
        case _:
            return f"M{x - size:g} {y}h{2 * size:g}M{x} {y - size:g}v{2 * size:g}"


def key_path(number: int) -> str:
    """The mark of a cluster alone, around (8, 8): for the table."""
    return _symbol(shape_of(number), 8, 8)
