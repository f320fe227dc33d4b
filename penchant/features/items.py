"""What each item of a log has (tags, category, account), looked up by its entry: its row among all items of the log."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file
from torch import Tensor

from penchant.features.ragged import Ragged, place_in_run, read_arrays
from penchant.features.seen import Seen
from penchant.features.vocabulary import Vocabulary
from penchant.files import aside
from penchant.logs.ingest import Log
from penchant.logs.reading import read_table
from penchant.schema import ITEM, RESERVED, UNKNOWN

ENTRY = "entry"
"""The row number of an item among all items that the events of a log name, in order of their ids."""

NO_ITEM = -1
"""Stands for no entry. Numbers below it are items that were invented, of which nothing but their tags is known."""


class Items:
    """The values of every item for every field that has a vocabulary. I items; entries are 0 … I - 1."""

    def __init__(self, names: pl.Series, seen: Mapping[str, Seen]) -> None:
        """names: ITEM of each entry; seen: by field."""
        self.names, self.seen = names, dict(seen)
        self._first: dict[tuple[str, int], Tensor] = {}

    @classmethod
    def of(cls, log: Log, names: pl.Series, vocabularies: Mapping[str, Vocabulary]) -> "Items":
        """The items of a log, for those vocabularies that are of the items."""
        own, of_users = log.items(), log.users().columns[1:]
        table = names.to_frame(ITEM).join(own, on=ITEM, how="left", maintain_order="left")
        seen = {
            field: Seen.of(table, field, vocabulary.told_apart, log.said(field))
            for field, vocabulary in vocabularies.items()
            if field not in of_users
        }
        return cls(names, seen)

    @classmethod
    def open(cls, folder: Path) -> "Items":
        """What `save` wrote; mapped into memory, not read."""
        seen = {}
        for path in sorted(folder.glob("*.safetensors")):
            seen[path.stem] = Seen({name: array.numpy() for name, array in read_arrays(path).items()})
        return cls(read_table(folder / "names.parquet", ITEM)[ITEM], seen)

    def save(self, folder: Path) -> None:
        """Write a file for each field, and the names."""
        with aside(folder / "names.parquet") as temporary:
            self.names.to_frame(ITEM).write_parquet(temporary)
        for field, seen in self.seen.items():
            with aside(folder / f"{field}.safetensors") as temporary:
                save_file({name: np.ascontiguousarray(array) for name, array in seen.arrays.items()}, temporary)

    def __len__(self) -> int:
        return len(self.names)

    def values(
        self, field: str, entries: np.ndarray, moments: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ids that some entries have for a field, and for each id its position in `entries`, in no order.

        UNKNOWN stands for a value outside the vocabulary; NO_ITEM and invented items have none. moments: when each
        entry is looked at, for values that have a time: those said strictly before count; all if not given.
        """
        when = np.full(len(entries), np.inf) if moments is None else moments
        numbers, owner = self.seen[field].at(entries, when)
        return np.maximum(numbers, UNKNOWN), owner

    def first(self, field: str, most: int) -> Tensor:
        """[I + 1, most] int32: the first known values of each entry, PAD behind them. The last row is empty, so that
        NO_ITEM, which counts from the end, finds nothing. Values that have a time are all there."""
        if (field, most) not in self._first:
            table = first_known(self.seen[field].always, np.arange(-1, len(self)), most)
            self._first[field, most] = torch.from_numpy(np.roll(table, -1, 0))
        return self._first[field, most]


def first_known(values: Ragged, lists: np.ndarray, most: int) -> np.ndarray:
    """[n, most] int32: the first known ids of the chosen lists, PAD behind them.

    >>> first_known(Ragged(np.array([0, 3, 3]), np.array([7, 1, 9])), np.array([0, 1, -1]), 2)
    array([[7, 9],
           [0, 0],
           [0, 0]], dtype=int32)
    """
    numbers, owner = values.take(lists)
    known = numbers >= RESERVED
    numbers, owner = numbers[known], owner[known]
    place = place_in_run(owner)
    fits = place < most
    table = np.zeros((len(lists), most), np.int32)
    table[owner[fits], place[fits]] = numbers[fits]
    return table
