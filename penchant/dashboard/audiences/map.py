"""A picture of where clusters lie: seeds among other users, as paths of SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.audiences.plane import Plane

WIDTH, HEIGHT, MARGIN, EDGE = 640, 440, 20, 6
"""Size of the picture, the space around what has to be in it, and where what is far out is drawn; in its own unit."""

FAR_SEEDS, FAR_OTHERS = 0.01, 0.05
"""The shares of seeds and of others that may be too far out on each side."""

SHAPES = ("circle", "square", "triangle", "diamond", "cross")
COLOURS = 8
"""The series of the style sheet; with the shapes, forty clusters look different."""

RADIUS = {"circle": 3.6, "square": 3.2, "triangle": 4.4, "diamond": 4.6, "cross": 4.2}


@dataclass(frozen=True)
class Mark:
    """One group of seeds in the picture. number: see `Group` of audiences/why.py; path: its seeds; x, y: its centroid,
    None for the small clusters, whose centroids would show single persons."""

    number: int
    path: str
    x: int | None = None
    y: int | None = None

    @property
    def shape(self) -> str:
        return shape_of(self.number)

    @property
    def colour(self) -> int:
        """The number of its colour; the small clusters have the last one."""
        return (self.number - 1) % COLOURS


@dataclass(frozen=True)
class Picture:
    """others: a path of users who are no seeds; marks: by number; kept: the share of the differences that it shows."""

    others: str
    marks: Sequence[Mark]
    kept: float


def picture_of(plane: Plane) -> Picture:
    """Draw seeds by group among other users. Of centroids, only those of groups with a number are drawn."""
    seed_S2, other_N2, centroid_J2 = plane.seed_S2, plane.other_N2, plane.centroid_J2
    frame = _Frame([_inner(seed_S2, FAR_SEEDS), _inner(other_N2, FAR_OTHERS), centroid_J2])
    marks = []
    for number in np.unique(plane.number_J).tolist():
        own = frame.places(seed_S2[plane.number_S == number])
        path = "".join(_symbol(shape_of(number), x, y) for x, y in own)
        ((x, y),) = frame.places(centroid_J2[plane.number_J == number]) if number else ((None, None),)
        marks.append(Mark(number, path, x, y))
    return Picture("".join(f"M{x} {y}h0" for x, y in frame.places(other_N2)), marks, plane.kept)


def shape_of(number: int) -> str:
    """The shape of a group's marks; the small clusters have crosses.

    >>> shape_of(0), shape_of(1), shape_of(5)
    ('cross', 'circle', 'circle')
    """
    return SHAPES[(number - 1) % 4] if number else SHAPES[-1]


def _inner(points_N2: np.ndarray, far: float) -> np.ndarray:
    """The corners of a box that holds all points but the share `far` on each side; none where there are no points."""
    return np.quantile(points_N2, [far, 1 - far], axis=0) if len(points_N2) else points_N2


class _Frame:
    """Fits points into the picture, equally stretched both ways; points outside the frame are drawn at its edge."""

    def __init__(self, framed: Sequence[np.ndarray]) -> None:
        framed_N2 = np.concatenate(framed)
        low_2, high_2 = framed_N2.min(0), framed_N2.max(0)
        room_2 = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
        self._scale = float((room_2 / np.maximum(high_2 - low_2, 1e-12)).min())
        self._middle_2 = (low_2 + high_2) / 2

    def places(self, points_N2: np.ndarray) -> list[tuple[int, int]]:
        """Return x and y of points; y counts downwards."""
        away_N2 = (points_N2 - self._middle_2) * self._scale * np.array([1.0, -1.0])
        whole_N2 = np.clip(away_N2 + np.array([WIDTH, HEIGHT]) / 2, EDGE, np.array([WIDTH, HEIGHT]) - EDGE)
        return [(x, y) for x, y in whole_N2.round().astype(int).tolist()]


def _symbol(shape: str, x: int, y: int) -> str:
    """Draw a shape around a point."""
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
    """The mark of a group for the table, around (8, 8)."""
    return _symbol(shape_of(number), 8, 8)
