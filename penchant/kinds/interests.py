"""Interest models of a run: trained on one cut, examined beside every baseline, asked for profiles."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

import penchant
from penchant.errors import ConfigError, UnknownUserError
from penchant.evaluation.calibration import calibrate
from penchant.evaluation.examine import Examination
from penchant.evaluation.judge import Ndcg
from penchant.evaluation.protocols.interests import (
    Result,
    examine_preferences,
    load_results,
    save_results,
)
from penchant.features.cuts.cut import Split
from penchant.features.shards import Batch, Shard, batch_of, open_shards
from penchant.features.vocabulary import Vocabulary
from penchant.files import aside, holds, remove, write_json
from penchant.kinds.kind import WEIGHTS, OnCut, RunModel
from penchant.kinds.sections import CutName, InterestsSection, fields_read, reads_numbers
from penchant.logs.users import bucket_of
from penchant.models.base import Sizes
from penchant.models.catalog import build_interests, fitted
from penchant.models.interests.blend import BlendConfig
from penchant.models.interests.promise import Interests, Preferences, TowerConfig
from penchant.profiles.average import AVERAGE, Average, average_of, load_average, save_average
from penchant.profiles.build import Names, build_profiles
from penchant.profiles.explain import Explanation, describe, explain, first
from penchant.profiles.profile import WholeProfile
from penchant.progress import Report
from penchant.report.groups import settings_of, title
from penchant.runfolder import RunFolder
from penchant.schema import ITEM, UNKNOWN
from penchant.training.baselines import fit_baselines
from penchant.training.blend import (
    BLEND,
    BLEND_WEIGHTS,
    Chosen,
    add_deep,
    fit_blend,
    load_blend,
    read_chosen,
    save_blend,
)
from penchant.training.checkpoint import Identity
from penchant.training.loop import load_weights, read_metrics, train
from penchant.training.objectives.interests import InterestsObjective


class InterestModel(RunModel[InterestsSection]):
    """One interest model of a run, and what it says of users."""

    def __init__(self, run: RunFolder, name: str, section: InterestsSection) -> None:
        super().__init__(run, name, section)
        self.on = OnCut(run, section.cut, run.config.labels_of(name))

    @property
    def cuts(self) -> set[CutName]:
        return {self.section.cut}

    @property
    def label(self) -> str:
        """The item field that is predicted."""
        return self.on.labels

    @property
    def tags(self) -> Vocabulary:
        """The vocabulary that is predicted."""
        return self.on.predicted

    @property
    def sizes(self) -> Sizes:
        """Rows of the tables of all fields of its cut, whoever reads them."""
        return self.on.sizes

    @property
    def is_trained(self) -> bool:
        return (self.folder / self._last_file).exists()

    def shards(self, split: Split) -> list[Shard]:
        return open_shards(self.run.prepared(self.section.cut).folder, split, self.label)

    def train(self, report: Report) -> None:
        refuse_missing(self.run.config.device)
        if self.section.trained:
            self._train(self.section.trained, report)
        if isinstance(self.section.model, BlendConfig) and not (self.folder / BLEND_WEIGHTS).exists():
            self._blend(self.section.model, report)
        if self._last_file == AVERAGE and not self.is_trained:
            save_average(self.folder, average_of(self.load(), self.shards("latest")), self.identity)

    def load(self) -> Interests:
        """The model with its weights. Raises where they belong to another vocabulary, data or config."""
        if not isinstance(self.section.model, BlendConfig):
            assert self.section.trained
            return self._load_trained(self.section.trained)
        deep = self._load_trained(self.section.model.deep) if self.section.model.deep else None
        return load_blend(self.folder, deep, self.sizes, self.identity).eval()

    @cached_property
    def model(self) -> Interests:
        """The trained model, ready to score. MissingStepError where it is not trained yet."""
        self.refuse_untrained()
        return self.load()

    @cached_property
    def average(self) -> Average:
        """The average user."""
        return load_average(self.folder, self.identity, self.model)

    @property
    def chosen(self) -> Chosen | None:
        """How a blend was chosen; None for other models."""
        return read_chosen(self.folder) if isinstance(self.section.model, BlendConfig) else None

    @property
    def title(self) -> str:
        """What people call it: where a baseline is served in the place of a blend, its name."""
        name, chosen = title(settings_of(self.section.model_dump(mode="json"))), self.chosen
        return name if chosen is None or chosen.served == BLEND else f"{chosen.served} (served)"

    @property
    def identity(self) -> Identity:
        """What its weights belong to."""
        said, training = self.section.model.model_dump_json(), self.section.training.model_dump(mode="json")
        return self.on.identity(said, training, fields_read(self.section))

    @cached_property
    def model_sizes(self) -> Sizes:
        """What the trained model reads: the fields its config names, or all that it can."""
        config = self.section.trained
        assert config
        return self.sizes.only(config.fields or self._readable(config))

    def examine(self, made: dict[str, str], report: Report) -> dict[str, Any] | None:
        """Metrics of the model and of every baseline on test users; None on a cut that has none."""
        if "test" not in self.run.plan(self.section.cut).cut.labelled:
            return None
        prepared = self.run.prepared(self.section.cut)
        own = self._examined(f"the model {self.name!r}", self.model)
        results = {"model": own, **self._baselines(report)}
        examined = Examination(results)
        metrics = {
            "model": {
                "name": self.section.model.name,
                "labels": self.label,
                "title": self.title,
                "chosen": self.chosen and self.chosen.as_json(),
            },
            "made": {**made, "negatives": prepared.negatives(self.label)},
            "samples": prepared.samples(self.label),
            "scores": examined.scores(),
            "model_minus": examined.minus("model"),
            "learning_curve": read_metrics(self.folder) if self.section.trained else [],
            "calibration": calibrate(
                self.model, self.shards("test"), self.section.training.loss, log_odds=self.chosen is None
            ),
        }
        self._keep_users(results)
        write_json(self.run.scores_of(self.name), metrics)
        return metrics

    def finish(self, made: dict[str, str], report: Report) -> None:
        super().finish(made, report)
        if self.name in self.run.config.profiled:
            self.build_profiles(report)

    @property
    def profiles_folder(self) -> Path:
        return self.run.folder / "profiles" / self.name

    def build_profiles(self, report: Report) -> Path:
        """Profiles of all users; the folder of Parquet files."""
        folder, config = self.profiles_folder, self.run.config.profiles
        vocabularies = {name: Names(vocabulary) for name, vocabulary in self.shown.items()}
        self._drop_stale_profiles(folder)
        shards = self.shards("latest")
        build_profiles(self.model, self.average, shards, vocabularies, folder, config, tags=self.label, report=report)
        return folder

    def profile(self, user: str | int) -> WholeProfile:
        """One user's profile, from all of their history. Raises UnknownUserError."""
        return self._of_user(str(user))[1]

    def knows(self, tag: str) -> bool:
        """Whether a tag is one that the model has preferences for."""
        return self.shown[self.label].id(tag) != UNKNOWN

    def explain(self, user: str | int, tag: str | None = None) -> Explanation:
        """Why the user has a preference for a tag, the one that stands first if none is given."""
        batch, profile = self._of_user(str(user))
        tag = tag or first(profile, self.run.config.profiles.order)
        return explain(self.model, self.average, batch, profile, self.shown, self.label, tag)

    def some_user(self) -> str:
        """A user to show: the first test user with a middling number of tags."""
        shard = self.shards("test")[0]
        users = shard.users
        order = np.argsort(np.abs(shard.history.lengths - np.median(shard.history.lengths)), kind="stable")
        there = order[~self.run.gone(users).to_numpy()[order]]
        return str(users[int(there[0] if len(there) else order[0])])

    @cached_property
    def shown(self) -> dict[str, Vocabulary]:
        """The vocabularies as people read them, by field and the predicted one under its name: items by their readable
        name, if the run has one."""
        named = {**self.on.vocabularies, self.label: self.tags}
        title = self.run.config.profiles.item_name
        if title is None:
            return named
        names = self.run.log.items().select(value=ITEM, name=pl.col(title).list.first())
        of_items = {rule.name for rule in self.on.rules if rule.source == ITEM}
        return {
            name: vocabulary.shown_as(names) if name in of_items else vocabulary for name, vocabulary in named.items()
        }

    @property
    def _last_file(self) -> str:
        """The file of the folder that is written last: only users of the cut by user have profiles, and an average."""
        return AVERAGE if self.section.cut == "users" else WEIGHTS

    def _readable(self, config: TowerConfig) -> list[str]:
        """The fields that a model can read, where its config names none."""
        names = [rule.name for rule in self.on.rules]
        numbers = self.sizes.numbers
        return names if reads_numbers(config) else [name for name in names if name not in numbers]

    def _train(self, config: TowerConfig, report: Report) -> None:
        """What training moves: the model itself, or the deep one of a blend."""
        torch.manual_seed(self.section.training.seed)
        model = build_interests(config, self.model_sizes).to(self.run.config.device)
        training = self.section.training
        objective = InterestsObjective(self.shards("train"), training, self._judge.mean)
        train(model, objective, training, self.folder, identity=self.identity, report=report)

    def _load_trained(self, config: TowerConfig) -> Interests:
        model = build_interests(config, self.model_sizes)
        load_weights(self.folder, model, self.identity)
        return model.eval()

    def _blend(self, config: BlendConfig, report: Report) -> None:
        """The closed form, and beside it the deep model if there is one."""
        sizes = self.sizes
        model, chosen = fit_blend(
            self.shards("train"),
            [name for name in sizes.fields if name not in (*sizes.tag_fields, *sizes.numbers)],
            sizes,
            self.tags.counts_by_id,
            self._judge,
            rank=config.rank,
            forward=self._forward,
            report=report,
        )
        if config.deep:
            model, chosen = add_deep(model, chosen, self._load_trained(config.deep), self.shards("valid"), self._judge)
        save_blend(self.folder, model, chosen, self.identity)

    @property
    def _forward(self) -> bool:
        """Whether choices are made forward in time."""
        return self.run.config.labels.by == "days"

    @property
    def _judge(self) -> Ndcg:
        return Ndcg(self.shards("valid"), self.sizes.tags)

    def _baselines(self, report: Report) -> dict[str, Result]:
        """How every baseline does on test users. Penchant's own are measured once for the data, whatever models are
        trained on it; those of other packages each time, because their code may change."""
        wanted, prepared = self.run.config.evaluation, self.run.prepared(self.section.cut)
        path = prepared.folder / f"baselines-{self.label}.parquet"
        told = wanted.model_dump(mode="json", exclude={"beside"})
        asked = {"version": penchant.__version__, "data": prepared.identity(self.label), **told}
        shards = self.shards("train")
        own = load_results(path, asked)
        if own is None:
            models = fit_baselines(self.tags.counts, shards, self._judge, forward=self._forward, report=report)
            own = {name: self._examined(f"the baseline {name!r}", model) for name, model in models.items()}
            save_results(path, own, asked)
        others = {name: fitted(name, shards, self.tags.counts_by_id, self.sizes) for name in wanted.beside}
        return {**own, **{name: self._examined(f"the baseline {name!r}", one) for name, one in others.items()}}

    def _examined(self, who: str, model: Preferences) -> Result:
        """Metrics of test users. who: what an error calls the model."""
        asked, test = self.run.config.evaluation, self.shards("test")
        return examine_preferences(who, model, test, asked.at, self.sizes.tags, asked.candidates)

    def _keep_users(self, results: dict[str, Result]) -> None:
        """Every user's metrics, so that runs can be compared user by user."""
        frames = [result.users.with_columns(scorer=pl.lit(name)) for name, result in results.items()]
        with aside(self.run.scores_of(self.name).with_suffix(".parquet")) as path:
            pl.concat(frames).write_parquet(path)

    def _drop_stale_profiles(self, folder: Path) -> None:
        """Profiles of earlier weights, or of other wishes, must not stand beside new ones."""
        wishes = self.run.config.profiles.model_dump(mode="json", exclude={"model"})
        wanted = {"weights": (self.folder / self._last_file).stat().st_mtime_ns, "profiles": wishes}
        if not holds(folder / "weights.json", wanted):
            remove(folder)
            write_json(folder / "weights.json", wanted)

    def _of_user(self, user: str) -> tuple[Batch, WholeProfile]:
        shards = self.shards("latest")
        shard = shards[int(bucket_of(pl.Series([user]), len(shards))[0])]
        found = shard.users.index_of(user)
        if found is None or self.run.gone(pl.Series([user])).item():
            raise UnknownUserError(
                f"user {user!r} is not in the log of {self.run.folder}; its ids look like {shard.users[0]!r}"
            )
        rows = slice(found, found + 1)
        batch = batch_of(shard, list(self.model.sizes.fields), rows, own=True)
        return batch, describe(self.model, self.average, batch, self.shown, self.label, user)


def refuse_missing(device: str) -> None:
    """Raise ConfigError where PyTorch sees no such device."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device is {device!r}, but PyTorch {torch.__version__} sees no such device here; "
            f'set device = "cpu", or install a PyTorch built for your GPU (https://pytorch.org/get-started)'
        )
