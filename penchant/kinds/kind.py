"""A model of a run: its section of the run file, its folder, and the steps that all kinds of models have."""

import json
from abc import ABC, abstractmethod
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

from penchant.errors import MissingStepError
from penchant.features.vocabulary import Vocabulary
from penchant.kinds.sections import CutName, Section
from penchant.models.base import ModelConfig, Sizes
from penchant.progress import Report
from penchant.runfolder import RunFolder
from penchant.training.checkpoint import Identity

Own = TypeVar("Own", bound=Section)


WEIGHTS = "weights.safetensors"


def fields_of(config: ModelConfig, key: str = "fields") -> list[str] | None:
    """The fields that a model's config names under a key; None where it has no such key, or names none."""
    named: list[str] | None = getattr(config, key, None)
    return named


class RunModel(ABC, Generic[Own]):
    """What a kind of models does with its section: train it, and examine what came of it."""

    def __init__(self, run: RunFolder, name: str, section: Own) -> None:
        self.run, self.name, self.section = run, name, section

    @property
    def folder(self) -> Path:
        """Where its weights lie."""
        return self.run.place_of(self.name)

    @property
    def cuts(self) -> set[CutName]:
        """The cuts whose shards it reads itself."""
        return {"users"}

    @property
    def said(self) -> dict[str, Any]:
        """What its scores say that it is."""
        return {"name": self.section.model.name, "title": f"{self.name} ({self.section.model.name})"}

    @property
    @abstractmethod
    def is_trained(self) -> bool:
        """Whether all that training leaves is there."""

    @abstractmethod
    def train(self, report: Report) -> None:
        """Train it, or go on where that was stopped; nothing where it is trained. The models it needs are trained."""

    @property
    def needs(self) -> list[str]:
        """The models that have to be trained before it is examined."""
        return self.section.needs

    def finish(self, made: dict[str, str], report: Report) -> None:
        """All steps: train, examine, and what else comes of it."""
        self.train(report)
        self.examine(made, report)

    @abstractmethod
    def examine(self, made: dict[str, str], report: Report) -> dict[str, Any] | None:
        """What its protocol finds, written to the scores of the run; None for models that are examined as part of
        others. made: what measures, and when."""

    @property
    def metrics(self) -> dict[str, Any]:
        """What `examine` found. MissingStepError where it was not examined yet."""
        return self.run.metrics_of(self.name)

    def refuse_untrained(self) -> None:
        if not self.is_trained:
            raise MissingStepError(
                f"{self.name!r} of {self.run.folder} is not trained yet; run `penchant train {self.run.folder}` first"
            )


class OnCut:
    """What a model reads of the shards of a cut. labels: the item field that is predicted; fields: those it reads, all
    of the cut if not given."""

    def __init__(self, run: RunFolder, cut: CutName, labels: str) -> None:
        self.run, self.cut, self.labels = run, cut, labels
        self.rules = run.plan(cut).features.fields

    @cached_property
    def predicted(self) -> Vocabulary:
        """The vocabulary that is predicted."""
        return self.run.prepared(self.cut).vocabulary(self.labels)

    @cached_property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """By field of the cut."""
        prepared = self.run.prepared(self.cut)
        return {rule.name: prepared.vocabulary_of(rule) for rule in self.rules}

    @cached_property
    def sizes(self) -> Sizes:
        """Rows of the tables of all fields, whoever reads them."""
        rows = {name: len(vocabulary) for name, vocabulary in self.vocabularies.items()}
        of_labels = tuple(rule.name for rule in self.rules if rule.source == self.labels)
        return Sizes(rows, len(self.predicted), of_labels, tuple(rule.name for rule in self.rules if rule.number))

    def identity(self, model: str, training: dict[str, Any], fields: Collection[str] | None = None) -> Identity:
        """What weights belong to. model: its config as JSON; training: how it is trained; fields: those that it reads,
        all of the cut if not given."""
        read = {name: one for name, one in self.vocabularies.items() if fields is None or name in fields}
        fingerprints = {name: vocabulary.fingerprint for name, vocabulary in read.items()}
        data = self.run.prepared(self.cut).identity(self.labels, fields)
        return Identity(
            model,
            as_json({**fingerprints, self.labels: self.predicted.fingerprint}),
            as_json({"data": data, **training}),
        )


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
