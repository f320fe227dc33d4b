"""A run folder: what its finished steps give, and answers about its users."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import polars as pl
import torch
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from penchant.choices import MIN_AUDIENCE, Scorer
from penchant.config import config_of_run
from penchant.errors import ConfigError, MissingStepError, PenchantError, UnknownUserError
from penchant.features.prepare import Prepared
from penchant.features.shards import Batch, Shard, batch_of, open_shards
from penchant.features.vocabulary import Vocabulary
from penchant.files import read_json
from penchant.kinds.lookalikes import LookalikeRun
from penchant.kinds.of_item import ItemAudience, audience_of
from penchant.logs.ingest import Log
from penchant.logs.users import bucket_of
from penchant.models.base import Sizes
from penchant.models.catalog import BlendConfig, TrainedConfig, build_model
from penchant.models.interests.promise import Interests
from penchant.profiles.average import AVERAGE, Average, load_average
from penchant.profiles.explain import Explanation, Profile, describe, explain, first
from penchant.report.build import Examples
from penchant.runfile import RunConfig
from penchant.schema import CLICKED, ITEM, TIME, USER
from penchant.training.blend import Chosen, load_blend, read_chosen
from penchant.training.checkpoint import Identity
from penchant.training.loop import load_weights


@dataclass(frozen=True)
class RunFolder:
    """config.json, log/, prepared/, model/, metrics.json, profiles/."""

    folder: Path
    config: RunConfig
    base: Path

    def __post_init__(self) -> None:
        torch.set_num_threads(self.config.threads)
        # Threads of linear algebra that wait for each other on a busy machine take ten times as long as one.
        threadpool_limits(self.config.threads, user_api="blas")

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """A run that was begun earlier. MissingStepError where there is none, ConfigError where it is damaged."""
        return cls(Path(folder), *read_config(Path(folder)))

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
        if not (self.folder / "model" / self.last_weights).exists():
            raise MissingStepError(f"{self.folder} has no trained model yet; run `penchant train {self.folder}` first")
        return self.load_model()

    @cached_property
    def average(self) -> Average:
        """The average user."""
        return load_average(self.folder / "model", self.identity)

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
        """Why the user has a preference for a tag, the one that stands first if none is given."""
        batch, profile = self._of_user(str(user))
        tag = tag or first(profile, self.config.profiles.order)
        return explain(self.model, self.average, batch, profile, self.shown, self.config.labels.field, tag)

    def clicks(self, user: str | int) -> pl.DataFrame:
        """What the user clicked, latest first: TIME, ITEM (its readable name if the run has one), tags."""
        log = Log.open(self.folder / "log")
        events = log.events(_bucket(str(user), log.buckets))
        clicks = events.filter((pl.col(USER) == str(user)) & pl.col(CLICKED)).join(log.items(), on=ITEM, how="left")
        title = self.config.profiles.item_name
        named = pl.coalesce(pl.col(title).list.first(), ITEM) if title else pl.col(ITEM)
        return clicks.select(TIME, named.alias(ITEM), pl.col(self.config.labels.field).alias("tags")).reverse()

    @cached_property
    def lookalikes(self) -> LookalikeRun:
        """The look-alike part of the run. ConfigError where its run file asks for none."""
        return LookalikeRun(self.folder / "lookalike", self.config, self.folder / "log")

    def audience(
        self, item: str | int, size: int, *, by: Scorer | None = None, minimum: int = MIN_AUDIENCE
    ) -> ItemAudience:
        """The `size` users most like those who clicked an item, and why. by: the scorer, the one that won on validation
        candidates if not given; see `audience_of` for errors."""
        return audience_of(self.lookalikes, str(item), size, by=by, minimum=minimum)

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
        batch = batch_of(shard, list(self.model.sizes.fields), rows, own=True)
        return batch, describe(self.model, self.average, batch, self.shown, self.config.labels.field, user)

    @property
    def config_fields(self) -> list[str]:
        return [rule.name for rule in self.config.features.fields]

    @cached_property
    def _vocabularies(self) -> dict[str, Vocabulary]:
        """By field of the model, and the label's under its own name."""
        label = self.config.labels.field
        named = {rule.name: self.prepared.vocabulary_of(rule) for rule in self.config.features.fields}
        return {**named, label: self.tags}

    @cached_property
    def shown(self) -> dict[str, Vocabulary]:
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
    def sizes(self) -> Sizes:
        """Rows of the tables of all fields, whoever reads them."""
        rules = self.config.features.fields
        rows = {rule.name: len(self._vocabularies[rule.name]) for rule in rules}
        of_tags = tuple(rule.name for rule in rules if rule.source == self.config.labels.field)
        return Sizes(rows, len(self.tags), of_tags, tuple(rule.name for rule in rules if rule.number))

    @property
    def trained(self) -> TrainedConfig | None:
        """What training moves: the model, or the deep one of a blend; None for a blend in closed form alone."""
        model = self.config.model
        return model.deep if isinstance(model, BlendConfig) else model

    @property
    def last_weights(self) -> str:
        """The file of the model's folder that is written last."""
        return AVERAGE

    @cached_property
    def model_sizes(self) -> Sizes:
        """What the trained model reads: the fields its config names, or all that it can."""
        assert self.trained
        lists = [name for name in self.config_fields if name not in self.sizes.numbers]
        readable = self.config_fields if self.trained.name == "ralm-users" else lists
        return self.sizes.only(self.trained.fields or readable)

    def load_trained(self, config: TrainedConfig) -> Interests:
        """What training moved, with its weights. Raises where they belong to another vocabulary, data or config."""
        model = build_model(config, self.model_sizes)
        load_weights(self.folder / "model", model, self.identity)
        return model.eval()

    def load_model(self) -> Interests:
        """The model with its weights; errors as in `load_trained`."""
        if not isinstance(self.config.model, BlendConfig):
            return self.load_trained(self.config.model)
        deep = self.load_trained(self.config.model.deep) if self.config.model.deep else None
        return load_blend(self.folder / "model", deep, self.sizes, self.identity).eval()

    @property
    def chosen(self) -> Chosen | None:
        """How a blend was chosen; None for other models."""
        return read_chosen(self.folder / "model") if isinstance(self.config.model, BlendConfig) else None

    @property
    def identity(self) -> Identity:
        """What the weights of this run belong to."""
        fingerprints = {name: vocabulary.fingerprint for name, vocabulary in self._vocabularies.items()}
        plan = read_json(self.prepared.folder / "plan.json")
        training = {"data": plan, **self.config.training.model_dump(mode="json")}
        return Identity(self.config.model.model_dump_json(), _as_json(fingerprints), _as_json(training))


def read_config(folder: Path) -> tuple[RunConfig, Path]:
    """The run file of a folder, and what its paths are relative to; errors as in `RunFolder.open`."""
    path = config_of_run(folder)
    try:
        said = read_json(path)
        return RunConfig.model_validate_json(json.dumps(said["config"])), Path(said["base"])
    except (ValueError, KeyError, TypeError) as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in _problems(error)) or error
        raise ConfigError(f"{path} is damaged, or of another version: {told}; begin the run again") from None


def _bucket(user: str, buckets: int) -> int:
    return int(bucket_of(pl.Series([user]), buckets)[0])


def _problems(error: Exception) -> list[Any]:
    """What a value of the run file is reproached with, if it is that."""
    return list(error.errors()) if isinstance(error, ValidationError) else []


def _as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
