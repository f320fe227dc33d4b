"""How a running process does, what is wrong with it, and what to do about that."""

from dataclasses import dataclass
from math import isnan

from penchant.dashboard.shell.charts import Chart
from penchant.dashboard.shell.readings import Reading, Readings
from penchant.dashboard.shell.sources import Sources
from penchant.dashboard.shell.words import count, share, span
from penchant.dashboard.system.charts import charts
from penchant.dashboard.system.facts import Program, Said, StoreWatch, program
from penchant.dashboard.system.rates import Rates, lately
from penchant.serving.candidates.clusters import Clustered
from penchant.serving.roles.roles import CLUSTER
from penchant.serving.served import LogState

BEHIND_S = 10.0
"""Consumers are behind where an event has waited for this long."""

ASIDE_S = 3_600.0
"""For this long after an entry was set aside, the page warns of it."""


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong. kind: in a few words, the same as long as it lasts; how: its numbers; do: a sentence
    that says what helps; command: the command that does it, "" where there is none."""

    kind: str
    how: str
    do: str
    command: str = ""


@dataclass(frozen=True)
class State:
    """The state of a process at one moment. at: UTC seconds; alike: whether the run has a look-alike; rates: None
    before there are two readings; said, away_s: see `StoreWatch.now`; next: the version of a model that is getting
    ready, None where there is none."""

    at: float
    live: bool
    alike: bool
    started: float
    reading: Reading
    rates: Rates | None
    said: Said | None
    away_s: float | None
    clustered: Clustered
    log: LogState
    program: Program
    model: str
    next: str | None

    @property
    def lag(self) -> str:
        """Say whether consumers keep up."""
        if isnan(self.reading.waiting):
            return "not known"
        return "behind" if self.reading.age_s > BEHIND_S else "up to date"

    @property
    def troubles(self) -> list[Trouble]:
        """What is wrong, the most urgent first."""
        found = [
            _away(self.away_s),
            _full(self.said),
            _waiting(self) if self.live else None,
            _failing(self.rates),
            _unclustered(self.said),
            _refused(self.rates),
            _set_aside(self.said, self.at),
            _unreadable(self.said),
        ]
        return [one for one in found if one]


class System:
    """Watches the process that it runs in."""

    def __init__(self, sources: Sources, readings: Readings) -> None:
        self._sources, self._readings = sources, readings
        self._watch = StoreWatch(sources.service, sources.measures, readings.monotonic)
        self._program = program(sources.service)
        self._drawn: tuple[Reading | None, list[Chart]] = None, []

    def now(self) -> State:
        """Return the state as it is now."""
        service = self._sources.service
        readings = self._readings.lately()
        said, away_s = self._watch.now()
        model = service.model()
        return State(
            at=service.clock(),
            live=self._sources.live,
            alike=model.lookalike is not None,
            started=self._sources.started,
            reading=readings[-1],
            rates=lately(readings),
            said=said,
            away_s=away_s,
            clustered=service.clustered(),
            log=service.log(),
            program=self._program,
            model=model.model,
            next=service.coming_model(),
        )

    def charts(self) -> list[Chart]:
        """Draw the last quarter of an hour; nothing before there are two readings. Charts are drawn once for all who
        look."""
        readings = self._readings.lately()
        latest, drawn = self._drawn
        if latest is not readings[-1]:
            drawn = charts(readings, live=self._sources.live)
            self._drawn = readings[-1], drawn
        return drawn


def _away(away_s: float | None) -> Trouble | None:
    if away_s is None:
        return None
    return Trouble(
        "the store does not answer",
        f"it has not for {span(away_s)}",
        "Events are refused with 503 meanwhile, and are to be sent again; nothing that was acknowledged is lost. See "
        "that the store runs and has room; the log of this process says what is wrong.",
    )


def _waiting(state: State) -> Trouble | None:
    reading, health = state.reading, state.said.health if state.said else None
    do, command = "Start one more:", "penchant serve RUN --role consumer"
    if health and health.busy:
        how = f"{count(health.backlog.events)} events wait for them, and more are refused with 429"
        return Trouble("consumers are far behind", how, do, command)
    if reading.age_s > BEHIND_S:
        how = f"{count(reading.waiting)} events wait for them, the oldest for {span(reading.age_s)}"
        return Trouble("consumers are behind", how, do, command)
    return None


def _full(said: Said | None) -> Trouble | None:
    if said is None or said.health.writable:
        return None
    return Trouble(
        "the store cannot be written to",
        "reading goes on, and events are refused with 503",
        "See that it has room, and that no other program keeps it locked; the log of this process says what is wrong.",
    )


def _unclustered(said: Said | None) -> Trouble | None:
    if said is None or not said.health.waiting:
        return None
    kind = "candidates wait for clusters"
    how = f"{count(said.health.waiting)} of {count(said.health.candidates)} candidates have none yet"
    if CLUSTER in said.holders:
        return Trouble(
            kind, how, "They are being made, which takes from seconds to minutes, by how many seeds there are."
        )
    return Trouble(kind, how, "Start a process that makes them:", "penchant serve RUN --role cluster")


def _unreadable(said: Said | None) -> Trouble | None:
    found = sum(said.health.unreadable.values()) if said else 0
    if said is None or not found:
        return None
    kinds = ", ".join(f"{kind} ({count(number)})" for kind, number in sorted(said.health.unreadable.items()))
    how = f"since this process began: {kinds}"
    do = "What cannot be read counts as not there. Something else than Penchant writes to the store, or its disk fails."
    return Trouble("the store holds what cannot be read", how, do)


def _failing(found: Rates | None) -> Trouble | None:
    if found is None or found.all.failed == 0:
        return None
    how = f"{share(found.all.failed)} of those of the last {span(found.seconds)} did"
    return Trouble("requests fail", how, "The log of this process says why, by each request's id.")


def _refused(found: Rates | None) -> Trouble | None:
    if found is None or found.events_per_s[2] == 0:
        return None
    how = f"{found.events_per_s[2]:.2g} a second, because they make no sense"
    return Trouble("events are refused", how, "The answer to their sender says which, and why.")


def _set_aside(said: Said | None, now: float) -> Trouble | None:
    if said is None or not said.aside or now - said.aside[0].at > ASIDE_S:
        return None
    how = f"{count(said.health.backlog.aside)} ever, the latest within the hour, for reasons that are listed below"
    do = "Something else than Penchant writes to the store; find out what."
    return Trouble("events could not be processed", how, do)
