"""Fresh tag profiles of a few users at once, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from penchant.errors import UnknownTagError
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.shards import Batch
from penchant.profiles.build import rank
from penchant.profiles.explain import Explanation, Profile, describe, explain
from penchant.schema import RESERVED
from penchant.serving.model import TagModel
from penchant.serving.users import Clicks, People


@dataclass(frozen=True)
class LivePreference:
    """A tag, the user's preference for it (inner product), and his clicks on it."""

    tag: str
    preference: float
    clicks: int


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
        batch = self.model.features.batch(people.users, people.clicks)
        history, counts = self._history(people.clicks)
        user_BU = self.model.model.users(batch)
        ranked = rank(self.model.model.preferences(user_BU), history, self.model.config)
        return [
            LiveProfile(
                user,
                not clicks,
                len(clicks),
                clicks[-1][0] if clicks else None,
                *(
                    self._preferences(ids[row], found[row], counts[row])
                    for ids, found in (ranked[kind] for kind in KINDS)
                ),
            )
            for row, (user, clicks) in enumerate(zip(people.users, people.clicks, strict=True))
        ]

    def explain(self, people: People, tag: str | None) -> Explanation:
        """Why one user has a preference for a tag, his best one if none is given. Raises UnknownTagError."""
        batch, profile = self._described(people)
        preferences = [*profile.clicked, *profile.unseen]
        if tag is None:
            tag = max(preferences, key=lambda one: one.preference).tag
        elif all(one.tag != tag for one in preferences):
            raise UnknownTagError(f"{tag!r} is no tag of this model; ask for one that a profile names")
        return explain(self.model.model, batch, profile, self.model.names, self.model.label, tag)

    def _described(self, people: People) -> tuple[Batch, Profile]:
        batch = self.model.features.batch(people.users, people.clicks)
        history, (counts,) = self._history(people.clicks)
        counted = torch.tensor([counts[value] for value in history.values.tolist()])
        described = describe(
            self.model.model, batch, history, counted, self.model.names, self.model.label, people.users[0]
        )
        return batch, described

    def _history(self, clicked: Sequence[Clicks]) -> tuple[Ragged, list[dict[int, int]]]:
        """The distinct known tags of each user's clicks, ascending, and how often each was clicked."""
        counts = []
        for clicks in clicked:
            one: dict[int, int] = {}
            for _, item in clicks:
                for value in self.model.features.items.of(item).get(self.model.label, ()):
                    if value >= RESERVED:
                        one[value] = one.get(value, 0) + 1
            counts.append(dict(sorted(one.items())))
        values = np.array([value for one in counts for value in one], np.int32)
        return Ragged(offsets_of(np.array([len(one) for one in counts], np.int64)), values), counts

    def _preferences(self, ids: np.ndarray, preferences: np.ndarray, counts: dict[int, int]) -> list[LivePreference]:
        return [
            LivePreference(self._texts[value], preference, counts.get(value, 0))
            for value, preference in zip(ids.tolist(), preferences.tolist(), strict=True)
            if preference > -np.inf
        ]


KINDS = ("clicked", "unseen")
