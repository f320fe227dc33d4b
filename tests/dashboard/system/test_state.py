"""What is wrong with a running process, and what to do; what is known of it."""

from contextlib import closing
from functools import partial

import pytest

from penchant.dashboard.shell.readings import LEAST_S, PERIOD_S, Readings
from penchant.dashboard.system.facts import StoreWatch
from penchant.dashboard.system.state import State, System
from penchant.serving.roles.intake import Appended
from penchant.serving.roles.roles import CLUSTER
from penchant.serving.service import Service
from penchant.store.base import Poison
from penchant.store.sqlite.store import SqliteStore
from tests.dashboard.sites import Site
from tests.dashboard.watched import SCORE, event
from tests.serving.worlds import MADE, served, trained


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(served(tmp_path_factory), trained(tmp_path_factory).folder)


class Watcher:
    """The page of a site; `later` is so many seconds on by both clocks."""

    def __init__(self, site: Site) -> None:
        self.site, self.later = site, 0.0
        site.service.clock = lambda: MADE + self.later
        self.readings = Readings(
            site.store, site.measures, clock=site.service.clock, monotonic=lambda: 100.0 + self.later
        )
        self.system = System(site.sources, self.readings)

    def now(self, later: float = 0.0) -> State:
        self.later += later
        return self.system.now()

    def kinds(self, later: float = 0.0) -> list[str]:
        return [one.kind for one in self.now(later).troubles]


def test_nothing_is_wrong_with_a_new_process(site: Site) -> None:
    state = Watcher(site).now()
    assert (state.troubles, state.lag, state.rates) == ([], "up to date", None)
    assert (state.model, state.next, state.program.store) == (
        site.service.view.served.name,
        None,
        "memory, gone when this process ends",
    )


def test_consumers_are_behind_when_an_event_waits_long(site: Site) -> None:
    watcher = Watcher(site)
    site.service.append([[event(1), event(2)]])
    assert watcher.kinds(9.0) == []
    state = watcher.now(2.0)
    (trouble,) = state.troubles
    assert (state.lag, trouble.kind, trouble.how) == (
        "behind",
        "consumers are behind",
        "2 events wait for them, the oldest for 11\u202fs",
    )
    assert trouble.command.endswith("--role consumer")


def test_far_behind_is_where_events_are_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, small = trained(tmp_path_factory).folder, partial(Service, most_backlog=1)
    site = Site(served(tmp_path_factory), folder, service=small)
    site.service.append([[event(1), event(2)]])
    site.service.refresh()
    (trouble,) = Watcher(site).now().troubles
    assert (trouble.kind, trouble.how) == (
        "consumers are far behind",
        "2 events wait for them, and more are refused with 429",
    )


def test_a_run_that_is_only_looked_at_waits_for_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    site = Site(served(tmp_path_factory), trained(tmp_path_factory).folder, live=False)
    site.service.append([[event(1)]])
    assert Watcher(site).kinds(100.0) == []


def test_candidates_without_clusters_need_a_process_that_makes_them(site: Site) -> None:
    watcher = Watcher(site)
    site.service.open(["i0-0"])
    (trouble,) = watcher.now().troubles
    assert (trouble.kind, trouble.how) == ("candidates wait for clusters", "1 of 1 candidates have none yet")
    assert trouble.command.endswith("--role cluster")
    site.store.hold(CLUSTER, "elsewhere-1")
    state = watcher.now(LEAST_S)
    assert state.said is not None
    assert state.said.holders == {CLUSTER: "elsewhere-1"}
    assert "being made" in state.troubles[0].do
    site.open(["i0-0"])
    assert watcher.kinds(LEAST_S) == []
    assert watcher.now().clustered.latest == MADE


def test_failures_and_refusals_are_told_for_a_minute(site: Site) -> None:
    watcher = Watcher(site)
    watcher.now()
    site.measures.answered(SCORE, 500, 0.1)
    site.measures.answered(SCORE, 200, 0.1)
    site.measures.appended(Appended(1, 0, 0, {}), unreadable=3)
    found = watcher.now(2.0).troubles
    assert [(one.kind, one.how) for one in found] == [
        ("requests fail", "50\u202f% of those of the last 2\u202fs did"),
        ("events are refused", "1.5 a second, because they make no sense"),
    ]
    for _ in range(40):
        watcher.now(PERIOD_S)
    assert watcher.kinds() == []


def test_what_was_set_aside_is_told_without_what_it_holds(site: Site) -> None:
    watcher = Watcher(site)
    for number in range(7):
        site.store.settle([], [Poison(f"anna clicked {number}", f"reason {number}", MADE + number)])
    site.service.refresh()
    state = watcher.now(10.0)
    (trouble,) = state.troubles
    assert (trouble.kind, trouble.how[:6]) == ("events could not be processed", "7 ever")
    assert state.said is not None
    assert [one.reason for one in state.said.aside] == [f"reason {number}" for number in (6, 5, 4, 3, 2)]
    assert "anna" not in repr(state.said)
    assert watcher.kinds(3_600.0) == [], "that was long ago"


def test_a_store_that_is_away_is_told_with_what_it_said_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("away") / "live.sqlite")
    site = Site(served(tmp_path_factory), trained(tmp_path_factory).folder, store=store)
    watcher = Watcher(site)
    before = watcher.now()
    store.close()
    watcher.now(LEAST_S)
    state = watcher.now(41.0)
    assert [(one.kind, one.how) for one in state.troubles] == [
        ("the store does not answer", "it has not for 41\u202fs")
    ]
    assert (state.said, state.lag) == (before.said, "not known")
    assert state.away_s == 41.0
    with closing(SqliteStore(tmp_path_factory.mktemp("back") / "live.sqlite")) as back:
        site.service.store = back
        assert (watcher.now(LEAST_S).away_s, watcher.kinds()) == (None, [])


def test_a_store_without_room_and_what_cannot_be_read_are_told(site: Site) -> None:
    watcher = Watcher(site)
    site.service.writing.writable = False
    site.store.unreadable.add("cluster entry", "it is garbage", 3)
    found = watcher.now().troubles
    assert [(one.kind, one.how) for one in found] == [
        ("the store cannot be written to", "reading goes on, and events are refused with 503"),
        ("the store holds what cannot be read", "since this process began: cluster entry (3)"),
    ]
    site.service.writing.writable = True
    assert len(watcher.kinds(LEAST_S)) == 1


def test_charts_are_drawn_once_for_all_who_look(site: Site) -> None:
    watcher = Watcher(site)
    watcher.now()
    assert watcher.system.charts() == []
    watcher.now(PERIOD_S)
    assert watcher.system.charts() is watcher.system.charts() != []


def test_the_store_is_asked_once_a_second(site: Site) -> None:
    moment = 0.0
    watch = StoreWatch(site.service, site.measures, lambda: moment)
    said = [watch.now()[0]]
    moment = LEAST_S - 0.01
    said.append(watch.now()[0])
    moment = LEAST_S
    said.append(watch.now()[0])
    assert said[0] is said[1] is not said[2]


def test_another_model_is_told_until_it_has_taken_over(site: Site) -> None:
    watcher = Watcher(site)
    site.service.load(site.service.view.served)
    assert watcher.now().next == site.service.view.served.name
