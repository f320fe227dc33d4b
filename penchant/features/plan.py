"""What a run wants of its log: fields, labels, and who or when is tested. It decides the content of the shards."""

from dataclasses import dataclass
from typing import Annotated, Self

import polars as pl
from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config
from penchant.features.cuts.by_period import PERIOD_SPLITS, PeriodsConfig, cut_periods, moments_s, represents, trains
from penchant.features.cuts.by_user import SPLITS, LabelsConfig, UsersConfig, cut_windows, split_users, training_end
from penchant.features.fields import Field
from penchant.logs.names import OF_SHARDS, problem_of
from penchant.schema import ITEM, TIME, USER


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
    """All that decides the content of the shards. With `periods` they cut the log; else `labels` and `users` do."""

    features: FeaturesConfig
    labels: LabelsConfig
    users: UsersConfig
    periods: PeriodsConfig | None = None

    @property
    def sources(self) -> list[str]:
        """Every vocabulary that is needed, the label's first."""
        read = (rule.source for rule in self.features.fields if not rule.number)
        return list(dict.fromkeys([self.labels.field, *read]))

    @property
    def numbers(self) -> list[str]:
        """The users' fields whose numbers are read."""
        return list(dict.fromkeys(rule.source for rule in self.features.fields if rule.number))

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that shards are written for, in order; "latest" is the last."""
        return PERIOD_SPLITS if self.periods else SPLITS

    @property
    def labelled(self) -> tuple[str, ...]:
        """The splits whose samples have labels."""
        return ("train", "valid") if self.periods else ("train", "valid", "test")

    @property
    def seed(self) -> int:
        return self.periods.seed if self.periods else self.users.seed

    def cut(self, events: pl.DataFrame, last: float) -> pl.DataFrame:
        """The samples of one bucket, see `cut_windows`."""
        if self.periods:
            return cut_periods(events, self.periods, last)
        return cut_windows(events, self.users, self.labels, last)

    def training_end(self, last: float) -> float:
        """UTC seconds from which on nothing counts for vocabularies; infinite without a clock."""
        if self.periods:
            return moments_s(self.periods, last)["learn"] if self.periods.by == "days" else float("inf")
        return training_end(self.labels, last)

    def trains(self, users: pl.Series) -> pl.Series:
        """Which of distinct users train."""
        if self.periods:
            return trains(users, self.periods)
        return split_users(users, self.users)["split"] == "train"

    def counts(self, events: pl.DataFrame, last: float) -> pl.Series:
        """Which events of one bucket, in order, count for vocabularies: training users' in the training period."""
        if self.periods:
            return represents(events, self.periods, last)
        people = events[USER].unique()
        training = people.filter(self.trains(people))
        return events[USER].is_in(training.implode()) & (events[TIME] < self.training_end(last))


def lookalike_plan(features: FeaturesConfig, periods: PeriodsConfig) -> Plan:
    """The plan of look-alike: users' vectors are taught by the items clicked in the represent period, clicks alone."""
    labels = LabelsConfig(field=ITEM, items=periods.positives, tags=1, negatives="popularity", negatives_per_click=0)
    return Plan(features, labels, UsersConfig(), periods)
