"""What a run wants of its log: fields, labels, and who is tested. It decides the content of the shards."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config
from penchant.features.fields import Field
from penchant.features.windows import LabelsConfig, UsersConfig


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
        twice = [name for name in names if names.count(name) > 1]
        if twice or "label" in names or "truth" in names or "history" in names:
            raise ValueError(f"field names must differ, and none may be label, truth or history; they are {names}")
        return self


@dataclass(frozen=True)
class Plan:
    """All that decides the content of the shards."""

    features: FeaturesConfig
    labels: LabelsConfig
    users: UsersConfig

    @property
    def sources(self) -> list[str]:
        """Every vocabulary that is needed, the label's first."""
        return list(dict.fromkeys([self.labels.field, *(rule.source for rule in self.features.fields)]))
