"""Classes of candidates by their number of seeds, and what an audience should do, judged by others of its class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

CLASSES = ("tail", "middle", "head")


@dataclass(frozen=True)
class Bounds:
    """The number of seeds from which a candidate belongs to the middle, and to the head; below is the tail."""

    middle: int
    head: int

    @classmethod
    def of(cls, seeds_C: np.ndarray) -> Self:
        """Return bounds that cut candidates into thirds, as nearly as equal numbers of seeds allow.

        Those level with the last of the lowest third are tail, those level with the first of the highest third head;
        the middle may be left with nobody.

        >>> Bounds.of(np.array([9, 1, 3, 1, 2, 5]))
        Bounds(middle=2, head=5)
        """
        ordered, count = np.sort(seeds_C), len(seeds_C)
        middle = int(ordered[-(-count // 3) - 1]) + 1
        return cls(middle, max(middle, int(ordered[2 * count // 3])))

    def classes(self, seeds_C: np.ndarray) -> np.ndarray:
        """[C]: positions in CLASSES."""
        return (seeds_C >= self.middle).astype(np.int64) + (seeds_C >= self.head)


@dataclass(frozen=True)
class Expected:
    """The share that will click among the `best` people of an audience, and among as many drawn from all."""

    best: int
    precision: float
    random: float


@dataclass(frozen=True)
class ExpectedPrecision:
    """What to expect of audiences of an item, from candidates of its class in the test period.

    later_per_seed: later clickers of all candidates of a class by all their seeds, a ratio of sums: the median would be
    0 wherever most candidates find nobody, and a mean of ratios would hang on candidates of one seed. It is about as
    much time as the test period lasted. curves: pairs of a share of the ranking and the share of later clickers within
    it, from (0, 0) to (1, 1). Both have "all" beside the classes, which stands in for a class without candidates.
    """

    bounds: Bounds
    later_per_seed: Mapping[str, float]
    curves: Mapping[str, Sequence[Sequence[float]]]

    @classmethod
    def read(cls, metrics: Mapping[str, Any], name: str) -> Self | None:
        """Read what `evaluate_lookalikes` returned; None where no audience of the scorer `name` could be measured."""
        curves = metrics["curves"].get(name)
        return cls(Bounds(**metrics["bounds"]), metrics["expected"]["later_per_seed"], curves) if curves else None

    def of(self, *, seeds: int, size: int, reachable: int) -> list[Expected]:
        """For the best tenth, quarter and half of an audience of `size` of `reachable` users, and for all of it.

        Forty seeds call for 40 x 0.5 = 20 later clickers among 1000. A tenth of them is expected within the best 10,
        and 40 % within the best 100:

        >>> curve = [[0.0, 0.0], [0.01, 0.1], [0.1, 0.4], [1.0, 1.0]]
        >>> expected = ExpectedPrecision(Bounds(50, 500), {"all": 3.0, "tail": 0.5}, {"all": curve, "tail": curve})
        >>> for one in expected.of(seeds=40, size=100, reachable=1000):
        ...     print(one.best, round(one.precision, 4), one.random)
        10 0.2 0.02
        25 0.12 0.02
        50 0.0933 0.02
        100 0.08 0.02
        """
        assert 0 < size <= reachable, (size, reachable)
        kind = CLASSES[int(self.bounds.classes(np.array([seeds]))[0])]
        clickers = seeds * self.later_per_seed.get(kind, self.later_per_seed["all"])
        share, reached = np.array(self.curves.get(kind, self.curves["all"])).T
        return [
            Expected(best, min(1.0, clickers * float(within) / best), min(1.0, clickers / reachable))
            for best in sorted({max(1, size // part) for part in (10, 4, 2, 1)})
            for within in np.interp([best / reachable], share, reached)
        ]
