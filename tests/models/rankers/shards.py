"""A prepared folder of one shard, small enough to know by heart.

Items are a, b, c and x, which is outside the vocabulary; tags t and u were said of a from the start, v from time 25 on.
"""

from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import nan, tensor

from penchant.features.items import NO_ITEM, Items
from penchant.features.seen import Seen
from penchant.features.sequences import write_events
from penchant.features.shards import Shard
from penchant.schema import CLICKED, ITEM, RESERVED, TIME, UNKNOWN

A, B, C, X = range(4)
"""Entries of the items."""
ID_A, ID_B, ID_C = range(RESERVED, RESERVED + 3)
TAG_T, TAG_U, TAG_V = range(RESERVED, RESERVED + 3)


def items() -> Items:
    """Item b has no tags, c has t and one outside the vocabulary, x has u."""
    said: dict[str, np.ndarray] = {
        "said.offsets": np.array([0, 3, 3, 5, 6]),
        "said.values": np.array([TAG_T, TAG_U, TAG_V, TAG_T, -1, TAG_U], np.int32),
        "said.since": np.array([0.0, 0.0, 25.0, 0.0, 0.0, 0.0]),
        "said.until": np.full(6, np.inf),
    }
    tags = {"offsets": said["said.offsets"], "values": said["said.values"], **said}
    ids: dict[str, np.ndarray] = {"offsets": np.arange(5), "values": np.array([ID_A, ID_B, ID_C, -1], np.int32)}
    return Items(pl.Series(ITEM, ["a", "b", "c", "x"]), {ITEM: Seen(ids), "tags": Seen(tags)})


def shard(folder: Path) -> Shard:
    """Three users. The first clicked a, saw b and clicked x and c; is asked at time 20 about a and b. The second has no
    history and is asked about c, x and a at time 30. The third clicked b, and nothing is asked: "now"."""
    events = [(A, 10.0, True), (B, 12.0, False), (X, 15.0, True), (C, 16.0, True), (B, 40.0, True)]
    entry, time, clicked = zip(*events, strict=True)
    frame = pl.DataFrame({"entry": entry, TIME: time, CLICKED: clicked})
    write_events(folder / "events" / "00000.safetensors", frame, [CLICKED])
    shown = [[A, B, NO_ITEM, NO_ITEM], [C, X, A, NO_ITEM], [NO_ITEM] * 4]
    arrays = {
        "history.offsets": torch.zeros(4, dtype=torch.long),
        "events.first": tensor([0, 4, 4]),
        "events.count": tensor([4, 0, 1]),
        "moment": torch.tensor([20.0, 30.0, torch.inf], dtype=torch.float64),
        "genre.ids": tensor([[2, 3], [UNKNOWN, 0], [0, 0]], dtype=torch.int32),
        "genre.weights": tensor([[2.0, 1.0], [1.0, 0.0], [0.0, 0.0]]),
        "shown.entry": tensor(shown, dtype=torch.int32),
        f"shown.{CLICKED}": tensor([[1, 0, nan, nan], [0, 1, 0, nan], [nan] * 4]),
        "shown.like": tensor([[1, nan, nan, nan], [nan, nan, 0, nan], [nan] * 4]),
    }
    users = pl.DataFrame({"user": ["anna", "ben", "carl"]})
    (folder / "train").mkdir(parents=True)
    users.write_parquet(folder / "train" / "00000.users.parquet")
    return Shard(arrays, folder / "train" / "00000.safetensors", items())
