"""What a profile is, offline and live: the tags that a user clicked, and the tags that they may like."""

from collections.abc import Sequence
from dataclasses import dataclass

from penchant.choices import Order


@dataclass(frozen=True)
class TagPreference:
    """A tag; the user's preference for it; their clicks on it; its lift, how far the preference is above what is usual
    (profiles/average.py)."""

    tag: str
    preference: float
    clicks: int
    lift: float

    def measure(self, by: Order) -> float:
        """Return the number that the order goes by."""
        return self.lift if by == "lift" else self.preference


@dataclass(frozen=True)
class RankedPreference(TagPreference):
    """The same with its rank among all tags by preference; 1 is best."""

    rank: int


@dataclass(frozen=True)
class Weighed:
    """A value of a field: its weight in the history, and the share of attention per head."""

    field: str
    value: str
    weight: float
    attention: tuple[float, ...]


@dataclass(frozen=True)
class Profile:
    """clicked, unseen: tags that the user clicked, and has not clicked yet, best first."""

    user: str
    clicked: Sequence[TagPreference]
    unseen: Sequence[TagPreference]


@dataclass(frozen=True)
class WholeProfile(Profile):
    """Every tag, by preference, and where the model looks. fields: share of attention per field and head; values: most
    attention first."""

    clicked: Sequence[RankedPreference]
    unseen: Sequence[RankedPreference]
    fields: dict[str, tuple[float, ...]]
    values: list[Weighed]


@dataclass(frozen=True)
class LiveProfile(Profile):
    """The first tags of each kind, by preference or by lift, as they are now.

    clicks: how many the user made; latest: time of the last click, UTC seconds, None where there is none; cold: nothing
    is known of the user, so this is what users prefer on average.
    """

    clicks: int
    latest: float | None
    cold: bool
