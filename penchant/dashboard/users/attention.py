"""Attention per head over a user's fields and values, as the UTPM paper's Figure 3 shows it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from penchant.features.fields import Field
from penchant.profiles.explain import Weighed
from penchant.serving.profiles import Insight

MOST_VALUES = 15

SAME = 1e-5
"""Shares that differ by less are equal."""

Kind = Literal["heads", "even", "none"]
"""Heads divide it; all values weigh alike, because the model takes averages; the model's attention has no part in
preferences."""


@dataclass(frozen=True)
class Shares:
    """A field: its name, what it holds, its share of each head's attention."""

    field: str
    holds: str
    per_head: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.per_head) / len(self.per_head)


@dataclass(frozen=True)
class Attended:
    """fields: in the order of the model; values: those with most attention, of `total`; filled: fields with any."""

    kind: Kind
    heads: int
    fields: list[Shares]
    values: list[Weighed]
    total: int

    @property
    def filled(self) -> int:
        return sum(one.mean > 0 for one in self.fields)

    @property
    def foremost(self) -> Shares:
        """The field with most of it."""
        return max(self.fields, key=lambda one: one.mean)


def attended(insight: Insight, rules: Sequence[Field], own: Collection[str]) -> Attended:
    """rules: of the fields that are read; own: sources that users have of their own."""
    holds = {rule.name: held(rule, own) for rule in rules}
    fields = [Shares(name, holds[name], per_head) for name, per_head in insight.fields.items()]
    heads = len(fields[0].per_head) if fields else 0
    return Attended(_kind(fields, insight.values), heads, fields, insight.values[:MOST_VALUES], len(insight.values))


def held(rule: Field, own: Collection[str]) -> str:
    """What a field holds, in words.

    >>> held(Field(name="recent", of="tags", last=20), ()), held(Field(name="age", number=True), ())
    ('tags of the latest 20 clicks', 'a number of the user')
    """
    if rule.number:
        return "a number of the user"
    if rule.source in own:
        return f"{rule.source} of the user"
    return f"{rule.source} of " + ("all clicks" if rule.last is None else f"the latest {rule.last:,} clicks")


def _kind(fields: Sequence[Shares], values: Sequence[Weighed]) -> Kind:
    if not any(one.mean > 0 for one in fields):
        return "none"
    groups = [[one.per_head for one in fields if one.mean > 0]]
    groups += [[value.attention for value in values if value.field == one.field] for one in fields]
    compared = [group for group in groups if len(group) > 1]
    alike = all(max(head) - min(head) < SAME for group in compared for head in zip(*group, strict=True))
    return "even" if compared and alike else "heads"
