"""What each window asks the model to tell: which items were clicked and which were not, and by what tags."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.features.cuts.target import Target
from penchant.features.fields import SAMPLE
from penchant.features.items import ENTRY, NO_ITEM
from penchant.features.ragged import Ragged, offsets_of, place_in_run
from penchant.features.sequences import done
from penchant.schema import CLICKED, RESERVED, UNKNOWN

TAG = "tag"


@dataclass(frozen=True)
class Labels:
    """entry: [n, K] int32, the items that are asked about, NO_ITEM behind the last; tasks: of each, [n, K] float32,
    what the user did with them (CLICKED: 1 or 0), NaN where that is not known and where there is no item.

    truth: the distinct known tags of all clicked items of the window; truth_size: [n] how many distinct ones there are
    with those outside the vocabulary, which count against every model because no model can name them; truth_new: [n]
    how many of these, known or not, are not in the history.
    """

    entry: np.ndarray
    tasks: dict[str, np.ndarray]
    truth: Ragged
    truth_size: np.ndarray
    truth_new: np.ndarray


def make_labels(
    shown: pl.DataFrame,
    samples: int,
    tags: Ragged,
    target: Target,
    rng: np.random.Generator,
    *,
    before: pl.DataFrame | None = None,
) -> Labels:
    """Labels of `samples` samples.

    shown: SAMPLE, ENTRY, CLICKED and a column for each further task, a row per item in a sample's label window, sampled
    un-clicked ones included.
    tags: the tags of each item, by ENTRY: ids, and for those outside the vocabulary negative numbers that tell them
    apart; UNKNOWN stands for a tag that nothing else has. before: SAMPLE and TAG of the histories, numbered alike;
    empty ones if not given. Where a window has more than K items, K are drawn, at least one of them clicked and one not
    if there are such.
    """
    truth = _truth(shown, _told_apart(tags))
    new = truth if before is None else truth.join(before, on=[SAMPLE, TAG], how="anti")
    known = truth.filter(pl.col(TAG) >= RESERVED)
    known_tags = Ragged(offsets_of(_count(known, samples)), known[TAG].to_numpy())
    entry_NK, tasks = _drawn(shown, samples, tags, target, rng)
    return Labels(entry_NK, tasks, known_tags, _count(truth, samples), _count(new, samples))


def _drawn(
    shown: pl.DataFrame, samples: int, tags: Ragged, target: Target, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """`entry` and `tasks` of Labels."""
    values, owner = tags.take(shown[ENTRY].to_numpy())
    known = np.bincount(owner, weights=values >= RESERVED, minlength=len(shown)) > 0
    drawn = _draw(shown.filter(pl.Series(known)), target.items, rng)
    place = drawn[SAMPLE].to_numpy(), drawn["slot"].to_numpy()
    entry_NK = np.full((samples, target.items), NO_ITEM, np.int32)
    entry_NK[place] = drawn[ENTRY].to_numpy()
    tasks = {}
    for name in shown.columns:
        if name not in (SAMPLE, ENTRY):
            tasks[name] = np.full(entry_NK.shape, np.nan, np.float32)
            tasks[name][place] = done(drawn[name])
    return entry_NK, tasks


def sample_unclicked(
    clicks: pl.DataFrame, label_clicks: pl.DataFrame, lots: np.ndarray, per_click: int, rng: np.random.Generator
) -> pl.DataFrame:
    """Items to stand for the un-clicked where none were logged, never one the user clicked.

    clicks: SAMPLE, ENTRY of each sample's user up to the end of the window; label_clicks: SAMPLE, ENTRY of those in
    the window; lots: of each item, it is drawn in proportion to them. Returns SAMPLE, ENTRY, CLICKED (false).
    """
    cumulative = np.cumsum(lots)
    wanted = label_clicks.select(pl.col(SAMPLE).repeat_by(per_click).explode())
    if cumulative[-1] == 0 or wanted.is_empty():
        return pl.DataFrame(schema={SAMPLE: pl.UInt32, ENTRY: pl.Int64, CLICKED: pl.Boolean})
    drawn = np.searchsorted(cumulative, rng.random(len(wanted)) * cumulative[-1], side="right")
    unclicked = wanted.with_columns(pl.Series(ENTRY, drawn, pl.Int64)).unique(maintain_order=True)
    unclicked = unclicked.join(clicks, on=[SAMPLE, ENTRY], how="anti", maintain_order="left")
    return unclicked.with_columns(pl.lit(False).alias(CLICKED))


def invent_unclicked(
    label_clicks: pl.DataFrame, tags: Ragged, vocabulary: int, per_click: int, rng: np.random.Generator
) -> tuple[pl.DataFrame, Ragged]:
    """Un-clicked items that do not exist: each has as many tags as the click it stands against, drawn uniformly from
    the `vocabulary` (PAD and UNKNOWN included in its size), so that a frequent tag is seldom among the un-clicked.

    label_clicks: SAMPLE, ENTRY of the clicks in each window. Returns SAMPLE, ENTRY, CLICKED (false), and `tags` with
    the invented items after the real ones. Source: negative sampling, Mikolov et al., NeurIPS 2013, section 2.2, with
    the uniform distribution.
    """
    wanted = label_clicks.select(pl.all().repeat_by(per_click).explode())
    lengths = tags.lengths[wanted[ENTRY].to_numpy()]
    invented = rng.integers(RESERVED, vocabulary, lengths.sum()).astype(tags.values.dtype)
    offsets = np.concatenate([tags.offsets[:-1], tags.offsets[-1] + offsets_of(lengths)])
    numbers = pl.Series(ENTRY, len(tags) + np.arange(len(wanted)), pl.Int64)
    unclicked = wanted.select(SAMPLE, numbers, pl.lit(False).alias(CLICKED))
    return unclicked, Ragged(offsets, np.concatenate([tags.values, invented]))


def _told_apart(tags: Ragged) -> Ragged:
    """With a negative number of its own for every UNKNOWN."""
    own = tags.values.min(initial=0) - 1 - np.arange(len(tags.values), dtype=np.int64)
    return Ragged(tags.offsets, np.where(tags.values == UNKNOWN, own, tags.values))


def _truth(shown: pl.DataFrame, tags: Ragged) -> pl.DataFrame:
    """SAMPLE and TAG: each clicked tag of each window once, in order."""
    clicked = shown.filter(CLICKED)
    values, owner = tags.take(clicked[ENTRY].to_numpy())
    return pl.DataFrame({SAMPLE: clicked[SAMPLE].gather(owner), TAG: values}).unique().sort(SAMPLE, TAG)


def _count(pairs: pl.DataFrame, samples: int) -> np.ndarray:
    return np.bincount(pairs[SAMPLE].to_numpy(), minlength=samples).astype(np.int32)


def _draw(shown: pl.DataFrame, most: int, rng: np.random.Generator) -> pl.DataFrame:
    """At most `most` items per sample with their "slot"; the first of each kind always among them."""
    shown = shown.with_columns(pl.Series("lot", rng.random(len(shown)))).sort(SAMPLE, CLICKED, "lot")
    kinds = shown[SAMPLE].to_numpy().astype(np.int64) * 2 + shown[CLICKED].to_numpy()
    ordered = shown.with_columns(pl.Series("later", place_in_run(kinds) > 0)).sort(SAMPLE, "later", "lot")
    slots = pl.Series("slot", place_in_run(ordered[SAMPLE].to_numpy()))
    return ordered.with_columns(slots).filter(pl.col("slot") < most)
