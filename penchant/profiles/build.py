"""Profiles of all users: a file per shard, so that a killed job goes on where it stopped.

A row has the user's clicked tags with their preference, the best tags not clicked yet, and the evidence: the values
that attention gave most weight.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from pydantic import Field as Limits
from torch import Tensor

from penchant.config import Config
from penchant.features.ragged import Ragged, offsets_of
from penchant.features.shards import Batch, Shard
from penchant.features.vocabulary import Vocabulary
from penchant.files import aside, write_json
from penchant.models.base import Attention, Interests
from penchant.progress import Progress, Report, quiet
from penchant.ranking import best
from penchant.schema import RESERVED, USER

SCORES_AT_ONCE = 4_000_000


class ProfilesConfig(Config):
    """clicked, unseen: the most tags of each kind per user; evidence: the most values; item_name: the item field that
    people know an item by, its id if not given."""

    clicked: Annotated[int, Limits(ge=0)] = 20
    unseen: Annotated[int, Limits(ge=0)] = 30
    evidence: Annotated[int, Limits(ge=0)] = 5
    item_name: str | None = None


class Names:
    """The text of every id, ready to be taken by the thousand: "(other)" for UNKNOWN."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.texts = pl.Series(["", "(other)", *vocabulary.values], dtype=pl.String)

    def of(self, ids: np.ndarray) -> pl.Series:
        return self.texts.gather(ids)


def build_profiles(
    model: Interests,
    shards: list[Shard],
    names: Mapping[str, Names],
    folder: Path,
    config: ProfilesConfig,
    *,
    tags: str,
    report: Report = quiet,
) -> None:
    """Write `folder`/00000.parquet … for the shards, in order; those that are there are kept.

    names: per field of the model, and for the labels under `tags`. Columns: USER; clicked.tags and
    clicked.preferences; unseen.tags and unseen.preferences (best first); evidence.fields, evidence.values and
    evidence.weights (share of all attention, the mean over the heads).
    """
    model.eval()
    for number, shard in enumerate(shards):
        path = folder / f"{number:05}.parquet"
        if not path.exists():
            with aside(path) as temporary:
                _profiles(model, shard, names, config, tags).write_parquet(temporary)
        report(Progress("profiles", number + 1, len(shards)))
    write_json(folder / "done.json", {"shards": len(shards), **config.model_dump()})


@torch.inference_mode()
def _profiles(
    model: Interests, shard: Shard, names: Mapping[str, Names], config: ProfilesConfig, tags: str
) -> pl.DataFrame:
    size = max(1, SCORES_AT_ONCE // model.sizes.tags)
    users = shard.users
    blocks = []
    for start in range(0, len(shard), size):
        rows = slice(start, min(start + size, len(shard)))
        batch = model.batch(shard, rows)
        user_BU, attention = model.read(batch)
        ranked = rank(model.preferences(batch, user_BU), shard.history.part(rows), config)
        columns = [column for kind, chosen in ranked.items() for column in _lists(kind, chosen, names[tags])]
        columns += _evidence(attention, batch, names, config.evidence)
        blocks.append(pl.DataFrame([users[rows].alias(USER), *columns]))
    return pl.concat(blocks) if blocks else pl.DataFrame(schema={USER: pl.String})


def rank(scores_BV: Tensor, history: Ragged, config: ProfilesConfig) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """ids [B, k] and preferences, best first, in the order of `ranking`; -inf behind the last."""
    owner = torch.from_numpy(np.repeat(np.arange(len(history)), history.lengths))
    clicked = torch.from_numpy(history.values).long()
    preferences = scores_BV[owner, clicked]
    scores_BV[owner, clicked] = -torch.inf
    unseen = best(scores_BV, min(config.unseen, scores_BV.shape[1] - RESERVED))
    longest = max(1, int(history.lengths.max(initial=0)))
    place = torch.from_numpy(np.arange(len(history.values)) - np.repeat(history.offsets[:-1], history.lengths))
    own_BH = torch.full((len(history), longest), -torch.inf)
    own_BH[owner, place] = preferences
    ids_BH = torch.zeros(len(history), longest, dtype=torch.long)
    ids_BH[owner, place] = clicked
    own = best(own_BH, config.clicked)
    return {
        "clicked": (ids_BH.gather(1, own.ids).numpy(), own.scores.numpy()),
        "unseen": (unseen.ids.numpy(), unseen.scores.numpy()),
    }


def _lists(kind: str, chosen: tuple[np.ndarray, np.ndarray], names: Names) -> list[pl.Series]:
    """A column of tags and one of preferences, without the -inf."""
    ids, preferences = chosen
    keep = np.isfinite(preferences)
    lengths = keep.sum(1)
    return [
        in_lists(names.of(ids[keep]), lengths).alias(f"{kind}.tags"),
        in_lists(pl.Series(preferences[keep]), lengths).alias(f"{kind}.preferences"),
    ]


def in_lists(values: pl.Series, lengths: np.ndarray) -> pl.Series:
    """Consecutive values as a column of lists of the given lengths."""
    offsets = pa.array(offsets_of(lengths), pa.int64())
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(offsets, values.to_arrow())))


def _evidence(attention: Attention, batch: Batch, names: Mapping[str, Names], most: int) -> list[pl.Series]:
    fields = list(attention.values)
    shares = [
        (attention.values[name] * attention.fields[:, :, number, None]).mean(1) for number, name in enumerate(fields)
    ]
    ids_BX = torch.cat([batch.ids[name] for name in fields], 1)
    field_BX = torch.cat([torch.full_like(batch.ids[name], number) for number, name in enumerate(fields)], 1)
    top = best(torch.cat(shares, 1), most)
    keep = (top.scores > 0).numpy()
    lengths = keep.sum(1)
    ids, field = ids_BX.gather(1, top.ids).numpy()[keep], field_BX.gather(1, top.ids).numpy()[keep]
    texts = _texts(ids, field, [names[name] for name in fields])
    return [
        in_lists(pl.Series(fields, dtype=pl.String).gather(field), lengths).alias("evidence.fields"),
        in_lists(texts, lengths).alias("evidence.values"),
        in_lists(pl.Series(top.scores.numpy()[keep]), lengths).alias("evidence.weights"),
    ]


def _texts(ids: np.ndarray, field: np.ndarray, names: list[Names]) -> pl.Series:
    """The name of each id in the vocabulary of its field."""
    starts = np.cumsum([0, *(len(name.texts) for name in names)])
    return pl.concat([name.texts for name in names]).gather(ids + starts[field])
