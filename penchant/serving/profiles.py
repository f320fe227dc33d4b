"""Fresh tag profiles of a few users at once, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from penchant.choices import Order
from penchant.errors import UnknownTagError
from penchant.features.live import NO_WORTHS, Worths
from penchant.features.own import HOW_OFTEN
from penchant.features.shards import Batch
from penchant.models.parts.ranking import best, place_of
from penchant.profiles.build import ProfilesConfig, Ranked, rank
from penchant.profiles.explain import Explanation, attended, describe, explain, first
from penchant.profiles.profile import LiveProfile, RankedPreference, TagPreference, Weighed, WholeProfile
from penchant.schema import ITEM, RESERVED, UNKNOWN
from penchant.serving.served import TagModel
from penchant.serving.users import Clicks, People


@dataclass(frozen=True)
class Insight:
    """One user as the model reads them. known: whether the model knows any value of the user; tags: how many tags it
    knows; fields: share of attention per field and head; values: most attention first; why: the reasons for one
    preference."""

    profile: LiveProfile
    known: bool
    tags: int
    fields: dict[str, tuple[float, ...]]
    values: list[Weighed]
    why: Explanation


@dataclass(frozen=True)
class TagCourse:
    """Preferences of one user for all tags at several moments, by the model of today.

    tags: V texts; preference_TV: a row per moment.
    """

    tags: Sequence[str]
    preference_TV: np.ndarray


class LiveProfiles:
    """Profiles by one model."""

    def __init__(self, model: TagModel) -> None:
        self.model = model

    @cached_property
    def _texts(self) -> list[str]:
        names = self.model.names[self.model.label]
        return ["", "(other)", *names.values]

    @cached_property
    def item_fields(self) -> list[str]:
        """The fields whose values are items that a user clicked."""
        return [field.name for field in self.model.features.features.fields if field.source == ITEM]

    @torch.inference_mode()
    def of(self, people: People, by: Order | None = None) -> list[LiveProfile]:
        """Of some users as they are now. by: their order, that of the run file if not given."""
        batch = self.model.features.batch(people.own, people.clicks, people.worths)
        assert batch.own
        preferences_BV = self.model.model.preferences(batch, self.model.model.users(batch))
        return self._profiles(people, rank(preferences_BV, batch.own, self.model.average, self._config(by)))

    def explain(self, people: People, tag: str | None) -> Explanation:
        """Why one user has a preference for a tag, the one that stands first if none is given. Raises
        UnknownTagError."""
        batch, profile = self._described(people)
        if tag is None:
            tag = first(profile, self.model.config.order)
        elif all(one.tag != tag for one in [*profile.clicked, *profile.unseen]):
            raise UnknownTagError(f"{tag!r} is no tag of this model; ask for one that a profile names")
        model = self.model
        return explain(model.model, model.average, batch, profile, model.names, model.label, tag)

    @torch.inference_mode()
    def insight(self, people: People, tag: str | None, by: Order | None = None) -> Insight:
        """One user, read once, and why they have a preference for a tag, the one that stands first if none is given. It
        takes as long with many tags as with few, but for the products with their vectors. by: as in `of`. Raises
        UnknownTagError."""
        model, average, names, label = self.model.model, self.model.average, self.model.names, self.model.label
        batch = self.model.features.batch(people.own, people.clicks, people.worths)
        assert batch.own
        user_BU, attention = model.read(batch)
        score_BV = model.preferences(batch, user_BU)
        score_V, lift_V = score_BV[0].clone(), average.lifts(score_BV, average.levels(score_BV))[0]
        (profile,) = self._profiles(people, rank(score_BV, batch.own, average, self._config(by)))
        if tag is None:
            by_lift = self._config(by).order == "lift" and profile.clicked
            tag = self._texts[int(best((lift_V if by_lift else score_V)[None], 1).ids)]
        number = names[label].id(tag)
        clicks = int((batch.own.fact(HOW_OFTEN) * (batch.own.ids_BH == number)).sum())
        place = place_of(score_V, number)
        asked = RankedPreference(tag, float(score_V[number]), clicks, float(lift_V[number]), place)
        bare = WholeProfile(people.users[0], [asked], [], *attended(attention, batch, names))
        known = any(bool((ids_1H > UNKNOWN).any()) for ids_1H in (*batch.ids.values(), batch.own.ids_BH))
        why = explain(model, average, batch, bare, names, label, tag)
        return Insight(profile, known, len(score_V) - RESERVED, bare.fields, bare.values, why)

    @torch.inference_mode()
    def course(self, user: str, pasts: Sequence[Clicks], worths: Worths = NO_WORTHS) -> TagCourse:
        """Return a user's preferences at each of some moments, by the clicks that they had then. worths: of those that
        are no plain ones."""
        batch = self.model.features.batch([user] * len(pasts), pasts, [worths] * len(pasts))
        preference_TV = self.model.model.preferences(batch, self.model.model.users(batch))
        return TagCourse(self._texts[RESERVED:], preference_TV[:, RESERVED:].numpy())

    def knows(self, tag: str) -> bool:
        """Whether a tag is one that the model has preferences for."""
        return self.model.names[self.model.label].id(tag) != UNKNOWN

    def _config(self, by: Order | None) -> ProfilesConfig:
        return self.model.config if by is None else self.model.config.model_copy(update={"order": by})

    def _described(self, people: People) -> tuple[Batch, WholeProfile]:
        model = self.model
        batch = model.features.batch(people.own, people.clicks, people.worths)
        return batch, describe(model.model, model.average, batch, model.names, model.label, people.users[0])

    def _profiles(self, people: People, ranked: dict[str, Ranked]) -> list[LiveProfile]:
        return [
            LiveProfile(
                user,
                self._preferences(ranked["clicked"], row),
                self._preferences(ranked["unseen"], row),
                clicks=len(clicks),
                latest=clicks[-1][0] if clicks else None,
                cold=not clicks,
            )
            for row, (user, clicks) in enumerate(zip(people.users, people.clicks, strict=True))
        ]

    def _preferences(self, ranked: Ranked, row: int) -> list[TagPreference]:
        columns = (ranked.ids, ranked.preferences, ranked.clicks, ranked.lifts)
        return [
            TagPreference(self._texts[value], preference, clicks, lift)
            for value, preference, clicks, lift in zip(*(one[row].tolist() for one in columns), strict=True)
            if preference > -np.inf
        ]
