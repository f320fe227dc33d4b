"""What keys that only read are told of candidates: states of many seeds, which differ by many seeds.

One process makes them and the store keeps them, so that all processes tell the same, also after a restart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from types import MappingProxyType

from penchant.choices import MIN_SEEDS
from penchant.models.parts.clusters import Drift
from penchant.serving.candidates.cluster_bytes import ClusterReader, to_bytes
from penchant.serving.candidates.clusters import LiveClusters, PublishedClusters
from penchant.serving.candidates.opened import OpenCandidates
from penchant.store.base import Store

NONE: Mapping[str, int] = MappingProxyType({})

DAY_S = 86_400.0
"""To the day is told when the latest seed came. The moment would be that of one user's latest click."""


def told_name(model: str) -> str:
    """Return the name under which is published what may be told of a model's candidates."""
    return f"{model} told"


@dataclass(frozen=True)
class _Told:
    """opened: when the candidate was; members: its known seeds in what was told last, as far as they can be left;
    known: its known seeds when it was looked at last; early: forgotten seeds that were missing before they were
    reported; withheld: whether nothing is told in the place of that."""

    opened: float
    members: int
    known: int
    early: int = 0
    withheld: bool = False


class Lots:
    """Publishes a state of a candidate once it has MIN_SEEDS known seeds, and the next one when as many are new.

    Where seeds were lost, because users were forgotten, the state without them is told at once if it has no new seed,
    which such a small lot would single out. If it has, nothing is told of the candidate until as many are new.
    """

    def __init__(self, store: Store, model: str, reader: ClusterReader, opened: OpenCandidates) -> None:
        """reader: of the model's clusters."""
        self._store, self._name, self._reader, self._open = store, told_name(model), reader, opened
        self._number, self._told = 0, dict[str, _Told]()
        self._matched: Mapping[str, float] = {}
        self._begin()

    def follow(
        self, changed: Mapping[str, tuple[float, LiveClusters]], cursor: str, lost: Mapping[str, int] = NONE
    ) -> None:
        """Take over candidates that have changed: when each was opened, and its clusters now. cursor: as in `publish`;
        lost: how many seeds of each were forgotten, as far as its clusters leave them out. StoreError."""
        number, _ = self._store.clusters(self._name, self._number)
        is_other, self._number = number < self._number, number
        if is_other:
            self._begin()
        elif self._open.now() is not self._matched:
            self._matched = self._open.items
            self._told = {item: told for item, told in self._told.items() if item in self._matched}
        found = {
            item: _next(self._told.get(item), opened, live, lost.get(item, 0))
            for item, (opened, live) in changed.items()
        }
        contents = {item: to_bytes(state) for item, (_, state) in found.items() if state is not None}
        if contents:
            self._store.publish(self._name, contents, cursor)
        self._told |= {item: told for item, (told, _) in found.items()}

    def _begin(self) -> None:
        """Go on with what was told before, perhaps by another process."""
        self._number, contents = self._store.clusters(self._name, 0)
        opened = self._matched = self._open.now()
        told = self._reader.readable({item: content for item, content in contents.items() if item in opened})
        self._told = {item: _resumed(opened[item], one) for item, one in told.items()}


def _next(told: _Told | None, opened: float, live: LiveClusters, lost: int) -> tuple[_Told, LiveClusters | None]:
    """Return what is told of a candidate from now on, and its new state, None where the one before stays. lost: seeds
    that were reported as forgotten."""
    if told is None or told.opened != opened:
        told, lost = _Told(opened, 0, 0), 0
    known = live.clusters.members if live.clusters else 0
    fell, reported = max(0, told.known - known), max(0, lost - told.early)
    early, gone = max(0, told.early - lost) + max(0, fell - reported), max(reported, fell)
    # So many at most are left of those who were told: seeds who join in the same moment hide that others are missing.
    kept = min(told.members, known)
    is_same = gone > 0 and not told.withheld and known <= told.members - gone
    if known >= kept + MIN_SEEDS or (is_same and known >= MIN_SEEDS):
        return _Told(opened, known, known, early), replace(live, fresh=_day_of(live.fresh))
    withheld = told.withheld or (gone > 0 and told.members > 0)
    is_known = told.withheld and kept == told.members
    return _Told(opened, kept, known, early, withheld), _withheld(kept) if withheld and not is_known else None


def _withheld(members: int) -> LiveClusters:
    """Takes the place of what was told of a candidate. members: known seeds of that, to count on from."""
    return LiveClusters(None, members, 0.0, float("-inf"), Drift(0.0, 0.0))


def _resumed(opened: float, one: PublishedClusters) -> _Told:
    members = int(one.size_J.sum()) if len(one.size_J) else one.seeds
    return _Told(opened, members, members, withheld=not len(one.size_J))


def _day_of(time: float) -> float:
    """Return when the day of a time began, by UTC; -inf, which stands for never, stays as it is."""
    return time // DAY_S * DAY_S if isfinite(time) else time
