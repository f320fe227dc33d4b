"""The cut by users: who trains, validates and tests, and where each window of history ends and its labels begin."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config
from penchant.errors import ConfigError
from penchant.features.cuts.cut import (
    DAY_S,
    Cut,
    Split,
    counted,
    day_of,
    end_of,
    histories,
    number_samples,
    part_of,
    windows_between,
)
from penchant.features.cuts.instants import Instants
from penchant.features.cuts.target import Target
from penchant.logs.ingest import Log
from penchant.logs.users import uniform
from penchant.schema import TIME, USER


class UsersConfig(Config):
    """How users are split. With fold = 0 … folds - 1, every user is a test user once."""

    folds: Annotated[int, Limits(ge=2)] = 5
    fold: Annotated[int, Limits(ge=0)] = 0
    validation_share: Annotated[float, Limits(gt=0, lt=1)] = 0.1
    seed: int = 0

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.fold >= self.folds:
            raise ValueError(f"fold = {self.fold} does not exist: {self.folds} folds are 0 to {self.folds - 1}")
        return self


class LabelsConfig(Target):
    """Which events are labels, and what is predicted of them.

    by = "share": the last `share` of each user's events; for sets without a common clock. Events at one time stay
        together: a border that would part them moves behind the last of them, and a window that is left with none asks
        nothing. Training users give `windows` of them, each `stride` (a share too; `share` if not given) before the
        one after it. by = "days": windows of `days` on the common clock, the last ending at `until` (the end of the log
        if not given) for test users; the `windows` before it train.
    items: K, the most items per window; tags: N, the most tags per item; field: the item field that is predicted.
    negatives: the un-clicked items. "logged": those of the log; where it has none, they are drawn by popularity.
        "popularity", "uniform": drawn so in any case, from items that training users clicked; logged ones are left out.
        "tags": invented items, whose tags are drawn uniformly from the vocabulary; logged ones are left out.
    negatives_per_click: how many are drawn for each click.
    """

    by: Literal["share", "days"] = "share"
    share: Annotated[float, Limits(gt=0, lt=1)] = 0.2
    stride: Annotated[float, Limits(gt=0, lt=1)] | None = None
    days: Annotated[float, Limits(gt=0)] = 1.0
    until: datetime.date | None = None
    windows: Annotated[int, Limits(ge=1)] = 1

    @model_validator(mode="after")
    def _windows_leave_a_history(self) -> Self:
        step = self.stride or self.share
        if self.by == "share" and self.share + step * (self.windows - 1) >= 1:
            raise ValueError(f"{self.windows} windows of {self.share}, {step} apart, leave no history before the first")
        if self.by == "days" and self.stride is not None:
            raise ValueError('stride goes with by = "share"; windows of days follow one another')
        return self

    @property
    def target(self) -> Target:
        """What is predicted, without when."""
        return Target(**self.model_dump(include=set(Target.model_fields)))


@dataclass(frozen=True)
class ByUser(Cut):
    """Test users are held out; validation users are taken from the rest. "latest" is every user, all history, no
    label."""

    labels: LabelsConfig = field(default_factory=LabelsConfig)
    users: UsersConfig = field(default_factory=UsersConfig)

    name: ClassVar[str] = "users"
    splits: ClassVar[tuple[Split, ...]] = ("train", "valid", "test", "latest")
    labelled: ClassVar[tuple[Split, ...]] = ("train", "valid", "test")

    @property
    def seed(self) -> int:
        return self.users.seed

    @property
    def settings(self) -> list[str]:
        return [self.labels.model_dump_json(exclude=set(Target.model_fields)), self.users.model_dump_json()]

    def split(self, users: pl.Series) -> pl.DataFrame:
        """USER and "split" ("train", "valid" or "test") of distinct users; the same for a user in whatever company."""
        config = self.users
        fold, kind = uniform(users, config.seed)
        in_fold = np.floor(fold * config.folds) == config.fold
        split = np.where(in_fold, "test", np.where(kind < config.validation_share, "valid", "train"))
        return pl.DataFrame({USER: users, "split": split})

    def trains(self, ids: pl.Series) -> pl.Series:
        return self.split(ids)["split"] == "train"

    def training_end(self, last: float) -> float:
        labels = self.labels
        return float("inf") if labels.by == "share" else end_of(labels.until, last) - labels.days * DAY_S

    def counts(self, events: pl.DataFrame, last: float) -> pl.Series:
        people = events[USER].unique()
        training = people.filter(self.trains(people))
        return events[USER].is_in(training.implode()) & (events[TIME] < self.training_end(last))

    def samples(self, events: pl.DataFrame, last: float) -> pl.DataFrame:
        counts = events.group_by(USER, maintain_order=True).agg(count=pl.len())
        people = counts.join(self.split(counts[USER]), on=USER, maintain_order="left")
        if self.labels.by == "share":
            instants = Instants(events)
            parts = [self._by_share(people, instants, window) for window in range(self.labels.windows)]
        else:
            parts = [self._by_days(people, events, window, last) for window in range(self.labels.windows + 1)]
        windows = pl.concat(parts).filter((pl.col("start") > 0) & (pl.col("stop") > pl.col("start")))
        windows = windows.unique([USER, "start", "stop"], keep="first", maintain_order=True)
        latest = histories(people, "latest", counts["count"].to_numpy(), np.inf)
        return number_samples([windows, latest], self.splits)

    def refuse_unfit(self, log: Log) -> None:
        labels = self.labels
        if labels.by == "share":
            return
        if log.position:
            raise ConfigError('labels.by = "days" needs a clock, but times are positions; use by = "share"')
        first, last = log.found["first"], log.found["last"]
        test = self.training_end(last)
        train = test - labels.days * DAY_S
        if train <= first:
            raise ConfigError(
                f"labels.days = {labels.days:g} is too long for this log, which covers {(last - first) / DAY_S:.2f} "
                f"days: the last window that trains begins on {day_of(train)}, and the log begins on {day_of(first)}, "
                f'so there is no history before it; give fewer `days`, a later `until`, or use by = "share"'
            )
        if test > last:
            raise ConfigError(
                f"the window of test users begins on {day_of(test)}, after the last event of {day_of(last)}; give an "
                f"earlier `until` than {labels.until}"
            )

    def too_few(self, totals: Mapping[str, int]) -> str:
        return (
            f"too few users with a history and labels: {counted(totals)}; each user needs an event before the "
            f"window and a later one in it, and events of the same time stay together; give more users or a longer "
            f"log, or change `share`, `days` or `validation_share`"
        )

    def _by_share(self, people: pl.DataFrame, instants: Instants, window: int) -> pl.DataFrame:
        """Window 0 is the last; only training users have earlier ones."""
        labels, count = self.labels, people["count"].to_numpy()
        end = 1 - (labels.stride or labels.share) * window
        start, stop = (instants.whole(part_of(count, share)) for share in (end - labels.share, end))
        chosen = pl.lit(True) if window == 0 else pl.col("split") == "train"
        return windows_between(people, window, start, stop, instants.after(start)).filter(chosen)

    def _by_days(self, people: pl.DataFrame, events: pl.DataFrame, window: int, last: float) -> pl.DataFrame:
        """Window 0 is for test users; the one before it for validation users; training users have all but window 0."""
        stop_s = end_of(self.labels.until, last) - window * self.labels.days * DAY_S
        start_s = stop_s - self.labels.days * DAY_S
        before = events.group_by(USER, maintain_order=True).agg(
            start=(pl.col(TIME) < start_s).sum(), stop=(pl.col(TIME) < stop_s).sum()
        )
        splits = {0: ["test"], 1: ["train", "valid"]}.get(window, ["train"])
        windows = windows_between(people, window, before["start"].to_numpy(), before["stop"].to_numpy(), start_s)
        return windows.filter(pl.col("split").is_in(splits))
