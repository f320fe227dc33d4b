"""The features of a whole log: vocabularies from training users, then the shards, bucket by bucket."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import polars as pl

from penchant.errors import ConfigError, DataError
from penchant.features.cuts.cut import Split
from penchant.features.fields import Field
from penchant.features.numbers import Span
from penchant.features.plan import Plan
from penchant.features.samples import ShardBuilder
from penchant.features.vocabulary import Vocabulary
from penchant.files import holds, read_json, remove, write_json
from penchant.logs.ingest import Log
from penchant.logs.names import fit_name
from penchant.logs.reading import as_written, read_keys
from penchant.logs.said import seen_at
from penchant.progress import Progress, Report, quiet
from penchant.schema import CLICKED, COUNT, ITEM, RESERVED, USER, VALUE

FORM = 3
"""Of the shards; those of another one are written again."""

_MANIFEST = frozenset({"targets", "vocabulary", "position"})


@dataclass(frozen=True)
class Prepared:
    """A prepared folder: shards per split, a vocabulary per source, and what was counted."""

    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        return read_keys(self.folder / "manifest.json", _MANIFEST)

    def identity(self, target: str, fields: Collection[str] | None = None) -> dict[str, Any]:
        """What decides the data of a model that predicts a target and reads some fields, all if not given."""
        path = self.folder / "plan.json"
        with as_written(path):
            plan = read_json(path)
            read = [one for one in plan["fields"] if fields is None or one[0] in fields]
            return {**plan, "fields": read, "targets": {target: plan["targets"][target]}}

    def samples(self, target: str) -> dict[str, int]:
        """How many windows of each split ask about a target, by the field that is predicted."""
        return dict(self._target(target)["samples"])

    def negatives(self, target: str) -> str:
        """Where the un-clicked items of a target come from, in words."""
        return str(self._target(target)["negatives"])

    def vocabulary(self, source: str) -> Vocabulary:
        return Vocabulary.load(self.folder / "vocabulary" / f"{source}.parquet")

    def vocabulary_of(self, rule: Field) -> Vocabulary:
        """What the ids of a field mean. A number has one value, its span: "18 to 56"."""
        return self.span(rule.source).vocabulary if rule.number else self.vocabulary(rule.source)

    def span(self, source: str) -> Span:
        """By what the numbers of a users' field were scaled."""
        with as_written(self.folder / "numbers.json"):
            said = read_json(self.folder / "numbers.json")[source]
            return Span(float(said["low"]), float(said["high"]), int(said["users"]))

    def _target(self, target: str) -> dict[str, Any]:
        with as_written(self.folder / "manifest.json"):
            return dict(self.manifest["targets"][target])


def prepare(log: Log, plan: Plan, folder: Path, *, report: Report = quiet) -> Prepared:
    """Write the shards of a log, or open them where that is done already; shards that are there are kept."""
    refuse_unfit(log, plan)
    fingerprint = _fingerprint(log, plan)
    if not holds(folder / "plan.json", fingerprint):
        files = ("plan.json", "manifest.json", "numbers.json")
        for part in (*files, *get_args(Split), "vocabulary", "items", "events"):
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
    spans = _spans(log, plan)
    if spans:
        write_json(folder / "numbers.json", {source: asdict(span) for source, span in spans.items()})
    builder = ShardBuilder(log, plan, vocabularies, counts, spans=spans)
    builder.items.save(folder / "items")
    made = []
    for bucket in range(log.buckets):
        done = folder / "latest" / f"{bucket:05}.json"
        if not done.exists():
            write_json(done, builder.build(bucket, folder))
        made.append(read_keys(done, frozenset(one.target.field for one in builder.targets)))
        report(Progress("features", bucket + 1, log.buckets))
    targets: dict[str, Any] = {}
    for one in builder.targets:
        field = one.target.field
        samples: dict[str, int] = {split: sum(part[field][split] for part in made) for split in plan.cut.splits}
        _refuse_silent(samples, field)
        targets[field] = {"asked": one.target.model_dump(), "samples": samples, "negatives": one.negatives}
    sizes = {source: len(vocabulary) for source, vocabulary in vocabularies.items()}
    write_json(folder / "manifest.json", {"targets": targets, "vocabulary": sizes, "position": log.position})


def refuse_unfit(log: Log, plan: Plan) -> None:
    """Raise ConfigError or DataError where the log does not hold what the plan asks for."""
    there = [ITEM, *log.items().columns[1:], *log.users().columns[1:]]
    for source in plan.sources:
        if source not in there:
            raise ConfigError(
                f"the run file uses field {source!r}, which no table fills; there are: {', '.join(there)}"
            )
    _refuse_no_numbers(log, plan)
    for target in plan.targets:
        _refuse_unpredictable(log, plan, target.field)
    plan.cut.refuse_unfit(log)
    _refuse_strangers(log, plan)
    _refuse_nobody(log, plan)


def _refuse_unpredictable(log: Log, plan: Plan, field: str) -> None:
    """Raise ConfigError or DataError where a field cannot be predicted."""
    for rule in plan.features.fields:
        if rule.name == field != rule.source:
            raise ConfigError(
                f"features.fields: {rule.name!r} draws from {rule.source!r}, but {rule.name!r} is what is predicted; "
                f"call it {fit_name(rule.source, [rule.name, ITEM])!r}"
            )
    if field not in [ITEM, *log.items().columns[1:]]:
        raise ConfigError(f"labels.field = {field!r} is not a field of the items, so it cannot be predicted")
    if field != ITEM and not log.items()[field].list.len().sum():
        raise DataError(
            f"no item has any {field}, so there is nothing to learn; check the mapping of {field!r} in the run file, "
            f"and what it leaves out (`none`, `keep`, `drop`, `min_items`, `most_items`)"
        )


def _refuse_strangers(log: Log, plan: Plan) -> None:
    """Raise DataError where events and the tables beside them have nothing in common."""
    found, items, users = log.found, log.items(), log.users()
    fields: dict[str, dict[str, int]] = found["fields"]  # type: ignore[assignment]
    if not found["clicked"]:
        raise DataError(
            f"none of {found['events']:,} events is a click, so there is nothing to learn; check what the run file "
            f"says a click is: `actions`, or `clicked` and its thresholds"
        )
    for source in plan.sources:
        if source in fields and fields[source]["items_with"] and not fields[source]["events_with"]:
            tagged = items.filter(pl.col(source).list.len() > 0)[ITEM]
            raise DataError(
                f"none of {found['events']:,} events is of an item that has any {source}: "
                f"{_side_by_side(log, ITEM, tagged)}"
            )
    if users.width > 1 and not found["users_with_row"]:
        raise DataError(
            f"none of {found['users']:,} users of the log has a row in the table of users: "
            f"{_side_by_side(log, USER, users[USER])}"
        )


def _side_by_side(log: Log, column: str, table: pl.Series) -> str:
    """Ids of the log and of a table, and what to do where none of them is the same."""
    bucket = next(events for bucket in range(log.buckets) if len(events := log.events(bucket)))
    ids = [", ".join(map(repr, some.unique().sort().head(3))) for some in (bucket[column], table)]
    return (
        f"the log has {column}s such as {ids[0]}, the table {ids[1] or 'none'}; write ids alike in both, or mend the "
        f"mapping of {column} in the run file"
    )


def _refuse_nobody(log: Log, plan: Plan) -> None:
    """Raise DataError where a split has no sample; buckets are looked at until each has one."""
    last = log.found["last"]
    totals: dict[str, int] = dict.fromkeys(plan.cut.splits, 0)
    for bucket in range(log.buckets):
        splits = plan.cut.samples(log.events(bucket), last)["split"]
        for split in totals:
            totals[split] += int((splits == split).sum())
        if all(totals.values()):
            return
    raise DataError(plan.cut.too_few(totals))


def _refuse_no_numbers(log: Log, plan: Plan) -> None:
    fields = log.users().columns[1:]
    for source in plan.numbers:
        if source not in fields:
            raise ConfigError(
                f"the run file uses field {source!r} as a number, but it is no field of the users; those are: "
                f"{', '.join(fields) or 'none'}"
            )
        several = log.users().filter(pl.col(source).list.len() > 1)
        if len(several):
            raise DataError(
                f"{source!r} of user {several[USER][0]!r} is {several[source][0].to_list()}, which is not one number; "
                f"leave out `number`, or give the users' table a column of one number"
            )


def _refuse_silent(samples: dict[str, int], field: str) -> None:
    """Raise DataError where the users of a split have windows, but none that asks anything."""
    for split, count in samples.items():
        if not count:
            taught = f"{field} that training users clicked often enough" if split == "train" else f"any {field}"
            raise DataError(
                f"in the label windows of {split} users nothing was clicked that has {taught}; windows that ask for "
                f"something: {samples}; give a lower features.min_count, longer windows, or a longer log"
            )


def _fingerprint(log: Log, plan: Plan) -> dict[str, Any]:
    """What decides the shards, part by part, so that each model can be held to the parts that it reads. A target
    depends on those before it too, see `Plan`."""
    features, targets = plan.features, [target.model_dump_json() for target in plan.targets]
    least = {source: str(features.min_count.get(source, 1)) for source in plan.sources}
    return {
        "form": FORM,
        "log": _digest((log.folder / "source.json").read_text(encoding="utf-8")),
        "cut": _digest(plan.cut.name, *plan.cut.settings, str(features.fade_half_life)),
        "fields": [
            [rule.name, _digest(rule.model_dump_json(), least.get(rule.source, ""))] for rule in features.fields
        ],
        "targets": {
            target.field: _digest(*targets[: number + 1], least[target.field])
            for number, target in enumerate(plan.targets)
        },
    }


def _digest(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()


def _count_items(log: Log, plan: Plan, report: Report) -> pl.DataFrame:
    """ITEM and COUNT: clicks by training users in the training period; every item of the log has a row."""
    last = log.found["last"]
    counts = pl.DataFrame(schema={ITEM: pl.String, COUNT: pl.Int64})
    for bucket in range(log.buckets):
        events = log.events(bucket)
        counted = events.select(ITEM, used=events[CLICKED] & plan.cut.counts(events, last))
        here = counted.group_by(ITEM).agg(pl.col("used").sum().cast(pl.Int64).alias(COUNT))
        counts = pl.concat([counts, here]).group_by(ITEM).agg(pl.col(COUNT).sum())
        report(Progress("count", bucket + 1, log.buckets))
    return counts.sort(ITEM)


def _vocabularies(log: Log, plan: Plan, counts: pl.DataFrame) -> dict[str, Vocabulary]:
    items, end = counts.join(log.items(), on=ITEM, how="left"), plan.cut.training_end(log.found["last"])
    users = log.users()
    if users.width > 1:
        users = users.filter(plan.cut.trains(users[USER])).with_columns(pl.lit(1).alias(COUNT))
    found = {}
    for source in plan.sources:
        table = items if source == ITEM or source in items.columns else users
        said = log.said(source)
        if said is not None:
            values = counts.join(seen_at(said, end), on=ITEM).select(VALUE, COUNT)
        else:
            values = table.select(pl.col(source).alias(VALUE), COUNT)
            if source != ITEM:
                values = values.explode(VALUE, keep_nulls=False, empty_as_null=False)
        found[source] = Vocabulary.count(values.drop_nulls(), min_count=max(1, plan.features.min_count.get(source, 1)))
    for field in (target.field for target in plan.targets):
        if len(found[field]) == RESERVED:
            raise DataError(
                f"no {field} was clicked {max(1, plan.features.min_count.get(field, 1))} times by training users, so "
                f"there is nothing to learn; give a lower features.min_count, or a longer log"
            )
    return found


def _spans(log: Log, plan: Plan) -> dict[str, Span]:
    """By what each number is scaled, from training users."""
    if not plan.numbers:
        return {}
    users = log.users()
    training = users.filter(plan.cut.trains(users[USER]))
    spans = {}
    for source in plan.numbers:
        span = Span.of(training[source].list.first())
        if span is None:
            example = users[source].list.first().drop_nulls().first()
            raise DataError(
                f"no training user has a number as {source!r}; its texts look like {example!r}, so leave out `number`"
            )
        spans[source] = span
    return spans
