"""Profiles of all users: a file per shard, so that a killed job goes on where it stopped.

A row has the user's clicked tags with their preference, the best tags not clicked yet, and the evidence: the values
that attention gave most weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from pydantic import Field as Limits
from torch import Tensor

from penchant.config import Config
from penchant.features.ragged import Ragged, offsets_of, place_in_run
from penchant.features.shards import Batch, Shard
from penchant.features.vocabulary import Vocabulary
from penchant.files import aside, write_json
from penchant.models.base import Attention, Interests
from penchant.progress import Progress, Report, quiet
from penchant.ranking import best
from penchant.schema import USER

SCORES_AT_ONCE = 4_000_000


Order = Literal["lift", "preference"]


class ProfilesConfig(Config):
    """clicked, unseen: the most tags of each kind per user, those that come first by `order`: "preference", or "lift",
    how far a preference is above that of the average user; evidence: the most values; item_name: the item field that
    people know an item by, its id if not given."""

    clicked: Annotated[int, Limits(ge=0)] = 20
    unseen: Annotated[int, Limits(ge=0)] = 30
    order: Order = "lift"
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
    average_V: Tensor,
    shards: list[Shard],
    names: Mapping[str, Names],
    folder: Path,
    config: ProfilesConfig,
    *,
    tags: str,
    report: Report = quiet,
) -> None:
    """Write `folder`/00000.parquet … for the shards, in order; those that are there are kept.

    average_V: of `average_of`; names: per field of the model, and for the labels under `tags`. Columns: USER;
    clicked.tags, clicked.preferences, clicked.lifts; the same of unseen (best first); evidence.fields, evidence.values
    and evidence.weights (share of all attention, the mean over the heads).
    """
    model.eval()
    for number, shard in enumerate(shards):
        path = folder / f"{number:05}.parquet"
        if not path.exists():
            with aside(path) as temporary:
                _profiles(model, average_V, shard, names, config, tags).write_parquet(temporary)
        report(Progress("profiles", number + 1, len(shards)))
    write_json(folder / "done.json", {"shards": len(shards), **config.model_dump()})


@torch.inference_mode()
def _profiles(
    model: Interests, average_V: Tensor, shard: Shard, names: Mapping[str, Names], config: ProfilesConfig, tags: str
) -> pl.DataFrame:
    size = max(1, SCORES_AT_ONCE // model.sizes.tags)
    users = shard.users
    blocks = []
    for start in range(0, len(shard), size):
        rows = slice(start, min(start + size, len(shard)))
        batch = model.batch(shard, rows)
        user_BU, attention = model.read(batch)
        ranked = rank(model.preferences(batch, user_BU), shard.history.part(rows), average_V, config)
        columns = [column for kind, chosen in ranked.items() for column in _lists(kind, chosen, names[tags])]
        columns += _evidence(attention, batch, names, config.evidence)
        blocks.append(pl.DataFrame([users[rows].alias(USER), *columns]))
    return pl.concat(blocks) if blocks else pl.DataFrame(schema={USER: pl.String})


@dataclass(frozen=True)
class Ranked:
    """Tags of some users, best first: ids_BK, preferences_BK, and lifts_BK, how far these are above the average user's;
    all are -inf behind the last one."""

    ids: np.ndarray
    preferences: np.ndarray
    lifts: np.ndarray


def rank(scores_BV: Tensor, history: Ragged, average_V: Tensor, config: ProfilesConfig) -> dict[str, Ranked]:
    """Tags that users have clicked ("clicked") and have not ("unseen"), in the order of the config, level ones in the
    order of `ranking`. scores_BV is changed."""
    owner = torch.from_numpy(np.repeat(np.arange(len(history)), history.lengths))
    clicked = torch.from_numpy(history.values).long()
    place = torch.from_numpy(place_in_run(owner.numpy()))
    ids_BH = torch.zeros(len(history), max(1, int(history.lengths.max(initial=0))), dtype=torch.long)
    own_BH = torch.full(ids_BH.shape, -torch.inf)
    ids_BH[owner, place], own_BH[owner, place] = clicked, scores_BV[owner, clicked]
    scores_BV[owner, clicked] = -torch.inf
    unseen = best(scores_BV - average_V if config.order == "lift" else scores_BV, config.unseen)
    own = best(own_BH - average_V[ids_BH] if config.order == "lift" else own_BH, config.clicked)
    return {
        "clicked": _ranked(ids_BH.gather(1, own.ids), own_BH.gather(1, own.ids), average_V),
        "unseen": _ranked(unseen.ids, scores_BV.gather(1, unseen.ids), average_V),
    }


def _ranked(ids_BK: Tensor, preferences_BK: Tensor, average_V: Tensor) -> Ranked:
    return Ranked(ids_BK.numpy(), preferences_BK.numpy(), (preferences_BK - average_V[ids_BK]).numpy())


def _lists(kind: str, chosen: Ranked, names: Names) -> list[pl.Series]:
    """Columns of tags, preferences and lifts, without the -inf."""
    keep = np.isfinite(chosen.preferences)
    lengths = keep.sum(1)
    return [
        in_lists(names.of(chosen.ids[keep]), lengths).alias(f"{kind}.tags"),
        in_lists(pl.Series(chosen.preferences[keep]), lengths).alias(f"{kind}.preferences"),
        in_lists(pl.Series(chosen.lifts[keep]), lengths).alias(f"{kind}.lifts"),
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
