"""Everything that can be asked of a running Penchant, without HTTP: events in, profiles, scores and audiences out."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from penchant.choices import Order, Scope
from penchant.errors import BusyError, LargeItemError, UnknownFieldError, UnknownItemError
from penchant.logs.forgotten import digest_of
from penchant.profiles.directions import Directions
from penchant.profiles.explain import Explanation
from penchant.profiles.profile import LiveProfile
from penchant.serving.candidates.audience import LiveAudience
from penchant.serving.candidates.catalogue import Match
from penchant.serving.candidates.clusters import Clustered, clustered
from penchant.serving.candidates.opened import OpenCandidates
from penchant.serving.candidates.openings import CandidateState, Opening, Openings, state_of
from penchant.serving.disclosure.explained import without_items
from penchant.serving.person import ANYTHING, Person, PersonAsked, examples, person_of
from penchant.serving.recall import Recalled
from penchant.serving.roles.health import Health, WritingWatch
from penchant.serving.roles.intake import Appended, append
from penchant.serving.served import LogState, ModelState, Served
from penchant.serving.versions import Models
from penchant.serving.view import Scored, View
from penchant.store.base import Backlog, Event, Poison, Store

MOST_BACKLOG = 500_000

RETRY_S = 1.0

MOST_OF_ITEM = 1 << 14
"""Bytes of all values that are said of one item. A body that says them is longer: JSON may write a letter of two bytes
in six."""

log = logging.getLogger("penchant.serving")


@dataclass(frozen=True)
class Forgotten:
    """What was removed of a user. events: of their history; log: events that waited in the log; items: those that they
    were a seed of or were shown; files: rows of each kind of file of the run folder."""

    events: int
    log: int
    items: int
    files: dict[str, int]


def _refuse_long(item: str, fields: Mapping[str, list[str]]) -> None:
    size = sum(len(value.encode(errors="replace")) for values in fields.values() for value in values)
    if size > MOST_OF_ITEM:
        raise LargeItemError(
            f"the values of item {item[:50]!r} have {size:,} bytes; every process keeps them, so say "
            f"{MOST_OF_ITEM:,} at most"
        )


def _nothing(_user: str, _at: float) -> dict[str, int]:
    """There are no files."""
    return {}


class Service:
    """Answers for one store and the model of one run. `refresh` has to be called again and again.

    scope, of several questions: that of the key that asks. "read" is told nothing that singles out who clicked an item;
    docs/data/privacy.md says what each scope is told.
    """

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
        self._open, self.writing = OpenCandidates(store), WritingWatch(store)
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
        return append(self.store, calls, self.clock(), self.view.served.pseudonyms)

    def put_items(self, items: Mapping[str, Mapping[str, list[str]]]) -> None:
        """Say what new items are about, by the fields of the items' table. UnknownFieldError where no model that this
        process works with has one of these fields, LargeItemError where too much is said of one; then nothing is said
        of any."""
        known = dict.fromkeys(field for users in self.models.all for field in users.served.item_fields)
        for item, fields in items.items():
            for field in fields:
                if field not in known:
                    raise UnknownFieldError(field, known)
            _refuse_long(item, fields)
        self.store.put_items(items)
        self.refresh()

    # Users

    def known_as(self, user: str) -> str:
        """The name under which a user is known here: the id, or its pseudonym."""
        return self.view.served.known_as(user)

    @property
    def pseudonymous(self) -> bool:
        """Whether users are known by pseudonyms."""
        return self.view.served.pseudonyms is not None

    def profiles(self, users: Sequence[str], by: Order | None = None, *, model: str | None = None) -> list[LiveProfile]:
        """Fresh to the last acknowledged event; by: their order, that of the run file if not given; model: the interest
        model that is asked, the first if none is named. UnknownModelError."""
        view = self.view
        return view.profiler(model).of(view.users.now([self.known_as(user) for user in users]), by)

    def explain(self, user: str, tag: str | None, *, model: str | None = None, scope: Scope = "admin") -> Explanation:
        """Why a user has a preference for a tag, the one that stands first if none is given. UnknownTagError,
        UnknownModelError."""
        view = self.view
        if tag is not None:
            view.refuse_tag_of_others(tag, model)
        profiler = view.profiler(model)
        why = profiler.explain(view.users.now([self.known_as(user)]), tag)
        return why if scope == "admin" else without_items(why, profiler.item_fields)

    def person(self, user: str, asked: PersonAsked = ANYTHING, *, scope: Scope = "admin") -> Person:
        """All that is known of one user, in one answer; see `person_of`. UnknownTagError, UnknownModelError."""
        return person_of(self.view, self.is_open, self.known_as(user), asked, scope)

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

    def recall(self, user: str, most: int, *, model: str | None = None, scope: Scope = "admin") -> list[Recalled]:
        """Items that the user has not clicked yet, by their tags and by likeness, as far as the run has these. model:
        the interest model whose tags count, the first if none is named. MissingStepError, UnknownModelError."""
        view = self.view
        return view.recall(view.users.now([self.known_as(user)]), most, model, scope=scope)

    def forget(self, user: str) -> Forgotten:
        """Remove a user from the run folder, whose list comes first, then from the store; what fails half-way is
        finished by the next call. Clusters are made anew without the user within seconds, prepared data at the next
        `prepare`. Raises what `erase` and the store raise."""
        user = self.known_as(user)
        files = self._erase(user, self.clock())
        # It may have waited for others. Who has read the files meanwhile is to know that this is out of date.
        erased = self.store.forget(user, digest_of(user), self.clock())
        self.refresh()
        return Forgotten(erased.events, erased.log, erased.items, files)

    # Candidates

    def open(self, items: Sequence[str]) -> None:
        """Open items to audience extension; those that are open stay as they are. MissingStepError where no look-alike
        is live, nor is one about to take over: nobody would ever cluster their seeds."""
        if not self.models.alike:
            raise self.view.served.no_lookalike
        self.store.open_candidates(items, self.clock())
        self._open.now()

    def close(self, items: Sequence[str]) -> None:
        """Close candidates. UnknownItemError where one is not open."""
        for item in items:
            self._opened(item)
        self.store.close_candidates(items)
        self.refresh()

    def candidates(self, scope: Scope = "admin") -> list[CandidateState]:
        """All that are open, by item."""
        return [state_of(self.view, item, opened, scope) for item, opened in sorted(self._open.items.items())]

    def is_open(self, item: str) -> bool:
        """Whether an item is a candidate."""
        return item in self._open.items

    def candidate(self, item: str, scope: Scope = "admin") -> CandidateState:
        """UnknownItemError where it is not open."""
        return state_of(self.view, item, self._opened(item), scope)

    def opening(self, item: str, scope: Scope = "admin") -> Opening:
        """All that is known of one open item; what takes long is worked out when it is asked for. MissingStepError
        where no look-alike is live, UnknownItemError where the item is not open."""
        self._refuse_without_lookalike()
        return Opening(self.view, state_of(self.view, item, self._opened(item), scope), self._openings, scope)

    def search_items(self, text: str) -> Sequence[Match]:
        """Items of the log by a part of their name or id, those with the most seeds first."""
        return self._openings.catalogue(self.view).search(text)

    def most_clicked(self, most: int) -> list[str]:
        """Items clicked most in the last day of the log, then those clicked most ever."""
        return self.view.served.snapshot.most_clicked(most)

    def scorable(self, scope: Scope = "admin") -> int:
        """How many candidates are scored where none is named."""
        return len(self.view.told(scope))

    def clustered(self) -> Clustered:
        """When the seeds of open candidates were clustered."""
        return clustered(self.view.live.values())

    def score(self, users: Sequence[str], items: Sequence[str] | None, *, scope: Scope = "admin") -> list[Scored]:
        """Scores of some users for some open candidates, or for all; those without known seeds are left out, and for
        "read" those with fewer than MIN_SEEDS.
        MissingStepError where no look-alike is live, UnknownItemError where an item is not open."""
        self._refuse_without_lookalike()
        for item in items or ():
            self._opened(item)
        view = self.view
        return view.score(view.users.now([self.known_as(user) for user in users]), items, scope=scope)

    def audience(self, item: str, size: int) -> LiveAudience:
        """Who is most like the seeds of a candidate, as all were ranked in the last hour; one audience at a time.
        UnknownItemError, AudienceError, MissingStepError where the run has no look-alike."""
        opening = self.opening(item)
        with self._auditing:
            return opening.audience(size, self.clock())

    # The process

    def refresh(self) -> None:
        """Take over what others have published, and a new model once it knows as many candidates as the old one."""
        with self._refreshing:
            items, before = self.models.refresh(), self._open.items
            self._backlog = self.store.backlog()
            views = [view for view in (self.view, self.next) if view is not None]
            for view in views:
                view.put_items(items)
            others = [view.follow(self._open) for view in views]
            self._tell_of_lost(before, self._open.now(), is_other=any(others))
            if self.next is not None and (
                not self.next.served.has_lookalike or self.view.live.keys() <= self.next.live.keys()
            ):
                self.view, self.next, self._openings = self.next, None, Openings()

    def _tell_of_lost(self, before: Mapping[str, float], now: Mapping[str, float], *, is_other: bool) -> None:
        """Candidates that the store had, and the one that took its place does not have, are closed: nobody else can
        open them again."""
        if is_other:
            closed = len(before.keys() - now.keys())
            log.warning(
                "another store, or an earlier state of it, has taken its place: %d candidates are open", len(now)
            )
            if closed:
                log.warning("%d candidates that were open are closed by that; open them again", closed)

    def load(self, served: Served) -> None:
        """Prepare to answer by another model; see `refresh` for when it takes over. Raises what `Models.load` does."""
        self.next = View(self.store, self.models.load(served))

    def ping(self) -> None:
        """Return where this process can answer, and raise StoreError where it cannot: it has a model, and all else that
        answers need stands in the store. Whether others keep up, or the store has room, is not asked."""
        self.store.ping()

    def health(self) -> Health:
        """How this process does, and those that it needs. It asks the store whether it can be read."""
        self.store.ping()
        live, opened = self.view.live, self._open.items
        return Health(
            model=self.view.served.name,
            backlog=self._backlog,
            busy=self._backlog.events > self._most_backlog,
            candidates=len(opened),
            scored=sum(len(one.size_J) > 0 for one in live.values()),
            waiting=len(opened.keys() - live.keys()) if self.view.served.has_lookalike else 0,
            oldest=min((one.made for one in live.values()), default=None),
            writable=self.writing.writable,
            unreadable=self.store.unreadable.counts,
        )

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
        opened = self._open.items.get(item)
        if opened is None:
            raise UnknownItemError(f"item {item!r} is not open to audience extension; open it first")
        return opened
