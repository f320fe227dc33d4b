"""Tags of known vectors, clicks and places: as a model, and as an atlas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from penchant.features.vocabulary import Vocabulary
from penchant.models.base import Sizes
from penchant.models.interests.utpm import Utpm, UtpmConfig
from penchant.profiles.atlas import Atlas
from penchant.profiles.atlas_writing import Surveyed, write_atlas
from penchant.schema import RESERVED
from penchant.serving.served import Served, TagModel

START_S, DAY_S = 1_700_000_000.0, 86_400.0


@dataclass
class Background:
    """An atlas that is there, or is not yet."""

    atlas: Atlas | None
    problem: str = ""

    def now(self) -> Atlas | None:
        return self.atlas

    def step(self) -> bool:
        """There is nothing to make."""
        return False

    def close(self) -> None:
        """There is nothing to give up."""


def tag_model(like: TagModel, vectors: Mapping[str, Sequence[float]]) -> TagModel:
    """A model whose tags have these vectors, and these names in this order; the rest is that of another."""
    width, rows = len(next(iter(vectors.values()))), len(vectors) + RESERVED
    model = Utpm(UtpmConfig(embedding=2, user=width, query=2), Sizes({"tags": rows}, rows))
    with torch.no_grad():
        model.tag.weight[RESERVED:] = torch.tensor(list(vectors.values()))
    counts = pl.Series(range(len(vectors), 0, -1))
    return replace(like, model=model, names={like.label: Vocabulary(pl.Series(list(vectors)), counts)})


def serving(like: Served, vectors: Mapping[str, Sequence[float]], *, name: str = "known") -> Served:
    """A run that serves with such a model."""
    return replace(like, name=name, profiles={"tags": tag_model(like.interests(), vectors)})


def atlas(
    folder: Path,
    *,
    clicks: Mapping[str, Sequence[int]],
    all_clicks: Sequence[int],
    places: Mapping[str, tuple[float, float]],
    fans: Mapping[str, Mapping[str, float]] | None = None,
    users: Mapping[str, int] | None = None,
    clock: bool = True,
) -> Atlas:
    """clicks: of each tag in each bin, which is a day; places: of those that are on the map; fans: with the preference,
    None where there are no profiles; users: who have a tag among their foremost."""
    tags, counts_VT = list(clicks), np.array(list(clicks.values()), np.int32)
    bins = len(all_clicks) if clock else 0
    rows = [(number, user, one) for number, tag in enumerate(tags) for user, one in (fans or {}).get(tag, {}).items()]
    arrays = {
        "clicks": counts_VT.sum(1, dtype=np.int64),
        "users": np.array([(users or {}).get(tag, 0) for tag in tags]),
        "place": np.array([places.get(tag, (np.nan, np.nan)) for tag in tags], np.float32),
        "movement": counts_VT[:, :bins],
        "all_clicks": np.array(all_clicks[:bins], np.int64),
        "edges": START_S + DAY_S * np.arange(bins + 1) if clock else np.zeros(0),
    }
    schema = {"number": pl.UInt32, "user": pl.String, "preference": pl.Float32}
    interested = pl.DataFrame(rows, schema, orient="row")
    write_atlas(Surveyed(tags, arrays, interested, fans is not None), folder, {"version": folder.name}, made=START_S)
    return Atlas(folder)
