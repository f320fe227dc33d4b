"""Texts to ids and back. Ids follow falling frequency, so id - RESERVED is the rank that samplers need."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl

from penchant.files import aside
from penchant.logs.reading import as_written, read_table
from penchant.schema import COUNT, RESERVED, UNKNOWN, VALUE


class Vocabulary:
    """The values seen often enough by training users, most frequent first (ties by name).

    >>> tags = Vocabulary.count(pl.DataFrame({"value": ["jazz", "rock", "folk"], "count": [3, 8, 1]}), min_count=2)
    >>> tags.values, tags.ids(pl.Series(["rock", "jazz", "folk"])).tolist()
    (['rock', 'jazz'], [2, 3, 1])
    """

    def __init__(self, values: pl.Series, counts: pl.Series) -> None:
        self._frame = pl.DataFrame({VALUE: values.cast(pl.String), COUNT: counts.cast(pl.Int64)})
        self._id_of: dict[str, int] | None = None

    @classmethod
    def count(cls, counted: pl.DataFrame, *, min_count: int) -> "Vocabulary":
        """From columns "value" and "count"; the same value in several rows is added up."""
        totals = counted.group_by(VALUE).agg(pl.col(COUNT).sum()).filter(pl.col(COUNT) >= min_count)
        kept = totals.sort(COUNT, VALUE, descending=[True, False])
        return cls(kept[VALUE], kept[COUNT])

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """What `save` wrote. Raises DataError where the file is anything else."""
        frame = read_table(path, VALUE, COUNT)
        with as_written(path):
            return cls(frame[VALUE], frame[COUNT])

    def save(self, path: Path) -> None:
        with aside(path) as temporary:
            self._frame.write_parquet(temporary)

    def __len__(self) -> int:
        """Ids in use, PAD and UNKNOWN among them: the number of rows a table of vectors needs."""
        return len(self._frame) + RESERVED

    @property
    def values(self) -> list[str]:
        return self._frame[VALUE].to_list()

    @property
    def counts(self) -> np.ndarray:
        """Clicks of each value among training users, most frequent first, without PAD and UNKNOWN."""
        return self._frame[COUNT].to_numpy()

    @property
    def counts_by_id(self) -> np.ndarray:
        """The same by id, 0 for PAD and UNKNOWN, float64."""
        return np.concatenate([np.zeros(RESERVED), self.counts])

    def ids(self, values: pl.Series) -> np.ndarray:
        """One id per text, int32; UNKNOWN for a value outside the vocabulary."""
        table = self._frame.select(VALUE).with_row_index("id", offset=RESERVED)
        found = values.cast(pl.String).to_frame(VALUE).join(table, on=VALUE, how="left", maintain_order="left")
        return found["id"].fill_null(UNKNOWN).cast(pl.Int32).to_numpy()

    def told_apart(self, values: pl.Series) -> np.ndarray:
        """As `ids`, but every text outside the vocabulary has a negative number of its own instead of UNKNOWN.

        >>> Vocabulary(pl.Series(["rock"]), pl.Series([8])).told_apart(pl.Series(["polka", "rock", "folk", "polka"]))
        array([-2,  2, -1, -2], dtype=int32)
        """
        ids = self.ids(values).copy()
        unknown = np.flatnonzero(ids == UNKNOWN)
        ids[unknown] = -values.gather(unknown).cast(pl.String).rank("dense").cast(pl.Int32).to_numpy()
        return ids

    def id(self, value: str) -> int:
        """The id of one text; UNKNOWN outside the vocabulary."""
        if self._id_of is None:
            self._id_of = {text: number for number, text in enumerate(self.values, start=RESERVED)}
        return self._id_of.get(value, UNKNOWN)

    def name(self, number: int) -> str:
        """The text of an id; "(other)" for UNKNOWN."""
        return self._frame[VALUE][number - RESERVED] if number >= RESERVED else "(other)"

    def shown_as(self, names: pl.DataFrame) -> "Vocabulary":
        """The same ids under readable names; `names`: "value" and "name", a value without one keeps its own."""
        shown = self._frame.join(names.unique(VALUE, keep="first"), on=VALUE, how="left", maintain_order="left")
        return Vocabulary(shown.select(pl.coalesce("name", VALUE))["name"], shown[COUNT])

    @property
    def fingerprint(self) -> str:
        """Changes whenever an id would mean something else."""
        return sha256(json.dumps(self.values).encode()).hexdigest()[:16]
