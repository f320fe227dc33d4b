"""What is known of all users at one moment: every value of every field has a number."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from penchant.features.ragged import Ragged, offsets_of
from penchant.features.shards import Shard
from penchant.schema import RESERVED


def values_of(
    shards: Sequence[Shard], fields: Mapping[str, int], *, numbers: Collection[str] = ()
) -> tuple[Ragged, int]:
    """Return the distinct known values of each user of all shards, as numbers, and the width, which is above all of
    them.

    fields: rows of each field's table; the values of one are unlike those of any other. numbers: fields of one number
    per user, which are left out. A user of whom nothing is known has an empty list.
    """
    starts, width = _starts(fields, numbers)
    parts, lengths = [], []
    for shard in shards:
        told = np.full((len(shard), 1), -1, np.int32)
        for name, start in starts.items():
            ids_NH = shard.column(f"{name}.ids").numpy()
            told = np.hstack([told, np.where(ids_NH >= RESERVED, ids_NH + start, -1)])
        parts.append(told[told >= 0])
        lengths.append((told >= 0).sum(1))
    return Ragged(offsets_of(np.concatenate(lengths)), np.concatenate(parts)), width


def value_at(number: int, fields: Mapping[str, int], *, numbers: Collection[str] = ()) -> tuple[str, int]:
    """The field and the id that a number of `values_of` stands for.

    >>> value_at(0, {"tags": 5, "age": 3, "item": 9}, numbers=["age"])
    ('tags', 2)
    >>> value_at(3, {"tags": 5, "age": 3, "item": 9}, numbers=["age"])
    ('item', 2)
    """
    starts, _ = _starts(fields, numbers)
    name = next(name for name in reversed(starts) if starts[name] + RESERVED <= number)
    return name, number - starts[name]


def values_within(name: str, fields: Mapping[str, int], *, numbers: Collection[str] = ()) -> range:
    """The numbers that `values_of` gives to the values of one field.

    >>> values_within("item", {"tags": 5, "age": 3, "item": 9}, numbers=["age"])
    range(3, 10)
    """
    start = _starts(fields, numbers)[0][name] + RESERVED
    return range(start, start + fields[name] - RESERVED)


def _starts(fields: Mapping[str, int], numbers: Collection[str]) -> tuple[dict[str, int], int]:
    """Return what is added to the ids of each field, and how many values all fields have."""
    starts, width = {}, 0
    for name, rows in fields.items():
        if name not in numbers:
            starts[name] = width - RESERVED
            width += rows - RESERVED
    return starts, width
