"""Who is a training, validation or test user, and where each window of history ends and its labels begin."""

import datetime
from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config
from penchant.errors import ConfigError
from penchant.features.cuts.instants import Instants
from penchant.features.fields import SAMPLE
from penchant.logs.ingest import Log
from penchant.logs.users import uniform
from penchant.schema import TIME, USER

SPLITS = ("train", "valid", "test", "latest")
"""Test users are held out; validation users are taken from the rest; "latest" is every user, all history, no label."""

MOMENT = "moment"

Split = Literal["train", "valid", "learn", "test", "latest"]
DAY_S = 86_400.0


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


class LabelsConfig(Config):
    """Which events are labels.

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

    field: str = "tags"
    by: Literal["share", "days"] = "share"
    share: Annotated[float, Limits(gt=0, lt=1)] = 0.2
    stride: Annotated[float, Limits(gt=0, lt=1)] | None = None
    days: Annotated[float, Limits(gt=0)] = 1.0
    until: datetime.date | None = None
    windows: Annotated[int, Limits(ge=1)] = 1
    items: Annotated[int, Limits(ge=1)] = 30
    tags: Annotated[int, Limits(ge=1)] = 5
    negatives: Literal["logged", "popularity", "uniform", "tags"] = "logged"
    negatives_per_click: Annotated[int, Limits(ge=0)] = 1

    @model_validator(mode="after")
    def _windows_leave_a_history(self) -> Self:
        step = self.stride or self.share
        if self.by == "share" and self.share + step * (self.windows - 1) >= 1:
            raise ValueError(f"{self.windows} windows of {self.share}, {step} apart, leave no history before the first")
        if self.by == "days" and self.stride is not None:
            raise ValueError('stride goes with by = "share"; windows of days follow one another')
        return self


def split_users(users: pl.Series, config: UsersConfig) -> pl.DataFrame:
    """USER and "split" ("train", "valid" or "test") of distinct users; the same for a user in whatever company."""
    fold, kind = uniform(users, config.seed)
    in_fold = np.floor(fold * config.folds) == config.fold
    split = np.where(in_fold, "test", np.where(kind < config.validation_share, "valid", "train"))
    return pl.DataFrame({USER: users, "split": split})


def training_end(labels: LabelsConfig, last: float) -> float:
    """Events from here on are kept from vocabularies and training, whoever's they are (infinite without a clock)."""
    return float("inf") if labels.by == "share" else end_of(labels.until, last) - labels.days * DAY_S


def cut_windows(events: pl.DataFrame, users: UsersConfig, labels: LabelsConfig, last: float) -> pl.DataFrame:
    """The samples of one bucket: SAMPLE (numbered from 0), USER, "split", "window", "start", "stop", MOMENT.

    events: one bucket in order; last: the latest time of the whole log. A sample's history are its user's events
    0 … start - 1, all earlier than its labels, which are start … stop - 1; samples with neither are left out. "latest"
    has all events before it. MOMENT: when the history is looked at, infinite for "latest": no event of it, and nothing
    else that a model may know, is as late.
    """
    counts = events.group_by(USER, maintain_order=True).agg(count=pl.len())
    people = counts.join(split_users(counts[USER], users), on=USER, maintain_order="left")
    if labels.by == "share":
        instants = Instants(events)
        parts = [_by_share(people, instants, labels, window) for window in range(labels.windows)]
    else:
        parts = [_by_days(people, events, labels, window, last) for window in range(labels.windows + 1)]
    windows = pl.concat(parts).filter((pl.col("start") > 0) & (pl.col("stop") > pl.col("start")))
    windows = windows.unique([USER, "start", "stop"], keep="first", maintain_order=True)
    latest = histories(people, "latest", counts["count"].to_numpy(), np.inf)
    return number_samples([windows, latest], SPLITS)


def windows_between(
    people: pl.DataFrame, window: int, start: np.ndarray, stop: np.ndarray, moment: np.ndarray | float
) -> pl.DataFrame:
    """A row per user of `people` (USER, "split"): the events that are labels of this window."""
    return people.select(
        USER,
        "split",
        window=pl.lit(window, pl.Int64),
        start=pl.Series("start", start, pl.Int64),
        stop=pl.Series("stop", stop, pl.Int64),
        moment=pl.Series(MOMENT, np.broadcast_to(moment, start.shape), pl.Float64),
    )


def histories(people: pl.DataFrame, split: Split, count_U: np.ndarray, moment: np.ndarray | float) -> pl.DataFrame:
    """A row per user of `people`: the first `count_U` of their events, and no label."""
    return windows_between(people.with_columns(split=pl.lit(split)), 0, count_U, count_U, moment)


def part_of(count: np.ndarray, share: float) -> np.ndarray:
    """So many of so many events, rounded down.

    >>> part_of(np.array([7, 10]), 0.8)
    array([5, 8])
    """
    return np.floor(np.round(count * share, 6)).astype(np.int64)


def number_samples(parts: Sequence[pl.DataFrame], splits: Sequence[str]) -> pl.DataFrame:
    """The rows of all parts, numbered split by split."""
    order = pl.col("split").replace_strict({name: number for number, name in enumerate(splits)})
    return pl.concat(parts).sort(order, USER, "window").with_row_index(SAMPLE)


def end_of(until: datetime.date | None, last: float) -> float:
    """UTC seconds before which all labels are: midnight of a date, or just after the last event of the log."""
    if until is None:
        return float(np.nextafter(last, np.inf))
    return datetime.datetime.combine(until, datetime.time(), datetime.UTC).timestamp()


def refuse_unfit_windows(log: Log, labels: LabelsConfig) -> None:
    """Raise ConfigError where windows of days do not lie within the log, with a history before those that train."""
    if labels.by == "share":
        return
    first, last = float(str(log.found["first"])), float(str(log.found["last"]))
    test = training_end(labels, last)
    train = test - labels.days * DAY_S
    if train <= first:
        raise ConfigError(
            f"labels.days = {labels.days:g} is too long for this log, which covers {(last - first) / DAY_S:.2f} days: "
            f"the last window that trains begins on {day_of(train)}, and the log begins on {day_of(first)}, so there "
            f'is no history before it; give fewer `days`, a later `until`, or use by = "share"'
        )
    if test > last:
        raise ConfigError(
            f"the window of test users begins on {day_of(test)}, after the last event of {day_of(last)}; give an "
            f"earlier `until` than {labels.until}"
        )


def day_of(time: float) -> str:
    """UTC, to the minute."""
    return f"{datetime.datetime.fromtimestamp(time, datetime.UTC):%Y-%m-%d %H:%M}"


def _by_share(people: pl.DataFrame, instants: Instants, labels: LabelsConfig, window: int) -> pl.DataFrame:
    """Window 0 is the last; only training users have earlier ones."""
    count = people["count"].to_numpy()
    end = 1 - (labels.stride or labels.share) * window
    start, stop = (instants.whole(part_of(count, share)) for share in (end - labels.share, end))
    chosen = pl.lit(True) if window == 0 else pl.col("split") == "train"
    return windows_between(people, window, start, stop, instants.after(start)).filter(chosen)


def _by_days(
    people: pl.DataFrame, events: pl.DataFrame, labels: LabelsConfig, window: int, last: float
) -> pl.DataFrame:
    """Window 0 is for test users; the one before it for validation users; training users have all but window 0."""
    stop_s = end_of(labels.until, last) - window * labels.days * DAY_S
    start_s = stop_s - labels.days * DAY_S
    before = events.group_by(USER, maintain_order=True).agg(
        start=(pl.col(TIME) < start_s).sum(), stop=(pl.col(TIME) < stop_s).sum()
    )
    splits = {0: ["test"], 1: ["train", "valid"]}.get(window, ["train"])
    windows = windows_between(people, window, before["start"].to_numpy(), before["stop"].to_numpy(), start_s)
    return windows.filter(pl.col("split").is_in(splits))
