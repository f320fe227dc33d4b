"""The features of a whole log: vocabularies from training users, then the shards, bucket by bucket."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import polars as pl

from penchant.errors import ConfigError, DataError
from penchant.features.plan import Plan
from penchant.features.samples import ShardBuilder
from penchant.features.vocabulary import Vocabulary
from penchant.features.windows import SPLITS, split_users, training_end
from penchant.files import read_json, remove, write_json
from penchant.logs.ingest import Log
from penchant.progress import Progress, Report, quiet
from penchant.schema import CLICKED, COUNT, ITEM, RESERVED, TIME, USER, VALUE


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
    refuse_unfit(log, plan)
    fingerprint = _fingerprint(log, plan)
    if not (folder / "plan.json").exists() or read_json(folder / "plan.json") != fingerprint:
        for part in ("plan.json", *SPLITS, "vocabulary", "manifest.json", "baselines.parquet"):
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
    builder = ShardBuilder(log, plan, vocabularies, counts)
    made = []
    for bucket in range(log.buckets):
        done = folder / "latest" / f"{bucket:05}.json"
        if not done.exists():
            write_json(done, builder.build(bucket, folder))
        made.append(read_json(done))
        report(Progress("features", bucket + 1, log.buckets))
    totals = {split: sum(part[split] for part in made) for split in SPLITS}
    if not totals["train"] or not totals["valid"] or not totals["test"]:
        raise DataError(
            f"too few users with a history and labels: {totals}; a user needs at least two events on both sides of "
            f"the window, so give a longer log, or change `share`, `days` or `validation_share`"
        )
    vocabulary_sizes = {source: len(vocabulary) for source, vocabulary in vocabularies.items()}
    manifest = {"samples": totals, "vocabulary": vocabulary_sizes, "negatives": builder.negatives}
    write_json(folder / "manifest.json", {**manifest, "position": log.position})


def refuse_unfit(log: Log, plan: Plan) -> None:
    """Raise ConfigError or DataError where the log does not hold what the plan asks for."""
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
    counts = pl.DataFrame(schema={ITEM: pl.String, COUNT: pl.Int64})
    for bucket in range(log.buckets):
        events = log.events(bucket)
        split = split_users(events[USER].unique(), plan.users)
        counted = events.join(split, on=USER).select(
            ITEM, used=pl.col(CLICKED) & (pl.col("split") == "train") & (pl.col(TIME) < end)
        )
        here = counted.group_by(ITEM).agg(pl.col("used").sum().cast(pl.Int64).alias(COUNT))
        counts = pl.concat([counts, here]).group_by(ITEM).agg(pl.col(COUNT).sum())
        report(Progress("count", bucket + 1, log.buckets))
    return counts.sort(ITEM)


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
