"""Attention of each head over a user's fields and values, as the UTPM paper's Figure 3 shows it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from penchant.features.fields import Field
from penchant.profiles.profile import Weighed

MOST_VALUES = 15

SAME = 1e-5
"""Shares that differ by less are equal."""

Kind = Literal["heads", "even", "none"]
"""heads: each head divides its attention; even: the model takes averages, so all values weigh the same; none: the
model's attention has no part in preferences."""


@dataclass(frozen=True)
class Shares:
    """field: its name; holds: what it holds, in words; per_head: its share of each head's attention."""

    field: str
    holds: str
    per_head: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The share over all heads."""
        return sum(self.per_head) / len(self.per_head)


@dataclass(frozen=True)
class Attended:
    """fields: in the order of the model; values: those with most attention; total: how many values there are."""

    kind: Kind
    heads: int
    fields: list[Shares]
    values: list[Weighed]
    total: int

    @property
    def filled(self) -> int:
        """How many fields have any attention."""
        return sum(one.mean > 0 for one in self.fields)

    @property
    def foremost(self) -> Shares:
        """The field with most attention."""
        return max(self.fields, key=lambda one: one.mean)


def attended(
    shares: Mapping[str, tuple[float, ...]], values: Sequence[Weighed], rules: Sequence[Field], own: Collection[str]
) -> Attended:
    """Return where the attention of one user went.

    shares: of each field, per head; values: most attention first; rules: of the fields that are read; own: sources that
    are columns of the table of users.
    """
    holds = {rule.name: held(rule, own) for rule in rules}
    fields = [Shares(name, holds[name], per_head) for name, per_head in shares.items()]
    heads = len(fields[0].per_head) if fields else 0
    return Attended(_kind(fields, values), heads, fields, list(values[:MOST_VALUES]), len(values))


def held(rule: Field, own: Collection[str]) -> str:
    """Say what a field holds.

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
