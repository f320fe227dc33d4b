"""A run folder as it is served: its models, and the snapshot of what its log knows of every user."""

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from time import time

import polars as pl

from penchant.atwork import at_work, waiting
from penchant.errors import MissingStepError
from penchant.evaluation.choice import Choice
from penchant.features.live import ItemValues, LiveFeatures, UserValues
from penchant.features.plan import Plan
from penchant.features.prepare import Prepared
from penchant.files import read_json
from penchant.logs.ingest import Log
from penchant.progress import Report, quiet
from penchant.runfolder import RunFolder
from penchant.schema import ITEM
from penchant.serving.served import AlikeModel, Served, TagModel
from penchant.serving.snapshot import Snapshot, is_written, refuse_broken, write_snapshot

_WEIGHTS = (
    "prepared/plan.json",
    "model/weights.safetensors",
    "model/blend.safetensors",
    "model/average.safetensors",
    "lookalike/prepared/plan.json",
    "lookalike/users-*/weights.safetensors",
    "lookalike/ralm/weights.safetensors",
    "lookalike/average/weights.safetensors",
)
"""What decides which model a run folder holds."""

_CHOSEN = "lookalike/metrics.json"
"""Says which of them is live."""


def open_served(folder: Path, *, clock: Callable[[], float] = time, report: Report = quiet) -> Served:
    """What a run has trained, ready to serve; the snapshot is written to `folder`/serving where it is not there yet.

    Raises MissingStepError where neither tags nor look-alike are trained, FolderError where the snapshot cannot be
    written now, and what loading weights raises.
    """
    run = RunFolder.open(folder)
    name, log = version_of(folder), Log.open(folder / "log")
    tags, alike = _tags(run, log), _alike(run, log)
    if tags is None and alike is None:
        raise MissingStepError(f"{folder} has no trained model yet; run `penchant run RUN.toml --out {folder}` first")
    with waiting(folder / "serving.lock"):
        if not is_written(folder / "serving", {"name": name}):
            with at_work(folder, "writes the snapshot of serving"):
                crowd = run.lookalikes.crowd("latest", run.lookalikes.merge, report) if alike else None
                write_snapshot(log, crowd, folder / "serving", {"name": name}, made=clock(), report=report)
        snapshot = Snapshot(folder / "serving")
    refuse_broken(snapshot)
    names = log.names(run.config.profiles.item_name)
    return Served(name, snapshot, tags, alike, names, _tags_of_items(log, run.config.labels.field))


def version_of(folder: Path) -> str:
    """Changes whenever weights or prepared data of a run folder do, or what is live of them; the same for a copy."""
    told = sha256()
    for pattern in _WEIGHTS:
        for path in sorted(folder.glob(pattern)):
            told.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    told.update(block)
    if (folder / _CHOSEN).exists():
        told.update(json.dumps(read_json(folder / _CHOSEN).get("chosen"), sort_keys=True).encode())
    return told.hexdigest()[:16]


def signature_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes whenever a file that decides the version is written; cheap."""
    found = []
    for pattern in (*_WEIGHTS, _CHOSEN):
        for path in sorted(folder.glob(pattern)):
            state = path.stat()
            found.append((str(path.relative_to(folder)), state.st_mtime_ns, state.st_ino))
    return tuple(found)


def _tags(run: RunFolder, log: Log) -> TagModel | None:
    if not (run.folder / "model" / run.last_weights).exists():
        return None
    features = _features(run.config.plan, run.prepared, log)
    return TagModel(run.model, run.average, features, run.config.labels.field, run.shown, run.config.profiles)


def _alike(run: RunFolder, log: Log) -> AlikeModel | None:
    if run.config.lookalike is None or not (run.folder / "lookalike" / "prepared" / "manifest.json").exists():
        return None
    lookalike = run.lookalikes
    choice = lookalike.choice if (run.folder / _CHOSEN).exists() else Choice.unmeasured(0)
    return AlikeModel(
        lookalike.load_users(lookalike.merge),
        lookalike.load_ralm(lookalike.live_pool(choice.live)),
        _features(lookalike.plan, lookalike.prepared, log),
        lookalike.config.training.seed,
        lookalike.config.rounds.most_seeds,
        choice,
    )


def _features(plan: Plan, prepared: Prepared, log: Log) -> LiveFeatures:
    users = log.users()
    of_users = users.columns[1:]
    vocabularies = {source: prepared.vocabulary(source) for source in plan.sources}
    own = {source: vocabulary for source, vocabulary in vocabularies.items() if source in of_users}
    others = {source: vocabulary for source, vocabulary in vocabularies.items() if source not in of_users}
    spans = {source: prepared.span(source) for source in plan.numbers}
    items = ItemValues(_items(log, list(others)), others)
    return LiveFeatures(plan.features, plan.targets[0].field, items, UserValues.of_table(users, own, spans))


def _items(log: Log, sources: Sequence[str]) -> pl.DataFrame:
    """All items of tables and events, with the fields that are read."""
    table = log.items().select(ITEM, *(source for source in sources if source != ITEM))
    met = pl.concat([log.events(bucket)[ITEM].unique() for bucket in range(log.buckets)]).unique().to_frame(ITEM)
    return pl.concat([table, met.join(table, on=ITEM, how="anti")], how="diagonal")


def _tags_of_items(log: Log, field: str) -> dict[str, list[str]]:
    items = log.items()
    if field not in items.columns:
        return {}
    return dict(items.select(ITEM, field).drop_nulls().iter_rows())
