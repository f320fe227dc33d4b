"""Rates and percentiles of a stretch of time, from the counts at its beginning and at its end."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from penchant.dashboard.shell.readings import GROUPS, Reading
from penchant.dashboard.shell.words import NARROW
from penchant.serving.measures import BUCKETS_S

WINDOW_S = 60.0
"""Rates are over this long, or since the first reading."""

PERCENTILES = (0.5, 0.95, 0.99)

_OWN = GROUPS.index("dashboard")


@dataclass(frozen=True)
class Percentile:
    """seconds: the best estimate. The true value lies above `low` and not above `high`, which is infinite in the last
    bucket."""

    seconds: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """Write the estimate with two digits; more are not certain.

        >>> Percentile(0.1549, 0.1, 0.2).words, Percentile(0.00034, 0.0, 0.0005).words, Percentile(1.55, 1.0, 2.0).words
        ('150\u202fms', '0.34\u202fms', '1.6\u202fs')
        """
        scale, unit = (1.0, "s") if self.low >= 1 else (1_000.0, "ms")
        return f"{float(f'{scale * self.seconds:.2g}'):g}{NARROW}{unit}"

    @property
    def bounds(self) -> str:
        """Write between which values it lies for certain.

        >>> Percentile(0.0034, 0.003, 0.005).bounds, Percentile(10.0, 10.0, inf).bounds
        ('3–5 ms', 'over 10 s')
        """
        scale, unit = (1.0, "s") if self.low >= 1 else (1_000.0, "ms")
        if self.high == inf:
            return f"over {scale * self.low:g} {unit}"
        return f"{scale * self.low:g}–{scale * self.high:g} {unit}"


@dataclass(frozen=True)
class Answers:
    """Answers to one group of requests. count: how many; per_s: how many a second; refused, failed: the shares with 4xx
    and 5xx, 0 where there were none; percentiles: how long answers took, by PERCENTILES, empty where there were none.
    """

    name: str
    count: int
    per_s: float
    refused: float
    failed: float
    percentiles: Sequence[Percentile]


@dataclass(frozen=True)
class Rates:
    """Rates over `seconds`. events_per_s: by FATES; all: requests without those of the dashboard; groups: by GROUPS;
    cpu: how many cores were busy."""

    seconds: float
    events_per_s: Sequence[float]
    all: Answers
    groups: Sequence[Answers]
    cpu: float


def percentile(counts_T: np.ndarray, share: float) -> Percentile | None:
    """Return the time below which a share of the requests lies; None where there were no requests. counts_T: requests
    by BUCKETS_S and above. Within a bucket, requests count as evenly spread, as in Prometheus' histogram_quantile.

    >>> counts_T = np.zeros(16, int)
    >>> counts_T[3:5] = 6, 4  # 2 to 3 ms, 3 to 5 ms
    >>> percentile(counts_T, 0.5), percentile(counts_T, 0.95).bounds
    (Percentile(seconds=0.00283..., low=0.002, high=0.003), '3–5 ms')
    """
    total = int(counts_T.sum())
    if total == 0:
        return None
    rank = share * total
    upto_T = np.cumsum(counts_T)
    place = int(np.searchsorted(upto_T, rank))
    low = BUCKETS_S[place - 1] if place else 0.0
    if place == len(BUCKETS_S):
        return Percentile(low, low, inf)
    high, inside = BUCKETS_S[place], rank - float(upto_T[place] - counts_T[place])
    return Percentile(low + (high - low) * inside / float(counts_T[place]), low, high)


def rates(before: Reading, after: Reading) -> Rates:
    """Return the rates between two readings."""
    seconds = after.moment - before.moment
    times_GT = after.times_GT - before.times_GT
    refused_G, failed_G = after.refused_G - before.refused_G, after.failed_G - before.failed_G
    groups = [
        _answers(name, times_GT[place], int(refused_G[place]), int(failed_G[place]), seconds)
        for place, name in enumerate(GROUPS)
    ]
    api = slice(None, _OWN)
    every = _answers("all", times_GT[api].sum(0), int(refused_G[api].sum()), int(failed_G[api].sum()), seconds)
    events = [(later - earlier) / seconds for earlier, later in zip(before.events, after.events, strict=True)]
    return Rates(seconds, events, every, groups, (after.usage.cpu_s - before.usage.cpu_s) / seconds)


def lately(readings: Sequence[Reading]) -> Rates | None:
    """Return the rates over the last WINDOW_S of readings, the oldest first; None where there are fewer than two."""
    if len(readings) < 2:
        return None
    return rates(begin_of(readings, readings[-1].moment), readings[-1])


def begin_of(readings: Sequence[Reading], moment: float) -> Reading:
    """Return the latest reading that is WINDOW_S older than a moment, or the first one."""
    place = bisect_right(readings, moment - WINDOW_S, key=lambda one: one.moment)
    return readings[max(0, place - 1)]


def _answers(name: str, counts_T: np.ndarray, refused: int, failed: int, seconds: float) -> Answers:
    count = int(counts_T.sum())
    found = [percentile(counts_T, share) for share in PERCENTILES]
    some = max(count, 1)
    return Answers(name, count, count / seconds, refused / some, failed / some, [one for one in found if one])
