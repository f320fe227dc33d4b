"""Fresh tag profiles of a few users at once, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from penchant.errors import UnknownTagError
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.shards import Batch
from penchant.profiles.build import Ranked, rank
from penchant.profiles.explain import (
    Explanation,
    Profile,
    TagPreference,
    Weighed,
    attended,
    describe,
    explain,
)
from penchant.ranking import best, place_of
from penchant.schema import PAD, RESERVED, UNKNOWN
from penchant.serving.model import TagModel
from penchant.serving.users import Clicks, People


@dataclass(frozen=True)
class LivePreference:
    """A tag, the user's preference for it, their clicks on it, and how far the preference is above the average one."""

    tag: str
    preference: float
    clicks: int
    lift: float


@dataclass(frozen=True)
class LiveProfile:
    """Tags clicked and not clicked yet, best first. cold: nothing is known of the user, so this is what users prefer on
    average; latest: of the last click, UTC seconds, None where there is none."""

    user: str
    cold: bool
    clicks: int
    latest: float | None
    clicked: list[LivePreference]
    unseen: list[LivePreference]


@dataclass(frozen=True)
class Insight:
    """One user as the model reads him. known: whether any value is, be it of his clicks or of his own; tags: how many
    the model knows; fields: share of attention per field and head; values: most attention first; why: he has a
    preference for one tag."""

    profile: LiveProfile
    known: bool
    tags: int
    fields: dict[str, tuple[float, ...]]
    values: list[Weighed]
    why: Explanation


@dataclass(frozen=True)
class Course:
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

    @torch.inference_mode()
    def of(self, people: People) -> list[LiveProfile]:
        """Of some users as they are now."""
        batch = self.model.features.batch(people.own, people.clicks)
        history, counts = _history(batch)
        preferences_BV = self.model.model.preferences(batch, self.model.model.users(batch))
        return self._profiles(people, rank(preferences_BV, history, self.model.average_V, self.model.config), counts)

    def explain(self, people: People, tag: str | None) -> Explanation:
        """Why one user has a preference for a tag, his best one if none is given. Raises UnknownTagError."""
        batch, profile = self._described(people)
        preferences = [*profile.clicked, *profile.unseen]
        if tag is None:
            tag = min(preferences, key=lambda one: one.rank).tag
        elif all(one.tag != tag for one in preferences):
            raise UnknownTagError(f"{tag!r} is no tag of this model; ask for one that a profile names")
        return explain(self.model.model, batch, profile, self.model.names, self.model.label, tag)

    @torch.inference_mode()
    def insight(self, people: People, tag: str | None) -> Insight:
        """One user, read once, and why he has a preference for a tag, his best one if none is given. It takes as long
        with many tags as with few, but for the products with their vectors. Raises UnknownTagError."""
        model, names, label = self.model.model, self.model.names, self.model.label
        batch = self.model.features.batch(people.own, people.clicks)
        history, counts = _history(batch)
        user_BU, attention = model.read(batch)
        score_BV = model.preferences(batch, user_BU)
        score_V = score_BV[0].clone()
        (profile,) = self._profiles(people, rank(score_BV, history, self.model.average_V, self.model.config), counts)
        tag = self._texts[int(best(score_V[None], 1).ids)] if tag is None else tag
        number = names[label].id(tag)
        lift = float(score_V[number] - self.model.average_V[number])
        asked = TagPreference(tag, float(score_V[number]), place_of(score_V, number), counts[0].get(number, 0), lift)
        bare = Profile(people.users[0], [asked], [], *attended(attention, batch, names))
        known = any(bool((ids_1H > UNKNOWN).any()) for ids_1H in batch.ids.values())
        why = explain(model, batch, bare, names, label, tag)
        return Insight(profile, known, len(score_V) - RESERVED, bare.fields, bare.values, why)

    @torch.inference_mode()
    def course(self, user: str, pasts: Sequence[Clicks]) -> Course:
        """How a user's preferences became what they are: at each of some moments, by the clicks that he had then."""
        batch = self.model.features.batch([user] * len(pasts), pasts)
        preference_TV = self.model.model.preferences(batch, self.model.model.users(batch))
        return Course(self._texts[RESERVED:], preference_TV[:, RESERVED:].numpy())

    def knows(self, tag: str) -> bool:
        """Whether a tag is one that the model has preferences for."""
        return self.model.names[self.model.label].id(tag) != UNKNOWN

    def _described(self, people: People) -> tuple[Batch, Profile]:
        batch, names = self.model.features.batch(people.own, people.clicks), self.model.names
        model, average_V = self.model.model, self.model.average_V
        return batch, describe(model, average_V, batch, names, self.model.label, people.users[0])

    def _profiles(self, people: People, ranked: dict[str, Ranked], counts: list[dict[int, int]]) -> list[LiveProfile]:
        return [
            LiveProfile(
                user,
                not clicks,
                len(clicks),
                clicks[-1][0] if clicks else None,
                *(self._preferences(ranked[kind], row, counts[row]) for kind in KINDS),
            )
            for row, (user, clicks) in enumerate(zip(people.users, people.clicks, strict=True))
        ]

    def _preferences(self, ranked: Ranked, row: int, counts: dict[int, int]) -> list[LivePreference]:
        found = zip(ranked.ids[row].tolist(), ranked.preferences[row].tolist(), ranked.lifts[row].tolist(), strict=True)
        return [
            LivePreference(self._texts[value], preference, counts.get(value, 0), lift)
            for value, preference, lift in found
            if preference > -np.inf
        ]


KINDS = ("clicked", "unseen")


def _history(batch: Batch) -> tuple[Ragged, list[dict[int, int]]]:
    """The distinct known tags of each user's clicks, ascending, and how often each was clicked."""
    assert batch.own
    there_BH = batch.own.ids_BH != PAD
    values = batch.own.ids_BH[there_BH].numpy()
    counts = [
        dict(zip(ids_H[there_H].tolist(), clicks_H[there_H].int().tolist(), strict=True))
        for ids_H, clicks_H, there_H in zip(batch.own.ids_BH, batch.own.fact("counts"), there_BH, strict=True)
    ]
    return Ragged(offsets_of(there_BH.sum(1).numpy()), values), counts
