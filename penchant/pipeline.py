"""The offline system, top to bottom: tables → log → features → model → evaluation → profiles.

Every step can be called alone; each keeps what is finished and goes on from there.
"""

import datetime
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from pydantic import ValidationError

import penchant
from penchant.errors import ConfigError, MissingStepError, PenchantError, UnknownUserError
from penchant.evaluation.baselines import make_baselines
from penchant.evaluation.calibration import calibrate
from penchant.evaluation.protocol import (
    ModelScorer,
    Result,
    compare,
    evaluate,
    load_results,
    save_results,
    summarize,
)
from penchant.features.prepare import Prepared, prepare, refuse_unfit
from penchant.features.shards import Batch, Shard, batch_of, open_shards
from penchant.features.vocabulary import Vocabulary
from penchant.files import aside, read_json, remove, write_json
from penchant.logs.ingest import Log, ingest
from penchant.logs.users import bucket_of
from penchant.models.base import Interests, Sizes
from penchant.models.catalog import build_model
from penchant.profiles.build import Names, build_profiles
from penchant.profiles.explain import Explanation, Profile, describe, explain
from penchant.progress import Progress, Report, quiet
from penchant.report.build import Examples, gather, with_examples
from penchant.report.facts import read_facts
from penchant.report.numbers import Numbers
from penchant.report.page import write_report
from penchant.runfile import RunConfig, load_config
from penchant.schema import CLICKED, ITEM, TIME, USER
from penchant.training.checkpoint import Identity
from penchant.training.closed_form import fit_linear_path, load_linear_path, refuse_too_wide, save_linear_path
from penchant.training.loop import load_weights, read_metrics, train


def run(config: RunConfig | Path | str, out: Path | str, *, base: Path | None = None, report: Report = quiet) -> "Run":
    """Everything: check, prepare, train, evaluate, profile. The same call again goes on where it was stopped.

    config: a run file or its content; base: what its paths are relative to, the run file's folder by default.
    """
    started = Run.start(config, Path(out), base=base)
    started.prepare(report)
    started.train(report)
    started.evaluate(report)
    started.build_profiles(report)
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


@dataclass(frozen=True)
class Run:
    """A run folder: config.json, log/, prepared/, model/, metrics.json, profiles/."""

    folder: Path
    config: RunConfig
    base: Path

    def __post_init__(self) -> None:
        torch.set_num_threads(self.config.threads)

    @classmethod
    def start(cls, config: RunConfig | Path | str, folder: Path, *, base: Path | None = None) -> "Run":
        """A run in `folder`, new or gone on with. Raises ConfigError where it was trained with another run file."""
        if not isinstance(config, RunConfig):
            base = base or Path(config).parent
            config = load_config(Path(config))
        base = (base or Path()).resolve()
        said = {"config": config.model_dump(mode="json"), "base": str(base)}
        if (folder / "model").exists() and read_json(folder / "config.json") != said:
            raise ConfigError(f"{folder} was trained with another run file; give another --out, or remove the folder")
        write_json(folder / "config.json", said)
        return cls(folder, config, base)

    @classmethod
    def open(cls, folder: Path | str) -> "Run":
        """A run that was begun earlier. MissingStepError where there is none, ConfigError where it is damaged."""
        folder = Path(folder)
        if folder.is_file():
            raise MissingStepError(f"{folder} is a file; give the run folder, such as runs/{folder.stem}")
        if not (folder / "config.json").exists():
            raise MissingStepError(f"{folder} is no run folder; begin one with `penchant run RUN.toml --out {folder}`")
        try:
            said = read_json(folder / "config.json")
            config = RunConfig.model_validate_json(_as_json(said["config"]))
            return cls(folder, config, Path(said["base"]))
        except (ValueError, KeyError, TypeError) as error:
            told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in _problems(error)) or error
            raise ConfigError(
                f"{folder / 'config.json'} is damaged, or of another version: {told}; begin the run again"
            ) from None

    # Steps, in order.

    def check(self, report: Report = quiet) -> Log:
        """Read and check the tables, and that they hold what the run file asks for."""
        log = self._log(report)
        refuse_unfit(log, self.config.plan)
        return log

    def prepare(self, report: Report = quiet) -> Prepared:
        """Vocabularies, features and labels, as shards."""
        prepared = prepare(self._log(report), self.config.plan, self.folder / "prepared", report=report)
        if self.config.linear:
            refuse_too_wide(self.config.linear, self._sizes)
        return prepared

    def train(self, report: Report = quiet) -> Interests:
        """The trained model; training that was stopped goes on."""
        _refuse_missing(self.config.device)
        torch.manual_seed(self.config.training.seed)
        model = build_model(self.config.model, self.model_sizes).to(self.config.device)
        valid, tags = self.shards("valid"), self._sizes.tags

        def validate(model: Interests) -> float:
            return evaluate(ModelScorer(model), valid, [10], tags).mean("ndcg@10")

        shards, folder, identity = self.shards("train"), self.folder / "model", self._identity
        train(model, shards, self.config.training, folder, identity=identity, validate=validate, report=report)
        model.cpu()
        if self.config.linear and not (folder / "linear.safetensors").exists():
            report(Progress("linear", 0, 1, "ridge regression in closed form"))
            both = fit_linear_path(model, shards, self.config.linear, self._sizes, validate)
            save_linear_path(folder, both, identity)
            report(Progress("linear", 1, 1, f"the model's share is {both.gain:g}"))
        return self._load_model()

    def evaluate(self, report: Report = quiet) -> dict[str, Any]:
        """Metrics of the model and of every baseline on test users, written to metrics.json."""
        asked, tags, test = self.config.evaluation, self._sizes.tags, self.shards("test")
        own = evaluate(ModelScorer(self.model), test, asked.at, tags, asked.candidates)
        baselines = self._baselines(report)
        results = {"model": own, **baselines}
        self._keep_users(results)
        metrics = {
            "model": {"name": self.config.model.name, "share": getattr(self.model, "gain", None)},
            "made": {
                "version": penchant.__version__,
                "commit": _commit(),
                "at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "negatives": self.prepared.manifest["negatives"],
            },
            "samples": self.prepared.manifest["samples"],
            "scores": {name: summarize(result) for name, result in results.items()},
            "model_minus": {name: compare(own, result) for name, result in baselines.items()},
            "learning_curve": read_metrics(self.folder / "model"),
            "calibration": calibrate(self.model, test, self.config.training.loss, log_odds=self.config.linear is None),
        }
        write_json(self.folder / "metrics.json", metrics)
        return metrics

    def build_profiles(self, report: Report = quiet) -> Path:
        """Profiles of all users; the folder of Parquet files."""
        folder = self.folder / "profiles"
        vocabularies = {name: Names(vocabulary) for name, vocabulary in self._shown.items()}
        shards, label, model = self.shards("latest"), self.config.labels.field, self.model
        self._drop_stale_profiles(folder)
        build_profiles(model, shards, vocabularies, folder, self.config.profiles, tags=label, report=report)
        return folder

    def _log(self, report: Report) -> Log:
        tables = self.config.logs.resolve(self.base)
        limit = self.config.logs.max_rejected_share
        return ingest(tables, self.base, self.folder / "log", max_rejected_share=limit, report=report)

    # What a finished run gives.

    @cached_property
    def prepared(self) -> Prepared:
        if not (self.folder / "prepared" / "manifest.json").exists():
            raise MissingStepError(
                f"{self.folder} is not prepared yet; run `penchant prepare RUN.toml --out {self.folder}` first"
            )
        return Prepared(self.folder / "prepared")

    @cached_property
    def model(self) -> Interests:
        """The trained model, ready to score."""
        last = "linear.safetensors" if self.config.linear else "weights.safetensors"
        if not (self.folder / "model" / last).exists():
            raise MissingStepError(f"{self.folder} has no trained model yet; run `penchant train {self.folder}` first")
        return self._load_model()

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json."""
        if not (self.folder / "metrics.json").exists():
            raise MissingStepError(f"{self.folder} is not evaluated yet; run `penchant evaluate {self.folder}` first")
        return dict(read_json(self.folder / "metrics.json"))

    @cached_property
    def tags(self) -> Vocabulary:
        """The vocabulary that is predicted."""
        return self.prepared.vocabulary(self.config.labels.field)

    def shards(self, split: Literal["train", "valid", "test", "latest"]) -> list[Shard]:
        return open_shards(self.prepared.folder, split)

    def profile(self, user: str | int) -> Profile:
        """One user's profile, from all of their history. Raises UnknownUserError."""
        return self._of_user(str(user))[1]

    def explain(self, user: str | int, tag: str | None = None) -> Explanation:
        """Why the user has a preference for a tag, their best one if none is given."""
        batch, profile = self._of_user(str(user))
        best = max([*profile.clicked, *profile.unseen], key=lambda preference: preference.preference)
        label = self.config.labels.field
        return explain(self.model, batch, profile, self._shown, label, tag or best.tag)

    def clicks(self, user: str | int) -> pl.DataFrame:
        """What the user clicked, latest first: TIME, ITEM (its readable name if the run has one), tags."""
        log = Log.open(self.folder / "log")
        events = log.events(_bucket(str(user), log.buckets))
        clicks = events.filter((pl.col(USER) == str(user)) & pl.col(CLICKED)).join(log.items(), on=ITEM, how="left")
        title = self.config.profiles.item_name
        named = pl.coalesce(pl.col(title).list.first(), ITEM) if title else pl.col(ITEM)
        return clicks.select(TIME, named.alias(ITEM), pl.col(self.config.labels.field).alias("tags")).reverse()

    def some_user(self) -> str:
        """A user to show: the first test user with a middling number of tags."""
        shard = self.shards("test")[0]
        order = np.argsort(np.abs(shard.history.lengths - np.median(shard.history.lengths)), kind="stable")
        return str(shard.users[int(order[0])])

    def examples(self) -> Examples:
        """Profiles of three test users with few, a middling number of, and many tags, or why there are none."""
        try:
            shards = self.shards("test")
            order = np.argsort(np.concatenate([shard.history.lengths for shard in shards]), kind="stable")
            users = pl.concat([shard.users for shard in shards])
            places = dict.fromkeys(round(share * (len(order) - 1)) for share in (0.1, 0.5, 0.9))
            return Examples([self.profile(users[int(order[place])]) for place in places])
        except PenchantError as error:
            return Examples(reason=str(error))

    def _of_user(self, user: str) -> tuple[Batch, Profile]:
        shards = self.shards("latest")
        shard = shards[_bucket(user, len(shards))]
        found = shard.users.index_of(user)
        if found is None:
            raise UnknownUserError(
                f"user {user!r} is not in the log of {self.folder}; its ids look like {shard.users[0]!r}"
            )
        rows = slice(found, found + 1)
        batch = batch_of(shard, list(self.model.sizes.fields), rows)
        history = shard.history.part(rows)
        start = int(shard.history.offsets[found])
        counts = shard.arrays["history.counts"][start : start + len(history.values)]
        label = self.config.labels.field
        return batch, describe(self.model, batch, history, counts, self._shown, label, user)

    @property
    def config_fields(self) -> list[str]:
        return [rule.name for rule in self.config.features.fields]

    @cached_property
    def _vocabularies(self) -> dict[str, Vocabulary]:
        """By field of the model, and the label's under its own name."""
        label = self.config.labels.field
        named = {rule.name: self.prepared.vocabulary(rule.source) for rule in self.config.features.fields}
        return {**named, label: self.tags}

    @cached_property
    def _shown(self) -> dict[str, Vocabulary]:
        """The vocabularies as people read them: items by their readable name, if the run has one."""
        title = self.config.profiles.item_name
        if title is None:
            return self._vocabularies
        names = Log.open(self.folder / "log").items().select(value=ITEM, name=pl.col(title).list.first())
        of_items = {rule.name for rule in self.config.features.fields if rule.source == ITEM}
        return {
            name: vocabulary.shown_as(names) if name in of_items else vocabulary
            for name, vocabulary in self._vocabularies.items()
        }

    @cached_property
    def _sizes(self) -> Sizes:
        rules = self.config.features.fields
        rows = {rule.name: len(self._vocabularies[rule.name]) for rule in rules}
        return Sizes(
            rows, len(self.tags), tuple(rule.name for rule in rules if rule.source == self.config.labels.field)
        )

    @cached_property
    def model_sizes(self) -> Sizes:
        """What the model itself reads: all fields, or those its config names."""
        chosen = self.config.model.fields or self.config_fields
        fields = {name: self._sizes.fields[name] for name in chosen}
        return Sizes(fields, self._sizes.tags, tuple(name for name in self._sizes.tag_fields if name in fields))

    def _load_model(self) -> Interests:
        model = build_model(self.config.model, self.model_sizes)
        load_weights(self.folder / "model", model, self._identity)
        if self.config.linear:
            model = load_linear_path(self.folder / "model", model, self.config.linear, self._identity)
        return model.eval()

    @property
    def _identity(self) -> Identity:
        fingerprints = {name: vocabulary.fingerprint for name, vocabulary in self._vocabularies.items()}
        plan = read_json(self.prepared.folder / "plan.json")
        linear = self.config.linear.model_dump(mode="json") if self.config.linear else None
        training = {"data": plan, "linear": linear, **self.config.training.model_dump(mode="json")}
        return Identity(self.config.model.model_dump_json(), _as_json(fingerprints), _as_json(training))

    def _baselines(self, report: Report) -> dict[str, Result]:
        """How every baseline does on test users; measured once for the data, whatever models are trained on it."""
        wanted, path = self.config.evaluation, self.prepared.folder / "baselines.parquet"
        asked = {"version": penchant.__version__, **wanted.model_dump(mode="json")}
        kept = load_results(path, asked)
        if kept is not None:
            return kept
        scorers = make_baselines(self.tags, self.shards("train"), self.shards("valid"), report)
        test, size = self.shards("test"), self._sizes.tags
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
        weights = (self.folder / "model" / "weights.safetensors").stat().st_mtime_ns
        if not (folder / "weights.json").exists() or read_json(folder / "weights.json") != weights:
            remove(folder)
            write_json(folder / "weights.json", weights)


def _refuse_missing(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device is {device!r}, but PyTorch {torch.__version__} sees no such device here; "
            f'set device = "cpu", or install a PyTorch built for your GPU (https://pytorch.org/get-started)'
        )


def _bucket(user: str, buckets: int) -> int:
    return int(bucket_of(pl.Series([user]), buckets)[0])


def _problems(error: Exception) -> list[Any]:
    """What a value of the run file is reproached with, if it is that."""
    return list(error.errors()) if isinstance(error, ValidationError) else []


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _commit() -> str:
    """The commit of the code, where it runs from a checkout."""
    here = Path(__file__).parent.parent
    if not (here / ".git").exists():
        return "unknown"
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
