"""One user's profile, and why: where the attention went, what each value and each pair of values did to a tag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from penchant.errors import UnknownTagError
from penchant.features.own import Own
from penchant.features.shards import Batch
from penchant.features.vocabulary import Vocabulary
from penchant.models.base import Attention, Interests
from penchant.ranking import order
from penchant.schema import PAD, UNKNOWN

MOST_PAIRED = 16


@dataclass(frozen=True)
class TagPreference:
    """A tag; its preference; its rank among all tags by preference (1 is best); the user's clicks on it; its lift, how
    far the preference is above that of the average user."""

    tag: str
    preference: float
    rank: int
    clicks: int
    lift: float


@dataclass(frozen=True)
class Weighed:
    """A value of a field: its weight in the history, and the share of attention per head."""

    field: str
    value: str
    weight: float
    attention: tuple[float, ...]


@dataclass(frozen=True)
class Profile:
    """clicked and unseen: best first; fields: share of attention per field and head; values: most attention first."""

    user: str
    clicked: list[TagPreference]
    unseen: list[TagPreference]
    fields: dict[str, tuple[float, ...]]
    values: list[Weighed]


@dataclass(frozen=True)
class Effect:
    """What one value, or a pair beyond what each does alone, adds to the preference for a tag."""

    values: tuple[str, ...]
    effect: float


@dataclass(frozen=True)
class Explanation:
    """Why a user has a preference for a tag. `without` is the preference if nothing were known of the user.

    paths: what each path of the model adds, together the preference; empty for a model of one path. alone: what each
    value adds, the others being known; together: what a pair adds beyond the two; largest first.
    """

    user: str
    preference: TagPreference
    without: float
    paths: list[Effect]
    alone: list[Effect]
    together: list[Effect]


@torch.inference_mode()
def describe(
    model: Interests, average_V: Tensor, batch: Batch, names: Mapping[str, Vocabulary], tags: str, user: str
) -> Profile:
    """The profile of a single user: `batch`, with own tags, holds one row; average_V: what users prefer on average."""
    model.eval()
    assert batch.own
    user_BU, attention = model.read(batch)
    scores_V = model.preferences(batch, user_BU)[0]
    ordered_V = order(scores_V)
    rank_V = torch.empty_like(ordered_V)
    rank_V[ordered_V] = torch.arange(1, len(ordered_V) + 1)
    clicks = dict(zip(batch.own.ids_BH[0].tolist(), batch.own.fact("counts")[0].int().tolist(), strict=True))

    def preference(number: int) -> TagPreference:
        rank = int(rank_V[number])
        preference, lift = float(scores_V[number]), float(scores_V[number] - average_V[number])
        return TagPreference(names[tags].name(number), preference, rank, clicks.get(number, 0), lift)

    ranked = [number for number in ordered_V.tolist() if number > UNKNOWN]
    return Profile(
        user,
        [preference(number) for number in ranked if number in clicks],
        [preference(number) for number in ranked if number not in clicks],
        *attended(attention, batch, names),
    )


def attended(
    attention: Attention, batch: Batch, names: Mapping[str, Vocabulary]
) -> tuple[dict[str, tuple[float, ...]], list[Weighed]]:
    """`fields` and `values` of a profile: of a single user, as `describe` has them."""
    fields, values = {}, []
    for number, field in enumerate(attention.values):
        field_A = attention.fields[0, :, number]
        fields[field] = tuple(field_A.tolist())
        share_AH = attention.values[field][0] * field_A[:, None]
        for slot, value in enumerate(batch.ids[field][0].tolist()):
            if value != PAD:
                weight = float(batch.weights[field][0, slot])
                values.append(Weighed(field, names[field].name(value), weight, tuple(share_AH[:, slot].tolist())))
    return fields, sorted(values, key=lambda value: -sum(value.attention))


@torch.inference_mode()
def explain(
    model: Interests, batch: Batch, profile: Profile, names: Mapping[str, Vocabulary], tags: str, tag: str
) -> Explanation:
    """Why `profile`'s user has a preference for `tag`, by leaving values out and looking what changes.

    Exact for any model: alone(a) = p(all) - p(all but a); together(a, b) = p(all) - p(all but a) - p(all but b) +
    p(all but a and b). Every value is left out once; pairs are formed of the MOST_PAIRED that matter most alone.
    Raises UnknownTagError for a tag outside the vocabulary.
    """
    number = names[tags].id(tag)
    if number == UNKNOWN:
        raise UnknownTagError(
            f"{tag!r} is not among the {len(names[tags].values):,} tags of this run; see `penchant profile`"
        )
    model.eval()

    def preferences(groups: list[tuple[_Place, ...]]) -> list[float]:
        if not groups:
            return []
        scores: list[float] = model.preference(_without(batch, groups), number).tolist()
        return scores

    places = [
        _Place(field, slot, f"{field}: {names[field].name(value)}")
        for field, ids in batch.ids.items()
        for slot, value in enumerate(ids[0].tolist())
        if value != PAD
    ]
    if model.reads_own and batch.own:
        places += [
            _Place(None, slot, f"clicked: {names[tags].name(value)}")
            for slot, value in enumerate(batch.own.ids_BH[0].tolist())
            if value != PAD
        ]
    full, without, *single = preferences([(), tuple(places), *((place,) for place in places)])
    effect = {place: full - score for place, score in zip(places, single, strict=True)}
    strongest = sorted(places, key=lambda place: -abs(effect[place]))
    pairs = list(combinations(strongest[:MOST_PAIRED], 2))
    together = [
        Effect((one.label, other.label), full - score - effect[one] - effect[other])
        for (one, other), score in zip(pairs, preferences(list(pairs)), strict=True)
    ]
    known = next(one for one in (*profile.clicked, *profile.unseen) if one.tag == tag)
    alone = [Effect((place.label,), effect[place]) for place in strongest]
    paths = [Effect((name,), float(adds_B[0])) for name, adds_B in model.paths(batch, number).items()]
    together = sorted(together, key=lambda pair: -abs(pair.effect))
    return Explanation(profile.user, known, without, paths, alone, together)


@dataclass(frozen=True)
class _Place:
    """Where a value stands: its field, None for the user's own tags, its slot in it, and how people know it."""

    field: str | None
    slot: int
    label: str


def _without(batch: Batch, groups: Sequence[tuple[_Place, ...]]) -> Batch:
    """A row per group: the one user of `batch` without the group's values."""
    ids = {name: ids_1H.repeat(len(groups), 1) for name, ids_1H in batch.ids.items()}
    own = batch.own and Own(batch.own.ids_BH.repeat(len(groups), 1), batch.own.facts_BHF.repeat(len(groups), 1, 1))
    for row, group in enumerate(groups):
        for place in group:
            if place.field is not None:
                ids[place.field][row, place.slot] = PAD
            elif own:
                own.ids_BH[row, place.slot], own.facts_BHF[row, place.slot] = PAD, 0
    return Batch(ids, {name: weights.expand(len(groups), -1) for name, weights in batch.weights.items()}, own)
