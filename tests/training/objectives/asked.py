"""What a ranker and a graph model may learn in a moment: users of two halves click items of theirs."""

from pathlib import Path

import numpy as np
import polars as pl
import torch

from penchant.features.items import NO_ITEM, Items
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.seen import Seen
from penchant.features.shards import Shard
from penchant.features.vocabulary import Vocabulary
from penchant.schema import CLICKED, ITEM, RESERVED
from penchant.training.objectives.graphs import Clicks

ITEMS, SHOWN = 10, 5


def asked_shard(samples: int, seed: int) -> Shard:
    """Field "half" says which half a user is of; tasks are CLICKED, and "like" where something was clicked. No events,
    so there is no past."""
    rng = np.random.default_rng(seed)
    half_n, entry_nK = rng.integers(2, size=samples), rng.integers(ITEMS, size=(samples, SHOWN))
    entry_nK[:, -1] = np.where(half_n, NO_ITEM, entry_nK[:, -1])
    clicked_nK = np.where(entry_nK == NO_ITEM, np.nan, entry_nK % 2 == half_n[:, None])
    arrays = {
        "history.offsets": np.zeros(samples + 1, np.int64),
        "moment": np.arange(samples, dtype=np.float64),
        "half.ids": half_n[:, None].astype(np.int32) + RESERVED,
        "half.weights": np.ones((samples, 1), np.float32),
        "shown.entry": entry_nK.astype(np.int32),
        f"shown.{CLICKED}": clicked_nK.astype(np.float32),
        "shown.like": np.where(clicked_nK == 1, entry_nK > ITEMS // 2, np.nan).astype(np.float32),
    }
    ids = Seen({"offsets": np.arange(ITEMS + 1), "values": np.arange(ITEMS, dtype=np.int32) + RESERVED})
    items = Items(pl.Series(ITEM, [f"i{entry}" for entry in range(ITEMS)]), {ITEM: ids})
    return Shard({name: torch.from_numpy(array) for name, array in arrays.items()}, Path(), items)


def clicks_of_halves(users: int, items: int) -> Clicks:
    """Each user clicked half of the items of their half."""
    rng = np.random.default_rng(0)
    lists = [np.sort(rng.choice(np.arange(user % 2, items, 2), items // 4, replace=False)) for user in range(users)]
    lengths = np.array([len(one) for one in lists])
    names = Vocabulary(pl.Series([f"u{user}" for user in range(users)]), pl.Series(lengths))
    return Clicks(names, Ragged(offsets_of(lengths), np.concatenate(lists) + RESERVED), items + RESERVED)
