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
from penchant.kinds.answers import ModelRun
from penchant.logs.ingest import Log
from penchant.logs.reading import read_keys
from penchant.progress import Report, quiet
from penchant.runfolder import files_of
from penchant.schema import ITEM
from penchant.serving.served import AlikeModel, Served, TagModel
from penchant.serving.snapshot import Snapshot, is_written, refuse_broken, write_snapshot


def open_served(folder: Path, *, clock: Callable[[], float] = time, report: Report = quiet) -> Served:
    """What a run has trained, ready to serve; the snapshot is written to `folder`/serving where it is not there yet.

    Raises ConfigError where the key of the run's pseudonyms is not there,
    MissingStepError where neither tags nor look-alike are trained, FolderError where the snapshot cannot be
    written now, and what loading weights raises.
    """
    run = ModelRun.open(folder)
    pseudonyms = run.pseudonyms  # before anything is made: without the key nothing is served
    name, log = version_of(folder), Log.open(folder / "log")
    profiles, choice = _profiles(run, log), _choice(run)
    alike = _alike(run, log, choice) if choice else None
    offline = choice.served if choice and choice.live is None else None
    if not profiles and alike is None:
        if offline:
            raise MissingStepError(f"{folder} has nothing to serve. {offline}")
        raise MissingStepError(f"{folder} has no trained model yet; run `penchant run RUN.toml --out {folder}` first")
    with waiting(folder / "serving.lock"):
        if not is_written(folder / "serving", {"name": name}):
            with at_work(folder, "writes the snapshot of serving"):
                crowd = run.lookalikes.crowd("latest", run.lookalikes.reference, report) if alike else None
                write_snapshot(log, crowd, folder / "serving", {"name": name}, made=clock(), report=report)
        snapshot = Snapshot(folder / "serving")
    refuse_broken(snapshot)
    labels = [model.label for model in profiles.values()] or [run.config.labels.field]
    item_tags = {label: _tags_of_items(log, label) for label in labels}
    return Served(
        name,
        snapshot,
        profiles,
        alike,
        offline,
        item_names=run.item_names,
        item_fields=log.items().columns[1:],
        item_tags=item_tags,
        clocked=not log.position,
        pseudonyms=pseudonyms,
    )


def version_of(folder: Path) -> str:
    """Changes whenever weights or prepared data of a run folder do, or what is live of them; the same for a copy."""
    told = sha256()
    for path in files_of(folder, decides=True):
        told.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                told.update(block)
    for path in files_of(folder, chooses=True):
        if (chosen := read_keys(path, frozenset()).get("chosen")) is not None:
            told.update(json.dumps(chosen, sort_keys=True).encode())
    return told.hexdigest()[:16]


def signature_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes whenever a file that decides the version is written; cheap."""
    found = []
    for path in (*files_of(folder, decides=True), *files_of(folder, chooses=True)):
        state = path.stat()
        found.append((str(path.relative_to(folder)), state.st_mtime_ns, state.st_ino))
    return tuple(found)


def _profiles(run: ModelRun, log: Log) -> dict[str, TagModel]:
    """The interest models that make profiles and are trained, by name."""
    trained = [run.interests(name) for name in run.config.profiled]
    return {
        own.name: TagModel(
            own.model,
            own.average,
            _features(run.plan("users"), run.prepared("users"), log, own.label),
            own.label,
            own.shown,
            run.config.profiles,
        )
        for own in trained
        if own.is_trained
    }


def _choice(run: ModelRun) -> Choice | None:
    """Which look-alike makes audiences, and which is live; before they are examined the reference. None without any."""
    if run.config.reference is None:
        return None
    alike = run.lookalikes
    examined = run.scores_of(alike.reference).exists()
    return alike.choice if examined else Choice.unmeasured(0, alike.reference, alike.live)


def _alike(run: ModelRun, log: Log, choice: Choice) -> AlikeModel | None:
    """The look-alike that is live. None where none can be, or nothing of it was trained; half of it raises what loading
    raises."""
    live = None if choice.live is None else run.lookalikes.models[choice.live]
    if live is None or not live.learns or not (live.folder.exists() or live.users.folder.exists()):
        return None
    return AlikeModel(
        live.users.model,
        live.load(),
        _features(run.plan("periods"), run.prepared("periods"), log, ITEM),
        live.section.training.seed,
        run.config.lookalike.rounds.most_seeds,
        choice,
    )


def _features(plan: Plan, prepared: Prepared, log: Log, label: str) -> LiveFeatures:
    users = log.users()
    of_users = users.columns[1:]
    vocabularies = {source: prepared.vocabulary(source) for source in plan.sources}
    own = {source: vocabulary for source, vocabulary in vocabularies.items() if source in of_users}
    others = {source: vocabulary for source, vocabulary in vocabularies.items() if source not in of_users}
    spans = {source: prepared.span(source) for source in plan.numbers}
    items = ItemValues(_items(log, list(others)), others)
    return LiveFeatures(plan.features, label, items, UserValues.of_table(users, own, spans))


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
