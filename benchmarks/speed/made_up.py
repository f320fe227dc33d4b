"""Made-up samples for speed: Zipf-distributed ids, histories of different lengths, and a topic per user to be learned.

Half of a user's values and items are of the user's own topic, and own items are clicked six times as often. So a loss
curve has something to fall for, and two versions of one model can be told apart by it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch

from penchant.features.cuts.target import Target
from penchant.features.items import Items
from penchant.features.seen import Seen
from penchant.features.shards import Shard
from penchant.models.base import Sizes
from penchant.models.interests.utpm import UtpmConfig
from penchant.schema import ITEM, PAD, RESERVED

TOPICS = 20


@dataclass(frozen=True)
class Shape:
    """The UTPM paper's Table 1, and the rows of each table: fields' vocabularies, and the tags' own."""

    name: str
    model: UtpmConfig
    fields: tuple[int, ...]
    tags: int
    values: int
    items: int
    tags_per_item: int
    batch: int = 256

    @property
    def sizes(self) -> Sizes:
        return Sizes({f"f{number}": rows for number, rows in enumerate(self.fields)}, self.tags)

    @property
    def rows(self) -> int:
        """Rows of all tables together."""
        return sum(self.fields) + self.tags


def made_up_shard(shape: Shape, samples: int, seed: int = 0) -> Shard:
    """`samples` users of a shape."""
    rng = np.random.default_rng(seed)
    topic_n = rng.integers(TOPICS, size=samples)
    arrays: dict[str, np.ndarray] = {"history.offsets": np.zeros(samples + 1, np.int64)}
    for number, vocabulary in enumerate(shape.fields):
        ids_nH = _of_topic(rng, _zipf(rng, vocabulary, (samples, shape.values)), topic_n[:, None], 0.5)
        ids_nH[rng.integers(shape.values + 1, size=(samples, 1)) <= np.arange(shape.values)] = PAD
        arrays[f"f{number}.ids"] = _distinct(ids_nH)
        arrays[f"f{number}.weights"] = (arrays[f"f{number}.ids"] != PAD).astype(np.float32)
    topic_nK = np.where(rng.random((samples, shape.items)) < 0.5, topic_n[:, None], rng.integers(TOPICS))
    tags_nKN = _zipf(rng, shape.tags, (samples, shape.items, shape.tags_per_item))
    tags_nKN = _of_topic(rng, tags_nKN, topic_nK[..., None], 0.7)
    tags_nKN[rng.integers(1, shape.tags_per_item + 1, size=(*topic_nK.shape, 1)) <= np.arange(shape.tags_per_item)] = (
        PAD
    )
    tags_nKN[rng.integers(1, shape.items + 1, size=(samples, 1)) <= np.arange(shape.items)] = PAD
    clicked_nK = rng.random(topic_nK.shape) < np.where(topic_nK == topic_n[:, None], 0.6, 0.1)
    arrays["shown.entry"] = np.arange(topic_nK.size, dtype=np.int32).reshape(topic_nK.shape)
    arrays["shown.clicked"] = (clicked_nK & (tags_nKN != PAD).any(2)).astype(np.float32)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return Shard(tensors, Path(), _items(tags_nKN), Target(items=shape.items, tags=shape.tags_per_item))


def _items(tags_nKN: np.ndarray) -> Items:
    """Each shown item is one of its own; PAD is no tag, so that a list may be shorter than its place."""
    tags_IN = tags_nKN.reshape(-1, tags_nKN.shape[-1])
    seen = Seen({"offsets": np.arange(len(tags_IN) + 1) * tags_IN.shape[1], "values": tags_IN.ravel()})
    return Items(pl.Series(ITEM, np.arange(len(tags_IN)).astype(str)), {"tags": seen})


def _zipf(rng: np.random.Generator, vocabulary: int, shape: tuple[int, ...]) -> np.ndarray:
    """Ids by falling frequency, P(rank) ∝ about 1/rank, as tags of a feed are."""
    ranks = np.exp(rng.random(shape) * np.log(vocabulary - RESERVED + 1)).astype(np.int32) - 1
    return ranks.clip(0, vocabulary - RESERVED - 1) + RESERVED


def _of_topic(rng: np.random.Generator, ids: np.ndarray, topic: np.ndarray, share: float) -> np.ndarray:
    """About a `share` of the ids moved to the next lower id of the topic; the topic of an id is its rank % TOPICS."""
    moved, highest = ids - ids % TOPICS + topic, ids.max()
    return np.where((rng.random(ids.shape) < share) & (moved >= RESERVED) & (moved <= highest), moved, ids).astype(
        np.int32
    )


def _distinct(ids_nH: np.ndarray) -> np.ndarray:
    """Each row without repeats, PAD at its end: a user's field names a value once."""
    ordered_nH = np.sort(ids_nH, 1)
    ordered_nH[:, 1:][ordered_nH[:, 1:] == ordered_nH[:, :-1]] = PAD
    return np.take_along_axis(ordered_nH, np.argsort(ordered_nH == PAD, 1, kind="stable"), 1)
