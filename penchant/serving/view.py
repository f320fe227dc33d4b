"""One model as a process answers with it: users' vectors and profiles, and all candidates ready to be scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from penchant.choices import Scope
from penchant.models.parts.ranking import highest
from penchant.profiles.directions import Directions
from penchant.profiles.explain import refuse_tag_of_others
from penchant.schema import RESERVED
from penchant.serving.candidates.clusters import PublishedClusters
from penchant.serving.candidates.opened import OpenCandidates
from penchant.serving.disclosure.followed import Followed
from penchant.serving.disclosure.lots import told_name
from penchant.serving.disclosure.omitted import Omitted
from penchant.serving.profiles import LiveProfiles
from penchant.serving.recall import Reason, Recalled, TagIndex, by_tags, merge
from penchant.serving.users import Fields, People, Users
from penchant.store.base import Store


@dataclass(frozen=True)
class Scored:
    """One user's scores. cold: nothing is known of the user, so these are scores of users on average; items, score_C:
    all candidates that were asked for and have clusters."""

    user: str
    cold: bool
    items: Sequence[str]
    score_C: np.ndarray

    def best(self, most: int) -> list[tuple[str, float]]:
        """Return items and scores, the highest first, by name where scores are equal."""
        places = highest(self.score_C, most, names=self.items)
        return [(self.items[place], float(self.score_C[place])) for place in places.tolist()]


class View:
    """What one model knows and answers; `follow` keeps it up to date."""

    def __init__(self, store: Store, users: Users) -> None:
        served = users.served
        self.store, self.users, self.served = store, users, served
        recent = dict(zip(served.snapshot.items, served.snapshot.recent.tolist(), strict=True))
        fields = dict.fromkeys([*served.item_tags, *(model.label for model in served.profiles.values())])
        self._indices = {field: TagIndex(served.item_tags.get(field, {}), recent) for field in fields}
        self._profilers = [LiveProfiles(model) for model in served.profiles.values()]
        self.put_items(users.news.items)

    def profiler(self, model: str | None = None) -> LiveProfiles:
        """What works out profiles by an interest model, the first if none is named. MissingStepError where the run has
        none, UnknownModelError."""
        asked = self.served.interests(model)
        return next(one for one in self._profilers if one.model is asked)

    @cached_property
    def _whole(self) -> Followed:
        """All that is known of candidates. MissingStepError where the run has no look-alike."""
        return Followed(self.store, self.served.name, self.served.lookalike.ralm)

    @cached_property
    def _told(self) -> Followed:
        """What keys that only read are told of them. MissingStepError as above."""
        return Followed(self.store, told_name(self.served.name), self.served.lookalike.ralm)

    @property
    def live(self) -> dict[str, PublishedClusters]:
        """The clusters of candidates."""
        return self._whole.live if self.served.has_lookalike else {}

    def told(self, scope: Scope) -> Mapping[str, PublishedClusters]:
        """Return the clusters that a key of this scope is told of."""
        return self._for(scope).live if self.served.has_lookalike else {}

    @cached_property
    def directions(self) -> Directions:
        """Knows which tags point the same way. MissingStepError where the run has no tag model."""
        tags = self.served.interests()
        return Directions(tags.names[tags.label].values, tags.model.tags().detach().cpu().numpy()[RESERVED:])

    def put_items(self, items: Mapping[str, Fields | None]) -> None:
        """Take over what was said of items, None where only the log says something; users have done so."""
        for item, fields in items.items():
            for field, index in self._indices.items():
                of_log = self.served.item_tags.get(field, {}).get(item, [])
                index.put(item, of_log if fields is None else fields.get(field, []))

    def follow(self, opened: OpenCandidates) -> bool:
        """Take over clusters that were published, and let go of candidates that were closed; whether the store has
        become another one."""
        if not self.served.has_lookalike:
            return False
        is_other = self._whole.follow(opened)
        return self._told.follow(opened) or is_other

    def knows_tag(self, tag: str, model: str | None = None) -> bool:
        """Whether users can have a preference for a tag, by an interest model."""
        return self.served.has_interests and self.profiler(model).knows(tag)

    def refuse_tag_of_others(self, tag: str, model: str | None) -> None:
        """Raise UnknownTagError where a tag that a model does not know is one of another. UnknownModelError."""
        asked = self.profiler(model)
        if not asked.knows(tag):
            by_name = dict(zip(self.served.profiles, self._profilers, strict=True))
            name = next(name for name, one in by_name.items() if one is asked)
            refuse_tag_of_others(tag, name, {name: one.knows for name, one in by_name.items()})

    def name_of(self, item: str) -> str:
        """Return the readable name of an item, or its id where it has none."""
        return self.served.item_names.get(item, item)

    def tags_of(self, item: str, model: str | None = None) -> Sequence[str]:
        """Return the tags of an item as they were said last, whether the interest model whose tags these are knows them
        or not. UnknownModelError."""
        told, field = self.users.news.items.get(item), self._field(model)
        return self.served.item_tags.get(field, {}).get(item, []) if told is None else told.get(field, [])

    def recall(self, people: People, most: int, model: str | None = None, *, scope: Scope = "admin") -> list[Recalled]:
        """Return items that one user has not clicked yet, by tags and by likeness, as far as the run has these. model:
        whose tags; scope: of the key that asks, see `Omitted`. MissingStepError, UnknownModelError where a model is
        named that the run does not have."""
        lists = []
        clicked = Omitted(self.store, self.users, people.clicks[0], scope)
        if self.served.has_interests or model is not None:
            profile = self.profiler(model).of(people, "preference")[0]
            lists.append(by_tags([*profile.clicked, *profile.unseen], self._indices[self._field(model)], clicked, most))
        if self.served.has_lookalike:
            (scored,) = self.score(people, None, scope=scope)
            best = [pair for pair in scored.best(most + len(clicked)) if pair[0] not in clicked]
            lists.append([Recalled(item, [Reason("look-alike", score)]) for item, score in best])
        return merge(lists, most)

    def score(self, people: People, items: Sequence[str] | None, *, scope: Scope = "admin") -> list[Scored]:
        """Score some candidates, all if not given, as a key of this scope is told them; those that are not open or have
        no clusters are left out."""
        scorer = self._for(scope).scorer
        vectors_BX, known_B = self.users.vectors_of(people)
        named, score_BC = scorer.score(vectors_BX, items)
        return [
            Scored(user, not is_known, named, score_C)
            for user, is_known, score_C in zip(people.users, known_B.tolist(), score_BC, strict=True)
        ]

    def _for(self, scope: Scope) -> Followed:
        return self._whole if scope == "admin" else self._told

    def _field(self, model: str | None) -> str:
        """Return the field of the items that an interest model predicts; without one, the field of the run's tags."""
        if self.served.has_interests or model is not None:
            return self.served.interests(model).label
        return next(iter(self.served.item_tags), "")
