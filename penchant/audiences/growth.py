"""How the seeds of an item came to be as many as they are."""

from dataclasses import dataclass

import numpy as np

POINTS = 100
"""Points of the line at most."""


@dataclass(frozen=True)
class Growth:
    """time_T: UTC seconds, rising; seeds_T: how many seeds had made their latest click by then; undated: seeds without
    a time, because their log has no clock."""

    time_T: list[float]
    seeds_T: list[int]
    undated: int


def growth_of(times: np.ndarray, *, earlier: int, undated: int) -> Growth:
    """Return the growth from the time of each seed's latest click, in any order.

    earlier: seeds before these, which count from the first point on.

    >>> growth_of(np.array([30.0, 10.0, 10.0]), earlier=5, undated=0)
    Growth(time_T=[10.0, 30.0], seeds_T=[7, 8], undated=0)
    """
    times = np.sort(times)
    shown = np.unique(np.linspace(0, max(0, len(times) - 1), POINTS).round().astype(np.int64))
    last = {float(times[place]): earlier + place + 1 for place in shown.tolist() if place < len(times)}
    return Growth(list(last), list(last.values()), undated)
