"""Means with what tells how far to trust them: values per user, per item or per resample, and 95 % intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

STUDENT_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""The 97.5 % point by degrees of freedom."""

NORMAL = 1.959964
"""The 97.5 % point of the normal distribution."""


def resamples(owners: int, count: int, seed: int) -> Iterator[np.ndarray]:
    """Weights of a bootstrap over owners: how often each was drawn, [owners], for each of `count` draws.

    >>> [int(weight.sum()) for weight in resamples(5, 2, seed=0)]
    [5, 5]
    """
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield np.bincount(rng.integers(owners, size=owners), minlength=owners).astype(np.float64)


@dataclass(frozen=True)
class Estimate:
    """A mean, and the values that tell its spread: one per user or item, or the mean of each resample; None where the
    spread is not known.

    `minus` pairs two estimates by position, so both must be of the same users, items or resamples.
    """

    mean: float
    values: np.ndarray | None
    resampled: bool = False

    @classmethod
    def over(cls, values: np.ndarray) -> "Estimate":
        """Return the mean of values that are independent of each other."""
        return cls(float(values.mean()), values)

    @classmethod
    def bare(cls, mean: float) -> "Estimate":
        """Return an estimate whose spread is not known."""
        return cls(mean, None)

    @property
    def half(self) -> float | None:
        """Half the width of the 95 % interval (normal), None where it is not known; resamples without an answer do not
        count."""
        if self.values is None:
            return None
        if not self.resampled:
            return interval(self.values)[1]
        known = self.values[np.isfinite(self.values)]
        return NORMAL * float(known.std(ddof=1)) if len(known) > 1 else None

    def minus(self, other: "Estimate") -> "Estimate":
        """Return the estimate of the difference, value by value."""
        if self.values is None or other.values is None:
            return Estimate.bare(self.mean - other.mean)
        differences = self.values - other.values
        if self.resampled:
            return Estimate(self.mean - other.mean, differences, resampled=True)
        return Estimate.over(differences)

    def as_json(self) -> dict[str, float]:
        """Return the mean, and half the 95 % interval where it is known."""
        return {"mean": self.mean} if self.half is None else {"mean": self.mean, "half": self.half}


def interval(values: np.ndarray) -> tuple[float, float]:
    """Mean over users and half the width of its 95 % interval (normal, which is fair from a few dozen users up).

    >>> interval(np.array([0.0, 1.0, 1.0, 0.0]))
    (0.5, 0.5657...)
    """
    spread = float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), NORMAL * spread


def over_seeds(means: Sequence[float]) -> tuple[float, float]:
    """Mean over runs with different seeds and half the width of its 95 % interval (Student's t, 2 to 10 runs).

    >>> over_seeds([0.70, 0.72, 0.71])
    (0.71, 0.0248...)
    """
    values = np.asarray(means)
    return float(values.mean()), STUDENT_T[len(values) - 1] * float(values.std(ddof=1)) / sqrt(len(values))
