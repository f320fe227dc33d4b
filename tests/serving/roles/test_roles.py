"""Who does what: one process clusters while others stand by, and loops outlast a store that is away."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from threading import Event as Flag
from typing import Any

import pytest

from penchant.errors import StoreError
from penchant.serving.roles.loops import LONGEST_WAIT_S, Loop
from penchant.serving.roles.roles import CLUSTER, GRACE_S, Clustering, consuming
from penchant.serving.served import Served
from penchant.serving.versions import Models
from penchant.store.base import LEASE_S, Event, Seeds
from penchant.store.memory import MemoryStore
from tests.helpers.lookalike_runs import POPULAR
from tests.helpers.processes import HANG_S, until
from tests.serving import worlds
from tests.serving.worlds import MADE


class SlowStore(MemoryStore):
    """Holds back whoever reads seeds until the gate opens; counts how often a name was held."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.gate, self.held = Flag(), 0
        self.fault: Exception | None = None
        self.gate.set()

    def seeds(self, item: str, most: int) -> Seeds:
        assert self.gate.wait(HANG_S)
        return super().seeds(item, most)

    def cursor(self, model: str) -> str | None:
        if self.fault:
            raise self.fault
        return super().cursor(model)

    def hold(self, name: str, holder: str) -> bool:
        self.held += 1
        return super().hold(name, holder)


class Cluster:
    """Processes that could cluster, on one clock; stepped by hand."""

    def __init__(self, served: Served, stack: ExitStack) -> None:
        self.now, self.served, self._stack = 100.0, served, stack
        self.store, self.failed = SlowStore(lambda: self.now), list[str]()
        self.store.open_candidates([POPULAR], MADE)

    def process(self, name: str) -> tuple[Clustering, Models]:
        models = Models(self.store, self.served)
        clustering = Clustering(
            self.store,
            models,
            name,
            clock=lambda: MADE,
            monotonic=lambda: self.now,
            every_s=300.0,
            failed=lambda: self.failed.append(name),
        )
        self._stack.callback(clustering.stop)
        return clustering, models

    def has_clusters(self, model: str) -> Callable[[], bool]:
        return lambda: POPULAR in self.store.clusters(model, 0)[1]

    def wait_for(self, model: str) -> None:
        until(self.has_clusters(model))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return worlds.served(tmp_path_factory)


@pytest.fixture
def cluster(served: Served) -> Iterator[Cluster]:
    with ExitStack() as stack:
        cluster = Cluster(served, stack)
        yield cluster
        cluster.store.gate.set()
    assert cluster.failed == []


def test_one_process_clusters_and_the_other_takes_over_when_it_ends(cluster: Cluster) -> None:
    (first, _), (second, _) = cluster.process("first"), cluster.process("second")
    first.step()
    second.step()
    cluster.wait_for(cluster.served.name)
    assert cluster.store.holders() == {CLUSTER: "first"}
    assert (len(first._workers), len(second._workers)) == (1, 0)
    first.stop()
    assert cluster.store.holders() == {}
    second.step()
    assert (cluster.store.holders(), len(second._workers)) == ({CLUSTER: "second"}, 1)


def test_another_takes_over_from_one_that_has_died_and_the_dead_one_stands_by_if_it_wakes(cluster: Cluster) -> None:
    (first, _), (second, _) = cluster.process("first"), cluster.process("second")
    first.step()
    cluster.now += LEASE_S - 1
    second.step()
    assert cluster.store.holders() == {CLUSTER: "first"}
    cluster.now += 1
    second.step()
    assert cluster.store.holders() == {CLUSTER: "second"}
    first.step()
    assert (cluster.store.holders(), len(first._workers), len(second._workers)) == ({CLUSTER: "second"}, 0, 1)
    cluster.store.open_candidates(["i1-1"], MADE)
    until(lambda: "i1-1" in cluster.store.clusters(cluster.served.name, 0)[1])


def test_the_right_is_kept_by_signs_of_life_but_not_at_every_step(cluster: Cluster) -> None:
    first, _ = cluster.process("first")
    for _ in range(60):
        first.step()
        cluster.now += 1
        assert cluster.store.holders() == {CLUSTER: "first"}
    assert 8 <= cluster.store.held <= 12


def test_a_new_model_is_clustered_beside_the_old_one_which_goes_after_some_time(cluster: Cluster) -> None:
    clustering, models = cluster.process("first")
    clustering.step()
    cluster.wait_for(cluster.served.name)
    models.load(replace(cluster.served, name="second"))
    clustering.step()
    assert clustering._workers.keys() == {cluster.served.name, "second"}
    cluster.wait_for("second")
    until(lambda: clustering._workers["second"].complete)
    clustering.step()
    cluster.now += GRACE_S
    clustering.step()
    assert cluster.has_clusters(cluster.served.name)()
    cluster.now += 1
    clustering.step()
    assert (cluster.store.cursor(cluster.served.name), cluster.has_clusters(cluster.served.name)()) == (None, False)
    assert cluster.has_clusters("second")()
    models.refresh()
    clustering.step()
    assert clustering._workers.keys() == {"second"}


def test_the_old_model_stays_while_the_new_one_has_no_clusters(cluster: Cluster) -> None:
    clustering, models = cluster.process("first")
    clustering.step()
    cluster.wait_for(cluster.served.name)
    cluster.store.gate.clear()
    models.load(replace(cluster.served, name="second"))
    for _ in range(3):
        clustering.step()
        cluster.now += GRACE_S + 1
    assert cluster.has_clusters(cluster.served.name)()
    cluster.store.gate.set()
    cluster.wait_for("second")


def test_a_model_without_a_look_alike_needs_no_clusters(cluster: Cluster) -> None:
    clustering, models = cluster.process("first")
    models.load(replace(cluster.served, name="second", alike=None))
    clustering.step()
    assert clustering._workers.keys() == {cluster.served.name}
    cluster.now += GRACE_S + 1
    clustering.step()
    assert cluster.store.cursor(cluster.served.name) is None


def test_a_clusterer_outlasts_entries_that_cannot_be_read_and_heals_them(cluster: Cluster) -> None:
    cluster.store.publish(cluster.served.name, {POPULAR: b"garbage"}, "0")
    clustering, _ = cluster.process("first")
    clustering.step()
    until(lambda: cluster.store.clusters(cluster.served.name, 0)[1][POPULAR] != b"garbage")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_clusterers_that_fail_are_told(served: Served) -> None:
    with ExitStack() as stack:
        cluster = Cluster(served, stack)
        cluster.store.fault = ValueError("a fault of ours")
        clustering, _ = cluster.process("first")
        clustering.step()
        until(lambda: cluster.failed == ["first"])


def test_a_consumer_works_for_all_models_until_nothing_waits(cluster: Cluster) -> None:
    models = Models(cluster.store, cluster.served)
    models.load(replace(cluster.served, name="second"))
    cluster.store.append([Event("anna", POPULAR, MADE, True, "a")], at=MADE)
    step = consuming(cluster.store, models, "one", lambda: MADE)
    assert (step(), step()) == (True, False)
    assert None not in [
        *cluster.store.vectors(cluster.served.name, ["anna"]),
        *cluster.store.vectors("second", ["anna"]),
    ]


class Steps:
    """The steps of a loop: what each returns, or raises; then nothing to do. Counts them."""

    def __init__(self, *results: bool | BaseException) -> None:
        self.done, self._results = 0, list(results)

    def __call__(self) -> bool:
        self.done += 1
        result = self._results.pop(0) if self._results else False
        if isinstance(result, BaseException):
            raise result
        return result


def loop(step: Callable[[], bool], failed: Callable[[], Any] = list, *, idle_s: float = 0.001) -> Loop:
    return Loop("a loop", step, idle_s=idle_s, failed=failed)


def test_a_loop_rests_only_after_a_step_that_had_nothing_to_do() -> None:
    one = loop(Steps(True, True, False, True), idle_s=0.3)
    assert [one._next_wait(0.3) for _ in range(5)] == [0.0, 0.0, 0.3, 0.0, 0.3]


def test_a_loop_waits_longer_and_longer_for_a_store_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    one, waits = loop(Steps(*[StoreError("it is down")] * 9), idle_s=0.05), [0.05]
    with caplog.at_level(logging.WARNING, "penchant.loops"):
        for _ in range(9):
            waits.append(one._next_wait(waits[-1]))
    assert waits[1:] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert one._next_wait(LONGEST_WAIT_S) == 0.05
    assert caplog.messages[0] == "a loop waits for the store: it is down"


def test_a_loop_goes_on_when_the_store_is_back() -> None:
    steps, failed = Steps(StoreError("it is down"), True), list[str]()
    running = loop(steps, lambda: failed.append("told")).start()
    until(lambda: steps.done > 3)
    running.stop()
    assert failed == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_loop_with_any_other_error_ends_and_tells(caplog: pytest.LogCaptureFixture) -> None:
    steps, failed = Steps(True, ValueError("a fault of ours")), Flag()
    running = loop(steps, failed.set).start()
    assert failed.wait(HANG_S)
    running.stop()
    assert (steps.done, running._thread.is_alive()) == (2, False)
    assert "a loop has failed" in caplog.messages


def test_a_loop_that_is_stopped_ends_its_step_and_begins_no_other() -> None:
    began, may_end, done = Flag(), Flag(), list[int]()

    def step() -> bool:
        began.set()
        assert may_end.wait(HANG_S)
        done.append(1)
        return True

    running = loop(step).start()
    assert began.wait(HANG_S)
    running.stop(within_s=0.01)
    assert done == []
    may_end.set()
    running.stop()
    assert (done, running._thread.is_alive()) == ([1], False)
