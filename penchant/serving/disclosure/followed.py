"""The clusters of candidates that were published under one name, ready to be scored."""

from collections.abc import Mapping
from functools import cached_property

from penchant.models.lookalikes.ralm import Ralm
from penchant.serving.candidates.clusters import PublishedClusters, from_bytes
from penchant.serving.candidates.scorer import Scorer
from penchant.store.base import Store


class Followed:
    """live: by candidate; `follow` keeps it up to date."""

    def __init__(self, store: Store, name: str, ralm: Ralm) -> None:
        self._store, self._name, self._ralm, self._number = store, name, ralm, 0
        self.live: dict[str, PublishedClusters] = {}

    @cached_property
    def scorer(self) -> Scorer:
        """Scores those that have clusters; the first `follow` makes it."""
        return Scorer(self._ralm)

    def follow(self, open_now: Mapping[str, float]) -> None:
        """Take over clusters that were published, and let go of candidates that were closed."""
        self._number, contents = self._store.clusters(self._name, self._number)
        live = {item: from_bytes(content) for item, content in contents.items() if item in open_now}
        filled = {item: (one.centroid_JX, one.size_J) for item, one in live.items() if len(one.size_J)}
        self.scorer.put(filled)
        gone = [item for item in [*self.live, *live] if item not in open_now or (item in live and item not in filled)]
        self.scorer.remove(gone)
        self.live = {item: one for item, one in {**self.live, **live}.items() if item in open_now}
