"""The three periods of look-alike: users are represented, then likeness is learned, then both are tested."""

import datetime
from typing import Annotated, Literal, Self

import polars as pl
from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config
from penchant.errors import ConfigError
from penchant.features.ragged import place_in_run
from penchant.features.windows import DAY_S, end_of, histories, number_samples, windows_between
from penchant.logs.ingest import Log
from penchant.logs.users import uniform
from penchant.schema import TIME, USER

PERIOD_SPLITS = ("train", "valid", "learn", "test", "latest")
"""Phase 1 trains and stops on windows at the end of the represent period; the others are every user at one moment: when
the learn period begins, when the test period begins, and now."""

Period = Literal["learn", "test"]
HOUR_S = 3_600.0


class PeriodsConfig(Config):
    """Which events represent users, which teach likeness, and which test it, one period after the other.

    by = "share": the last `test` of each user's own events test, the `learn` before them teach; for sets without a
        common clock. by = "days": periods of so many days on the common clock, the last ending at `until` (the end of
        the log if not given). All that is earlier represents.
    every_hours: audiences are asked for again every so many hours of a period; only with by = "days".
    windows, window: the label windows of the users' vectors, one before the other at the end of the represent period,
        each a share of the user's events in it, or days.
    positives: the most items of a window that a user's vector is taught to tell.
    validation_share: of the users, who train no vectors, and of the items, which teach no likeness, but say when to
        stop; seed: draws them, and the pairs of a round.
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


def trains(ids: pl.Series, periods: PeriodsConfig) -> pl.Series:
    """Which of distinct users or items train, and do not validate; the same for each in whatever company."""
    _, kind = uniform(ids, periods.seed)
    return pl.Series("trains", kind >= periods.validation_share)


def moments_s(periods: PeriodsConfig, last: float) -> dict[str, float]:
    """UTC seconds at which the periods "learn" and "test" begin, and the "end" of both; `last` of the whole log."""
    end = end_of(periods.until, last)
    test = end - periods.test * DAY_S
    return {"learn": test - periods.learn * DAY_S, "test": test, "end": end}


def moments_share(periods: PeriodsConfig) -> dict[str, float]:
    """The same where there is no clock: shares of each user's events."""
    return {"learn": 1 - periods.learn - periods.test, "test": 1 - periods.test, "end": 1.0}


def count_before(events: pl.DataFrame, periods: PeriodsConfig, last: float) -> pl.DataFrame:
    """How many events of each user of a bucket are before each moment: USER, "count" (all), "learn", "test", "end".

    And "window 0", "window 1" …: before the end of each label window, the last one first; one more for the beginning
    of the earliest. events: one bucket in order.
    """
    people = events.group_by(USER, maintain_order=True)
    borders = [f"window {number}" for number in range(periods.windows + 1)]
    if periods.by == "share":
        shares = moments_share(periods)
        counts = people.agg(count=pl.len()).with_columns(
            _part("count", share).alias(at) for at, share in shares.items()
        )
        ends = (_part("learn", 1 - periods.window * number).alias(name) for number, name in enumerate(borders))
        return counts.with_columns(ends)
    times = moments_s(periods, last)
    step_s = periods.window * DAY_S
    times |= {name: times["learn"] - step_s * number for number, name in enumerate(borders)}
    return people.agg(pl.len().alias("count"), *((pl.col(TIME) < at).sum().alias(name) for name, at in times.items()))


def cut_periods(events: pl.DataFrame, periods: PeriodsConfig, last: float) -> pl.DataFrame:
    """The samples of one bucket, as `windows.cut_windows` gives them, for the splits of PERIOD_SPLITS.

    A user without any event before a moment has no sample for it.
    """
    people = count_before(events, periods, last)
    people = people.with_columns(
        split=pl.when(trains(people[USER], periods)).then(pl.lit("train")).otherwise(pl.lit("valid"))
    )
    parts = [_window(people, number) for number in range(periods.windows)]
    windows = pl.concat(parts).filter((pl.col("start") > 0) & (pl.col("stop") > pl.col("start")))
    windows = windows.unique([USER, "start", "stop"], keep="first", maintain_order=True)
    moments = [histories(people, "learn", "learn"), histories(people, "test", "test")]
    known = pl.concat([*moments, histories(people, "latest", "count")]).filter(pl.col("stop") > 0)
    return number_samples([windows, known], PERIOD_SPLITS)


def represents(events: pl.DataFrame, periods: PeriodsConfig, last: float) -> pl.Series:
    """Which events of a bucket vocabularies are made from: those of training users before the learn period."""
    people = count_before(events, periods, last)
    people = people.with_columns(trains=trains(people[USER], periods))
    rows = events.select(USER).join(people, on=USER, how="left", maintain_order="left")
    return (place_of(events) < rows["learn"]) & rows["trains"]


def place_of(events: pl.DataFrame) -> pl.Series:
    """The number of each event among its user's, from 0; events: one bucket in order."""
    return pl.Series("place", place_in_run(events[USER].rle_id().to_numpy()))


def refuse_unfit_periods(log: Log, periods: PeriodsConfig) -> None:
    """Raise ConfigError where periods of days find no clock in the log, or not enough days."""
    if periods.by == "share":
        return
    if log.position:
        raise ConfigError('periods.by = "days" needs a clock, but times are positions; use by = "share"')
    first, last = float(str(log.found["first"])), float(str(log.found["last"]))
    times = moments_s(periods, last)
    earliest = times["learn"] - periods.windows * periods.window * DAY_S
    if earliest <= first:
        raise ConfigError(
            f"the first label window begins on {_day(earliest)}, but the log begins on {_day(first)}, so there is no "
            f"history before it; give a later `until`, or fewer days of `learn`, `test` or `window`"
        )
    if times["test"] > last:
        raise ConfigError(
            f"the test period begins on {_day(times['test'])}, after the last event of {_day(last)}; give an earlier "
            f"`until` than {periods.until}"
        )


def _day(time: float) -> str:
    return f"{datetime.datetime.fromtimestamp(time, datetime.UTC):%Y-%m-%d %H:%M}"


def _part(count: str, share: float) -> pl.Expr:
    return (pl.col(count) * share).round(6).floor().cast(pl.Int64)


def _window(people: pl.DataFrame, number: int) -> pl.DataFrame:
    """Label window 0 is the last; only training users have earlier ones."""
    start, stop = people[f"window {number + 1}"].to_numpy(), people[f"window {number}"].to_numpy()
    kept = pl.lit(True) if number == 0 else pl.col("split") == "train"
    return windows_between(people, number, start, stop).filter(kept)
