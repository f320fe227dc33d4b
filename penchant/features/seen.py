"""What items bring to a vocabulary, as who looks at some moment sees them."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import polars as pl

from penchant.features.ragged import Ragged, offsets_of
from penchant.logs.said import SINCE, UNTIL
from penchant.schema import ITEM, VALUE

Numbering = Callable[[pl.Series], np.ndarray]
"""Texts to int32."""


class Seen:
    """The values of one field of all items, by their entries. Where they were said one after the other, a moment
    decides which of them an item has: those said strictly before it.

    always: all that was ever said, which is what labels are made of, and what is seen at an infinite moment.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], *, at_once: int = 4_000_000) -> None:
        """arrays: as `of` makes them; they are all that has to be kept to see the same again; at_once: values that are
        looked at in one step."""
        self.arrays, self._at_once = arrays, at_once
        self.always = Ragged(arrays["offsets"], arrays["values"])
        if "said.offsets" in arrays:
            self._rows = Ragged(arrays["said.offsets"], np.arange(len(arrays["said.values"])))

    @classmethod
    def of(cls, items: pl.DataFrame, field: str, numbered: Numbering, said: pl.DataFrame | None = None) -> "Seen":
        """items: ITEM and `field`, a list of texts, a row per entry; said: as `Log.said`, None for values without a
        time."""
        own = Ragged(np.arange(len(items) + 1), items[ITEM].to_numpy())
        texts = own if field == ITEM else Ragged.of(items[field])
        rows = _by_entry(items, said)
        numbers = numbered(pl.concat([pl.Series(texts.values, dtype=pl.String), rows[VALUE]]))
        arrays = {"offsets": texts.offsets, "values": numbers[: len(texts.values)]}
        if said is not None:
            arrays["said.offsets"] = offsets_of(np.bincount(rows["entry"].to_numpy(), minlength=len(items)))
            arrays["said.values"] = numbers[len(texts.values) :]
            arrays |= {f"said.{name}": rows[name].to_numpy() for name in (SINCE, UNTIL)}
        return cls(arrays)

    def at(self, entry_N: np.ndarray, moment_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values of each entry at its moment, and for each value its position in `entry_N`, in no order."""
        if "said.offsets" not in self.arrays:
            return self.always.take(entry_N)
        now = np.flatnonzero(np.isposinf(moment_N))
        values, owner = self.always.take(entry_N[now])
        parts = [(values, now[owner]), *self._then(entry_N, moment_N, np.flatnonzero(~np.isposinf(moment_N)))]
        return np.concatenate([values for values, _ in parts]), np.concatenate([owner for _, owner in parts])

    def _then(
        self, entry_N: np.ndarray, moment_N: np.ndarray, then: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The same of some positions, at moments that are past."""
        value_R, since_R, until_R = (self.arrays[f"said.{name}"] for name in ("values", SINCE, UNTIL))
        step = np.cumsum(self._rows.lengths[entry_N[then]]) // self._at_once
        for part in np.split(then, np.flatnonzero(np.diff(step)) + 1):
            rows, place = self._rows.take(entry_N[part])
            owner = part[place]
            seen = (since_R[rows] < moment_N[owner]) & (moment_N[owner] <= until_R[rows])
            yield value_R[rows[seen]], owner[seen]


def _by_entry(items: pl.DataFrame, said: pl.DataFrame | None) -> pl.DataFrame:
    """ "entry", VALUE, SINCE, UNTIL, in order of entries."""
    entries = items.select(ITEM).with_row_index("entry")
    if said is None:
        return entries.head(0).select("entry", *(pl.lit(None, kind).alias(name) for name, kind in _KINDS.items()))
    return entries.join(said, on=ITEM).sort("entry").select("entry", *_KINDS)


_KINDS = {VALUE: pl.String, SINCE: pl.Float64, UNTIL: pl.Float64}
