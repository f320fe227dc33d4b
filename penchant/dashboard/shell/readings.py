"""What a process counts of itself, read every few seconds, so that a page can show rates and how they changed."""

import math
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np

from penchant.errors import StoreError
from penchant.serving.http.requests_log import READY
from penchant.serving.measures import BUCKETS_S, Kind, Measures
from penchant.store.base import Backlog, Store

PERIOD_S = 2.0
KEPT_S = 900.0
MOST = round(KEPT_S / PERIOD_S)

LEAST_S = 1.0
"""A reading is shown for this long, however many people look."""

GROUPS = ("events", "profiles", "scores", "others", "dashboard")
"""Groups of requests that are measured apart."""

_GROUP_OF = {"/v1/events": 0, "/v1/users/{user}/profile": 1, "/v1/lookalike/score": 2}
_STATM = Path("/proc/self/statm")


class Usage(NamedTuple):
    """What this process uses. resident: bytes of memory; mapped: those of them that are pages of files; NaN where the
    system does not say; cpu_s: processor time of all threads since the process began."""

    resident: float
    mapped: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Reading:
    """Counts since the process began, and the state at one moment.

    at: UTC seconds; moment: seconds of a clock that only goes forward; events: by FATES; times_GT: requests of each of
    GROUPS by how long they took, see `Measures.answers`; refused_G, failed_G: requests with a status of 4xx and 5xx;
    waiting: events that wait for consumers; age_s: how long the oldest of them has waited. The last two are NaN where
    the store did not answer."""

    at: float
    moment: float
    events: tuple[int, ...]
    times_GT: np.ndarray
    refused_G: np.ndarray
    failed_G: np.ndarray
    waiting: float
    age_s: float
    usage: Usage


def used() -> Usage:
    """Return what this process uses now."""
    try:
        _, resident, mapped, *_ = _STATM.read_text().split()
    except OSError:
        return Usage(math.nan, math.nan, time.process_time())
    page = os.sysconf("SC_PAGESIZE")
    return Usage(page * int(resident), page * int(mapped), time.process_time())


class Readings:
    """Keeps the latest MOST readings. clock: UTC seconds; monotonic: seconds that only go forward."""

    def __init__(
        self,
        store: Store,
        measures: Measures,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._measures = store, measures
        self.clock, self.monotonic = clock, monotonic
        self._kept: deque[Reading] = deque(maxlen=MOST)
        self._latest: Reading | None = None
        self._lock = Lock()

    def step(self) -> bool:
        """Read and keep. A loop calls it; False says that it may wait for PERIOD_S."""
        with self._lock:
            self._read()
        return False

    def now(self) -> Reading:
        """Return a reading that is at most LEAST_S old; while another thread reads, the one before."""
        latest = self._latest
        if latest is not None and self.monotonic() - latest.moment < LEAST_S:
            return latest
        if self._lock.acquire(blocking=latest is None):
            try:
                return self._read()
            finally:
                self._lock.release()
        assert latest is not None
        return latest

    def lately(self) -> list[Reading]:
        """Return the readings of the last KEPT_S, the oldest first, and `now` as the last one."""
        latest = self.now()
        kept = [one for one in self._kept.copy() if latest.moment - KEPT_S <= one.moment < latest.moment]
        return [*kept, latest]

    def _read(self) -> Reading:
        """Read, and keep the reading only where the one before is nearly PERIOD_S old, so that visitors do not push out
        old readings."""
        latest = self._latest = _reading(self._store, self._measures, self.clock(), self.monotonic())
        if not self._kept or latest.moment - self._kept[-1].moment > 0.75 * PERIOD_S:
            self._kept.append(latest)
        return latest


def _reading(store: Store, measures: Measures, at: float, moment: float) -> Reading:
    times_GT = np.zeros((len(GROUPS), len(BUCKETS_S) + 1), np.int64)
    refused_G, failed_G = np.zeros(len(GROUPS), np.int64), np.zeros(len(GROUPS), np.int64)
    for kind, counts in measures.answers().items():
        group = group_of(kind.route)
        times_GT[group] += counts
        if 400 <= kind.status < 500:
            refused_G[group] += sum(counts)
        elif is_failure(kind):
            failed_G[group] += sum(counts)
    backlog = _backlog(store, measures)
    waiting, age_s = math.nan, math.nan
    if backlog is not None:
        waiting = backlog.events
        age_s = 0.0 if backlog.since is None else max(0.0, at - backlog.since)
    return Reading(at, moment, measures.events(), times_GT, refused_G, failed_G, waiting, age_s, used())


def _backlog(store: Store, measures: Measures) -> Backlog | None:
    """Return what waits, None where the store does not answer."""
    try:
        return store.backlog()
    except StoreError:
        measures.store_failed()
        return None


def group_of(route: str) -> int:
    """Return the place in GROUPS of a route.

    >>> GROUPS[group_of("/v1/lookalike/score")], GROUPS[group_of("/healthz")], GROUPS[group_of("/dashboard/users")]
    ('scores', 'others', 'dashboard')
    """
    if route == "/" or route.startswith("/dashboard"):
        return 4
    return _GROUP_OF.get(route, 3)


def is_failure(kind: Kind) -> bool:
    """Whether a request failed by a fault of the server. "Not ready" is an answer, not a fault.

    >>> is_failure(Kind("/v1/events", 503)), is_failure(Kind("/readyz", 503)), is_failure(Kind("/v1/events", 429))
    (True, False, False)
    """
    return kind.status >= 500 and kind.route != READY
