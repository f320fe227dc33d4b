"""A log, profiles and vectors → the atlas, bucket by bucket: memory is bounded by one, the items and the tags."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import save_file
from scipy.sparse import csr_array

from penchant.errors import DataError
from penchant.features.ragged import place_in_run
from penchant.files import aside, write_json
from penchant.logs.forgotten import digest_of
from penchant.logs.ingest import Log
from penchant.models.parts.ranking import among_highest
from penchant.profiles.atlas import (
    FORM,
    INTERESTED,
    MANIFEST,
    NUMBER,
    NUMBERS,
    PREFERENCE,
    TAG,
    TAGS,
    VERSION,
    write_interested,
)
from penchant.profiles.layout import lay_out
from penchant.progress import Progress, Report, quiet
from penchant.schema import CLICKED, ITEM, TIME, USER

FOREMOST = 10
"""Of a user's tags, clicked and unseen together, those with the highest preferences."""

MOST_BINS = 24
"""Of time."""

_ENTRY, _ROW = "entry", "row"
_SCHEMA = {NUMBER: pl.UInt32, USER: pl.String, PREFERENCE: pl.Float32}


@dataclass(frozen=True)
class AtlasBounds:
    """interested: users who are kept of a tag, of those whose profile has it; mapped: the most clicked tags, which are
    on the map; waiting: of users who may be kept, so many wait until they are compared with those kept before."""

    interested: int = 50
    mapped: int = 5_000
    waiting: int = 1_000_000


BOUNDS = AtlasBounds()


@dataclass(frozen=True)
class Grounds:
    """What an atlas is made of. field: of the items, that tags are values of; tags: as the log has them, names: as
    profiles and people do, both in the order of the vocabulary; vectors_VE: of these; profiles: the folder of finished
    ones, None where there are none."""

    log: Log
    field: str
    tags: Sequence[str]
    names: Sequence[str]
    vectors_VE: np.ndarray
    profiles: Path | None


@dataclass(frozen=True)
class Surveyed:
    """The content of an atlas, see `Atlas`. interested: NUMBER, USER, PREFERENCE, ascending by number, best first."""

    names: Sequence[str]
    arrays: dict[str, np.ndarray]
    interested: pl.DataFrame
    profiled: bool

    def without(self, digests: Collection[str]) -> "Surveyed":
        """Nobody is interested of those who were forgotten."""
        if not digests:
            return self
        users = self.interested[USER].unique()
        gone = users.filter(pl.Series([digest_of(user) in digests for user in users], dtype=pl.Boolean))
        return replace(self, interested=self.interested.filter(~pl.col(USER).is_in(gone.implode())))


def survey(grounds: Grounds, *, seed: int, bounds: AtlasBounds = BOUNDS, report: Report = quiet) -> Surveyed:
    """Count what was clicked and who is interested, and lay out the map. seed: of the map. DataError where vectors are
    not finite."""
    _refuse_broken(grounds.vectors_VE)
    edges, movement_VT, all_clicks_T = _count_clicks(grounds, report)
    clicks_V = movement_VT.sum(1, dtype=np.int64)
    users_V, interested = _find_interested(grounds, bounds, report)
    report(Progress("map of tags", 0, 1))
    place_VC = _places(grounds.vectors_VE, clicks_V, seed, bounds.mapped)
    report(Progress("map of tags", 1, 1))
    if grounds.log.position:
        edges, movement_VT, all_clicks_T = np.zeros(0), movement_VT[:, :0], all_clicks_T[:0]
    arrays = {
        "clicks": clicks_V,
        "users": users_V,
        "place": place_VC,
        "movement": movement_VT,
        "all_clicks": all_clicks_T,
        "edges": edges,
    }
    return Surveyed(grounds.names, arrays, interested, grounds.profiles is not None)


def _refuse_broken(vectors_VE: np.ndarray) -> None:
    broken = int((~np.isfinite(vectors_VE).all(1)).sum())
    if broken:
        raise DataError(
            f"the vectors of {broken:,} of {len(vectors_VE):,} tags are not finite; remove the run's model folder and "
            f"train again"
        )


def write_atlas(surveyed: Surveyed, folder: Path, said: dict[str, Any], *, made: float) -> None:
    """Whole or not there. said: what it belongs to, its VERSION at least, see `is_written`; made: now, UTC seconds."""
    rows = surveyed.interested.to_arrow(compat_level=pl.CompatLevel.oldest())
    with aside(folder) as temporary:
        temporary.mkdir()
        pl.DataFrame({TAG: pl.Series(surveyed.names, dtype=pl.String)}).write_parquet(temporary / TAGS)
        save_file({name: np.ascontiguousarray(array) for name, array in surveyed.arrays.items()}, temporary / NUMBERS)
        write_interested(rows.replace_schema_metadata({VERSION: said[VERSION]}), temporary / INTERESTED)
        manifest = {"said": {**said, "form": FORM}, "made": made, "profiled": surveyed.profiled}
        write_json(temporary / MANIFEST, manifest)


def _count_clicks(grounds: Grounds, report: Report) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """edges, clicks of each tag [V, T] and all clicks [T], in one bin where all is of one moment."""
    log, pairs = grounds.log, _carried(grounds)
    first, last = log.found["first"], log.found["last"]
    bins = MOST_BINS if last > first else 1
    edges = np.linspace(first, last, bins + 1)
    entries = pairs.select(ITEM).unique().sort(ITEM).with_row_index(_ENTRY)
    clicks_IT, all_clicks_T = np.zeros((len(entries), bins), np.int32), np.zeros(bins, np.int64)
    for bucket in range(log.buckets):
        clicks = log.events(bucket).filter(CLICKED)
        bin_ = np.clip(np.searchsorted(edges, clicks[TIME].to_numpy(), side="right") - 1, 0, bins - 1)
        all_clicks_T += np.bincount(bin_, minlength=bins)
        placed = clicks.select(ITEM, pl.Series("bin", bin_)).join(entries, on=ITEM)
        cells = placed.group_by(_ENTRY, "bin").len()
        clicks_IT[cells[_ENTRY].to_numpy(), cells["bin"].to_numpy()] += cells["len"].to_numpy().astype(np.int32)
        report(Progress("clicks on tags", bucket + 1, log.buckets))
    number, entry = pairs.join(entries, on=ITEM).select(NUMBER, _ENTRY).to_numpy().T.astype(np.int64)
    carries_VI = csr_array((np.ones(len(number), np.int32), (number, entry)), (len(grounds.tags), len(entries)))
    return edges, (carries_VI @ clicks_IT).astype(np.int32), all_clicks_T


def _carried(grounds: Grounds) -> pl.DataFrame:
    """ITEM and NUMBER of each known tag that it carries, once; an item may be what is predicted itself."""
    known = pl.DataFrame({TAG: pl.Series(grounds.tags, dtype=pl.String)}).with_row_index(NUMBER)
    if grounds.field == ITEM:
        return known.select(pl.col(TAG).alias(ITEM), NUMBER)
    items = grounds.log.items().select(ITEM, pl.col(grounds.field).alias(TAG))
    values = items.explode(TAG, keep_nulls=False, empty_as_null=False)
    return values.join(known, on=TAG).select(ITEM, NUMBER)


def _find_interested(grounds: Grounds, bounds: AtlasBounds, report: Report) -> tuple[np.ndarray, pl.DataFrame]:
    """users_V, and NUMBER, USER, PREFERENCE of those who are kept of each tag."""
    known = pl.DataFrame({TAG: pl.Series(grounds.names, dtype=pl.String)}).with_row_index(NUMBER)
    known = known.unique(TAG, keep="first")
    users_V, best, waiting = np.zeros(len(grounds.names), np.int64), pl.DataFrame(schema=_SCHEMA), list[pl.DataFrame]()
    paths = sorted(grounds.profiles.glob("*.parquet")) if grounds.profiles else []
    for done, path in enumerate(paths, start=1):
        if "clicked.tags" in pl.read_parquet_schema(path):  # else there are no users in this bucket
            profiles = pl.read_parquet(path).sort(USER)
            rows = _preferred(profiles, known)
            foremost = place_in_run(rows[_ROW].to_numpy()) < FOREMOST
            users_V += np.bincount(rows[NUMBER].to_numpy()[foremost], minlength=len(users_V))
            kept = _best(rows, by=_ROW, most=bounds.interested)
            waiting.append(kept.with_columns(profiles[USER].gather(kept[_ROW])).select(*_SCHEMA))
        if sum(map(len, waiting)) > max(len(best), bounds.waiting):
            best, waiting = _best(pl.concat([best, *waiting]), by=USER, most=bounds.interested), []
        report(Progress("who is interested", done, len(paths)))
    return users_V, _best(pl.concat([best, *waiting]), by=USER, most=bounds.interested)


def _preferred(profiles: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """_ROW of the user, NUMBER and PREFERENCE of the tags of all profiles, the best of each first; of equal ones the
    first in the profile."""
    lists = {
        name: pl.concat_list(f"{kind}.{column}" for kind in ("clicked", "unseen"))
        for name, column in ((TAG, "tags"), (PREFERENCE, "preferences"))
    }
    rows = profiles.select(**lists).with_row_index(_ROW).explode(TAG, PREFERENCE, keep_nulls=False, empty_as_null=False)
    numbered = rows.join(known, on=TAG, maintain_order="left").select(_ROW, NUMBER, PREFERENCE)
    return numbered.sort(_ROW, PREFERENCE, descending=[False, True], maintain_order=True)


def _best(rows: pl.DataFrame, *, by: str, most: int) -> pl.DataFrame:
    """Of each tag the users with the highest preferences; of equal ones the first by a column."""
    ordered = rows.sort(NUMBER, PREFERENCE, by, descending=[False, True, False])
    return ordered.filter(pl.Series(place_in_run(ordered[NUMBER].to_numpy()) < most))


def _places(vectors_VE: np.ndarray, clicks_V: np.ndarray, seed: int, most: int) -> np.ndarray:
    """place_VC of the most clicked tags, NaN of others."""
    place_VC = np.full((len(clicks_V), 2), np.nan, np.float32)
    mapped = among_highest(clicks_V, most)
    place_VC[mapped] = lay_out(vectors_VE[mapped], seed)
    return place_VC
