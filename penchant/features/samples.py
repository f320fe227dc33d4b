"""From the events of one bucket to its shards: histories become fields, windows become labels."""

from pathlib import Path

import numpy as np
import polars as pl

from penchant.features.cuts.by_user import MOMENT, LabelsConfig
from penchant.features.fields import AGE, SAMPLE, columns, pack
from penchant.features.labels import ENTRY, TAG, Labels, invent_unclicked, make_labels, sample_unclicked
from penchant.features.numbers import Span, number_columns
from penchant.features.own import FACTS, own_columns
from penchant.features.plan import Plan
from penchant.features.ragged import Ragged, offsets_of, place_in_run, run_lengths
from penchant.features.seen import Seen
from penchant.features.shards import write_shard
from penchant.features.vocabulary import Vocabulary
from penchant.logs.ingest import Log
from penchant.schema import CLICKED, COUNT, ITEM, TIME, UNKNOWN, USER, VALUE


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
        self.log, self.plan, self.spans = log, plan, spans
        self.entries = counts.select(ITEM).with_row_index(ENTRY).cast({ENTRY: pl.Int64})
        self.last = float(str(log.found["last"]))
        logged = log.found["clicked"] != log.found["events"]
        self.negatives = _negatives(plan.labels, logged=logged)
        clicks = counts[COUNT].to_numpy()
        self.lots = np.minimum(clicks, 1) if self.negatives == "sampled uniformly" else clicks
        items = self.entries.join(log.items(), on=ITEM, how="left", maintain_order="left")
        self.user_fields = [source for source in plan.sources if source in log.users().columns[1:]]
        self.vocabularies = vocabularies
        self.seen = {
            source: Seen(items, source, vocabularies[source].told_apart, log.said(source))
            for source in plan.sources
            if source not in self.user_fields
        }
        self.people = log.users()

    def build(self, bucket: int, folder: Path) -> dict[str, int]:
        """Write the shards of one bucket; the number of samples per split."""
        events = self.log.events(bucket).join(self.entries, on=ITEM, how="left", maintain_order="left")
        samples = self.plan.cut(events, self.last)
        rng = np.random.default_rng([self.plan.seed, bucket])
        rows = _rows_of_samples(events, samples)
        clicks = _clicks_before(rows)
        labels = self._labels(rows, clicks, len(samples), rng)
        arrays = {**self._fields(clicks, samples), **self._history(clicks, len(samples))}
        arrays["window"] = samples["window"].to_numpy().astype(np.int32)
        made = {}
        for split in self.plan.splits:
            keep = samples.filter(pl.col("split") == split)[SAMPLE].to_numpy()
            if split in self.plan.labelled:
                # A window in which nothing was clicked asks nothing. From one with unknown tags alone nothing can be
                # learned, but a model is wrong about it, and its numbers have to say so.
                asking = labels.truth.lengths if split == "train" else labels.truth_size
                keep = keep[asking[keep] > 0]
                parts = {**_take(arrays, keep), **_label_arrays(labels, keep)}
            else:
                parts = _take(arrays, keep)
            write_shard(folder / split / f"{bucket:05}.safetensors", parts, samples[USER].gather(keep))
            made[split] = len(keep)
        return made

    def _fields(self, clicks: pl.DataFrame, samples: pl.DataFrame) -> dict[str, np.ndarray]:
        arrays = {}
        for rule in self.plan.features.fields:
            source = rule.source
            if rule.number:
                packed = pack(number_columns(self._user_texts(samples, source), self.spans[source]), len(samples), 1)
            else:
                of_user = source in self.user_fields
                values = self._user_values(samples, source) if of_user else self._values(clicks, source)
                packed = pack(columns(values, rule), len(samples), rule.limit)
            arrays[f"{rule.name}.ids"], arrays[f"{rule.name}.weights"] = packed
        return arrays

    def _history(self, clicks: pl.DataFrame, samples: int) -> dict[str, np.ndarray]:
        """All known tags of the histories, and what counting knows of them."""
        tags = own_columns(self._numbers(clicks, self.plan.labels.field), self.plan.features.fade_half_life)
        lengths = np.bincount(tags[SAMPLE].to_numpy(), minlength=samples)
        facts = {f"history.{fact}": tags[fact].to_numpy() for fact in FACTS}
        return {
            "history.offsets": offsets_of(lengths),
            "history.tags": tags[VALUE].to_numpy().astype(np.int32),
            **facts,
        }

    def _values(self, clicks: pl.DataFrame, source: str) -> pl.DataFrame:
        """A row per click and value that it brings, whatever is outside the vocabulary as UNKNOWN."""
        return self._numbers(clicks, source).with_columns(pl.col(VALUE).clip(lower_bound=UNKNOWN))

    def _numbers(self, clicks: pl.DataFrame, source: str) -> pl.DataFrame:
        """The same with what is outside the vocabulary told apart."""
        values, owner = self.seen[source].at(clicks[ENTRY].to_numpy(), clicks[MOMENT].to_numpy())
        return clicks.select(SAMPLE, TIME, AGE)[owner].with_columns(pl.Series(VALUE, values))

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

    def _labels(self, rows: pl.DataFrame, clicks: pl.DataFrame, samples: int, rng: np.random.Generator) -> Labels:
        before = self._numbers(clicks, self.plan.labels.field).select(SAMPLE, pl.col(VALUE).alias(TAG))
        shown, tags = self._shown(rows, rng)
        return make_labels(shown, samples, tags, self.plan.labels, rng, before=before)

    def _shown(self, rows: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, Ragged]:
        """What `make_labels` reads: the items of each window, un-clicked ones that were not logged among them, and the
        tags of all items."""
        tags, shown = self.seen[self.plan.labels.field].always, rows.filter("asked").select(SAMPLE, ENTRY, CLICKED)
        if self.negatives == "logged":
            return shown, tags
        shown = shown.filter(CLICKED)
        asked, per_click = shown.select(SAMPLE, ENTRY), self.plan.labels.negatives_per_click
        if self.negatives == "none":
            return shown, tags
        if self.negatives == "invented":
            size = len(self.vocabularies[self.plan.labels.field])
            drawn, tags = invent_unclicked(asked, tags, size, per_click, rng)
        else:
            drawn = sample_unclicked(rows.filter(CLICKED).select(SAMPLE, ENTRY), asked, self.lots, per_click, rng)
        return pl.concat([shown, drawn]), tags


def _negatives(labels: LabelsConfig, *, logged: bool) -> str:
    """Where un-clicked items come from, in words."""
    if labels.negatives == "logged" and logged:
        return "logged"
    if labels.negatives_per_click == 0:
        return "none"
    words = {"uniform": "sampled uniformly", "tags": "invented"}
    return words.get(labels.negatives, "sampled by popularity")


def _rows_of_samples(events: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """A row per sample and event of its user that is in its history or asked about: SAMPLE, MOMENT, ENTRY, TIME,
    CLICKED, "asked" (in the label window); ordered by sample and time."""
    place = pl.Series("place", place_in_run(events[USER].rle_id().to_numpy()))
    rows = samples.join(events.with_columns(place), on=USER, how="inner")
    rows = rows.filter(pl.col("place") < pl.col("stop")).sort(SAMPLE, "place")
    return rows.select(SAMPLE, MOMENT, ENTRY, TIME, CLICKED, asked=pl.col("place") >= pl.col("start"))


def _clicks_before(rows: pl.DataFrame) -> pl.DataFrame:
    """The clicks of each history with their AGE, the number of clicks in it that are strictly later."""
    clicks = rows.filter(pl.col(CLICKED) & ~pl.col("asked")).select(SAMPLE, MOMENT, ENTRY, TIME)
    behind = place_in_run(clicks[SAMPLE].to_numpy()[::-1])[::-1]
    at_once = run_lengths(clicks[SAMPLE].to_numpy(), clicks[TIME].to_numpy())
    return clicks.with_columns(pl.Series(AGE, np.repeat(behind[np.cumsum(at_once) - 1], at_once)))


def _take(arrays: dict[str, np.ndarray], keep: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of some samples, ragged arrays included."""
    taken = {name: array[keep] for name, array in arrays.items() if not name.startswith("history.")}
    history = {}
    for name in ("tags", *FACTS):
        values, owner = Ragged(arrays["history.offsets"], arrays[f"history.{name}"]).take(keep)
        history[f"history.{name}"] = values
    return {**taken, **history, "history.offsets": offsets_of(np.bincount(owner, minlength=len(keep)))}


def _label_arrays(labels: Labels, keep: np.ndarray) -> dict[str, np.ndarray]:
    values, owner = labels.truth.take(keep)
    return {
        "label.tags": labels.tags[keep],
        "label.clicked": labels.clicked[keep],
        "truth.offsets": offsets_of(np.bincount(owner, minlength=len(keep))),
        "truth.tags": values,
        "truth.size": labels.truth_size[keep],
        "truth.new": labels.truth_new[keep],
    }
