"""What keys that only read are told of candidates: states of many seeds, which differ by many seeds.

One process makes them and the store keeps them, so that all processes tell the same, also after a restart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite

from penchant.choices import MIN_SEEDS
from penchant.models.parts.clusters import Drift
from penchant.serving.candidates.cluster_bytes import ClusterReader, to_bytes
from penchant.serving.candidates.clusters import LiveClusters
from penchant.serving.candidates.opened import OpenCandidates
from penchant.store.base import Store

DAY_S = 86_400.0
"""To the day is told when the latest seed came. The moment would be that of one user's latest click."""

NOTHING = LiveClusters(None, 0, 0.0, float("-inf"), Drift(0.0, 0.0))
"""Takes the place of what was told of a candidate that has too few seeds by now, because users were forgotten."""


def told_name(model: str) -> str:
    """Return the name under which is published what may be told of a model's candidates."""
    return f"{model} told"


@dataclass(frozen=True)
class _Told:
    """opened: when the candidate was; members: its known seeds in what was told last; seeds: how many it had when it
    was looked at last."""

    opened: float
    members: int
    seeds: int


class Lots:
    """Publishes a state of a candidate once it has MIN_SEEDS known seeds, and the next one when as many are new.

    Where a seed was lost, because the user was forgotten, the state without them is told at once.
    """

    def __init__(self, store: Store, model: str, reader: ClusterReader, opened: OpenCandidates) -> None:
        """reader: of the model's clusters."""
        self._store, self._name, self._reader, self._open = store, told_name(model), reader, opened
        self._number, self._told = 0, dict[str, _Told]()
        self._matched: Mapping[str, float] = {}
        self._begin()

    def follow(self, changed: Mapping[str, tuple[float, LiveClusters]], cursor: str) -> None:
        """Take over candidates that have changed: when each was opened, and its clusters now. cursor: as in `publish`.
        StoreError."""
        number, _ = self._store.clusters(self._name, self._number)
        is_other, self._number = number < self._number, number
        if is_other:
            self._begin()
        elif self._open.now() is not self._matched:
            self._matched = self._open.items
            self._told = {item: told for item, told in self._told.items() if item in self._matched}
        found = {item: self._next(self._told.get(item), opened, live) for item, (opened, live) in changed.items()}
        contents = {item: to_bytes(state) for item, (_, state) in found.items() if state is not None}
        if contents:
            self._store.publish(self._name, contents, cursor)
        self._told |= {item: told for item, (told, _) in found.items()}

    def _begin(self) -> None:
        """Go on with what was told before, perhaps by another process."""
        self._number, contents = self._store.clusters(self._name, 0)
        opened = self._matched = self._open.now()
        told = self._reader.readable({item: content for item, content in contents.items() if item in opened})
        self._told = {item: _Told(opened[item], int(one.size_J.sum()), one.seeds) for item, one in told.items()}

    def _next(self, told: _Told | None, opened: float, live: LiveClusters) -> tuple[_Told, LiveClusters | None]:
        """Return what is told of a candidate from now on, and its new state, None where the one before stays."""
        if told is None or told.opened != opened:
            told = _Told(opened, 0, 0)
        members = live.clusters.members if live.clusters else 0
        is_lost = live.seeds < told.seeds and told.members > 0
        if members < told.members + MIN_SEEDS and not is_lost:
            return _Told(opened, told.members, live.seeds), None
        if members < MIN_SEEDS:
            return _Told(opened, 0, live.seeds), NOTHING
        return _Told(opened, members, live.seeds), replace(live, fresh=_day_of(live.fresh))


def _day_of(time: float) -> float:
    """Return when the day of a time began, by UTC; -inf, which stands for never, stays as it is."""
    return time // DAY_S * DAY_S if isfinite(time) else time
