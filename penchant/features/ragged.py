"""Lists of different lengths as two arrays: where each list starts, and all values in a row."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.torch import load_file
from torch import Tensor

from penchant.logs.reading import as_written


@dataclass(frozen=True)
class Ragged:
    """List i is values[offsets[i]:offsets[i + 1]]; offsets has one entry more than there are lists."""

    offsets: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, lists: pl.Series) -> "Ragged":
        """From a column of lists; a null counts as an empty list."""
        lengths = lists.list.len().fill_null(0).to_numpy()
        return cls(offsets_of(lengths), lists.explode(keep_nulls=False, empty_as_null=False).to_numpy())

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    def part(self, rows: slice) -> "Ragged":
        """Lists rows.start … rows.stop - 1, without copying the values."""
        offsets = self.offsets[rows.start : rows.stop + 1]
        return Ragged(offsets - offsets[0], self.values[offsets[0] : offsets[-1]])

    def take(self, lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values of the chosen lists, one after the other, and for each value its position in `lists`.

        A negative number stands for an empty list.

        >>> Ragged(np.array([0, 2, 2, 3]), np.array([7, 8, 9])).take(np.array([2, 0, -1]))
        (array([9, 7, 8]), array([0, 1, 1]))
        """
        lengths = np.where(lists < 0, 0, self.lengths[np.maximum(lists, 0)]) if len(self) else np.zeros(len(lists), int)
        owner = np.repeat(np.arange(len(lists)), lengths)
        starts = offsets_of(lengths)[:-1]
        within = np.arange(len(owner)) - starts[owner]
        return self.values[self.offsets[lists[owner]] + within], owner


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """Where lists of these lengths start, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def place_in_run(keys: np.ndarray) -> np.ndarray:
    """For each entry of `keys`, where equal ones stand together: how many of its run come before it.

    >>> place_in_run(np.array([4, 4, 7, 9, 9, 9]))
    array([0, 1, 0, 0, 1, 2])
    """
    first = np.flatnonzero(np.diff(keys, prepend=np.nan)) if len(keys) else np.zeros(0, int)
    return np.arange(len(keys)) - np.repeat(first, np.diff(first, append=len(keys)))


def run_lengths(*keys: np.ndarray) -> np.ndarray:
    """How many rows follow one another with equal keys, run after run.

    >>> run_lengths(np.array([4, 4, 4, 7]), np.array([1, 1, 2, 2]))
    array([2, 1, 1])
    """
    changes = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    first = np.flatnonzero(np.concatenate([[True], changes])) if len(keys[0]) else np.zeros(0, int)
    return np.diff(first, append=len(keys[0]))


def read_arrays(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name, mapped into memory. Raises DataError where it is none."""
    with as_written(path):
        return load_file(path)
