"""Ordered histories: the events of a bucket, written once, and the stretches of them that samples point to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file
from torch import Tensor

from penchant.features.items import ENTRY, NO_ITEM
from penchant.features.ragged import offsets_of, read_arrays
from penchant.files import aside
from penchant.schema import CLICKED, TIME


@dataclass(frozen=True)
class Sequences:
    """What each of some users did, in order: those of list i are offsets[i] … offsets[i + 1] - 1, earliest first.

    entries: int32, of the items; times: float64, UTC seconds, or positions where there is no clock; tasks: by name,
    float32, what the user did with the item (CLICKED: 1 or 0), NaN where that is not known. Events at one time stand in
    order of the ids of their items.
    """

    offsets: np.ndarray
    entries: np.ndarray
    times: np.ndarray
    tasks: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    def clicked(self) -> "Sequences":
        """The clicks alone."""
        return self._kept(self.tasks[CLICKED] == 1)

    def latest(self, most: int) -> "Sequences":
        """The last `most` of each list."""
        return self._kept(np.arange(len(self.entries)) >= np.repeat(self.offsets[1:] - most, self.lengths))

    def padded(self) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """entry_BL (int64, NO_ITEM behind the last), time_BL (float64, 0 there) and each task's value_BL (NaN there); L
        is the length of the longest list, at least 1."""
        owner = np.repeat(np.arange(len(self)), self.lengths)
        place = np.arange(len(self.entries)) - np.repeat(self.offsets[:-1], self.lengths)
        shape = len(self), max(1, int(self.lengths.max(initial=0)))

        def filled(values: np.ndarray, empty: float, kind: type) -> Tensor:
            rows: np.ndarray = np.full(shape, empty, kind)
            rows[owner, place] = values
            return torch.from_numpy(rows)

        tasks = {name: filled(values, np.nan, np.float32) for name, values in self.tasks.items()}
        return filled(self.entries, NO_ITEM, np.int64), filled(self.times, 0.0, np.float64), tasks

    def _kept(self, keep: np.ndarray) -> "Sequences":
        owner = np.repeat(np.arange(len(self)), self.lengths)[keep]
        tasks = {name: values[keep] for name, values in self.tasks.items()}
        offsets = offsets_of(np.bincount(owner, minlength=len(self)))
        return Sequences(offsets, self.entries[keep], self.times[keep], tasks)


def write_events(path: Path, events: pl.DataFrame, tasks: Sequence[str]) -> None:
    """Write the events of one bucket in order; events: ENTRY, TIME and a column for each task. A task that is known of
    every event takes a byte for each, another one four."""
    arrays = {ENTRY: events[ENTRY].to_numpy().astype(np.int32), TIME: events[TIME].to_numpy()}
    for name in tasks:
        whole = events[name].dtype == pl.Boolean and not events[name].has_nulls()
        arrays[name] = events[name].to_numpy() if whole else done(events[name])
    with aside(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary)


def read_events(path: Path, first: np.ndarray, count: np.ndarray) -> Sequences:
    """Stretches of the events of a bucket: for each, `count` events from row `first` on."""
    arrays = {name: array.numpy() for name, array in read_arrays(path).items()}
    offsets = offsets_of(count)
    rows = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], count)
    entries, times = arrays.pop(ENTRY)[rows], arrays.pop(TIME)[rows]
    return Sequences(offsets, entries, times, {name: array[rows].astype(np.float32) for name, array in arrays.items()})


def done(task: pl.Series) -> np.ndarray:
    """A task's column as float32, NaN where it says nothing.

    >>> done(pl.Series([True, False, None]))
    array([ 1.,  0., nan], dtype=float32)
    """
    return task.cast(pl.Float32).fill_null(np.nan).to_numpy()
