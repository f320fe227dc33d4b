"""What a run wants of its log: fields, labels, and who or when is tested. It decides the content of the shards."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config
from penchant.features.cuts.by_period import ByPeriod
from penchant.features.cuts.cut import Cut
from penchant.features.cuts.target import Target
from penchant.features.fields import Field
from penchant.logs.names import OF_SHARDS, problem_of
from penchant.schema import ITEM


class FeaturesConfig(Config):
    """What the model reads.

    min_count: clicks by training users that a value needs to enter the vocabulary of its source, 1 where not given.
    fade_half_life: of the baseline that counts recent clicks more: a click weighs half for every so many later ones.
    """

    fields: Annotated[list[Field], Limits(min_length=1)]
    min_count: dict[str, int] = {}
    fade_half_life: Annotated[float, Limits(gt=0)] = 20.0

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.fields]
        for place, rule in enumerate(self.fields):
            problem = problem_of(rule.name, OF_SHARDS.union(names[:place]))
            if problem:
                raise ValueError(f"{problem}, of = {rule.source!r}")
        return self


@dataclass(frozen=True)
class Plan:
    """All that decides the content of the shards: what is read, how the log is cut, and what is predicted.

    targets: one or several, known by their fields; each has labels, a truth and histories of its own, which do not
    depend on the targets after it.
    """

    features: FeaturesConfig
    cut: Cut
    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        fields = [target.field for target in self.targets]
        assert fields, "nothing is predicted"
        assert len(set(fields)) == len(fields), f"two targets have one field: {fields}"

    @property
    def sources(self) -> list[str]:
        """Every vocabulary that is needed, the targets' first."""
        read = (rule.source for rule in self.features.fields if not rule.number)
        return list(dict.fromkeys([*(target.field for target in self.targets), *read]))

    @property
    def numbers(self) -> list[str]:
        """The users' fields whose numbers are read."""
        return list(dict.fromkeys(rule.source for rule in self.features.fields if rule.number))


def lookalike_plan(features: FeaturesConfig, cut: ByPeriod) -> Plan:
    """The plan of look-alike: users' vectors are taught by the items clicked in the represent period, clicks alone."""
    most = cut.periods.positives
    return Plan(features, cut, (Target(field=ITEM, items=most, tags=1, negatives="popularity", negatives_per_click=0),))
