"""The last quarter of an hour of a process, drawn."""

from pathlib import Path

import pytest

from penchant.dashboard.shell.readings import MOST, PERIOD_S
from penchant.dashboard.system.charts import MOST_POINTS, charts, thinned
from penchant.store.sqlite.store import SqliteStore
from tests.dashboard.watched import SCORE, Watched, event
from tests.serving.worlds import MADE


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_there_are_no_charts_before_two_readings(watched: Watched) -> None:
    assert charts(watched.readings.lately(), live=True) == []
    watched.wait(PERIOD_S)
    assert [one.id for one in charts(watched.readings.lately(), live=True)] == [
        f"system-{name}" for name in ("events", "lag", "requests", "latency", "memory", "processor")
    ]
    assert [one.id for one in charts(watched.readings.lately(), live=False)] == [
        f"system-{name}" for name in ("requests", "latency", "memory", "processor")
    ]


def test_charts_show_rates_between_readings(watched: Watched) -> None:
    watched.readings.step()
    watched.append(event(1), event(2), event(3))
    watched.answer(SCORE, 0.0025, 0.0025)
    watched.wait(PERIOD_S)
    watched.readings.step()
    watched.append(event(3))
    watched.wait(4.0)
    events, lag, requests, latency, *_ = charts(watched.readings.lately(), live=True)
    times = [MADE + PERIOD_S, MADE + PERIOD_S + 4.0]
    assert {one.name: list(one.points) for one in events.series} == {
        "accepted": [(times[0], 1.5), (times[1], 0.0)],
        "repeated": [(times[0], 0.0), (times[1], 0.25)],
        "refused": [(times[0], 0.0), (times[1], 0.0)],
        "forgotten": [(times[0], 0.0), (times[1], 0.0)],
    }
    assert list(lag.series[0].points) == [(MADE, 0.0), (times[0], 3.0), (times[1], 3.0)]
    assert list(requests.series[0].points) == [(times[0], 1.0), (times[1], 0.0)]
    assert list(latency.series[0].points) == [(times[0], 2.5), (times[1], 2.5)], "of the minute before each"
    assert list(latency.series[2].points) == [(times[0], None), (times[1], None)], "nobody asked for profiles"


def test_a_chart_has_a_gap_where_the_store_was_away(tmp_path: Path) -> None:
    watched = Watched(SqliteStore(tmp_path / "live.sqlite"))
    watched.readings.step()
    watched.store.close()
    watched.wait(PERIOD_S)
    lag = charts(watched.readings.lately(), live=True)[1]
    assert list(lag.series[0].points) == [(MADE, 0.0), (MADE + PERIOD_S, None)]


@pytest.mark.parametrize("steps", [2, 5, MOST_POINTS, 200, MOST + 50])
def test_charts_have_few_points_with_both_ends(watched: Watched, steps: int) -> None:
    for _ in range(steps):
        watched.readings.step()
        watched.wait(PERIOD_S)
    readings = watched.readings.lately()
    chosen = thinned(readings)
    assert chosen[0] is readings[0]
    assert chosen[-1] is readings[-1]
    assert min(steps + 1, MOST_POINTS // 2) <= len(chosen) <= MOST_POINTS + 2
    assert len({one.moment for one in chosen}) == len(chosen)


def test_a_clock_that_was_set_back_does_not_turn_charts_around(watched: Watched) -> None:
    watched.readings.step()
    watched.wait(PERIOD_S)
    watched.at -= 3_600.0
    (first, second) = charts(watched.readings.lately(), live=True)[1].series[0].points
    assert (first[0], second[0]) == (watched.at - PERIOD_S, watched.at)
