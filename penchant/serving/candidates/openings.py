"""Open items: how each of them stands, and what takes long to work out of it, kept while it is true."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial

from penchant.audiences.best import refuse_few_seeds, refuse_small
from penchant.audiences.growth import Growth
from penchant.audiences.scores import Scores
from penchant.choices import Scope
from penchant.errors import AudienceError
from penchant.evaluation.choice import Choice
from penchant.models.parts.clusters import Drift
from penchant.serving.cache import Cache
from penchant.serving.candidates.audience import LiveAudience, audience, rank
from penchant.serving.candidates.catalogue import Catalogue, was_seen
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.candidates.sample import growth_at, scores_of
from penchant.serving.candidates.shared import Everyone, Shared, everyone_of, shared_of
from penchant.serving.disclosure.rankings import Rankings
from penchant.serving.view import View

MOST_KEPT = 64


@dataclass(frozen=True)
class CandidateState:
    """A candidate. opened: when; seeds: how many, None before they were counted; sizes: members of each cluster; drift:
    since all seeds were clustered, which was at `clustered`; fresh: when the latest seed clicked or joined, for "read"
    to the day. Times are UTC seconds, None where there is none. few: fewer than MIN_SEEDS known seeds are
    there, or are new since a seed was forgotten, and whoever asked is told nothing else of them."""

    item: str
    name: str
    opened: float
    seeds: int | None
    sizes: list[int] | None
    drift: Drift | None
    clustered: float | None
    fresh: float | None
    few: bool = False


def state_of(view: View, item: str, opened: float, scope: Scope) -> CandidateState:
    """Return how a candidate stands, as a key of this scope is told it."""
    name, told = view.name_of(item), view.told(scope).get(item)
    if item not in view.live:
        return CandidateState(item, name, opened, None, [], None, None, None)
    if told is None or (scope != "admin" and not len(told.size_J)):
        return CandidateState(item, name, opened, None, None, None, None, None, few=True)
    fresh = told.fresh if told.fresh > 0 else None
    return CandidateState(item, name, opened, told.seeds, told.size_J.tolist(), told.drift, told.made, fresh)


class Openings:
    """Keeps what was worked out of open items, until all seeds are clustered again or another model answers. Only
    rankings name users; who is forgotten is in no audience that is made of them."""

    def __init__(self) -> None:
        self._catalogues: Cache[Catalogue] = Cache(1)
        self._everyone: Cache[Everyone] = Cache(1)
        self.shared: Cache[Shared] = Cache(MOST_KEPT)
        self.scores: Cache[Scores] = Cache(MOST_KEPT)
        self.rankings = Rankings()

    def catalogue(self, view: View) -> Catalogue:
        return self._catalogues.of(view.served.name, partial(Catalogue, view))

    def everyone(self, view: View) -> Everyone:
        return self._everyone.of(view.served.name, partial(everyone_of, view))


class Opening:
    """One open item by one model and one clustering of its seeds, so that all that is said of it fits together.

    state: how it stands; choice: which scorer is live; clustered: whether it has clusters, without which there are no
    shared traits and no scores.
    """

    def __init__(self, view: View, state: CandidateState, kept: Openings, scope: Scope) -> None:
        """MissingStepError where the run has no look-alike."""
        self._view, self._kept = view, kept
        self._published = view.told(scope).get(state.item)
        self.state = state
        self.choice: Choice = view.served.lookalike.choice
        self.clustered = bool(self.state.sizes)

    @property
    def known(self) -> int:
        """Seeds of whom something is known."""
        return sum(self.state.sizes or ())

    @property
    def seen(self) -> bool:
        """Whether anything was ever said of the item, as far as that is told."""
        return self.known > 0 or self.state.few or was_seen(self._view, self.state.item)

    @property
    def has_shared(self) -> bool:
        """Whether `shared` answers at once."""
        return self._kept.shared.get(self._key) is not None

    @property
    def has_scores(self) -> bool:
        """Whether `scores` answers at once."""
        return self._kept.scores.get(self._key) is not None

    def growth(self) -> Growth:
        """Return how its seeds came to be as many as they are."""
        return growth_at(self._view, self.state.item)

    def shared(self) -> Shared:
        """Return what its seeds share. Only where it is clustered."""
        view, item, published = self._view, self.state.item, self._clusters
        return self._kept.shared.of(self._key, lambda: shared_of(view, item, published, self._kept.everyone(view)))

    def scores(self) -> Scores:
        """Return the scores of its seeds and of those who can be reached. Only where it is clustered."""
        return self._kept.scores.of(self._key, partial(scores_of, self._view, self.state.item, self._clusters))

    def audience(self, size: int, at: float) -> LiveAudience:
        """Return who is most like its seeds, as they were ranked last; see `Rankings`. at: now. One thread may ask at a
        time. AudienceError."""
        clusters = self._published.clusters if self._published else None
        if clusters is None:
            waits = "its seeds are not clustered yet; ask again in a few seconds"
            why = waits if self._published is None else "it has no known seed"
            raise AudienceError(f"nobody can be alike to {self.state.item!r}: {why}")
        refuse_small(size)
        refuse_few_seeds(clusters.members, self.state.item)
        view, item, snapshot = self._view, self.state.item, self._view.served.snapshot
        key = view.served.name, item
        make = partial(rank, view.store, view.users, item, clusters, at)
        return audience(self._kept.rankings.of(key, at, snapshot, make), view.users, size)

    @property
    def _clusters(self) -> PublishedClusters:
        assert self._published is not None
        return self._published

    @property
    def _key(self) -> Hashable:
        """Changes when all seeds are clustered again, and with the model."""
        return self._view.served.name, self.state.item, self.state.clustered
