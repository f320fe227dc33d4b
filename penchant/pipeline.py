"""The offline system, top to bottom: tables → log → features → model → evaluation → profiles.

Every step can be called alone; each keeps what is finished and goes on from there.
"""

import datetime
import subprocess
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import polars as pl
import torch

import penchant
from penchant.atwork import at_work
from penchant.errors import ConfigError
from penchant.evaluation.baselines import make_baselines
from penchant.evaluation.calibration import calibrate
from penchant.evaluation.judge import Ndcg
from penchant.evaluation.protocols.interests import (
    ModelScorer,
    Result,
    compare,
    evaluate,
    load_results,
    save_results,
    summarize,
)
from penchant.features.prepare import Prepared, prepare, refuse_unfit
from penchant.files import aside, read_json, remove, write_json
from penchant.logs.forgotten import FORGOTTEN, read_forgotten
from penchant.logs.ingest import Log, ingest
from penchant.logs.tables import expand
from penchant.models.catalog import BlendConfig, TrainedConfig, build_model
from penchant.models.interests.promise import Interests
from penchant.profiles.average import average_of, save_average
from penchant.profiles.build import Names, build_profiles
from penchant.progress import Progress, Report, quiet
from penchant.report.build import gather, with_examples
from penchant.report.facts import read_facts
from penchant.report.groups import settings_of, title
from penchant.report.numbers import Numbers
from penchant.report.page import write_report
from penchant.runfile import RunConfig, load_config
from penchant.runfolder import RunFolder
from penchant.training.blend import BLEND, BLEND_WEIGHTS, Chosen, add_deep, fit_blend, save_blend
from penchant.training.loop import read_metrics, train
from penchant.training.objectives.interests import InterestsObjective


def run(config: RunConfig | Path | str, out: Path | str, *, base: Path | None = None, report: Report = quiet) -> "Run":
    """Everything: check, prepare, train, evaluate, profile. The same call again goes on where it was stopped.

    config: a run file or its content; base: what its paths are relative to, the run file's folder by default.
    """
    started = Run.start(config, Path(out), base=base)
    with at_work(started.folder, "runs everything"):
        started.prepare(report)
        started.train(report)
        started.evaluate(report)
        started.build_profiles(report)
        if started.config.lookalike:
            started.liken(report)
    return started


def report_on(folders: Sequence[Path], out: Path, *, report: Report = quiet) -> Numbers:
    """One page about evaluated runs, `out`/report.html, and its numbers as report.json."""
    facts = []
    for number, folder in enumerate(folders):
        facts.append(read_facts(folder, Run.open(folder).config.model_dump(mode="json")))
        report(Progress("read", number + 1, len(folders)))
    numbers = gather(facts)
    examples = {
        data.attended_run: Run.open(data.attended_run).examples() for data in numbers.data_sets if data.attended_run
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


class Run(RunFolder):
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
            _refuse_other(folder, said)
            write_json(folder / "config.json", said)
        return cls(folder, config, base)

    @alone
    def check(self, report: Report = quiet) -> Log:
        """Read and check the tables, and that they hold what the run file asks for."""
        log = self._log(report)
        refuse_unfit(log, self.config.plan)
        if self.config.lookalike:
            refuse_unfit(log, self.lookalikes.plan)
        return log

    @alone
    def prepare(self, report: Report = quiet) -> Prepared:
        """Vocabularies, features and labels, as shards."""
        return prepare(self.check(report), self.config.plan, self.folder / "prepared", report=report)

    @alone
    def train(self, report: Report = quiet) -> Interests:
        """The trained model; training that was stopped goes on."""
        _refuse_missing(self.config.device)
        if self.trained is not None:
            self._train(self.trained, report)
        folder = self.folder / "model"
        if isinstance(self.config.model, BlendConfig) and not (folder / BLEND_WEIGHTS).exists():
            self._blend(self.config.model, report)
        model = self.load_model()
        if not (folder / self.last_weights).exists():
            save_average(folder, average_of(model, self.shards("latest")), self.identity)
        return model

    @alone
    def evaluate(self, report: Report = quiet) -> dict[str, Any]:
        """Metrics of the model and of every baseline on test users, written to metrics.json."""
        asked, tags, test = self.config.evaluation, self.sizes.tags, self.shards("test")
        own = evaluate(ModelScorer(self.model), test, asked.at, tags, asked.candidates)
        baselines = self._baselines(report)
        results = {"model": own, **baselines}
        self._keep_users(results)
        metrics = {
            "model": {
                "name": self.config.model.name,
                "title": title_of(title(settings_of(self.config.model_dump(mode="json"))), self.chosen),
                "chosen": self.chosen and self.chosen.as_json(),
            },
            "made": {**_made(), "negatives": self.prepared.negatives(self.config.labels.field)},
            "samples": self.prepared.samples(self.config.labels.field),
            "scores": {name: summarize(result) for name, result in results.items()},
            "model_minus": {name: compare(own, result) for name, result in baselines.items()},
            "learning_curve": read_metrics(self.folder / "model") if self.trained else [],
            "calibration": calibrate(self.model, test, self.config.training.loss, log_odds=self.chosen is None),
        }
        write_json(self.folder / "metrics.json", metrics)
        return metrics

    @alone
    def build_profiles(self, report: Report = quiet) -> Path:
        """Profiles of all users; the folder of Parquet files."""
        folder = self.folder / "profiles"
        vocabularies = {name: Names(vocabulary) for name, vocabulary in self.shown.items()}
        shards, label, model, average = self.shards("latest"), self.config.labels.field, self.model, self.average
        self._drop_stale_profiles(folder)
        build_profiles(model, average, shards, vocabularies, folder, self.config.profiles, tags=label, report=report)
        return folder

    @alone
    def liken(self, report: Report = quiet) -> dict[str, Any]:
        """Look-alike: its own features, both phases, its metrics beside its competitors' (lookalikes.py)."""
        self.check(report)
        return self.lookalikes.all(_made(), report)

    def _train(self, config: TrainedConfig, report: Report) -> None:
        """What training moves: the model itself, or the deep one of a blend."""
        torch.manual_seed(self.config.training.seed)
        model = build_model(config, self.model_sizes).to(self.config.device)
        training, folder = self.config.training, self.folder / "model"
        objective = InterestsObjective(self.shards("train"), training, self._judge.mean)
        train(model, objective, training, folder, identity=self.identity, report=report)

    def _blend(self, config: BlendConfig, report: Report) -> None:
        """The closed form, and beside it the deep model if there is one."""
        fields = [name for name in self.sizes.fields if name not in (*self.sizes.tag_fields, *self.sizes.numbers)]
        model, chosen = fit_blend(
            self.shards("train"),
            fields,
            self.sizes,
            self.tags.counts_by_id,
            self._judge,
            rank=config.rank,
            forward=self.config.labels.by == "days",
            report=report,
        )
        if config.deep:
            model, chosen = add_deep(model, chosen, self.load_trained(config.deep), self.shards("valid"), self._judge)
        save_blend(self.folder / "model", model, chosen, self.identity)

    @property
    def _judge(self) -> Ndcg:
        return Ndcg(self.shards("valid"), self.sizes.tags)

    def _log(self, report: Report) -> Log:
        tables = self.config.logs.resolve(self.base)
        limit, forgotten = self.config.logs.max_rejected_share, self._forgotten()
        folder = self.folder / "log"
        return ingest(tables, self.base, folder, max_rejected_share=limit, forgotten=forgotten, report=report)

    def _forgotten(self) -> dict[str, float]:
        """By the list that the run file names, and by the run's own."""
        named = self.config.logs.forgotten
        lists = [expand(named, self.base)] if named else []
        own = self.folder / FORGOTTEN
        return {
            digest: at
            for path in [*lists, *([own] if own.exists() else [])]
            for digest, at in read_forgotten(path).items()
        }

    def _baselines(self, report: Report) -> dict[str, Result]:
        """How every baseline does on test users; measured once for the data, whatever models are trained on it."""
        wanted, path = self.config.evaluation, self.prepared.folder / "baselines.parquet"
        asked = {"version": penchant.__version__, **wanted.model_dump(mode="json")}
        kept = load_results(path, asked)
        if kept is not None:
            return kept
        scorers = make_baselines(
            self.tags, self.shards("train"), self._judge, forward=self.config.labels.by == "days", report=report
        )
        test, size = self.shards("test"), self.sizes.tags
        results = {name: evaluate(each, test, wanted.at, size, wanted.candidates) for name, each in scorers.items()}
        save_results(path, results, asked)
        return results

    def _keep_users(self, results: dict[str, Result]) -> None:
        """Every user's metrics, so that runs can be compared user by user."""
        frames = [result.users.with_columns(scorer=pl.lit(name)) for name, result in results.items()]
        with aside(self.folder / "metrics.parquet") as path:
            pl.concat(frames).write_parquet(path)

    def _drop_stale_profiles(self, folder: Path) -> None:
        """Profiles of earlier weights must not stand beside those of new ones."""
        weights = (self.folder / "model" / self.last_weights).stat().st_mtime_ns
        if not (folder / "weights.json").exists() or read_json(folder / "weights.json") != weights:
            remove(folder)
            write_json(folder / "weights.json", weights)


def title_of(name: str, chosen: Chosen | None) -> str:
    """What people call the model of a run: where a baseline is served in the place of a blend, its name."""
    return name if chosen is None or chosen.served == BLEND else f"{chosen.served} (served)"


def _refuse_other(folder: Path, said: dict[str, Any]) -> None:
    """Nothing trained may be taken for another run file's; look-alike may be asked for later."""
    if not (folder / "config.json").exists():
        return
    kept = read_json(folder / "config.json")
    likened = any((folder / "lookalike").glob("*/weights.safetensors"))
    if not likened:
        kept, said = ({**one, "config": {**one["config"], "lookalike": None}} for one in (kept, said))
    if (likened or (folder / "model").exists()) and kept != said:
        raise ConfigError(f"{folder} was trained with another run file; give another --out, or remove the folder")


def _refuse_missing(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device is {device!r}, but PyTorch {torch.__version__} sees no such device here; "
            f'set device = "cpu", or install a PyTorch built for your GPU (https://pytorch.org/get-started)'
        )


def _made() -> dict[str, str]:
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
