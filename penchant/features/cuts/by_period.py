"""The cut by periods: users are represented, then likeness is learned, then both are tested."""

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
from penchant.features.ragged import place_in_run
from penchant.logs.ingest import Log
from penchant.logs.users import uniform
from penchant.schema import TIME, USER

Period = Literal["learn", "test"]
NEXT: dict[Period, str] = {"learn": "test", "test": "end"}
"""What begins where a period ends."""

HOUR_S = 3_600.0


class PeriodsConfig(Config):
    """Which events represent users, which teach likeness, and which test it, one period after the other.

    by = "share": the last `test` of each user's own events test, the `learn` before them teach; for sets without a
        common clock. Events at one time stay together: a border that would part them moves behind the last of them.
        by = "days": periods of so many days on the common clock, the last ending at `until` (the end of the log if not
        given). All that is earlier represents.
    every_hours: audiences are asked for again every so many hours of a period; only with by = "days".
    windows, window: the label windows of the users' vectors, one before the other at the end of the represent period,
        each a share of the user's events in it, or days.
    positives: how many items of a window, at most, a user's vector is trained to predict.
    validation_share: the share of users and of items that are held out of training and decide when it stops.
    seed: draws these, and the pairs of a round.
    """

    by: Literal["share", "days"] = "share"
    learn: Annotated[float, Limits(gt=0)] = 0.1
    test: Annotated[float, Limits(gt=0)] = 0.2
    until: datetime.date | None = None
    every_hours: Annotated[float, Limits(gt=0)] = 1.0
    windows: Annotated[int, Limits(ge=1)] = 1
    window: Annotated[float, Limits(gt=0)] = 0.2
    positives: Annotated[int, Limits(ge=1)] = 50
    validation_share: Annotated[float, Limits(gt=0, lt=1)] = 0.05
    seed: Annotated[int, Limits(ge=0)] = 0

    @model_validator(mode="after")
    def _shares_leave_a_history(self) -> Self:
        if self.by == "share" and self.learn + self.test >= 1:
            raise ValueError(f"learn = {self.learn} and test = {self.test} leave nothing to represent users by")
        if self.by == "share" and self.windows * self.window >= 1:
            raise ValueError(f"{self.windows} windows of {self.window} leave no history before the first")
        return self

    @model_validator(mode="after")
    def _shares_have_no_clock(self) -> Self:
        for name in ("until", "every_hours"):
            if self.by == "share" and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f'{name} goes with by = "days"; shares of each user\'s events have no common clock')
        return self


@dataclass(frozen=True)
class ByPeriod(Cut):
    """Phase 1 trains and stops on windows at the end of the represent period; the other splits are every user at one
    moment: when the learn period begins, when the test period begins, and now."""

    periods: PeriodsConfig = field(default_factory=PeriodsConfig)

    name: ClassVar[str] = "periods"
    splits: ClassVar[tuple[Split, ...]] = ("train", "valid", "learn", "test", "latest")
    labelled: ClassVar[tuple[Split, ...]] = ("train", "valid")

    @property
    def seed(self) -> int:
        return self.periods.seed

    @property
    def settings(self) -> list[str]:
        return [self.periods.model_dump_json()]

    @property
    def clock(self) -> bool:
        """Whether the periods are days that all users share."""
        return self.periods.by == "days"

    def trains(self, ids: pl.Series) -> pl.Series:
        """Which of distinct users or items train, and do not validate; the same for each in whatever company."""
        _, kind = uniform(ids, self.periods.seed)
        return pl.Series("trains", kind >= self.periods.validation_share)

    def training_end(self, last: float) -> float:
        return self.moments(last)["learn"] if self.clock else float("inf")

    def moments(self, last: float) -> dict[str, float]:
        """When the periods "learn" and "test" begin, and the "end" of both: UTC seconds, or without a clock the share
        of each user's events; last: the latest time of the whole log."""
        periods = self.periods
        if not self.clock:
            return {"learn": 1 - periods.learn - periods.test, "test": 1 - periods.test, "end": 1.0}
        end = end_of(periods.until, last)
        test = end - periods.test * DAY_S
        return {"learn": test - periods.learn * DAY_S, "test": test, "end": end}

    def count_before(self, events: pl.DataFrame, last: float) -> pl.DataFrame:
        """How many events of each user of a bucket are before each moment: USER, "count" (all), "learn", "test", "end".

        And "window 0", "window 1" …: before the end of each label window, the last one first; one more for the
        beginning of the earliest. events: one bucket in order. No moment parts events at one time.
        """
        people = events.group_by(USER, maintain_order=True)
        if self.clock:
            borders = self._borders_s(last)
            return people.agg(count=pl.len(), **{name: (pl.col(TIME) < at).sum() for name, at in borders.items()})
        counts, instants = people.agg(count=pl.len()), Instants(events)
        count = counts["count"].to_numpy()
        found = {at: instants.whole(part_of(count, share)) for at, share in self.moments(last).items()}
        for number, name in enumerate(self._names_of_borders()):
            found[name] = instants.whole(part_of(found["learn"], 1 - self.periods.window * number))
        return counts.with_columns(pl.Series(name, values) for name, values in found.items())

    def samples(self, events: pl.DataFrame, last: float) -> pl.DataFrame:
        """See `Cut.samples`. A user without any event before a moment has no sample for it."""
        people = self.count_before(events, last)
        at = self._looked_at(events, people, last)
        people = people.with_columns(
            split=pl.when(self.trains(people[USER])).then(pl.lit("train")).otherwise(pl.lit("valid"))
        )
        parts = [_window(people, at, number) for number in range(self.periods.windows)]
        windows = pl.concat(parts).filter((pl.col("start") > 0) & (pl.col("stop") > pl.col("start")))
        windows = windows.unique([USER, "start", "stop"], keep="first", maintain_order=True)
        moments = [histories(people, split, people[split].to_numpy(), at[split]) for split in NEXT]
        latest = histories(people, "latest", people["count"].to_numpy(), np.inf)
        known = pl.concat([*moments, latest]).filter(pl.col("stop") > 0)
        return number_samples([windows, known], self.splits)

    def counts(self, events: pl.DataFrame, last: float) -> pl.Series:
        """Which events of a bucket vocabularies are made from: those of training users before the learn period."""
        people = self.count_before(events, last)
        people = people.with_columns(trains=self.trains(people[USER]))
        rows = events.select(USER).join(people, on=USER, how="left", maintain_order="left")
        return (place_of(events) < rows["learn"]) & rows["trains"]

    def refuse_unfit(self, log: Log) -> None:
        periods = self.periods
        if not self.clock:
            return
        if log.position:
            raise ConfigError('periods.by = "days" needs a clock, but times are positions; use by = "share"')
        first, last = log.found["first"], log.found["last"]
        times = self.moments(last)
        earliest = times["learn"] - periods.windows * periods.window * DAY_S
        if earliest <= first:
            raise ConfigError(
                f"the first label window begins on {day_of(earliest)}, but the log begins on {day_of(first)}, so there "
                f"is no history before it; give a later `until`, or fewer days of `learn`, `test` or `window`"
            )
        if times["test"] > last:
            raise ConfigError(
                f"the test period begins on {day_of(times['test'])}, after the last event of {day_of(last)}; give an "
                f"earlier `until` than {periods.until}"
            )

    def too_few(self, totals: Mapping[str, int]) -> str:
        return (
            f"too few users with a history: {counted(totals)}; training and validation users need at "
            f"least two events in the represent period, so give more users or a longer log, or change `learn`, `test`, "
            f"`window` or `validation_share`"
        )

    def _names_of_borders(self) -> list[str]:
        return [f"window {number}" for number in range(self.periods.windows + 1)]

    def _borders_s(self, last: float) -> dict[str, float]:
        """UTC seconds of all that `count_before` counts to."""
        times, step_s = self.moments(last), self.periods.window * DAY_S
        return times | {name: times["learn"] - step_s * number for number, name in enumerate(self._names_of_borders())}

    def _looked_at(self, events: pl.DataFrame, people: pl.DataFrame, last: float) -> Mapping[str, np.ndarray | float]:
        """When histories up to each border are looked at; without a clock, at each user's first event from there on."""
        if self.clock:
            return self._borders_s(last)
        instants = Instants(events)
        return {name: instants.after(people[name].to_numpy()) for name in [*NEXT, *self._names_of_borders()]}


def place_of(events: pl.DataFrame) -> pl.Series:
    """The number of each event among its user's, from 0; events: one bucket in order."""
    return pl.Series("place", place_in_run(events[USER].rle_id().to_numpy()))


def _window(people: pl.DataFrame, at: Mapping[str, np.ndarray | float], number: int) -> pl.DataFrame:
    """Label window 0 is the last; only training users have earlier ones."""
    begin = f"window {number + 1}"
    start, stop = people[begin].to_numpy(), people[f"window {number}"].to_numpy()
    kept = pl.lit(True) if number == 0 else pl.col("split") == "train"
    return windows_between(people, number, start, stop, at[begin]).filter(kept)
