"""Everything that can be asked of a running Penchant, without HTTP: events in, profiles, scores and audiences out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock

from penchant.errors import AudienceError, BusyError, UnknownItemError
from penchant.evaluation.choice import Choice
from penchant.logs.forgotten import digest_of
from penchant.models.parts.clusters import Drift
from penchant.profiles.build import Order
from penchant.profiles.explain import Explanation
from penchant.serving.candidates.audience import LiveAudience, audience
from penchant.serving.profiles import LiveProfile
from penchant.serving.recall import Recalled
from penchant.serving.roles.consumer import problem_of
from penchant.serving.served import Served
from penchant.serving.versions import Models
from penchant.serving.view import Scored, View
from penchant.store.base import Backlog, Event, Store

MOST_BACKLOG = 500_000

AHEAD_S = 3_600.0
"""An event may be so far ahead of the clock here."""

RETRY_S = 1.0


@dataclass(frozen=True)
class Appended:
    """What became of some events: accepted for the first time, repeated, or refused: by their place, and why."""

    accepted: int
    repeated: int
    refused: dict[int, str]


@dataclass(frozen=True)
class Forgotten:
    """What was removed of a user: events of his history, events still in the log, items he was a seed of or was shown,
    and rows of each kind of file of the run folder."""

    events: int
    log: int
    items: int
    files: dict[str, int]


@dataclass(frozen=True)
class CandidateState:
    """A candidate. opened: when; seeds: how many, None before they were counted; sizes: members of each cluster; drift:
    since all seeds were clustered, at `clustered`; fresh: when the latest seed clicked or joined. Times are UTC
    seconds, None where there is none."""

    item: str
    name: str
    opened: float
    seeds: int | None
    sizes: list[int]
    drift: Drift | None
    clustered: float | None
    fresh: float | None


@dataclass(frozen=True)
class ModelState:
    """What answers. model: its version; tags: whether it has profiles; lookalike: which scorer is live, and how it did
    beside those that cannot be; None without look-alike."""

    model: str
    tags: bool
    lookalike: Choice | None


@dataclass(frozen=True)
class Health:
    """missing: which kind of thing this process would need to answer well, "consumers" or "clusters", and why; model:
    its version; candidates, scored: open ones, and those among them that have clusters."""

    missing: dict[str, str]
    model: str
    backlog: Backlog
    candidates: int
    scored: int


def _nothing(_user: str, _at: float) -> dict[str, int]:
    """There are no files."""
    return {}


class Service:
    """Answers for one store and the model of one run. `refresh` has to be called again and again."""

    def __init__(
        self,
        store: Store,
        served: Served,
        clock: Callable[[], float],
        erase: Callable[[str, float], dict[str, int]] = _nothing,
        *,
        most_backlog: int = MOST_BACKLOG,
    ) -> None:
        """erase: removes a user, forgotten at a time, from the files of the run folder: rows removed of each kind;
        most_backlog: events that may wait for consumers, more are refused until there is room."""
        self.store, self.clock, self._erase, self._most_backlog = store, clock, erase, most_backlog
        self.models = Models(store, served)
        self.view = View(store, self.models.all[0])
        self.next: View | None = None
        self._candidates: dict[str, float] = {}
        self._backlog = Backlog(0, None, 0)
        self._auditing, self._refreshing = Lock(), Lock()
        self.refresh()

    # Events

    def append(self, calls: Sequence[Sequence[Event]]) -> list[Appended]:
        """Make the events of several calls durable by one commit, but for those that make no sense. BusyError where too
        many wait for consumers."""
        if self._backlog.events > self._most_backlog:
            raise BusyError(
                f"{self._backlog.events:,} events wait for consumers, more than {self._most_backlog:,}; "
                f"send these later",
                after_s=RETRY_S,
            )
        now = self.clock()
        refused = [
            {place: why for place, event in enumerate(events) if (why := self._problem(event, now))} for events in calls
        ]
        sound = [
            event
            for events, bad in zip(calls, refused, strict=True)
            for place, event in enumerate(events)
            if place not in bad
        ]
        new = iter(self.store.append(sound, now) if sound else [])
        return [
            _appended(list(islice(new, len(events) - len(bad))), bad)
            for events, bad in zip(calls, refused, strict=True)
        ]

    def put_items(self, items: Mapping[str, Mapping[str, list[str]]]) -> None:
        """Say what new items are about, by the fields of the items' table."""
        self.store.put_items(items)
        self.refresh()

    # Users

    def profiles(self, users: Sequence[str], by: Order | None = None) -> list[LiveProfile]:
        """Fresh to the last acknowledged event; by: their order, that of the run file if not given."""
        return self.view.profiles(users, by)

    def explain(self, user: str, tag: str | None) -> Explanation:
        """Why a user has a preference for a tag, the one that stands first if none is given. UnknownTagError."""
        return self.view.explain(user, tag)

    def recall(self, user: str, most: int) -> list[Recalled]:
        """Items that the user has not clicked yet, by their tags and by likeness, as far as the run has these."""
        view = self.view
        return view.recall(view.users.now([user]), most)

    def forget(self, user: str) -> Forgotten:
        """Remove a user from the run folder, whose list comes first, then from the store; what fails half-way is
        finished by the next call. Clusters lose the user when all seeds are clustered next, prepared data at the next
        `prepare`. Raises what `erase` and the store raise."""
        now = self.clock()
        files = self._erase(user, now)
        erased = self.store.forget(user, digest_of(user), now)
        self.refresh()
        return Forgotten(erased.events, erased.log, erased.items, files)

    # Candidates

    def open(self, items: Sequence[str]) -> None:
        """Open items to audience extension; those that are open stay as they are."""
        self.store.open_candidates(items, self.clock())
        self._candidates = self.store.candidates()

    def close(self, items: Sequence[str]) -> None:
        """Close candidates. UnknownItemError where one is not open."""
        for item in items:
            self._opened(item)
        self.store.close_candidates(items)
        self.refresh()

    def candidates(self) -> list[CandidateState]:
        """All that are open, by item."""
        return [self._state(item, opened) for item, opened in sorted(self._candidates.items())]

    def is_open(self, item: str) -> bool:
        """Whether an item is a candidate."""
        return item in self._candidates

    def candidate(self, item: str) -> CandidateState:
        """UnknownItemError where it is not open."""
        return self._state(item, self._opened(item))

    def _state(self, item: str, opened: float) -> CandidateState:
        live = self.view.live.get(item)
        name = self.view.served.item_names.get(item, item)
        if live is None:
            return CandidateState(item, name, opened, None, [], None, None, None)
        sizes = live.size_J.tolist()
        fresh = live.fresh if live.fresh > 0 else None
        return CandidateState(item, name, opened, live.seeds, sizes, live.drift, live.made, fresh)

    def score(self, users: Sequence[str], items: Sequence[str] | None) -> list[Scored]:
        """Scores of some users for some open candidates, or for all; those without known seeds are left out."""
        for item in items or ():
            self._opened(item)
        return self.view.score(users, items)

    def audience(self, item: str, size: int) -> LiveAudience:
        """Who is most like the seeds of a candidate; one audience at a time. UnknownItemError, AudienceError."""
        self._opened(item)
        view = self.view
        live = view.live.get(item)
        clusters = live.clusters if live else None
        if clusters is None:
            why = (
                "its seeds are not clustered yet; ask again in a few seconds"
                if live is None
                else "it has no known seed"
            )
            raise AudienceError(f"nobody can be alike to {item!r}: {why}")
        with self._auditing:
            return audience(self.store, view.users, item, clusters, size)

    # The process

    def refresh(self) -> None:
        """Take over what others have published, and a new model once it knows as many candidates as the old one."""
        with self._refreshing:
            items = self.models.refresh()
            self._candidates = self.store.candidates()
            self._backlog = self.store.backlog()
            for view in (self.view, self.next):
                if view is not None:
                    view.put_items(items)
                    view.follow(self._candidates)
            if self.next is not None and (
                self.next.served.alike is None or self.view.live.keys() <= self.next.live.keys()
            ):
                self.view, self.next = self.next, None

    def load(self, served: Served) -> None:
        """Prepare to answer by another model; see `refresh` for when it takes over."""
        self.next = View(self.store, self.models.load(served))

    def health(self) -> Health:
        """Whether this process can answer, and how far behind consumers are. It asks the store."""
        self.store.ping()
        scored = sum(len(one.size_J) > 0 for one in self.view.live.values())
        missing = {}
        if self._backlog.events > self._most_backlog:
            missing["consumers"] = f"{self._backlog.events:,} events wait for them"
        waiting = len(self._candidates.keys() - self.view.live.keys())
        if waiting and self.view.served.alike:
            missing["clusters"] = f"{waiting:,} of {len(self._candidates):,} candidates have none yet"
        return Health(missing, self.view.served.name, self._backlog, len(self._candidates), scored)

    def model(self) -> ModelState:
        """Of the model that answers now."""
        served = self.view.served
        return ModelState(served.name, served.tags is not None, served.alike.choice if served.alike else None)

    def _problem(self, event: Event, now: float) -> str | None:
        if (problem := problem_of(event)) is not None:
            return problem
        if event.time > now + AHEAD_S:
            return f"time is {event.time!r}, more than an hour ahead of {now!r}, which is now"
        return None

    def _opened(self, item: str) -> float:
        opened = self._candidates.get(item)
        if opened is None:
            raise UnknownItemError(f"item {item!r} is not open to audience extension; open it first")
        return opened


def _appended(new: list[bool], refused: dict[int, str]) -> Appended:
    return Appended(sum(new), len(new) - sum(new), refused)
