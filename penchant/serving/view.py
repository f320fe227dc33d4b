"""One model as a process answers with it: users' vectors and profiles, and all candidates ready to be scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

import numpy as np

from penchant.choices import Order
from penchant.errors import MissingStepError
from penchant.profiles.explain import Explanation
from penchant.serving.candidates.clusters import PublishedClusters, from_bytes
from penchant.serving.candidates.scorer import Scorer
from penchant.serving.profiles import Course, Insight, LiveProfile, LiveProfiles
from penchant.serving.recall import Reason, Recalled, TagIndex, by_tags, merge
from penchant.serving.users import Clicks, People, Users
from penchant.store.base import Store


@dataclass(frozen=True)
class Scored:
    """One user's scores. cold: nothing is known of him, so he is scored as users are on average; items, score_C: of all
    that were asked for and have clusters."""

    user: str
    cold: bool
    items: Sequence[str]
    score_C: np.ndarray

    def best(self, most: int) -> list[tuple[str, float]]:
        """Items and scores, the highest first, the first by name where scores are equal."""
        chosen_C = np.arange(len(self.items))
        if most < len(self.items):
            level = np.partition(self.score_C, len(self.items) - most)[len(self.items) - most] if most else np.inf
            above_C, level_C = np.flatnonzero(self.score_C > level), np.flatnonzero(self.score_C == level)
            named = nsmallest(most - len(above_C), level_C.tolist(), key=self.items.__getitem__)
            chosen_C = np.concatenate([above_C, np.array(named, np.int64)])
        order = sorted((-float(self.score_C[place]), self.items[place]) for place in chosen_C.tolist())
        return [(item, -score) for score, item in order]


class View:
    """What one model knows and answers; `follow` keeps it up to date."""

    def __init__(self, store: Store, users: Users) -> None:
        served = users.served
        self.store, self.users, self.served = store, users, served
        recent = dict(zip(served.snapshot.items, served.snapshot.recent.tolist(), strict=True))
        self.index = TagIndex(served.item_tags, recent)
        self.live: dict[str, PublishedClusters] = {}
        self._number = 0
        self._scorer = Scorer(served.alike.ralm) if served.alike else None
        self._profiler = LiveProfiles(served.tags) if served.tags else None
        self.put_items(users.told.items)

    def put_items(self, items: Mapping[str, Mapping[str, list[str]]]) -> None:
        """Take over what was said of items; users have done so."""
        for item, fields in items.items():
            if self.served.tags:
                self.index.put(item, fields.get(self.served.tags.label, []))

    def follow(self, open_now: Mapping[str, float]) -> None:
        """Take over clusters that were published, and let go of candidates that were closed."""
        if self._scorer is None:
            return
        self._number, contents = self.store.clusters(self.served.name, self._number)
        live = {item: from_bytes(content) for item, content in contents.items() if item in open_now}
        filled = {item: (one.centroid_JX, one.size_J) for item, one in live.items() if len(one.size_J)}
        self._scorer.put(filled)
        gone = [item for item in [*self.live, *live] if item not in open_now or (item in live and item not in filled)]
        self._scorer.remove(gone)
        self.live = {item: one for item, one in {**self.live, **live}.items() if item in open_now}

    def profiles(self, users: Sequence[str], by: Order | None = None) -> list[LiveProfile]:
        """Fresh to the last acknowledged event; by: their order, that of the run file if not given."""
        return self._need_profiler().of(self.users.now(users), by)

    def explain(self, user: str, tag: str | None) -> Explanation:
        """See `LiveProfiles.explain`."""
        return self._need_profiler().explain(self.users.now([user]), tag)

    def insight(self, people: People, tag: str | None, by: Order | None = None) -> Insight:
        """See `LiveProfiles.insight`; people: one, as `users.now` gives him."""
        return self._need_profiler().insight(people, tag, by)

    def course(self, user: str, pasts: Sequence[Clicks]) -> Course:
        """See `LiveProfiles.course`."""
        return self._need_profiler().course(user, pasts)

    def knows_tag(self, tag: str) -> bool:
        """Whether anybody can have a preference for a tag."""
        return self._profiler is not None and self._profiler.knows(tag)

    def tags_of(self, item: str) -> Sequence[str]:
        """Of an item, as it was said last, whether the model knows them or not."""
        told = self.users.told.items.get(item)
        if told is None or self.served.tags is None:
            return self.served.item_tags.get(item, [])
        return told.get(self.served.tags.label, [])

    def recall(self, people: People, most: int) -> list[Recalled]:
        """Items that one user has not clicked yet, by their tags and by likeness, as far as the run has these."""
        lists = []
        clicked = {item for _, item in people.clicks[0]}
        if self._profiler is not None:
            profile = self._profiler.of(people, "preference")[0]
            lists.append(by_tags([*profile.clicked, *profile.unseen], self.index, clicked, most))
        if self._scorer is not None:
            (scored,) = self.score_people(people, None)
            best = [pair for pair in scored.best(most + len(clicked)) if pair[0] not in clicked]
            lists.append([Recalled(item, [Reason("look-alike", score)]) for item, score in best])
        return merge(lists, most)

    def score(self, users: Sequence[str], items: Sequence[str] | None) -> list[Scored]:
        """Scores of some candidates, all if not given; those that are not open or have no clusters are left out."""
        self._need_scorer()
        return self.score_people(self.users.now(users), items)

    def score_people(self, people: People, items: Sequence[str] | None) -> list[Scored]:
        """See `score`."""
        scorer = self._need_scorer()
        vectors_BX, known_B = self.users.vectors_of(people)
        named, score_BC = scorer.score(vectors_BX, items)
        return [
            Scored(user, not is_known, named, score_C)
            for user, is_known, score_C in zip(people.users, known_B.tolist(), score_BC, strict=True)
        ]

    def _need_scorer(self) -> Scorer:
        if self._scorer is None:
            raise MissingStepError("this run has no look-alike; add [lookalike] to its run file and run it again")
        return self._scorer

    def _need_profiler(self) -> LiveProfiles:
        if self._profiler is None:
            raise MissingStepError("this run has no trained tag model; train one with `penchant train RUN`")
        return self._profiler
