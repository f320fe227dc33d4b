"""The look-alike path, top to bottom: log → user vectors → clusters of seeds → scores → metrics.

It needs nothing of the tag path but the log. Every step keeps what is finished and goes on from there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from penchant.audiences.crowd import values_of
from penchant.choices import Scorer
from penchant.errors import ConfigError, MissingStepError
from penchant.evaluation.choice import DEFAULT, Choice, Part, Trial, choose, trial_of, without
from penchant.evaluation.protocols.interests import ModelScorer, evaluate
from penchant.evaluation.protocols.lookalikes import Contestant, LookalikeTest, evaluate_lookalikes, score_pairs
from penchant.features.cuts.by_period import trains
from penchant.features.cuts.by_user import Split
from penchant.features.cuts.rounds import Round, make_rounds
from penchant.features.plan import Plan, lookalike_plan
from penchant.features.prepare import Prepared, prepare
from penchant.features.ragged import Ragged
from penchant.features.shards import Shard, open_shards
from penchant.features.vocabulary import Vocabulary
from penchant.files import read_json, write_json
from penchant.logs.ingest import Log
from penchant.models.base import Sizes
from penchant.models.interests.promise import Interests
from penchant.models.interests.ralm_users import RalmUsers
from penchant.models.lookalikes.dot import InnerProduct
from penchant.models.lookalikes.logistic import Logistic
from penchant.models.lookalikes.popular import Popular
from penchant.models.lookalikes.promise import Crowd, LookAlike
from penchant.models.lookalikes.ralm import Ralm
from penchant.models.lookalikes.seed_clusters import SeedClusters
from penchant.models.lookalikes.yahoo import Yahoo
from penchant.progress import Progress, Report, quiet
from penchant.runfile import Merge, Pool, RunConfig
from penchant.schema import ITEM
from penchant.training.checkpoint import Identity, load_tensors, save_tensors
from penchant.training.loop import load_weights, read_metrics, train
from penchant.training.objectives.lookalikes import Lessons, train_lookalike

AT_ONCE = 4096


class LookalikeRun:
    """What look-alike keeps in `folder`: prepared/, users-MERGE/, crowd/, ralm/, average/, choosing/, metrics.json."""

    def __init__(self, folder: Path, config: RunConfig, log: Path) -> None:
        """folder: of look-alike, within the run's; log: where the checked log lies."""
        if config.lookalike is None:
            raise ConfigError(
                f"the run file of {folder.parent} has no [lookalike] section; add one, if only the line "
                f"`[lookalike]`, and run it again"
            )
        self.folder, self.run, self.config, self.log_folder = folder, config, config.lookalike, log

    def all(self, made: Mapping[str, str], report: Report = quiet) -> dict[str, Any]:
        """Every step; the metrics. made: what made them, kept beside them."""
        self.prepare(report)
        self.train(report)
        return self.evaluate(made, report)

    def prepare(self, report: Report = quiet) -> Prepared:
        """Vocabularies and shards of all users at each moment."""
        self._refuse_unfit()
        return prepare(self.log, self.plan, self.folder / "prepared", report=report)

    def train(self, report: Report = quiet) -> Ralm:
        """Phase 1 and phase 2 of RALM."""
        self.train_users(self.merge, report)
        return self.train_ralm(self.config.model.pool, report)

    def evaluate(self, made: Mapping[str, str], report: Report = quiet) -> dict[str, Any]:
        """RALM beside its competitors, who are trained here where they need it, and which of them makes audiences;
        written to metrics.json."""
        for name in self.scorers[1:]:
            self._train_scorer(name, report)
        chosen = self._choose(report)
        crowd = cache(
            partial(self.crowd, "test")
        )  # one object for all who share it: some keep what they work out of it
        contestants: dict[str, Contestant] = {
            name: Contestant(self.scorer(name), crowd(self.merge_of(name))) for name in self.scorers
        }
        users = contestants[DEFAULT].crowd.users
        rounds, (whole,) = self.rounds("test", users), self.rounds("test", users, whole=True)
        test = LookalikeTest(rounds, whole, self._kinds(whole))
        asked = self.config.evaluation
        measured = evaluate_lookalikes(contestants, test, asked, reference=DEFAULT, report=report)
        metrics = {"made": dict(made), "chosen": asdict(chosen), **measured, "training": self._curves()}
        write_json(self.folder / "metrics.json", metrics)
        return metrics

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of metrics.json."""
        self._refuse_without(self.folder / "metrics.json")
        return dict(read_json(self.folder / "metrics.json"))

    @property
    def choice(self) -> Choice:
        """Which scorer makes audiences, and why."""
        return Choice.read(self.metrics, self.folder.parent)

    @cached_property
    def log(self) -> Log:
        return Log.open(self.log_folder)

    @property
    def scorers(self) -> list[Scorer]:
        """All that the run measures, RALM first."""
        return list(dict.fromkeys(("ralm", *self.config.competitors)))

    @property
    def merge(self) -> Merge:
        """How the fields of the users whom audiences are made of are merged."""
        return self.config.users.merge

    @property
    def plan(self) -> Plan:
        features, wanted = self.run.features, self.config.fields
        chosen = [rule for rule in features.fields if wanted is None or rule.name in wanted]
        return lookalike_plan(features.model_copy(update={"fields": chosen}), self.config.periods)

    @cached_property
    def prepared(self) -> Prepared:
        self._refuse_without(self.folder / "prepared" / "manifest.json")
        return Prepared(self.folder / "prepared")

    @cached_property
    def items(self) -> Vocabulary:
        return self.prepared.vocabulary(ITEM)

    @cached_property
    def names(self) -> dict[str, str]:
        """Items that have a readable name, and it."""
        return self.log.names(self.run.profiles.item_name)

    @cached_property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """By field."""
        return {rule.name: self.prepared.vocabulary_of(rule) for rule in self.plan.features.fields}

    @cached_property
    def sizes(self) -> Sizes:
        rules = self.plan.features.fields
        rows = {name: len(vocabulary) for name, vocabulary in self.vocabularies.items()}
        of_items = tuple(rule.name for rule in rules if rule.source == ITEM)
        return Sizes(rows, len(self.items), of_items, tuple(rule.name for rule in rules if rule.number))

    def shards(self, split: Split) -> list[Shard]:
        return open_shards(self.prepared.folder, split)

    def train_users(self, merge: Merge, report: Report = quiet) -> Interests:
        """Phase 1, its fields merged so: the trained model."""
        model, folder = self._new_users(merge), self.folder / f"users-{merge}"
        valid, size = self.shards("valid"), len(self.items)

        def validate(model: Interests) -> float:
            return evaluate(ModelScorer(model), valid, [10], size).mean("ndcg@10")

        config, identity = self.config.users_training, self._users_identity(merge)
        train(model, self.shards("train"), config, folder, identity=identity, validate=validate, report=report)
        return model.eval()

    def load_users(self, merge: Merge) -> Interests:
        """The model of phase 1 with its trained weights."""
        model, folder = self._new_users(merge), self.folder / f"users-{merge}"
        self._refuse_without(folder / "weights.safetensors")
        load_weights(folder, model, self._users_identity(merge))
        return model.eval()

    def train_ralm(self, pool: Pool, report: Report = quiet) -> Ralm:
        """Phase 2 with its clusters pooled so: the trained model."""
        model, folder = self._new_ralm(pool), self.folder / _RALM[pool]
        if not (folder / "weights.safetensors").exists():
            crowd = self.crowd("learn", self.merge, report)
            rounds = self.rounds("learn", crowd.users)
            lessons = Lessons(crowd, rounds, self._held(rounds))
            identity = self._ralm_identity(pool)
            train_lookalike(model, lessons, self.config.training, folder, identity=identity, report=report)
        return self.load_ralm(pool)

    def load_ralm(self, pool: Pool) -> Ralm:
        """The model of phase 2 with its trained weights."""
        model, folder = self._new_ralm(pool), self.folder / _RALM[pool]
        self._refuse_without(folder / "weights.safetensors")
        load_weights(folder, model, self._ralm_identity(pool))
        return model.eval()

    def rounds(self, period: Any, users: pl.Series, *, whole: bool = False) -> list[Round]:
        """See `make_rounds`. Labels tested may be bounded, a whole period is not."""
        asked = self.config.rounds
        return make_rounds(self.log, self.plan, period, users=users, items=self.items, config=asked, whole=whole)

    def crowd(self, split: Split, merge: Merge, report: Report = quiet) -> Crowd:
        """All users at one moment, as phase 1 sees them; their vectors are kept on disk."""
        shards = self.shards(split)
        users = pl.concat([shard.users for shard in shards])
        values, width = values_of(shards, self.sizes.fields, numbers=self.sizes.numbers)
        return Crowd(users, self._vectors(split, merge, shards, report), values, width)

    def scorer(self, name: Scorer) -> LookAlike:
        """One of `scorers`, as it was trained. MissingStepError where it was not."""
        seed = self.config.training.seed
        match name:
            case "ralm":
                return SeedClusters(self.load_ralm(self.config.model.pool), seed=seed)
            case "average":
                return SeedClusters(self.load_ralm("average"), seed=seed)
            case "youtube" | "merge":
                return InnerProduct(self.load_users(self.merge_of(name)).tags().detach().numpy())
            case "yahoo":
                return Yahoo(self.config.yahoo, seed=seed)
            case "lr":
                return Logistic(self.config.logistic, seed=seed)
            case "popularity":
                return Popular()

    def merge_of(self, name: Scorer) -> Merge:
        """How the fields of the users are merged whom a scorer is asked about."""
        own: dict[Scorer, Merge] = {"youtube": "concat", "merge": "attention"}
        return own.get(name, self.merge)

    def live_pool(self, name: Scorer) -> Pool:
        """How the live scorer of this name pools its clusters."""
        return "average" if name == "average" else self.config.model.pool

    def _vectors(self, split: Split, merge: Merge, shards: list[Shard], report: Report) -> np.ndarray:
        """vectors_NX of all users, read from disk where the same weights have written them."""
        path, identity = self.folder / "crowd" / f"{split}-{merge}.safetensors", asdict(self._users_identity(merge))
        if path.exists():
            tensors, said = load_tensors(path)
            if said == identity:
                return tensors["vectors"].numpy()
        model, parts = self.load_users(merge), []
        for number, shard in enumerate(shards):
            parts += [_read(model, shard, start) for start in range(0, len(shard), AT_ONCE)]
            report(Progress("user vectors", number + 1, len(shards), f"of {split}, {merge}"))
        save_tensors(path, {"vectors": torch.cat(parts)}, identity)
        return torch.cat(parts).numpy()

    def _train_scorer(self, name: Scorer, report: Report) -> None:
        """What a competitor needs, if that is not there yet."""
        if name in ("youtube", "merge"):
            self.train_users(self.merge_of(name), report)
        elif name == "average":
            self.train_ralm("average", report)

    def _held(self, rounds: Sequence[Round]) -> frozenset[str]:
        """The candidates that teach no likeness."""
        names = pl.concat([one.names for one in rounds]).unique()
        return frozenset(names.filter(~trains(names, self.config.periods)))

    def _choose(self, report: Report) -> Choice:
        """By candidates of the learn period, none of which has taught likeness to who is asked about it."""
        if len(self.scorers) == 1:
            return Choice.unmeasured(0)
        crowd = cache(partial(self.crowd, "learn", report=report))
        rounds = self.rounds("learn", crowd(self.merge).users)
        held = self._held(rounds)
        trial = trial_of(rounds, held, self.config.periods.seed)
        if not isinstance(trial, Trial):
            return Choice.unmeasured(trial)
        values: dict[Scorer, np.ndarray] = {}
        for number, name in enumerate(self.scorers):
            report(Progress("choose", number, len(self.scorers), name))
            taught = Lessons(crowd(self.merge), rounds, held)
            asked = zip(self._untaught(name, trial, taught, report), trial.parts, strict=True)
            users = crowd(self.merge_of(name))
            values[name] = trial.values([score_pairs(lookalike, users, part.rounds) for lookalike, part in asked])
        report(Progress("choose", len(self.scorers), len(self.scorers)))
        return choose(values, crossed=trial.crossed)

    def _untaught(self, name: Scorer, trial: Trial, taught: Lessons, report: Report) -> list[LookAlike]:
        """A scorer for each part of a trial, which has learned nothing of it: RALM is trained again for that."""
        if not (trial.crossed and name in ("ralm", "average")):
            return [self.scorer(name)] * len(trial.parts)
        seed, pool = self.config.training.seed, self.live_pool(name)
        models = [self._train_without(part, pool, number, taught, report) for number, part in enumerate(trial.parts)]
        return [SeedClusters(model, seed=seed) for model in models]

    def _train_without(self, part: Part, pool: Pool, number: int, taught: Lessons, report: Report) -> Ralm:
        """Phase 2 without the labels of a part of the candidates."""
        model, folder = self._new_ralm(pool), self.folder / "choosing" / f"{_RALM[pool]}-{number}"
        lessons = replace(taught, rounds=without(taught.rounds, part.names))
        identity = self._ralm_identity(pool, without=sorted(part.names))
        train_lookalike(model, lessons, self.config.training, folder, identity=identity, report=report)
        return model.eval()

    def _kinds(self, whole: Round) -> dict[str, Ragged]:
        """What each candidate is about: its tags, and its categories if the run file names them."""
        named = {"tags": self.run.labels.field, "categories": self.config.category}
        items = whole.names.to_frame(ITEM).join(self.log.items(), on=ITEM, how="left", maintain_order="left")
        found = {}
        for name, field in named.items():
            if field is not None and field in items.columns:
                texts = items[field].list.unique(maintain_order=True)
                distinct = texts.explode(keep_nulls=False, empty_as_null=False).rank("dense").cast(pl.Int32)
                found[name] = replace(Ragged.of(texts), values=distinct.to_numpy())
        return found

    def _curves(self) -> dict[str, Any]:
        """A line per epoch of RALM and of each way to merge fields that was trained."""
        folders = {"lookalike": _RALM[self.config.model.pool]}
        folders |= {"users": "users-attention"} if self.merge == "attention" or "merge" in self.scorers else {}
        folders |= {"users, concatenated": "users-concat"} if "youtube" in self.scorers else {}
        return {name: read_metrics(self.folder / folder) for name, folder in folders.items()}

    def _new_users(self, merge: Merge) -> RalmUsers:
        torch.manual_seed(self.config.users_training.seed)
        return RalmUsers(self.config.users.model_copy(update={"merge": merge}), self.sizes)

    def _new_ralm(self, pool: Pool) -> Ralm:
        torch.manual_seed(self.config.training.seed)
        return Ralm(self.config.model.model_copy(update={"pool": pool}), self.config.users.user)

    def _users_identity(self, merge: Merge) -> Identity:
        fingerprints = {name: vocabulary.fingerprint for name, vocabulary in self.vocabularies.items()}
        data = read_json(self.prepared.folder / "plan.json")
        model = self.config.users.model_copy(update={"merge": merge}).model_dump_json()
        training = {"data": data, **self.config.users_training.model_dump(mode="json")}
        return Identity(model, _as_json({**fingerprints, ITEM: self.items.fingerprint}), _as_json(training))

    def _ralm_identity(self, pool: Pool, **more: Any) -> Identity:
        """more: what else decides what it learns from."""
        users = self._users_identity(self.merge)
        model = self.config.model.model_copy(update={"pool": pool}).model_dump_json()
        own = {"rounds": self.config.rounds.model_dump(), **self.config.training.model_dump(mode="json")}
        return Identity(model, users.vocabularies, _as_json({"users": [users.model, users.training], **own, **more}))

    def _refuse_unfit(self) -> None:
        """What would end in an error, or in nothing, only after the training."""
        category, there = self.config.category, self.log.items().columns[1:]
        if category is not None and category not in there:
            named = ", ".join(there) or "none"
            raise ConfigError(f"lookalike.category: {category!r} is no field of the items; those are {named}")
        if all(rule.number for rule in self.plan.features.fields):
            raise ConfigError(
                "lookalike.fields are numbers alone, and by these nobody is known; name a field of values too"
            )

    def _refuse_without(self, path: Path) -> None:
        if not path.exists():
            run = self.folder.parent
            raise MissingStepError(f"{run} has no trained look-alike yet; run `penchant lookalike {run}` first")


_RALM: dict[Pool, str] = {"attention": "ralm", "average": "average"}


@torch.inference_mode()
def _read(model: Interests, shard: Shard, start: int) -> torch.Tensor:
    rows = slice(start, min(start + AT_ONCE, len(shard)))
    return model.users(model.batch(shard, rows))


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
