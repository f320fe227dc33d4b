"""The promise of a cut: which events of a log are histories, which are labels, and who trains."""

import datetime
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl

from penchant.features.fields import SAMPLE
from penchant.logs.ingest import Log
from penchant.schema import USER

Split = Literal["train", "valid", "learn", "test", "latest"]

MOMENT = "moment"
DAY_S = 86_400.0


def counted(totals: Mapping[str, int]) -> str:
    """Numbers of users by split, in words.

    >>> counted({"train": 4, "valid": 0})
    '4 to train, 0 to choose by'
    """
    words = {"train": "train", "valid": "choose by", "learn": "learn likeness", "test": "test", "latest": "serve"}
    return ", ".join(f"{count:,} to {words.get(split, split)}" for split, count in totals.items())


class Cut(ABC):
    """How the events of each user are cut into histories and label windows.

    name: as run files and folders call it; splits: those that shards are written for, in order, "latest" the last;
    labelled: the splits whose samples have labels.
    """

    name: ClassVar[str]
    splits: ClassVar[tuple[Split, ...]]
    labelled: ClassVar[tuple[Split, ...]]

    @property
    @abstractmethod
    def seed(self) -> int:
        """The seed of all that is drawn while shards are written."""

    @property
    @abstractmethod
    def settings(self) -> list[str]:
        """What decides the samples, as JSON: another one writes other shards."""

    @abstractmethod
    def samples(self, events: pl.DataFrame, last: float) -> pl.DataFrame:
        """The samples of one bucket: SAMPLE (numbered from 0), USER, "split", "window", "start", "stop", MOMENT.

        events: one bucket in order; last: the latest time of the whole log. The history of a sample is its user's
        events 0 … start - 1, all earlier than its labels, which are start … stop - 1; samples with neither are left
        out. "latest" has all events before it. MOMENT: when the history is looked at, infinite for "latest": no event
        of the history, and nothing else that a model may know, is as late.
        """

    @abstractmethod
    def training_end(self, last: float) -> float:
        """UTC seconds from which on nothing counts for vocabularies or trains; infinite without a clock."""

    @abstractmethod
    def trains(self, ids: pl.Series) -> pl.Series:
        """Which of distinct users train; the same for a user in whatever company."""

    @abstractmethod
    def counts(self, events: pl.DataFrame, last: float) -> pl.Series:
        """Which events of one bucket, in order, count for vocabularies: training users' in the training period."""

    @abstractmethod
    def refuse_unfit(self, log: Log) -> None:
        """Raise ConfigError where the windows find no clock in the log, or do not lie within it."""

    @abstractmethod
    def too_few(self, totals: Mapping[str, int]) -> str:
        """What to tell a person where a split has no sample; totals: samples per split."""


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


def day_of(time: float) -> str:
    """UTC, to the minute."""
    return f"{datetime.datetime.fromtimestamp(time, datetime.UTC):%Y-%m-%d %H:%M}"
