"""Profiles of all users: a file per shard, so that a killed job goes on where it stopped.

A row has the user's clicked tags with their preference, the best tags not clicked yet, and the evidence: the values
that attention gave most weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from pydantic import Field as Limits
from torch import Tensor

from penchant.choices import Order
from penchant.config import Config
from penchant.features.own import HOW_OFTEN, Own
from penchant.features.ragged import offsets_of
from penchant.features.shards import Batch, Shard, batch_of
from penchant.features.vocabulary import Vocabulary
from penchant.files import aside, write_json
from penchant.models.interests.promise import Attention, Interests
from penchant.models.parts.ranking import best
from penchant.profiles.average import Average
from penchant.progress import Progress, Report, quiet
from penchant.schema import PAD, USER

SCORES_AT_ONCE = 4_000_000


class ProfilesConfig(Config):
    """model: the interest model whose profiles come first, the first of the run file if not given; every vocabulary
    that is predicted has profiles of its own. clicked, unseen: the most tags of each kind per user, those that come
    first by `order`: "preference", or "lift", how far a preference is above what is usual (profiles/average.py); the
    tag that the user clicked most is always among them. evidence: the most values; item_name: the item field
    that people know an item by, else by its id."""

    model: str | None = None
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
    average: Average,
    shards: list[Shard],
    names: Mapping[str, Names],
    folder: Path,
    config: ProfilesConfig,
    *,
    tags: str,
    report: Report = quiet,
) -> None:
    """Write `folder`/00000.parquet … for the shards, in order; those that are there are kept.

    names: per field of the model, and for the labels under `tags`. Columns: USER; clicked.tags, clicked.preferences,
    clicked.lifts, clicked.clicks; the same of unseen without the clicks (best first); evidence.fields, evidence.values
    and evidence.weights: share of all attention, the mean over the heads, empty where attention is no evidence.
    """
    model.eval()
    for number, shard in enumerate(shards):
        path = folder / f"{number:05}.parquet"
        if not path.exists():
            with aside(path) as temporary:
                _profiles(model, average, shard, names, config, tags).write_parquet(temporary)
        report(Progress("profiles", number + 1, len(shards)))
    write_json(folder / "done.json", {"shards": len(shards), **config.model_dump()})


@torch.inference_mode()
def _profiles(
    model: Interests, average: Average, shard: Shard, names: Mapping[str, Names], config: ProfilesConfig, tags: str
) -> pl.DataFrame:
    size = max(1, SCORES_AT_ONCE // model.sizes.tags)
    users = shard.users
    blocks = []
    for start in range(0, len(shard), size):
        rows = slice(start, min(start + size, len(shard)))
        batch = batch_of(shard, list(model.sizes.fields), rows, own=True)
        assert batch.own
        user_BU, attention = model.read(batch)
        ranked = rank(model.preferences(batch, user_BU), batch.own, average, config)
        columns = [column for kind, chosen in ranked.items() for column in _lists(kind, chosen, names[tags])]
        columns += _evidence(attention, batch, names, config.evidence)
        blocks.append(pl.DataFrame([users[rows].alias(USER), *columns]))
    return pl.concat(blocks) if blocks else pl.DataFrame(schema={USER: pl.String})


@dataclass(frozen=True)
class Ranked:
    """Tags of some users, best first: ids_BK, preferences_BK, lifts_BK, and clicks_BK, the user's own; preferences and
    lifts are -inf behind the last one."""

    ids: np.ndarray
    preferences: np.ndarray
    lifts: np.ndarray
    clicks: np.ndarray


def rank(scores_BV: Tensor, own: Own, average: Average, config: ProfilesConfig) -> dict[str, Ranked]:
    """Tags that users have clicked ("clicked") and have not ("unseen"), in the order of the config, level ones in the
    order of `ranking`; the most clicked one takes the last place where it would have none. A user who clicked
    nothing has no lift, so their tags are in the order of preference; so are unseen tags if the model prefers these
    alike for all users. scores_BV is changed."""
    level_B2 = average.levels(scores_BV)
    own_BH, clicks_BH = scores_BV.gather(1, own.ids_BH), own.fact(HOW_OFTEN)
    lift_BH = average.lifts_of(own_BH, own.ids_BH, level_B2)
    scores_BV.scatter_(1, own.ids_BH, -torch.inf)
    by_lift, bare_B = config.order == "lift", (own.ids_BH == PAD).all(1)
    place_BK = best(lift_BH if by_lift else own_BH, config.clicked).ids
    if config.clicked:
        most_B1 = clicks_BH.argmax(1, keepdim=True)
        kept_B1 = (place_BK == most_B1).any(1, keepdim=True)
        place_BK[:, -1:] = torch.where(kept_B1, place_BK[:, -1:], most_B1)
    ordering_BV = scores_BV
    if by_lift and not average.unseen_alike:
        ordering_BV = average.lifts(scores_BV, level_B2)
        ordering_BV[bare_B] = scores_BV[bare_B]
    unseen = best(ordering_BV, config.unseen)
    preferences_BK = scores_BV.gather(1, unseen.ids)
    lifts_BK = average.lifts_of(preferences_BK, unseen.ids, level_B2)
    if average.unseen_alike:
        lifts_BK = torch.where(lifts_BK.isneginf(), lifts_BK, 0.0)
    return {
        "clicked": _ranked(own.ids_BH, own_BH, lift_BH, clicks_BH, place_BK),
        "unseen": Ranked(
            unseen.ids.numpy(),
            preferences_BK.numpy(),
            lifts_BK.numpy(),
            np.zeros(unseen.ids.shape, np.int64),
        ),
    }


def _ranked(ids_BH: Tensor, own_BH: Tensor, lift_BH: Tensor, clicks_BH: Tensor, place_BK: Tensor) -> Ranked:
    """Those at some places."""
    ids, preferences, lifts, clicks = (one.gather(1, place_BK).numpy() for one in (ids_BH, own_BH, lift_BH, clicks_BH))
    return Ranked(ids, preferences, lifts, clicks.astype(np.int64))


def _lists(kind: str, chosen: Ranked, names: Names) -> list[pl.Series]:
    """Columns of tags, preferences, lifts, and of clicked ones the clicks, without the -inf."""
    keep = np.isfinite(chosen.preferences)
    lengths = keep.sum(1)
    numbers = {"preferences": chosen.preferences, "lifts": chosen.lifts}
    if kind == "clicked":
        numbers["clicks"] = chosen.clicks
    lists = [in_lists(pl.Series(values[keep]), lengths).alias(f"{kind}.{name}") for name, values in numbers.items()]
    return [in_lists(names.of(chosen.ids[keep]), lengths).alias(f"{kind}.tags"), *lists]


def in_lists(values: pl.Series, lengths: np.ndarray) -> pl.Series:
    """Consecutive values as a column of lists of the given lengths."""
    offsets = pa.array(offsets_of(lengths), pa.int64())
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(offsets, values.to_arrow())))


def _evidence(attention: Attention, batch: Batch, names: Mapping[str, Names], most: int) -> list[pl.Series]:
    if not attention.fields.any():
        nothing = {"fields": pl.String, "values": pl.String, "weights": pl.Float32}
        none = np.zeros(len(batch), np.int64)
        return [in_lists(pl.Series([], dtype=kind), none).alias(f"evidence.{name}") for name, kind in nothing.items()]
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
