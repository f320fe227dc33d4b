"""The clusters of candidates that were published under one name, ready to be scored."""

from collections.abc import Mapping
from functools import cached_property

from penchant.models.lookalikes.ralm import Ralm
from penchant.serving.candidates.cluster_bytes import ClusterReader, shape_of
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.candidates.opened import OpenCandidates
from penchant.serving.candidates.scorer import Scorer
from penchant.store.base import Store


class Followed:
    """live: by candidate; `follow` keeps it up to date."""

    def __init__(self, store: Store, name: str, ralm: Ralm) -> None:
        self._store, self._name, self._ralm = store, name, ralm
        self._reader = ClusterReader(store, shape_of(ralm))
        self._number = 0
        self._open_now: Mapping[str, float] = {}
        self.live: dict[str, PublishedClusters] = {}

    @cached_property
    def scorer(self) -> Scorer:
        """Scores those that have clusters; the first `follow` makes it."""
        return Scorer(self._ralm)

    def follow(self, opened: OpenCandidates) -> bool:
        """Take over clusters that were published, and let go of candidates that were closed; whether the store has
        become another one, of which all is taken over anew. What cannot be read changes nothing."""
        number, contents = self._store.clusters(self._name, self._number)
        open_now = opened.now()  # after the clusters, which are only of candidates that were open then
        is_other = number < self._number
        told = self._reader.readable({item: content for item, content in contents.items() if item in open_now})
        if told or is_other or open_now is not self._open_now:
            self._take(told, {} if is_other else self._kept(open_now))
        self._number, self._open_now = number, open_now
        return is_other

    def _kept(self, open_now: Mapping[str, float]) -> dict[str, PublishedClusters]:
        """What is known of candidates that are still open."""
        if open_now is self._open_now:
            return self.live
        return {item: one for item, one in self.live.items() if open_now.get(item) == self._open_now.get(item)}

    def _take(self, told: Mapping[str, PublishedClusters], kept: Mapping[str, PublishedClusters]) -> None:
        """Know what was told and what is kept, and nothing else."""
        filled = {item: (one.centroid_JX, one.size_J) for item, one in told.items() if len(one.size_J)}
        gone = self.live.keys() - kept.keys() if kept is not self.live else set()
        self.scorer.put(filled)
        self.scorer.remove((gone | told.keys()) - filled.keys())
        self.live = {**kept, **told}
