"""Look-alikes of a run: trained on clusters of seeds, examined together, the best of them makes audiences."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from penchant.audiences.crowd import values_of
from penchant.errors import ConfigError
from penchant.evaluation.choice import Choice, Part, Trial, choose, trial_of, without
from penchant.evaluation.guard import guarded
from penchant.evaluation.metrics import auc
from penchant.evaluation.protocols.lookalikes import LookalikeTest, evaluate_lookalikes, refuse_silent, score_pairs
from penchant.features.cuts.by_period import ByPeriod
from penchant.features.cuts.cut import Split
from penchant.features.cuts.rounds import Round, make_rounds
from penchant.features.ragged import Ragged
from penchant.features.shards import Shard
from penchant.features.vocabulary import Vocabulary
from penchant.files import write_json
from penchant.kinds.interests import InterestModel
from penchant.kinds.kind import WEIGHTS, RunModel, as_json
from penchant.kinds.sections import CutName, LookalikesSection
from penchant.logs.ingest import Log
from penchant.logs.reading import as_written
from penchant.models.base import Sizes
from penchant.models.catalog import build_lookalike
from penchant.models.interests.promise import Interests
from penchant.models.lookalikes.dot import InnerProduct, InnerProductConfig
from penchant.models.lookalikes.guard import Guarded
from penchant.models.lookalikes.promise import Contestant, Crowd, LookAlike
from penchant.models.lookalikes.ralm import Ralm, RalmConfig
from penchant.models.lookalikes.seed_clusters import SeedClusters
from penchant.progress import Progress, Report, quiet
from penchant.runfolder import RunFolder
from penchant.schema import ITEM
from penchant.training.checkpoint import Identity, map_tensors, save_tensors
from penchant.training.loop import load_weights, read_metrics, train
from penchant.training.objectives.lookalikes import Lessons, LookalikeObjective

AT_ONCE = 4096


class Ground:
    """What all look-alikes of a run share: who its users are at each moment, and which pairs teach and test."""

    def __init__(self, run: RunFolder, users: Mapping[str, InterestModel]) -> None:
        """users: the interest models on the cut by period, by name."""
        self.run, self.config, self.users = run, run.config.lookalike, users
        self.plan = run.plan("periods")

    @property
    def log(self) -> Log:
        return self.run.log

    @property
    def cut(self) -> ByPeriod:
        return ByPeriod(self.run.config.periods)

    @cached_property
    def items(self) -> Vocabulary:
        return self.run.prepared("periods").vocabulary(ITEM)

    def crowd(self, split: Split, users: str, report: Report = quiet) -> Crowd:
        """All users at one moment, as a model sees them, without who was forgotten since; their vectors are kept on
        disk."""
        model = self.users[users]
        shards = model.shards(split)
        people = pl.concat([shard.users for shard in shards])
        values, width = values_of(shards, model.model_sizes.fields, numbers=model.model_sizes.numbers)
        crowd = Crowd(people, self._vectors(model, split, shards, report), values, width)
        gone = self.run.gone(people)
        return crowd.only(np.flatnonzero(~gone.to_numpy())) if gone.any() else crowd

    def rounds(self, period: Any, users: pl.Series, *, whole: bool = False) -> list[Round]:
        """See `make_rounds`. Labels tested may be bounded, a whole period is not."""
        asked = self.config.rounds
        return make_rounds(self.log, self.cut, period, users=users, items=self.items, config=asked, whole=whole)

    def held(self, rounds: Sequence[Round]) -> frozenset[str]:
        """The candidates that teach no likeness."""
        names = pl.concat([one.names for one in rounds]).unique()
        return frozenset(names.filter(~self.cut.trains(names)))

    def _vectors(self, model: InterestModel, split: Split, shards: list[Shard], report: Report) -> np.ndarray:
        """vectors_NX of all users, read from disk where the same weights have written them."""
        path, identity = model.folder / "crowd" / f"{split}.safetensors", asdict(model.identity)
        if path.exists():
            tensors, said = map_tensors(path)
            if said == identity:
                with as_written(path):
                    return _of_all(tensors["vectors"], sum(map(len, shards)))
        loaded, parts = model.model, []
        for number, shard in enumerate(shards):
            parts += [_read(loaded, shard, start) for start in range(0, len(shard), AT_ONCE)]
            report(Progress("user vectors", number + 1, len(shards), f"of {split}, {model.name}"))
        vectors_NX = torch.cat(parts)
        guarded(f"the model {model.name!r}", vectors_NX, vectors_NX.shape, "interests")
        save_tensors(path, {"vectors": vectors_NX}, identity)
        return vectors_NX.numpy()


def _of_all(vectors_NX: Tensor, users: int) -> np.ndarray:
    """Vectors that were read, if each user has one."""
    if vectors_NX.dim() != 2 or len(vectors_NX) != users or vectors_NX.dtype != torch.float32:
        held = f"{vectors_NX.dtype} of shape {tuple(vectors_NX.shape)}"
        raise ValueError(f"it holds {held}, not vectors of {users} users")
    return vectors_NX.numpy()


class LookalikeModel(RunModel[LookalikesSection]):
    """One look-alike of a run."""

    beside: "Lookalikes"
    """All look-alikes of the run."""

    def __init__(self, run: RunFolder, name: str, section: LookalikesSection, ground: Ground) -> None:
        super().__init__(run, name, section)
        self.ground = ground

    @property
    def cuts(self) -> set[CutName]:
        """None: the model of its users reads the cut by period."""
        return set()

    @property
    def users(self) -> InterestModel:
        """The model that tells who its users are."""
        return self.ground.users[self.section.users]

    @property
    def learns(self) -> bool:
        """Whether it is trained; the others work all out when they are asked."""
        return isinstance(self.section.model, RalmConfig)

    @property
    def is_trained(self) -> bool:
        return not self.learns or (self.folder / WEIGHTS).exists()

    def train(self, report: Report) -> None:
        if self.is_trained:
            self.refuse_other()
            return
        crowd = self.ground.crowd("learn", self.section.users, report)
        rounds = self.ground.rounds("learn", crowd.users)
        lessons = Lessons(crowd, rounds, self.ground.held(rounds))
        self._teach(self._fresh(), lessons, self.folder, self.identity(), report)

    @property
    def needs(self) -> list[str]:
        """The reference is examined beside all others, and these have to be trained for it."""
        others = self.beside.names if self.name == self.beside.reference else []
        return [*self.section.needs, *(name for name in others if name != self.name)]

    def refuse_other(self) -> None:
        """Raise CheckpointError where the weights that are there belong to another config or other data."""
        if self.learns:
            self.load()

    def examine(self, made: dict[str, str], report: Report) -> dict[str, Any] | None:
        """Look-alikes are examined together, under the name of the reference."""
        return self.beside.examine(made, report) if self.name == self.beside.reference else None

    def load(self) -> Ralm:
        """RALM with its weights."""
        self.refuse_untrained()
        model = self._fresh()
        load_weights(self.folder, model, self.identity())
        return model.eval()

    def scorer(self) -> LookAlike:
        """The look-alike, as it was trained."""
        seed, config = self.section.training.seed, self.section.model
        if isinstance(config, RalmConfig):
            return SeedClusters(self.load(), seed=seed)
        if isinstance(config, InnerProductConfig):
            return InnerProduct(self.users.model.tags().detach().numpy())
        return Guarded(self.name, build_lookalike(config, seed=seed))

    def without(self, part: Part, number: int, taught: Lessons, report: Report) -> LookAlike:
        """RALM trained without the labels of a part of the candidates."""
        model, lessons = self._fresh(), replace(taught, rounds=without(taught.rounds, part.names))
        identity = self.identity(without=sorted(part.names))
        self._teach(model, lessons, self.folder / f"choosing-{number}", identity, report)
        return SeedClusters(model, seed=self.section.training.seed)

    def curve(self) -> list[dict[str, Any]]:
        """A line per epoch; none where nothing was trained."""
        return read_metrics(self.folder) if self.learns else []

    def identity(self, **more: Any) -> Identity:
        """What its weights belong to. more: what else decides what it learns from."""
        users = self.users.identity
        own = {"rounds": self.run.config.lookalike.rounds.model_dump(), **self.section.training.model_dump(mode="json")}
        training = {"users": [users.model, users.training], **own, **more}
        return Identity(self.section.model.model_dump_json(), users.vocabularies, as_json(training))

    def _fresh(self) -> Ralm:
        torch.manual_seed(self.section.training.seed)
        assert isinstance(self.section.model, RalmConfig)
        users = self.users.section.trained
        assert users
        return Ralm(self.section.model, users.user)

    def _teach(self, model: Ralm, lessons: Lessons, folder: Path, identity: Identity, report: Report) -> None:
        """Train a fresh model, or go on where that was stopped."""
        objective = LookalikeObjective(lessons, self.section.training, auc, report)
        train(model, objective, self.section.training, folder, identity=identity, report=report)


class Lookalikes:
    """All look-alikes of a run: examined together, beside the one that `lookalike.model` names."""

    def __init__(self, ground: Ground, models: Mapping[str, LookalikeModel], reference: str) -> None:
        """models: by name, the reference first."""
        self.ground, self.models, self.reference, self.run = ground, models, reference, ground.run
        for model in models.values():
            model.beside = self

    @property
    def names(self) -> list[str]:
        """All that the run measures, the reference first."""
        return list(self.models)

    @property
    def live(self) -> list[str]:
        """Those whose clusters follow new clicks, so that they can be served."""
        return [name for name, model in self.models.items() if model.learns]

    @property
    def metrics(self) -> dict[str, Any]:
        """What `examine` found."""
        return self.run.metrics_of(self.reference)

    @property
    def choice(self) -> Choice:
        """Which of them makes audiences, and why."""
        return Choice.read(self.metrics, self.run.folder)

    @property
    def sizes(self) -> Sizes:
        """Of the fields of the reference's users."""
        return self.models[self.reference].users.model_sizes

    @property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """By field of the reference's users."""
        return self.models[self.reference].users.on.vocabularies

    def crowd(self, split: Split, name: str, report: Report = quiet) -> Crowd:
        """All users at one moment, as one of the look-alikes sees them."""
        return self.ground.crowd(split, self.models[name].section.users, report)

    def scorer(self, name: str) -> LookAlike:
        """One of them, as it was trained. MissingStepError where it was not."""
        return self.models[name].scorer()

    def examine(self, made: Mapping[str, str], report: Report = quiet) -> dict[str, Any]:
        """The reference beside all others, and which of them makes audiences; written to the reference's scores."""
        chosen = self._choose(report)
        crowd = cache(partial(self.ground.crowd, "test"))  # one object for all who share it: some keep work beside it
        contestants = {
            name: Contestant(model.scorer(), crowd(model.section.users)) for name, model in self.models.items()
        }
        users = contestants[self.reference].crowd.users
        rounds, (whole,) = self.ground.rounds("test", users), self.ground.rounds("test", users, whole=True)
        test, asked = LookalikeTest(rounds, whole, self._kinds(whole)), self.run.config.lookalike.evaluation
        measured = evaluate_lookalikes(contestants, test, asked, reference=self.reference, report=report)
        metrics = {
            "made": dict(made),
            "reference": self.reference,
            "chosen": asdict(chosen),
            **measured,
            "training": self._curves(),
        }
        write_json(self.run.scores_of(self.reference), metrics)
        return metrics

    def refuse_unfit(self) -> None:
        """Raise ConfigError for what would end in an error, or in nothing, only after the training."""
        category, there = self.run.config.lookalike.category, self.run.log.items().columns[1:]
        if category is not None and category not in there:
            named = ", ".join(there) or "none"
            raise ConfigError(f"lookalike.category: {category!r} is no field of the items; those are {named}")
        rules = self.ground.plan.features.fields
        if all(rule.number for rule in rules):
            raise ConfigError(
                f"models.{self.models[self.reference].section.users}.fields holds only numbers, and numbers alone "
                f"do not describe a user; add a field with values, such as the tags"
            )

    def _choose(self, report: Report) -> Choice:
        """Choose by candidates of the learn period; no look-alike is measured on a candidate that it learned from."""
        if len(self.models) == 1:
            return Choice.unmeasured(0, self.reference, self.live)
        crowd = cache(partial(self.ground.crowd, "learn", report=report))
        rounds = self.ground.rounds("learn", crowd(self.models[self.reference].section.users).users)
        held = self.ground.held(rounds)
        trial = trial_of(rounds, held, self.run.config.periods.seed)
        if not isinstance(trial, Trial):
            return Choice.unmeasured(trial, self.reference, self.live)
        values: dict[str, np.ndarray] = {}
        for number, (name, model) in enumerate(self.models.items()):
            report(Progress("choose", number, len(self.models), name))
            users = crowd(model.section.users)
            taught = Lessons(users, rounds, held)
            asked = zip(self._untaught(model, trial, taught, report), trial.parts, strict=True)
            values[name] = trial.values([_scored(name, lookalike, users, part) for lookalike, part in asked])
        report(Progress("choose", len(self.models), len(self.models)))
        return choose(values, reference=self.reference, live=self.live, crossed=trial.crossed)

    def _untaught(self, model: LookalikeModel, trial: Trial, taught: Lessons, report: Report) -> list[LookAlike]:
        """A scorer for each part of a trial, which has learned nothing of it: what learns is trained again for that."""
        if not (trial.crossed and model.learns):
            return [model.scorer()] * len(trial.parts)
        return [model.without(part, number, taught, report) for number, part in enumerate(trial.parts)]

    def _kinds(self, whole: Round) -> dict[str, Ragged]:
        """What each candidate is about: its tags, and its categories if the run file names them."""
        named = {"tags": self.run.config.labels.field, "categories": self.run.config.lookalike.category}
        items = whole.names.to_frame(ITEM).join(self.run.log.items(), on=ITEM, how="left", maintain_order="left")
        found = {}
        for name, field in named.items():
            if field is not None and field in items.columns:
                texts = items[field].list.unique(maintain_order=True)
                distinct = texts.explode(keep_nulls=False, empty_as_null=False).rank("dense").cast(pl.Int32)
                found[name] = replace(Ragged.of(texts), values=distinct.to_numpy())
        return found

    def _curves(self) -> dict[str, Any]:
        """A line per epoch of the reference, and of each model of its users that was trained."""
        users = {model.section.users: model.users for model in self.models.values()}
        curves = {name: read_metrics(model.folder) for name, model in users.items()}
        own = self.models[self.reference].curve()
        return {**({self.reference: own} if own else {}), **curves}


def _scored(name: str, lookalike: LookAlike, crowd: Crowd, part: Part) -> np.ndarray:
    """score_L of a part of a trial. PromiseError where it says nothing at all."""
    score_L = score_pairs(lookalike, crowd, part.rounds)
    refuse_silent(name, score_L, Contestant(lookalike, crowd), part.rounds)
    return score_L


@torch.inference_mode()
def _read(model: Interests, shard: Shard, start: int) -> torch.Tensor:
    rows = slice(start, min(start + AT_ONCE, len(shard)))
    return model.users(model.batch(shard, rows))
