"""Export a run: which table, from which files of the run folder, to which target."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import penchant
from penchant.audiences.of_item import LONGEST_NAME
from penchant.choices import Exportable, Form
from penchant.errors import ConfigError, MissingStepError
from penchant.kinds.answers import ModelRun
from penchant.logs.forgotten import Forgotten
from penchant.operation.exports.files import write_csv, write_parquet, write_parquet_folder
from penchant.operation.exports.schema import SCHEMA_VERSION
from penchant.operation.exports.table import ExportFile, ExportTable, ExportTally
from penchant.operation.exports.target import ExportTarget
from penchant.progress import Report
from penchant.schema import ITEM

DIGEST = 16
"""Characters at the end of a file's name that stand for an item whose id is too long for one."""


@dataclass(frozen=True)
class ExportOptions:
    """form: long for tables if not given; model: whose profiles, the first of the run if not given; replace: whether
    what is there may be replaced; ttl_s: seconds after which a Redis forgets the export, never if not given."""

    form: Form | None = None
    model: str | None = None
    replace: bool = False
    ttl_s: int | None = None


def export(
    run: ModelRun, what: Exportable, target: ExportTarget, options: ExportOptions, forgotten: Forgotten, report: Report
) -> ExportTally:
    """Write profiles or audiences of a run to a target; what went out, and what did not.

    forgotten: users who stay out, unless the run has read its log since. Raises MissingStepError where there is nothing
    to export yet, and ConfigError for a target that is not understood, not installed, in the run folder, or taken.
    """
    _refuse_inside(run.folder, target)
    needed = _EXTRAS.get(target.kind)
    writer = _imported(*needed) if needed else None
    form: Form = options.form or "long"
    if target.kind == "redis":
        form = "nested" if what == "profiles" else "long"
    table = _profiles(run, form, options.model, forgotten) if what == "profiles" else _audiences(run, form, forgotten)
    match target.kind:
        case "parquet":
            write_parquet(table, target.path, replace=options.replace, report=report)
        case "folder":
            write_parquet_folder(table, target.path, replace=options.replace, report=report)
        case "csv":
            write_csv(table, target.path, replace=options.replace, report=report)
        case "redis":
            assert writer
            writer.write(table, target.place, replace=options.replace, ttl_s=options.ttl_s, report=report)
        case _:
            assert writer
            writer.write(table, target.path, replace=options.replace, report=report)
    return table.tally


_EXTRAS: Mapping[str, tuple[str, str]] = {
    "duckdb": ("duck", "duckdb"),
    "delta": ("lake", "deltalake"),
    "redis": ("online", "redis"),
}
"""Kinds of targets whose writers need more than the package does: the module, and the extra that brings it."""


def _imported(module: str, extra: str) -> ModuleType:
    try:
        return import_module(f"penchant.operation.exports.{module}")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed, which this target needs: pip install 'penchant[{extra}]'"
        ) from error


def _refuse_inside(folder: Path, target: ExportTarget) -> None:
    if target.kind != "redis" and target.path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"{target.place} is inside the run folder {folder}, which holds nothing else; name it elsewhere"
        )


def _profiles(run: ModelRun, form: Form, model: str | None, forgotten: Forgotten) -> ExportTable:
    asked = run.interests(model)
    folder = asked.profiles_folder
    if not (folder / "done.json").exists():
        raise MissingStepError(
            f"{run.folder} has no profiles by {asked.name!r} yet; run `penchant profiles {run.folder}` first"
        )
    as_of = _earliest(_log_of(run), run.prepared(asked.section.cut).folder / "manifest.json", folder / "weights.json")
    files = [ExportFile(path, as_of) for path in sorted(folder.glob("*.parquet"))]
    said = {"model": asked.name, "tags": asked.label, "order": run.config.profiles.order}
    return ExportTable("profiles", form, _about("profiles", form, folder / "done.json", said), files, forgotten)


def _audiences(run: ModelRun, form: Form, forgotten: Forgotten) -> ExportTable:
    paths = sorted((run.folder / "audiences").glob("*.parquet"))
    if not paths:
        raise MissingStepError(
            f"{run.folder} has no audience yet; make one with `penchant audience {run.folder} ITEM` first"
        )
    names = _items_of(run, [path.stem for path in paths])
    files = [ExportFile(path, _earliest(_log_of(run), path), names[path.stem]) for path in paths]
    newest = max(paths, key=lambda path: path.stat().st_mtime)
    return ExportTable("audiences", form, _about("audiences", form, newest, {}), files, forgotten)


def _about(what: Exportable, form: Form, made: Path, said: Mapping[str, str]) -> dict[str, str]:
    """Facts about an export. made: a file that was written last of what is exported."""
    moment = datetime.datetime.fromtimestamp(made.stat().st_mtime, datetime.UTC).isoformat(timespec="seconds")
    version = {"schema": str(SCHEMA_VERSION), "table": what, "form": form, "by": f"penchant {penchant.__version__}"}
    return {**version, "made": moment, **said}


def _items_of(run: ModelRun, names: Sequence[str]) -> dict[str, str]:
    """The item that each file of an audience is named after. Of an id that is too long the name holds a part and a
    digest, so it is looked for in the log."""
    found = {name: unquote(name) for name in names if len(name) <= LONGEST_NAME}
    long = {name[-DIGEST:]: name for name in names if name not in found}
    for item in _items_met(run) if long else ():
        digest = sha256(item.encode()).hexdigest()[:DIGEST]
        if digest in long:
            found[long.pop(digest)] = item
    if long:
        raise MissingStepError(
            f"the audience {next(iter(long.values()))} of {run.folder} is of an item that its log does not hold any "
            f"more; remove the file"
        )
    return found


def _items_met(run: ModelRun) -> Iterable[str]:
    for bucket in range(run.log.buckets):
        yield from run.log.events(bucket)[ITEM].unique()


def _log_of(run: ModelRun) -> Path:
    return run.folder / "log" / "found.json"


def _earliest(*paths: Path) -> float:
    """When the first of some files was written, UTC seconds."""
    return min(path.stat().st_mtime for path in paths)
