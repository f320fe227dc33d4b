"""The features of a whole log: vocabularies from training users, then one shard per bucket and split."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Self

import numpy as np
import polars as pl
from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config
from penchant.errors import ConfigError, DataError
from penchant.features.fields import AGE, SAMPLE, VALUE, Field, columns, pack
from penchant.features.labels import ENTRY, Labels, make_labels, sample_unclicked
from penchant.features.ragged import Ragged, offsets_of, place_in_run
from penchant.features.shards import write_shard
from penchant.features.vocabulary import COUNT, Vocabulary
from penchant.features.windows import SPLITS, LabelsConfig, UsersConfig, cut_windows, split_users, training_end
from penchant.files import read_json, remove, write_json
from penchant.logs.ingest import Log
from penchant.progress import Progress, Report, quiet
from penchant.schema import CLICKED, ITEM, RESERVED, TIME, USER


class FeaturesConfig(Config):
    """What the model reads.

    min_count: clicks by training users that a value needs to enter the vocabulary of its source, 1 where not given.
    fade_half_life: of the baseline that counts recent clicks more: a click weighs half for every so many later ones.
    """

    fields: Annotated[list[Field], Limits(min_length=1)]
    min_count: dict[str, int] = {}
    fade_half_life: Annotated[float, Limits(gt=0)] = 20.0

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [rule.name for rule in self.fields]
        twice = [name for name in names if names.count(name) > 1]
        if twice or "label" in names or "truth" in names or "history" in names:
            raise ValueError(f"field names must differ, and none may be label, truth or history; they are {names}")
        return self


@dataclass(frozen=True)
class Plan:
    """All that decides the content of the shards."""

    features: FeaturesConfig
    labels: LabelsConfig
    users: UsersConfig

    @property
    def sources(self) -> list[str]:
        """Every vocabulary that is needed, the label's first."""
        return list(dict.fromkeys([self.labels.field, *(rule.source for rule in self.features.fields)]))


@dataclass(frozen=True)
class Prepared:
    """A prepared folder: shards per split, a vocabulary per source, and what was counted."""

    folder: Path

    @property
    def manifest(self) -> dict[str, object]:
        return dict(read_json(self.folder / "manifest.json"))

    def vocabulary(self, source: str) -> Vocabulary:
        return Vocabulary.load(self.folder / "vocabulary" / f"{source}.parquet")


def prepare(log: Log, plan: Plan, folder: Path, *, report: Report = quiet) -> Prepared:
    """Write the shards of a log, or open them where that is done already; shards that are there are kept."""
    _refuse_unknown_sources(log, plan)
    fingerprint = _fingerprint(log, plan)
    if not (folder / "plan.json").exists() or read_json(folder / "plan.json") != fingerprint:
        for part in ("plan.json", *SPLITS, "vocabulary", "manifest.json"):
            remove(folder / part)
        write_json(folder / "plan.json", fingerprint)
    if not (folder / "manifest.json").exists():
        _prepare(log, plan, folder, report)
    return Prepared(folder)


def _prepare(log: Log, plan: Plan, folder: Path, report: Report) -> None:
    counts = _count_items(log, plan, report)
    vocabularies = _vocabularies(log, plan, counts)
    for source, vocabulary in vocabularies.items():
        vocabulary.save(folder / "vocabulary" / f"{source}.parquet")
    bench = _Bench(log, plan, vocabularies, counts)
    made = []
    for bucket in range(log.buckets):
        done = folder / "latest" / f"{bucket:05}.json"
        if not done.exists():
            write_json(done, bench.build(bucket, folder))
        made.append(read_json(done))
        report(Progress("features", bucket + 1, log.buckets))
    totals = {split: sum(part[split] for part in made) for split in SPLITS}
    if not totals["train"] or not totals["valid"] or not totals["test"]:
        raise DataError(
            f"too few users with a history and labels: {totals}; a user needs at least two events on both sides of "
            f"the window, so give a longer log, or change `share`, `days` or `validation_share`"
        )
    vocabulary_sizes = {source: len(vocabulary) for source, vocabulary in vocabularies.items()}
    negatives = "logged" if bench.unclicked_logged else "sampled by popularity" if bench.samples_negatives else "none"
    write_json(
        folder / "manifest.json",
        {"samples": totals, "vocabulary": vocabulary_sizes, "negatives": negatives, "position": log.position},
    )


def _refuse_unknown_sources(log: Log, plan: Plan) -> None:
    there = [ITEM, *log.items().columns[1:], *log.users().columns[1:]]
    for source in plan.sources:
        if source not in there:
            raise ConfigError(
                f"the run file uses field {source!r}, which no table fills; there are: {', '.join(there)}"
            )
    if plan.labels.field not in log.items().columns[1:]:
        raise ConfigError(
            f"labels.field = {plan.labels.field!r} is not a field of the items, so it cannot be predicted"
        )
    if not log.items()[plan.labels.field].list.len().sum():
        raise DataError(
            f"no item has any {plan.labels.field}, so there is nothing to learn; check the mapping of "
            f"{plan.labels.field!r} in the run file and that the ids of items and events are written alike"
        )
    if plan.labels.by == "days" and log.position:
        raise ConfigError('labels.by = "days" needs a clock, but times are positions; use by = "share"')


def _fingerprint(log: Log, plan: Plan) -> dict[str, str]:
    parts = [plan.features.model_dump_json(), plan.labels.model_dump_json(), plan.users.model_dump_json()]
    source = (log.folder / "source.json").read_text(encoding="utf-8")
    return {"plan": sha256("\n".join(parts).encode()).hexdigest(), "log": sha256(source.encode()).hexdigest()}


def _count_items(log: Log, plan: Plan, report: Report) -> pl.DataFrame:
    """ITEM and COUNT: clicks by training users in the training period; every item of the log has a row."""
    end = training_end(plan.labels, float(str(log.found["last"])))
    counts = []
    for bucket in range(log.buckets):
        events = log.events(bucket)
        split = split_users(events[USER].unique(), plan.users)
        counted = events.join(split, on=USER).select(
            ITEM, used=pl.col(CLICKED) & (pl.col("split") == "train") & (pl.col(TIME) < end)
        )
        counts.append(counted.group_by(ITEM).agg(pl.col("used").sum().cast(pl.Int64).alias(COUNT)))
        report(Progress("count", bucket + 1, log.buckets))
    return pl.concat(counts).group_by(ITEM).agg(pl.col(COUNT).sum()).sort(ITEM)


def _vocabularies(log: Log, plan: Plan, counts: pl.DataFrame) -> dict[str, Vocabulary]:
    items = counts.join(log.items(), on=ITEM, how="left")
    users = log.users()
    if users.width > 1:
        split = split_users(users[USER], plan.users)
        users = users.join(split.filter(pl.col("split") == "train"), on=USER).with_columns(pl.lit(1).alias(COUNT))
    found = {}
    for source in plan.sources:
        table = items if source == ITEM or source in items.columns else users
        values = table.select(pl.col(source).alias(VALUE), COUNT)
        if source != ITEM:
            values = values.explode(VALUE, keep_nulls=False, empty_as_null=False)
        found[source] = Vocabulary.count(values.drop_nulls(), min_count=max(1, plan.features.min_count.get(source, 1)))
    if len(found[plan.labels.field]) == RESERVED:
        raise DataError(
            f"no {plan.labels.field} was clicked {plan.features.min_count.get(plan.labels.field, 1)} times by training "
            f"users, so there is nothing to learn; check that the item ids of events and items are written alike"
        )
    return found


class _Bench:
    """What every bucket needs, looked up once: the ids that each item brings to each vocabulary."""

    def __init__(self, log: Log, plan: Plan, vocabularies: dict[str, Vocabulary], counts: pl.DataFrame) -> None:
        self.log, self.plan = log, plan
        self.entries = counts.select(ITEM).with_row_index(ENTRY).cast({ENTRY: pl.Int64})
        self.popularity = counts[COUNT].to_numpy()
        self.last = float(str(log.found["last"]))
        self.unclicked_logged = log.found["clicked"] != log.found["events"]
        self.samples_negatives = plan.labels.negatives_per_click > 0 and not self.unclicked_logged
        items = self.entries.join(log.items(), on=ITEM, how="left", maintain_order="left")
        self.user_fields = [source for source in plan.sources if source in log.users().columns[1:]]
        self.vocabularies = vocabularies
        self.ids = {
            source: _ids_of(items, source, vocabularies[source])
            for source in plan.sources
            if source not in self.user_fields
        }
        self.people = log.users()

    def build(self, bucket: int, folder: Path) -> dict[str, int]:
        """Write the shards of one bucket; the number of samples per split."""
        events = self.log.events(bucket).join(self.entries, on=ITEM, how="left", maintain_order="left")
        samples = cut_windows(events, self.plan.users, self.plan.labels, self.last)
        rng = np.random.default_rng([self.plan.users.seed, bucket])
        rows = _rows_of_samples(events, samples)
        labels = self._labels(rows, len(samples), rng)
        clicks = _clicks_before(rows)
        arrays = {**self._fields(clicks, samples), **self._history(clicks, len(samples))}
        arrays["window"] = samples["window"].to_numpy().astype(np.int32)
        made = {}
        for split in SPLITS:
            chosen = samples.filter(pl.col("split") == split)
            # A window in which nothing known was clicked asks nothing, so only samples with a truth are kept.
            keep = chosen[SAMPLE].to_numpy()
            keep = keep if split == "latest" else keep[labels.truth_size[keep] > 0]
            parts = _take(arrays, keep) if split == "latest" else {**_take(arrays, keep), **_label_arrays(labels, keep)}
            write_shard(folder / split / f"{bucket:05}.safetensors", parts, samples[USER].gather(keep))
            made[split] = len(keep)
        return made

    def _fields(self, clicks: pl.DataFrame, samples: pl.DataFrame) -> dict[str, np.ndarray]:
        arrays = {}
        for rule in self.plan.features.fields:
            source = rule.source
            values = self._user_values(samples, source) if source in self.user_fields else self._values(clicks, source)
            packed = pack(columns(values, rule), len(samples), rule.limit)
            arrays[f"{rule.name}.ids"], arrays[f"{rule.name}.weights"] = packed
        return arrays

    def _history(self, clicks: pl.DataFrame, samples: int) -> dict[str, np.ndarray]:
        """All tags of the histories, with clicks and faded clicks: what the baselines know."""
        values = self._values(clicks, self.plan.labels.field).filter(pl.col(VALUE) >= RESERVED)
        faded = (0.5 ** (pl.col(AGE) / self.plan.features.fade_half_life)).sum()
        tags = values.group_by(SAMPLE, VALUE).agg(count=pl.len(), faded=faded).sort(SAMPLE, VALUE)
        lengths = np.bincount(tags[SAMPLE].to_numpy(), minlength=samples)
        return {
            "history.offsets": offsets_of(lengths),
            "history.tags": tags[VALUE].to_numpy().astype(np.int32),
            "history.counts": tags["count"].to_numpy().astype(np.float32),
            "history.faded": tags["faded"].to_numpy().astype(np.float32),
        }

    def _values(self, clicks: pl.DataFrame, source: str) -> pl.DataFrame:
        values, owner = self.ids[source].take(clicks[ENTRY].to_numpy())
        return clicks.select(SAMPLE, TIME, AGE)[owner].with_columns(pl.Series(VALUE, values))

    def _user_values(self, samples: pl.DataFrame, source: str) -> pl.DataFrame:
        """A user's own field counts as one click of long ago, whatever the sample."""
        people = samples.select(SAMPLE, USER).join(self.people.select(USER, source), on=USER)
        values = people.select(SAMPLE, pl.col(source).alias(VALUE)).explode(
            VALUE, keep_nulls=False, empty_as_null=False
        )
        ids = self.vocabularies[source].ids(values[VALUE])
        return values.select(SAMPLE, pl.Series(VALUE, ids), pl.lit(0.0).alias(TIME), pl.lit(0, pl.Int64).alias(AGE))

    def _labels(self, rows: pl.DataFrame, samples: int, rng: np.random.Generator) -> Labels:
        tags = self.ids[self.plan.labels.field]
        shown = rows.filter("asked").select(SAMPLE, ENTRY, CLICKED)
        if self.samples_negatives:
            clicks = rows.filter(CLICKED).select(SAMPLE, ENTRY)
            negatives = self.plan.labels.negatives_per_click
            shown = pl.concat(
                [shown, sample_unclicked(clicks, shown.select(SAMPLE, ENTRY), self.popularity, negatives, rng)]
            )
        return make_labels(shown, samples, tags, self.plan.labels, rng)


def _ids_of(items: pl.DataFrame, source: str, vocabulary: Vocabulary) -> Ragged:
    """The ids that each item brings to one vocabulary."""
    if source == ITEM:
        return Ragged(np.arange(len(items) + 1), vocabulary.ids(items[ITEM]))
    texts = Ragged.of(items[source])
    return Ragged(texts.offsets, vocabulary.ids(pl.Series(texts.values, dtype=pl.String)))


def _rows_of_samples(events: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """A row per sample and event of its user that is in its history or asked about: SAMPLE, ENTRY, TIME, CLICKED,
    "asked" (in the label window); ordered by sample and time."""
    place = pl.Series("place", place_in_run(events[USER].rle_id().to_numpy()))
    rows = samples.join(events.with_columns(place), on=USER, how="inner")
    rows = rows.filter(pl.col("place") < pl.col("stop")).sort(SAMPLE, "place")
    return rows.select(SAMPLE, ENTRY, TIME, CLICKED, asked=pl.col("place") >= pl.col("start"))


def _clicks_before(rows: pl.DataFrame) -> pl.DataFrame:
    """The clicks of each history with their AGE, the number of later clicks in it."""
    clicks = rows.filter(pl.col(CLICKED) & ~pl.col("asked")).select(SAMPLE, ENTRY, TIME)
    age = place_in_run(clicks[SAMPLE].to_numpy()[::-1])[::-1]
    return clicks.with_columns(pl.Series(AGE, age))


def _take(arrays: dict[str, np.ndarray], keep: np.ndarray) -> dict[str, np.ndarray]:
    """The rows of some samples, ragged arrays included."""
    taken = {name: array[keep] for name, array in arrays.items() if not name.startswith("history.")}
    history = {}
    for name in ("tags", "counts", "faded"):
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
    }
