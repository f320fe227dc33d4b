"""What a process reads of itself; rates and percentiles between two readings."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from math import ceil, inf, isnan
from pathlib import Path
from threading import Event as Signal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.dashboard.shell.readings import GROUPS, KEPT_S, LEAST_S, MOST, PERIOD_S
from penchant.dashboard.system.rates import WINDOW_S, Percentile, lately, percentile, rates
from penchant.serving.measures import BUCKETS_S
from penchant.store.base import Backlog
from penchant.store.memory import MemoryStore
from penchant.store.sqlite.store import SqliteStore
from tests.dashboard.watched import PROFILE, SCORE, Watched, event
from tests.helpers.processes import HANG_S


@pytest.fixture
def watched() -> Watched:
    return Watched()


# Percentiles


def test_percentiles_lie_evenly_within_their_bucket(watched: Watched) -> None:
    watched.readings.step()
    watched.answer(SCORE, *[0.0025] * 5, *[0.004] * 4, 0.007)
    watched.wait(2.0)
    (_, after) = watched.readings.lately()
    found = lately(watched.readings.lately())
    assert found is not None
    scores = found.groups[GROUPS.index("scores")]
    assert (scores.count, scores.per_s) == (10, 5.0)
    # the 5th of 10 ends the bucket of 2 to 3 ms; 9.5 and 9.9 lie half and nine tenths into the one of 5 to 10 ms
    assert [(one.low, one.high) for one in scores.percentiles] == [(0.002, 0.003), (0.005, 0.01), (0.005, 0.01)]
    assert [one.seconds for one in scores.percentiles] == pytest.approx([0.003, 0.0075, 0.0095])
    assert after.moment == watched.moment


@given(st.lists(st.floats(1e-5, 20.0), min_size=1, max_size=50), st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_the_true_percentile_is_within_the_bounds(seconds: list[float], share: float) -> None:
    watched = Watched()
    watched.answer(SCORE, *seconds)
    found = percentile(watched.readings.now().times_GT.sum(0), share)
    assert found is not None
    assert found.low < sorted(seconds)[ceil(share * len(seconds)) - 1] <= found.high
    assert found.low <= found.seconds <= found.high


def test_what_is_longer_than_all_buckets_is_told_as_such(watched: Watched) -> None:
    watched.answer(SCORE, 60.0)
    found = percentile(watched.readings.now().times_GT.sum(0), 0.5)
    assert found == Percentile(BUCKETS_S[-1], BUCKETS_S[-1], inf)
    assert found.bounds == "over 10 s"


def test_of_no_requests_nothing_is_said(watched: Watched) -> None:
    assert percentile(watched.readings.now().times_GT[0], 0.5) is None


def test_a_percentile_is_that_of_prometheus(watched: Watched) -> None:
    watched.answer("/v1/events", 0.0005, 0.0006, 0.3)
    text = watched.measures.text().decode()
    for bound, upto in (("0.0005", 1), ("0.001", 2), ("0.5", 3)):
        assert f'route="/v1/events",status="200"}} {float(upto)}' in next(
            line for line in text.splitlines() if f'le="{bound}"' in line
        )
    assert watched.readings.now().times_GT[0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]


# Rates


def test_rates_are_those_of_the_last_minute(watched: Watched) -> None:
    watched.readings.step()
    watched.append(*map(event, range(1_000)))
    watched.wait(PERIOD_S)
    watched.readings.step()  # what came before this is older than a minute when it is asked for
    for number in range(1, 31):
        watched.append(event(1_000 + number), event(0))
        watched.wait(PERIOD_S)
        watched.readings.step()
    found = lately(watched.readings.lately())
    assert found is not None
    assert (found.seconds, list(found.events_per_s)) == (WINDOW_S, [0.5, 0.5, 0.0, 0.0])


def test_requests_of_the_dashboard_are_told_apart(watched: Watched) -> None:
    watched.readings.step()
    watched.answer("/dashboard/system/now", *[0.01] * 8, status=500)
    watched.answer(PROFILE, *[0.01] * 6)
    watched.answer("/v1/candidates/{item}", 0.01, status=404)
    watched.answer("/v1/events", 0.01, status=503)
    watched.wait(4.0)
    found = lately(watched.readings.lately())
    assert found is not None
    assert (found.all.count, found.all.per_s, found.all.refused, found.all.failed) == (8, 2.0, 0.125, 0.125)
    assert {one.name: (one.count, one.failed) for one in found.groups} == {
        "events": (1, 1.0),
        "profiles": (6, 0.0),
        "scores": (0, 0.0),
        "others": (1, 0.0),
        "dashboard": (8, 1.0),
    }


def test_processor_time_is_told_in_cores(watched: Watched) -> None:
    before = watched.readings.now()
    sum(number * number for number in range(200_000))
    watched.wait(1.0)
    after = watched.readings.now()
    assert rates(before, after).cpu == after.usage.cpu_s - before.usage.cpu_s > 0


def test_memory_is_that_of_the_process(watched: Watched) -> None:
    before = watched.readings.now().usage
    held = np.ones(50_000_000, np.uint8)
    watched.wait(LEAST_S)
    after = watched.readings.now().usage
    assert after.resident - before.resident == pytest.approx(len(held), rel=0.1)
    assert 0 < after.mapped < after.resident


# The ring


def test_the_ring_is_bounded(watched: Watched) -> None:
    tracemalloc.start()
    for _ in range(MOST + 100):
        watched.wait(PERIOD_S)
        assert watched.readings.step() is False, "there is nothing more to do"
    took, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    found = watched.readings.lately()
    assert (len(found), found[-1].moment - found[0].moment) == (MOST, KEPT_S - PERIOD_S)
    assert took < 700_000


def test_many_viewers_read_once_a_second_and_do_not_fill_the_ring(watched: Watched) -> None:
    shown = []
    for _ in range(100):
        shown += [watched.readings.now() for _ in range(5)]
        watched.wait(0.25)
    moments = sorted({one.moment for one in shown})
    assert np.diff(moments).tolist() == [LEAST_S] * 24
    assert len(watched.readings.lately()) == pytest.approx(25.0 / PERIOD_S, abs=2)


def test_what_is_older_than_a_quarter_of_an_hour_is_not_shown(watched: Watched) -> None:
    watched.readings.step()
    watched.wait(3_600.0)
    assert len(watched.readings.lately()) == 1, "a page that was opened an hour ago says nothing of now"


class SlowStore(MemoryStore):
    """Takes its time to say what waits."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.goes_on = Signal(), Signal()
        self.goes_on.set()

    def backlog(self) -> Backlog:
        self.asked.set()
        assert self.goes_on.wait(HANG_S)
        return super().backlog()


def test_while_one_reads_another_is_given_the_reading_before() -> None:
    store = SlowStore()
    watched = Watched(store)
    before = watched.readings.now()
    store.asked.clear()
    store.goes_on.clear()
    watched.wait(5.0)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(watched.readings.step)
        assert store.asked.wait(HANG_S)
        assert watched.readings.now() is before
        store.goes_on.set()
        slow.result()
    assert watched.readings.now() is not before


def test_while_the_store_is_away_what_waits_is_not_known(tmp_path: Path) -> None:
    watched = Watched(SqliteStore(tmp_path / "live.sqlite"))
    watched.append(event(1), event(2))
    watched.wait(7.0)
    found = watched.readings.now()
    assert (found.waiting, found.age_s) == (2, 7.0)
    watched.store.close()
    watched.wait(LEAST_S)
    found = watched.readings.now()
    assert isnan(found.waiting)
    assert isnan(found.age_s)
    assert b"penchant_store_errors_total 1.0" in watched.measures.text()
