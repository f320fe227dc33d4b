"""From the events of one bucket to its shards: histories become fields, windows become labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from penchant.features.cuts.cut import MOMENT
from penchant.features.cuts.target import Target
from penchant.features.fields import AGE, ANY_WORTH, SAMPLE, columns, pack
from penchant.features.items import ENTRY, NO_ITEM, Items, first_known
from penchant.features.labels import TAG, Labels, invent_unclicked, make_labels, sample_unclicked
from penchant.features.numbers import Span, number_columns
from penchant.features.own import FACTS, HOW_OFTEN, own_columns
from penchant.features.plan import Plan
from penchant.features.ragged import Ragged, offsets_of, place_in_run, run_lengths
from penchant.features.sequences import write_events
from penchant.features.shards import SHOWN, write_shard
from penchant.features.vocabulary import Vocabulary
from penchant.logs.ingest import Log
from penchant.schema import CLICKED, COUNT, ITEM, TIME, UNKNOWN, USER, VALUE, WORTH

PLACE = "place"
"""The number of an event among its user's, from 0."""

Arrays = dict[str, np.ndarray]


class ShardBuilder:
    """Builds the shards of one bucket after the other; what every bucket needs is looked up once."""

    def __init__(
        self,
        log: Log,
        plan: Plan,
        vocabularies: dict[str, Vocabulary],
        counts: pl.DataFrame,
        *,
        spans: dict[str, Span],
    ) -> None:
        self.log, self.plan, self.spans, self.vocabularies = log, plan, spans, vocabularies
        self.items = Items.of(log, counts[ITEM], vocabularies)
        self.entries = counts.select(ITEM).with_row_index(ENTRY).cast({ENTRY: pl.Int64})
        self.last = log.found["last"]
        self.people = log.users()
        self.targets = [
            TargetBuilder(target, number, self, counts[COUNT].to_numpy()) for number, target in enumerate(plan.targets)
        ]

    def build(self, bucket: int, folder: Path) -> dict[str, dict[str, int]]:
        """Write the events and the shards of one bucket; the number of samples per target and split."""
        events = self.log.events(bucket)
        tasks = [name for name in events.columns if name not in (USER, ITEM, TIME, WORTH)]
        place = pl.Series(PLACE, place_in_run(events[USER].rle_id().to_numpy()))
        events = events.join(self.entries, on=ITEM, how="left", maintain_order="left").with_columns(place)
        write_events(folder / "events" / f"{bucket:05}.safetensors", events, tasks)
        samples = self.plan.cut.samples(events, self.last)
        rows = _rows_of_samples(events, samples, tasks)
        clicks = _clicks_before(rows)
        shared = {**self._fields(clicks, samples), **_places(events, samples)}
        asked = {one.target.field: one.build(bucket, rows, clicks, len(samples)) for one in self.targets}
        made: dict[str, dict[str, int]] = {field: {} for field in asked}
        for split in self.plan.cut.splits:
            everyone = samples.filter(pl.col("split") == split)[SAMPLE].to_numpy()
            kept = {field: one.kept(everyone, split) for field, one in asked.items()}
            # Every target in its own order, which is that of all: rows of one are found again in the union.
            union = np.unique(np.concatenate(list(kept.values())))
            parts = {name: array[union] for name, array in shared.items()}
            for field, one in asked.items():
                parts |= {f"{field}:{name}": array for name, array in one.take(kept[field], split).items()}
                if len(kept[field]) < len(union):
                    parts[f"{field}:rows"] = np.searchsorted(union, kept[field])
                made[field][split] = len(kept[field])
            write_shard(folder / split / f"{bucket:05}.safetensors", parts, samples[USER].gather(union))
        return made

    def _fields(self, clicks: pl.DataFrame, samples: pl.DataFrame) -> dict[str, np.ndarray]:
        arrays = {}
        for rule in self.plan.features.fields:
            source = rule.source
            if rule.number:
                packed = pack(number_columns(self._user_texts(samples, source), self.spans[source]), len(samples), 1)
            else:
                of_user = source not in self.items.seen
                values = self._user_values(samples, source) if of_user else self._values(clicks, source)
                packed = pack(columns(values, rule), len(samples), rule.limit)
            arrays[f"{rule.name}.ids"], arrays[f"{rule.name}.weights"] = packed
        return arrays

    def _values(self, clicks: pl.DataFrame, source: str) -> pl.DataFrame:
        """A row per click and value that it brings, whatever is outside the vocabulary as UNKNOWN."""
        return self.numbers(clicks, source).with_columns(pl.col(VALUE).clip(lower_bound=UNKNOWN))

    def numbers(self, clicks: pl.DataFrame, source: str) -> pl.DataFrame:
        """The same with what is outside the vocabulary told apart."""
        values, owner = self.items.seen[source].at(clicks[ENTRY].to_numpy(), clicks[MOMENT].to_numpy())
        return clicks.select(SAMPLE, TIME, AGE, ANY_WORTH)[owner].with_columns(pl.Series(VALUE, values))

    def _user_values(self, samples: pl.DataFrame, source: str) -> pl.DataFrame:
        """A user's own field counts as one click of long ago, whatever the sample."""
        values = self._user_texts(samples, source)
        ids = self.vocabularies[source].ids(values[VALUE])
        return values.select(SAMPLE, pl.Series(VALUE, ids), pl.lit(0.0).alias(TIME), pl.lit(0, pl.Int64).alias(AGE))

    def _user_texts(self, samples: pl.DataFrame, source: str) -> pl.DataFrame:
        """SAMPLE and VALUE: what a field of the users says of each sample's user."""
        people = samples.select(SAMPLE, USER).join(self.people.select(USER, source), on=USER)
        texts = people.select(SAMPLE, pl.col(source).alias(VALUE))
        return texts.explode(VALUE, keep_nulls=False, empty_as_null=False)


class TargetBuilder:
    """Makes what one target asks of the samples of a bucket. negatives: where un-clicked items come from, in words."""

    def __init__(self, target: Target, number: int, of: ShardBuilder, clicks: np.ndarray) -> None:
        """number: of the target in the plan; clicks: of each item by training users."""
        self.target, self.number, self.of = target, number, of
        logged = of.log.found["clicked"] != of.log.found["events"]
        self.negatives = _negatives(target, logged=logged)
        self.lots = np.minimum(clicks, 1) if self.negatives == "sampled uniformly" else clicks

    def build(self, bucket: int, rows: pl.DataFrame, clicks: pl.DataFrame, samples: int) -> "Questions":
        """rows, clicks: of all samples, see `_rows_of_samples` and `_clicks_before`."""
        plan, field = self.of.plan, self.target.field
        rng = np.random.default_rng([plan.cut.seed, bucket, *([self.number] if self.number else [])])
        before = self.of.numbers(clicks, field)
        shown, tags = self._shown(rows, rng)
        told = before.select(SAMPLE, pl.col(VALUE).alias(TAG))
        labels = make_labels(shown, samples, tags, self.target, rng, before=told)
        history = own_columns(before, plan.features.fade_half_life)
        lengths = np.bincount(history[SAMPLE].to_numpy(), minlength=samples)
        kept = [fact for fact in FACTS if fact != HOW_OFTEN or WORTH in before.columns]
        facts = {fact: history[fact].to_numpy() for fact in kept}
        return Questions(
            self, labels, tags, offsets_of(lengths), {"tags": history[VALUE].to_numpy().astype(np.int32), **facts}
        )

    def _shown(self, rows: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, Ragged]:
        """What `make_labels` reads: the items of each window, un-clicked ones that were not logged among them, and the
        tags of all items."""
        tags = self.of.items.seen[self.target.field].always
        shown = rows.filter("asked").drop(MOMENT, TIME, ANY_WORTH, "asked")
        if self.negatives == "logged":
            return shown, tags
        shown = shown.filter(CLICKED)
        asked, per_click = shown.select(SAMPLE, ENTRY), self.target.negatives_per_click
        if self.negatives == "none":
            return shown, tags
        if self.negatives == "invented":
            size = len(self.of.vocabularies[self.target.field])
            drawn, tags = invent_unclicked(asked, tags, size, per_click, rng)
        else:
            drawn = sample_unclicked(rows.filter(CLICKED).select(SAMPLE, ENTRY), asked, self.lots, per_click, rng)
        # Of items that were not shown nothing is known but that they were not clicked.
        return pl.concat([shown, drawn], how="diagonal"), tags


class Questions:
    """What a target asks of all samples of a bucket, before they are parted into splits."""

    def __init__(
        self, builder: TargetBuilder, labels: Labels, tags: Ragged, offsets: np.ndarray, history: Arrays
    ) -> None:
        """tags: of all items, those invented here behind the real ones; offsets, history: lists of each sample."""
        self.builder, self.labels, self.tags, self.offsets, self.history = builder, labels, tags, offsets, history

    def kept(self, samples: np.ndarray, split: str) -> np.ndarray:
        """Which of some samples ask anything. A window in which nothing was clicked asks nothing. From one with unknown
        tags alone nothing can be learned, but a model is wrong about it, and its numbers have to say so."""
        if split not in self.builder.of.plan.cut.labelled:
            return samples
        asking = self.labels.truth.lengths if split == "train" else self.labels.truth_size
        return samples[asking[samples] > 0]

    def take(self, keep: np.ndarray, split: str) -> Arrays:
        """The arrays of some samples."""
        taken = _take("history", self.offsets, self.history, keep)
        if split in self.builder.of.plan.cut.labelled:
            labels = self.labels
            taken |= _take("truth", labels.truth.offsets, {"tags": labels.truth.values}, keep)
            taken |= {"truth.size": labels.truth_size[keep], "truth.new": labels.truth_new[keep]}
            taken |= {f"{SHOWN}{name}": values_NK[keep] for name, values_NK in labels.tasks.items()}
            taken |= self._items(labels.entry[keep])
        return taken

    def _items(self, entry_NK: np.ndarray) -> Arrays:
        """The shown items of some samples; invented ones are numbered anew, and their tags stand beside."""
        made_NK = entry_NK >= len(self.builder.of.items)
        if self.builder.negatives != "invented":
            return {f"{SHOWN}entry": entry_NK}
        tags = first_known(self.tags, entry_NK[made_NK], self.builder.target.tags)
        entry_NK[made_NK] = NO_ITEM - 1 - np.arange(len(tags))
        return {f"{SHOWN}entry": entry_NK, "invented.tags": tags}


def _negatives(target: Target, *, logged: bool) -> str:
    """Where un-clicked items come from, in words."""
    if target.negatives == "logged" and logged:
        return "logged"
    if target.negatives_per_click == 0:
        return "none"
    words = {"uniform": "sampled uniformly", "tags": "invented"}
    return words.get(target.negatives, "sampled by popularity")


def _rows_of_samples(events: pl.DataFrame, samples: pl.DataFrame, tasks: Sequence[str]) -> pl.DataFrame:
    """A row per sample and event of its user that is in its history or asked about: SAMPLE, MOMENT, ENTRY, TIME, WORTH
    if the events have it, a column for each task (CLICKED among them), "asked" (in the label window); ordered by sample
    and time."""
    rows = samples.join(events, on=USER, how="inner")
    rows = rows.filter(pl.col(PLACE) < pl.col("stop")).sort(SAMPLE, PLACE)
    return rows.select(SAMPLE, MOMENT, ENTRY, TIME, ANY_WORTH, *tasks, asked=pl.col(PLACE) >= pl.col("start"))


def _clicks_before(rows: pl.DataFrame) -> pl.DataFrame:
    """The clicks of each history with their AGE, the number of clicks in it that are strictly later."""
    clicks = rows.filter(pl.col(CLICKED) & ~pl.col("asked")).select(SAMPLE, MOMENT, ENTRY, TIME, ANY_WORTH)
    behind = place_in_run(clicks[SAMPLE].to_numpy()[::-1])[::-1]
    at_once = run_lengths(clicks[SAMPLE].to_numpy(), clicks[TIME].to_numpy())
    return clicks.with_columns(pl.Series(AGE, np.repeat(behind[np.cumsum(at_once) - 1], at_once)))


def _places(events: pl.DataFrame, samples: pl.DataFrame) -> Arrays:
    """The number of each sample's window, its moment, and where its history stands in the bucket's events."""
    firsts = events.select(USER, PLACE).with_row_index("first").filter(pl.col(PLACE) == 0)
    first = samples.select(USER).join(firsts, on=USER, how="left", maintain_order="left")["first"]
    return {
        "window": samples["window"].to_numpy().astype(np.int32),
        "moment": samples[MOMENT].to_numpy(),
        "events.first": first.cast(pl.Int32).to_numpy(),
        "events.count": samples["start"].to_numpy().astype(np.int32),
    }


def _take(name: str, offsets: np.ndarray, lists: Mapping[str, np.ndarray], keep: np.ndarray) -> Arrays:
    """The lists of some samples, as arrays NAME.offsets and NAME.LIST."""
    rows, _ = Ragged(offsets, np.arange(offsets[-1])).take(keep)
    return {
        **{f"{name}.{key}": values[rows] for key, values in lists.items()},
        f"{name}.offsets": offsets_of(np.diff(offsets)[keep]),
    }
