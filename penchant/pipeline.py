"""The offline system, top to bottom: tables → log → features → model → evaluation → profiles.

Every step can be called alone; each keeps what is finished and goes on from there.
"""

import datetime
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import penchant
from penchant.atwork import at_work
from penchant.choices import Exportable, Form
from penchant.errors import ConfigError, MissingStepError
from penchant.features.cuts.cut import end_of
from penchant.features.prepare import Prepared, prepare, refuse_unfit
from penchant.files import read_json, write_json
from penchant.kinds.answers import ModelRun
from penchant.logs.doubts import Doubt, Purpose, doubts
from penchant.logs.forgotten import FORGOTTEN, read_forgotten
from penchant.logs.formats.places import expand
from penchant.logs.ingest import Log, ingest
from penchant.logs.proposing.frames import run_file_of
from penchant.logs.pseudonyms import Admission
from penchant.models.catalog import find_baseline
from penchant.operation.erasure import drop_gone
from penchant.operation.exports.export import ExportOptions, export
from penchant.operation.exports.table import ExportTally
from penchant.operation.exports.target import read_target, refuse_misfit
from penchant.progress import Progress, Report, quiet
from penchant.report.build import gather, with_examples
from penchant.report.facts import read_facts
from penchant.report.numbers import Numbers
from penchant.report.page import write_report
from penchant.runfile import RunConfig, load_config
from penchant.runfolder import KEY, key_of_run
from penchant.schema import ITEM


def run(
    config: RunConfig | Path | str | None = None,
    out: Path | str = "runs/mine",
    *,
    events: Any = None,
    items: Any = None,
    users: Any = None,
    pseudonyms: Path | str | None = None,
    base: Path | None = None,
    only: str | None = None,
    report: Report = quiet,
) -> "Run":
    """Everything: check, prepare, train, evaluate, profile. The same call again goes on where it was stopped.

    config: a run file or its content; base: what its paths are relative to, the run file's folder by default; only: the
    name of one model, which is trained and examined with those that it needs.
    events, items, users: in the place of a run file, tables of pandas, Polars, PyArrow or DuckDB; what their columns
    are is found as `penchant init` finds it, and written to OUT/run.toml, which may be changed and given instead.
    pseudonyms: with `events`, the file of a key: nothing is written with an id of the columns "user" as it came.
    """
    tables = {"events": events, "items": items, "users": users}
    given = {name: table for name, table in tables.items() if table is not None}
    if (config is None) != ("events" in given) or (config is not None and given):
        raise ConfigError("give either a run file, or `events` and, if there are any, `items` and `users`")
    if config is not None and pseudonyms is not None:
        raise ConfigError("a run file says itself where the key is: write `pseudonyms` under [logs]")
    key = None if pseudonyms is None else Path(pseudonyms)
    started = Run.start(config or run_file_of(given, Path(out), key), Path(out), base=base)
    with at_work(started.folder, "runs everything"):
        started.prepare(report, only=only)
        for name in started.chosen(only):
            # One after the other, so that what is wrong with one model leaves those before it whole.
            started.models[name].finish(made(), report)
        drop_gone(started)
    return started


def report_on(folders: Sequence[Path], out: Path, *, report: Report = quiet) -> Numbers:
    """One page about evaluated runs, `out`/report.html, and its numbers as report.json."""
    facts = []
    for number, folder in enumerate(folders):
        facts.append(read_facts(folder, Run.open(folder).config))
        report(Progress("read", number + 1, len(folders)))
    numbers = gather(facts)
    examples = {
        data.attended_run: Run.open(data.attended_run).examples(data.attended_model)
        for data in numbers.data_sets
        if data.attended_run
    }
    numbers = with_examples(numbers, examples)
    write_report(numbers, out)
    return numbers


Given = ParamSpec("Given")
Made = TypeVar("Made")


def alone(step: Callable[Concatenate["Run", Given], Made]) -> Callable[Concatenate["Run", Given], Made]:
    """A step that writes to its folder, so that nobody else may meanwhile: FolderError says who does."""

    @wraps(step)
    def held(run: "Run", /, *given: Given.args, **named: Given.kwargs) -> Made:
        with at_work(run.folder, f"does {step.__name__}"):
            return step(run, *given, **named)

    return held


class Run(ModelRun):
    """A run folder and the steps that fill it, in order."""

    @classmethod
    def start(cls, config: RunConfig | Path | str, folder: Path, *, base: Path | None = None) -> "Run":
        """A run in `folder`, new or gone on with. Raises ConfigError where it was trained with another run file."""
        if not isinstance(config, RunConfig):
            base = base or Path(config).parent
            config = load_config(Path(config))
        base = (base or Path()).resolve()
        said = {"config": config.model_dump(mode="json"), "base": str(base)}
        with at_work(folder, "begins a run"):
            started = cls(folder, config, base)
            said |= {KEY: started.pseudonyms.fingerprint} if started.pseudonyms else {}
            started._refuse_other(said)
            write_json(folder / "config.json", said)
        return started

    @alone
    def check(self, report: Report = quiet) -> Log:
        """Read and check the tables, and that they hold what the run file asks for."""
        for name in self.config.evaluation.beside:
            find_baseline(name)
        log = self._log(report)
        for cut in self.cuts:
            refuse_unfit(log, self.plan(cut))
        if self.config.reference:
            self.lookalikes.refuse_unfit()
        return log

    def doubts(self) -> list[Doubt]:
        """What a reviewer would doubt in the log that was read, the serious doubts first. MissingStepError where no log
        was read yet. What `check` raises is not among them."""
        if not (self.folder / "log" / "found.json").exists():
            raise MissingStepError(f"{self.folder} holds no whole log yet; call `check` first")
        return doubts(self.log, self._purpose(), time.time())

    @alone
    def prepare(self, report: Report = quiet, *, only: str | None = None) -> list[Prepared]:
        """Vocabularies, features and labels, as shards: of each cut that the models read, or one model reads."""
        cuts = {cut for name in self.chosen(only) for cut in self.models[name].cuts}
        log = self.check(report)
        return [
            prepare(log, self.plan(cut), self.folder / "prepared" / cut, report=report)
            for cut in self.cuts
            if cut in cuts
        ]

    @alone
    def train(self, report: Report = quiet, *, only: str | None = None) -> None:
        """Train all models, or one and those that it needs; training that was stopped goes on."""
        for name in self.chosen(only):
            self.models[name].train(report)

    @alone
    def evaluate(self, report: Report = quiet, *, only: str | None = None) -> dict[str, dict[str, Any]]:
        """What models are worth beside baselines, on users that nothing was learned of: all models, or one; by name.
        Look-alikes are examined together, under the name of the one that the others stand beside."""
        found = {name: self.models[name].examine(made(), report) for name in self.chosen(only)}
        drop_gone(self)
        return {name: metrics for name, metrics in found.items() if metrics is not None}

    @alone
    def build_profiles(self, report: Report = quiet) -> list[Path]:
        """Profiles of all users by each model that makes some; the folders of Parquet files."""
        written = [self.interests(name).build_profiles(report) for name in self.config.profiled]
        drop_gone(self)
        return written

    @alone
    def export(
        self,
        what: Exportable,
        to: Path | str,
        *,
        form: Form | None = None,
        model: str | None = None,
        replace: bool = False,
        ttl_s: int | None = None,
        report: Report = quiet,
    ) -> ExportTally:
        """Write profiles or audiences of all users to a file, a table or a Redis (docs/exports.md); what went out.

        form, model, replace, ttl_s: see `ExportOptions`.
        """
        target, options = read_target(str(to)), ExportOptions(form, model, replace, ttl_s)
        refuse_misfit(target, form, ttl_s)
        return export(self, what, target, options, self.forgotten(), report)

    def chosen(self, only: str | None) -> list[str]:
        """The models to see to, in order: all, or one with those that it needs. ConfigError for a name that is none."""
        if only is None:
            return list(self.models)
        if only not in self.models:
            raise ConfigError(f"no model of the run file is called {only!r}; there are {', '.join(self.models)}")
        wanted = {only}
        for name in reversed(self.models):
            if name in wanted:
                wanted |= set(self.models[name].needs)
        return [name for name in self.models if name in wanted]

    def _refuse_other(self, said: dict[str, Any]) -> None:
        """Nothing trained may be taken for another run file's; models that are not trained may change, come or go."""
        path = self.folder / "config.json"
        if not path.exists() or read_json(path) == said:
            return
        trained = {one.name for one in (self.folder / "models").glob("*")}
        if trained and _settled(read_json(path), trained) != _settled(said, trained):
            raise ConfigError(
                f"{self.folder} was trained with another run file; give another --out, or remove the folder"
            )

    def _purpose(self) -> Purpose:
        """What the models of the run learn from the log."""
        config = self.config
        names = config.interests("users")
        # Models of items and of orders are examined by the same windows, also where none predicts a field.
        predicted = dict.fromkeys(field for name in names if (field := config.labels_of(name)) != ITEM)
        labels, folds = config.labels, config.users.folds
        if labels.by == "share" or "users" not in self.cuts:
            return Purpose(tuple(predicted), folds)
        end = end_of(labels.until, self.log.found["last"])
        return Purpose(tuple(predicted), folds, labels.windows, labels.days, end)

    def _log(self, report: Report) -> Log:
        tables = self.config.logs.resolve(self.base)
        limit, admission = self.config.logs.max_rejected_share, Admission(self.forgotten(), self.pseudonyms)
        folder = self.folder / "log"
        return ingest(tables, self.base, folder, max_rejected_share=limit, admission=admission, report=report)

    def forgotten(self) -> dict[str, float]:
        """By the list that the run file names, and by the run's own."""
        named = self.config.logs.forgotten
        lists = [Path(expand(named, self.base))] if named else []
        for path in lists:
            self._refuse_list_of_others(path)
        own = self.folder / FORGOTTEN
        return {
            digest: at
            for path in [*lists, *([own] if own.exists() else [])]
            for digest, at in read_forgotten(path).items()
        }

    def _refuse_list_of_others(self, path: Path) -> None:
        """A list of forgotten users recognises them by what their run calls them: with another key it would let all of
        them in again."""
        if not (path.parent / "config.json").exists():
            return
        if key_of_run(path.parent) != key_of_run(self.folder):
            raise ConfigError(
                f"{path} is of a run with another key, or without one, so it would recognise nobody here; write one "
                f"for this key with `penchant pseudonyms carry` (docs/data/pseudonyms.md)"
            )


def _settled(said: dict[str, Any], trained: set[str]) -> dict[str, Any]:
    """What may not change once some models are trained: all but how they are examined, what is shown of them, and the
    sections of others."""
    config = {**said["config"], "evaluation": None, "profiles": None}
    models = config["models"]
    if all(models.get(name, {}).get("cut") == "users" for name in trained):
        config |= {"periods": None, "lookalike": None}
    return {**said, "config": {**config, "models": {name: models.get(name) for name in sorted(trained)}}}


def made() -> dict[str, str]:
    """What made a measurement, and when."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"version": penchant.__version__, "commit": _commit(), "at": now}


def _commit() -> str:
    """The commit of the code, where it runs from a checkout."""
    here = Path(__file__).parent.parent
    if not (here / ".git").exists():
        return "unknown"
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
