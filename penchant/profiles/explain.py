"""One user's profile, and why: where the attention went, what each value and each pair of values did to a tag."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import torch
from torch import Tensor

from penchant.choices import Order
from penchant.errors import UnknownTagError
from penchant.features.own import HOW_OFTEN, Own
from penchant.features.shards import Batch
from penchant.features.vocabulary import Vocabulary
from penchant.models.interests.blend import DEEP_PATH, EVERYBODY, OWN_PATH, REST_PATH
from penchant.models.interests.promise import Attention, Interests
from penchant.models.parts.ranking import order
from penchant.profiles.average import Average
from penchant.profiles.profile import RankedPreference, TagPreference, Weighed, WholeProfile
from penchant.schema import PAD, UNKNOWN

Tag = TypeVar("Tag", bound=TagPreference)

MOST_PAIRED = 16
MOST_NAMED = 3
LATEST = 20
"""Clicks that count as late ones when a preference is told in words."""
COMMON = 0.5
"""What more users than this have is everybody's, and no reason for one of them."""


@dataclass(frozen=True)
class Effect:
    """What one value, or a pair beyond what each does alone, adds to the preference for a tag. holders: the share of
    users of whom the same is known; of a pair, that of the rarer one; common: whether most users have it, so that it is
    no reason for one of them. The user's own clicks on the tag are never common."""

    values: tuple[str, ...]
    effect: float
    holders: float
    common: bool


@dataclass(frozen=True)
class PathEffect:
    """What one path of the model adds to the preference for a tag; by: the values that add or take most, those that
    most users have left out, where the path is a sum over values."""

    path: str
    effect: float
    by: list[Effect]


@dataclass(frozen=True)
class Explanation:
    """Why a user has a preference for a tag. `without` is the preference if nothing were known of the user.

    paths: what each path of the model adds, together the preference; empty for a model of one path. alone: what each
    value adds, the others being known; together: what a pair adds beyond the two; largest first, but those that most
    users have last.
    """

    user: str
    preference: RankedPreference
    without: float
    paths: list[PathEffect]
    alone: list[Effect]
    together: list[Effect]


def refuse_tag_of_others(tag: str, asked: str, knows: Mapping[str, Callable[[str], bool]]) -> None:
    """Raise UnknownTagError where a tag that the model `asked` does not know is one of other models. knows: whether
    each model, by its name, knows a tag."""
    others = [name for name, known in knows.items() if name != asked and known(tag)]
    if others:
        raise UnknownTagError(
            f"{tag!r} is no tag of the model {asked!r}, but one of {' and '.join(map(repr, others))}; ask that model: "
            f'--model {others[0]}, in Python model="{others[0]}"'
        )


@torch.inference_mode()
def describe(
    model: Interests, average: Average, batch: Batch, names: Mapping[str, Vocabulary], tags: str, user: str
) -> WholeProfile:
    """Return the profile of a single user: `batch`, with own tags, holds one row."""
    model.eval()
    assert batch.own
    user_BU, attention = model.read(batch)
    scores_BV = model.preferences(batch, user_BU)
    scores_V, lift_V = scores_BV[0], average.lifts(scores_BV, average.levels(scores_BV))[0]
    ordered_V = order(scores_V)
    rank_V = torch.empty_like(ordered_V)
    rank_V[ordered_V] = torch.arange(1, len(ordered_V) + 1)
    clicks = dict(zip(batch.own.ids_BH[0].tolist(), batch.own.fact(HOW_OFTEN)[0].int().tolist(), strict=True))

    def preference(number: int) -> RankedPreference:
        rank, preference, lift = int(rank_V[number]), float(scores_V[number]), float(lift_V[number])
        lift = 0.0 if average.unseen_alike and number not in clicks else lift
        return RankedPreference(names[tags].name(number), preference, clicks.get(number, 0), lift, rank)

    ranked = [number for number in ordered_V.tolist() if number > UNKNOWN]
    return WholeProfile(
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
    model: Interests,
    average: Average,
    batch: Batch,
    profile: WholeProfile,
    names: Mapping[str, Vocabulary],
    tags: str,
    tag: str,
) -> Explanation:
    """Why `profile`'s user has a preference for `tag`, by leaving values out and looking what changes.

    Exact for any model: alone(a) = p(all) - p(all but a); together(a, b) = p(all) - p(all but a) - p(all but b) +
    p(all but a and b). Every value is left out once; pairs are formed of the MOST_PAIRED that matter most alone.
    Raises UnknownTagError for a tag outside the vocabulary.
    """
    number = names[tags].id(tag)
    if number == UNKNOWN:
        raise UnknownTagError(
            f"{tag!r} is not among the {len(names[tags].values):,} tags of this model; see `penchant profile`"
        )
    model.eval()

    def preferences(groups: list[tuple[_Place, ...]]) -> list[float]:
        if not groups:
            return []
        scores: list[float] = model.preference(_without(batch, groups), number).tolist()
        return scores

    def label(field: str | None, value: int) -> str:
        return f"clicked: {names[tags].name(value)}" if field is None else f"{field}: {names[field].name(value)}"

    def common(field: str | None, value: int) -> bool:
        return float(average.holders[field][value]) > COMMON and (field, value) != (None, number)

    lists: list[tuple[str | None, Tensor]] = [(field, batch.ids[field]) for field in model.sizes.fields]
    if model.reads_own and batch.own:
        lists.append((None, batch.own.ids_BH))
    places = [
        _Place(field, slot, label(field, value), float(average.holders[field][value]), common(field, value))
        for field, ids_1H in lists
        for slot, value in enumerate(ids_1H[0].tolist())
        if value != PAD
    ]
    full, without, *single = preferences([(), tuple(places), *((place,) for place in places)])
    effect = {place: full - score for place, score in zip(places, single, strict=True)}
    strongest = sorted(places, key=lambda place: -abs(effect[place]))
    pairs = list(combinations(strongest[:MOST_PAIRED], 2))
    alone = [Effect((place.label,), effect[place], place.holders, place.common) for place in places]
    together = [
        Effect(
            (one.label, other.label),
            full - score - effect[one] - effect[other],
            min(one.holders, other.holders),
            one.common and other.common,
        )
        for (one, other), score in zip(pairs, preferences(list(pairs)), strict=True)
    ]
    known = next(one for one in (*profile.clicked, *profile.unseen) if one.tag == tag)
    terms: dict[tuple[str | None, int], float] = defaultdict(float)
    for field, ids_1H, adds_1H in model.terms(batch, number):
        for value, adds in zip(ids_1H[0].tolist(), adds_1H[0].tolist(), strict=True):
            terms[field, value] += adds
    special = [
        Effect((label(field, value),), adds, float(average.holders[field][value]), False)
        for (field, value), adds in terms.items()
        if value > UNKNOWN and (field, value) != (None, number) and not common(field, value)
    ]
    paths = [
        PathEffect(name, float(adds_B[0]), _largest_first(special)[:MOST_NAMED] if name == REST_PATH else [])
        for name, adds_B in model.paths(batch, number, average.user_U).items()
    ]
    return Explanation(profile.user, known, without, paths, _largest_first(alone), _largest_first(together))


def _largest_first(effects: list[Effect]) -> list[Effect]:
    """Return the effects, largest first, but those of values that most users have last."""
    return sorted(effects, key=lambda one: (one.common, -abs(one.effect)))


def first(profile: WholeProfile, by: Order) -> str:
    """The tag that stands first; by preference where the user clicked nothing, as in `rank`."""
    by = by if profile.clicked else "preference"
    return max([*profile.clicked, *profile.unseen], key=lambda one: one.measure(by)).tag


def foremost(tags: Sequence[Tag], by: Order, most: int) -> list[Tag]:
    """The first `most`; the tag that was clicked most takes the last place where it would have none, as in `rank`."""
    ordered = sorted(tags, key=lambda one: -one.measure(by))
    often = max(tags, key=lambda one: one.clicks, default=None)
    if often is None or not often.clicks or often in ordered[:most]:
        return ordered[:most]
    return [*ordered[: most - 1], often]


def in_words(path: PathEffect, tag: TagPreference, latest: int) -> str:
    """Return in words what a path rests on. latest: how many of the user's LATEST clicks were on the tag."""
    if path.path == OWN_PATH:
        if not tag.clicks:
            return "not clicked"
        times = "once" if tag.clicks == 1 else f"{tag.clicks:,} times"
        return f"clicked {times}, {latest or 'none'} of the latest {LATEST} clicks"
    if path.path == EVERYBODY:
        return "what it would be for a user like all others"
    if path.path == DEEP_PATH:
        return "how far it sets this user apart from others"
    most = ", ".join(f"{one.values[0]} {one.effect:+.3f}" for one in path.by)
    return f"most by {most}" if most else ""


@dataclass(frozen=True)
class _Place:
    """Where a value stands: its field, None for the user's own tags, its slot in it, how people know it, the share of
    users who have it, and whether that makes it no reason."""

    field: str | None
    slot: int
    label: str
    holders: float
    common: bool


def _without(batch: Batch, groups: Sequence[tuple[_Place, ...]]) -> Batch:
    """Return a batch with a row per group: the one user of `batch` without the group's values."""
    ids = {name: ids_1H.repeat(len(groups), 1) for name, ids_1H in batch.ids.items()}
    own = batch.own and Own(batch.own.ids_BH.repeat(len(groups), 1), batch.own.facts_BHF.repeat(len(groups), 1, 1))
    for row, group in enumerate(groups):
        for place in group:
            if place.field is not None:
                ids[place.field][row, place.slot] = PAD
            elif own:
                own.ids_BH[row, place.slot], own.facts_BHF[row, place.slot] = PAD, 0
    return Batch(ids, {name: weights.expand(len(groups), -1) for name, weights in batch.weights.items()}, own)
