"""What a process measures of itself, as Prometheus reads it: requests, events, the backlog, candidates, the store."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

from penchant.serving.roles.health import Health
from penchant.serving.roles.intake import Appended

BUCKETS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

FATES = ("accepted", "repeated", "refused", "forgotten")


class Kind(NamedTuple):
    """Of a request. route: the template, "" where there is none."""

    route: str
    status: int


class _Tally(NamedTuple):
    """One kind's place in the registry, and the same counts where they can be read in microseconds."""

    times: Histogram
    counts: list[int]


class Measures:
    """Of one process, whatever it does; each has a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Histogram(
            "penchant_request_seconds",
            "Duration of requests.",
            ["route", "status"],
            registry=registry,
            buckets=BUCKETS_S,
        )
        self._tallies: dict[Kind, _Tally] = {}
        self._fates = [0] * len(FATES)
        self._events = Counter(
            "penchant_events", "Events that came in, by what became of them.", ["fate"], registry=registry
        )
        self._backlog = Gauge(
            "penchant_backlog_events", "Acknowledged events that wait for consumers.", registry=registry
        )
        self._age = Gauge("penchant_backlog_age_seconds", "Age of the oldest of them.", registry=registry)
        self._poison = Gauge(
            "penchant_poison", "What could not be processed and was set aside, ever.", registry=registry
        )
        self._open = Gauge("penchant_candidates_open", "Candidates that are open.", registry=registry)
        self._scored = Gauge("penchant_candidates_scored", "Open candidates that have clusters.", registry=registry)
        self._waiting = Gauge(
            "penchant_candidates_waiting", "Open candidates whose seeds nobody has looked at yet.", registry=registry
        )
        self._oldest = Gauge(
            "penchant_clusters_oldest_seconds",
            "Time since the seeds of that candidate were clustered for which it is longest.",
            registry=registry,
        )
        self._model = Info("penchant_model", "The model that answers.", registry=registry)
        self._store = Counter("penchant_store_errors", "Calls that the store could not do.", registry=registry)
        self._reachable = Gauge(
            "penchant_store_reachable", "1 if the store answered last, 0 if not.", registry=registry
        )
        self._writable = Gauge(
            "penchant_store_writable", "1 if the store could be written to last, 0 if not.", registry=registry
        )
        self._unreadable = Gauge(
            "penchant_store_unreadable",
            "How often something of the store could not be read and counted as not there.",
            ["kind"],
            registry=registry,
        )

        self._connections = Gauge("penchant_connections_open", "Connections that are open.", registry=registry)
        self._closed = Counter(
            "penchant_connections_closed", "Connections that were closed from here, by why.", ["why"], registry=registry
        )

    def connections(self, count: int) -> None:
        """So many are open now."""
        self._connections.set(count)

    def closed(self, why: str) -> None:
        """A connection was closed from here though the other side might have gone on."""
        self._closed.labels(why).inc()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """route: the template, "" where there is none. From one thread only, which is that of the event loop."""
        kind = Kind(route, status)
        tally = self._tallies.get(kind)
        if tally is None:
            tally = _Tally(self._requests.labels(route, str(status)), [0] * (len(BUCKETS_S) + 1))
            self._tallies[kind] = tally
        tally.times.observe(seconds)
        tally.counts[bisect_left(BUCKETS_S, seconds)] += 1

    def answers(self) -> Mapping[Kind, list[int]]:
        """How many requests of each kind took at most each of BUCKETS_S and longer than the one before; the last count
        is of those that took longer than all. Reading the registry instead takes tens of milliseconds."""
        return {kind: tally.counts.copy() for kind, tally in self._tallies.copy().items()}

    def appended(self, appended: Appended, unreadable: int) -> None:
        """unreadable: events that were refused before."""
        refused = len(appended.refused) + unreadable
        counts = appended.accepted, appended.repeated, refused, appended.forgotten
        for place, (fate, count) in enumerate(zip(FATES, counts, strict=True)):
            self._events.labels(fate).inc(count)
            self._fates[place] += count

    def events(self) -> tuple[int, ...]:
        """How many came in, by FATES."""
        return tuple(self._fates)

    def store_failed(self) -> None:
        self._store.inc()

    def seen(self, health: Health | None, now: float) -> None:
        """How things are; None where the store could not be asked, and then the last numbers stay as they are."""
        self._reachable.set(health is not None)
        if health is not None:
            since = health.backlog.since
            self._backlog.set(health.backlog.events)
            self._age.set(0.0 if since is None else max(0.0, now - since))
            self._poison.set(health.backlog.aside)
            self._open.set(health.candidates)
            self._scored.set(health.scored)
            self._waiting.set(health.waiting)
            self._oldest.set(0.0 if health.oldest is None else max(0.0, now - health.oldest))
            self._writable.set(health.writable)
            for kind, count in health.unreadable.items():
                self._unreadable.labels(kind).set(count)
            self._model.info({"version": health.model})

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus; see CONTENT_TYPE."""
        return generate_latest(self.registry)
