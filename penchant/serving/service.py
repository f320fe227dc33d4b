"""Everything that can be asked of a running Penchant, without HTTP: events in, profiles, scores and audiences out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from penchant.choices import Order
from penchant.errors import BusyError, UnknownFieldError, UnknownItemError
from penchant.logs.forgotten import digest_of
from penchant.profiles.directions import Directions
from penchant.profiles.explain import Explanation
from penchant.profiles.profile import LiveProfile
from penchant.serving.candidates.audience import LiveAudience
from penchant.serving.candidates.catalogue import Match
from penchant.serving.candidates.clusters import Clustered, clustered
from penchant.serving.candidates.openings import CandidateState, Opening, Openings, state_of
from penchant.serving.person import Person, examples, person_of
from penchant.serving.recall import Recalled
from penchant.serving.roles.intake import Appended, append
from penchant.serving.served import LogState, ModelState, Served
from penchant.serving.versions import Models
from penchant.serving.view import Scored, View
from penchant.store.base import Backlog, Event, Poison, Store

MOST_BACKLOG = 500_000

RETRY_S = 1.0


@dataclass(frozen=True)
class Forgotten:
    """What was removed of a user. events: of their history; log: events that waited in the log; items: those that they
    were a seed of or were shown; files: rows of each kind of file of the run folder."""

    events: int
    log: int
    items: int
    files: dict[str, int]


@dataclass(frozen=True)
class Health:
    """missing: what this process needs to answer well and does not have, "consumers" or "clusters", and why; model: its
    version; candidates: those that are open; scored: those of them that have clusters."""

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
        self._openings = Openings()
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
        return append(self.store, calls, self.clock())

    def put_items(self, items: Mapping[str, Mapping[str, list[str]]]) -> None:
        """Say what new items are about, by the fields of the items' table. UnknownFieldError where no model that this
        process works with has one of these fields; then nothing is said of any."""
        known = dict.fromkeys(field for users in self.models.all for field in users.served.item_fields)
        for fields in items.values():
            for field in fields:
                if field not in known:
                    raise UnknownFieldError(field, known)
        self.store.put_items(items)
        self.refresh()

    # Users

    def profiles(self, users: Sequence[str], by: Order | None = None, *, model: str | None = None) -> list[LiveProfile]:
        """Fresh to the last acknowledged event; by: their order, that of the run file if not given; model: the interest
        model that is asked, the first if none is named. UnknownModelError."""
        view = self.view
        return view.profiler(model).of(view.users.now(users), by)

    def explain(self, user: str, tag: str | None, *, model: str | None = None) -> Explanation:
        """Why a user has a preference for a tag, the one that stands first if none is given. UnknownTagError,
        UnknownModelError."""
        view = self.view
        if tag is not None:
            view.refuse_tag_of_others(tag, model)
        return view.profiler(model).explain(view.users.now([user]), tag)

    def person(
        self, user: str, *, tag: str | None = None, by: Order | None = None, newer: int = 0, model: str | None = None
    ) -> Person:
        """All that is known of one user, in one answer; see `person_of`. UnknownTagError, UnknownModelError."""
        return person_of(self.view, self.is_open, user, tag=tag, by=by, newer=newer, model=model)

    def examples(self) -> list[str]:
        """Some users with many clicks."""
        return examples(self.view)

    def knows_tag(self, tag: str, model: str | None = None) -> bool:
        """Whether users can have a preference for a tag, by an interest model. UnknownModelError."""
        return self.view.knows_tag(tag, model)

    def refuse_unknown(self, model: str | None) -> None:
        """Raise MissingStepError where there is no interest model, UnknownModelError where none has this name."""
        self.view.served.interests(model)

    def directions(self) -> Directions:
        """Which tags are near each other, by the model that answers."""
        return self.view.directions

    def recall(self, user: str, most: int, *, model: str | None = None) -> list[Recalled]:
        """Items that the user has not clicked yet, by their tags and by likeness, as far as the run has these. model:
        the interest model whose tags count, the first if none is named. MissingStepError, UnknownModelError."""
        view = self.view
        return view.recall(view.users.now([user]), most, model)

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
        """Open items to audience extension; those that are open stay as they are. MissingStepError where no look-alike
        is live, nor is one about to take over: nobody would ever cluster their seeds."""
        if not self.models.alike:
            raise self.view.served.no_lookalike
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
        view = self.view
        return state_of(item, view.name_of(item), opened, view.live.get(item))

    def opening(self, item: str) -> Opening:
        """All that is known of one open item; what takes long is worked out when it is asked for. MissingStepError
        where no look-alike is live, UnknownItemError where the item is not open."""
        self._refuse_without_lookalike()
        return Opening(self.view, item, self._opened(item), self._openings)

    def search_items(self, text: str) -> Sequence[Match]:
        """Items of the log by a part of their name or id, those with the most seeds first."""
        return self._openings.catalogue(self.view).search(text)

    def most_clicked(self, most: int) -> list[str]:
        """Items clicked most in the last day of the log, then those clicked most ever."""
        return self.view.served.snapshot.most_clicked(most)

    def scorable(self) -> int:
        """How many candidates are scored where none is named."""
        return len(self.view.live)

    def clustered(self) -> Clustered:
        """When the seeds of open candidates were clustered."""
        return clustered(self.view.live.values())

    def score(self, users: Sequence[str], items: Sequence[str] | None) -> list[Scored]:
        """Scores of some users for some open candidates, or for all; those without known seeds are left out.
        MissingStepError where no look-alike is live, UnknownItemError where an item is not open."""
        self._refuse_without_lookalike()
        for item in items or ():
            self._opened(item)
        view = self.view
        return view.score(view.users.now(users), items)

    def audience(self, item: str, size: int) -> LiveAudience:
        """Who is most like the seeds of a candidate; one audience at a time. UnknownItemError, AudienceError,
        MissingStepError where the run has no look-alike."""
        opening = self.opening(item)
        with self._auditing:
            return opening.audience(size)

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
                not self.next.served.has_lookalike or self.view.live.keys() <= self.next.live.keys()
            ):
                self.view, self.next, self._openings = self.next, None, Openings()

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
        if waiting and self.view.served.has_lookalike:
            missing["clusters"] = f"{waiting:,} of {len(self._candidates):,} candidates have none yet"
        return Health(missing, self.view.served.name, self._backlog, len(self._candidates), scored)

    def model(self) -> ModelState:
        """The model that answers now."""
        return self.view.served.state

    def coming_model(self) -> str | None:
        """The version of a model that is getting ready to take over, None where there is none."""
        coming = self.next
        return coming.served.name if coming else None

    def log(self) -> LogState:
        """The log that the model was trained on."""
        return self.view.served.log

    def store_kind(self) -> str:
        """The name of the class of the store."""
        return type(self.store).__name__

    def holders(self) -> Mapping[str, str]:
        """Which process plays each part that only one may play. It asks the store."""
        return self.store.holders()

    def set_aside(self, most: int) -> list[Poison]:
        """The latest entries that could not be processed. It asks the store."""
        return self.store.poison(most)

    def _refuse_without_lookalike(self) -> None:
        """Before it is said that an item is not open: nobody could open it."""
        if not self.view.served.has_lookalike:
            raise self.view.served.no_lookalike

    def _opened(self, item: str) -> float:
        opened = self._candidates.get(item)
        if opened is None:
            raise UnknownItemError(f"item {item!r} is not open to audience extension; open it first")
        return opened
