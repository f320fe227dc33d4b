"""One trained model as it is served: what it knows of users and items, and what it makes of clicks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penchant.errors import ConfigError, MissingStepError, UnknownModelError
from penchant.evaluation.choice import Choice
from penchant.features.live import LiveFeatures
from penchant.features.vocabulary import Vocabulary
from penchant.logs.pseudonyms import Pseudonyms
from penchant.models.interests.promise import Interests
from penchant.models.lookalikes.ralm import Ralm
from penchant.profiles.average import Average
from penchant.profiles.build import ProfilesConfig
from penchant.serving.snapshot import Snapshot


@dataclass(frozen=True)
class TagModel:
    """Turns clicks into preferences for tags. average: the average user; label: the field that is predicted;
    names: of the ids of each field and of the label; config: how many tags a profile has, in which order."""

    model: Interests
    average: Average
    features: LiveFeatures
    label: str
    names: Mapping[str, Vocabulary]
    config: ProfilesConfig


@dataclass(frozen=True)
class AlikeModel:
    """Turns clicks into universal vectors, and these into scores. seed: of k-means; most_seeds: how many seeds of an
    item count, the latest ones; choice: which scorer `ralm` is, and how it did beside those that cannot be live."""

    users: Interests
    ralm: Ralm
    features: LiveFeatures
    seed: int
    most_seeds: int
    choice: Choice


@dataclass(frozen=True)
class ModelState:
    """What answers. model: its version; tags: whether it has profiles; profiles: by the name of each interest model the
    field that it predicts, first the model that answers where none is named; lookalike: which scorer is live, and how
    it did beside those that cannot be; None where none is live; offline: what is true of look-alikes where none of the
    run can be live, in words, else None."""

    model: str
    tags: bool
    profiles: dict[str, str]
    lookalike: Choice | None
    offline: str | None


@dataclass(frozen=True)
class LogState:
    """The log as it is served. made: when its snapshot was written; ends: its last event, None where it has no clock.
    UTC seconds."""

    users: int
    items: int
    made: float
    ends: float | None

    @property
    def clocked(self) -> bool:
        """Whether the log has a clock, rather than positions in each user's history."""
        return self.ends is not None


@dataclass(frozen=True)
class Served:
    """name: changes whenever weights, vocabularies or the snapshot do; item_names: items that have a readable name;
    item_fields: what the log says of items, read by a model or not; item_tags: by field, first that of the model that
    answers where none is named, the tags of each item of the log; clocked: whether times of the log are those of a
    clock, rather than positions in a history. profiles: interest models by name, first the one that answers where none
    is named; alike: None where the run has not trained one that can be live; offline: see `ModelState`; ask
    `interests` and `lookalike`. pseudonyms: by which users are known, None where they keep their ids."""

    name: str
    snapshot: Snapshot
    profiles: Mapping[str, TagModel]
    alike: AlikeModel | None
    offline: str | None
    item_names: Mapping[str, str]
    item_fields: Sequence[str]
    item_tags: Mapping[str, Mapping[str, list[str]]]
    clocked: bool
    pseudonyms: Pseudonyms | None = None

    @property
    def has_interests(self) -> bool:
        return bool(self.profiles)

    @property
    def has_lookalike(self) -> bool:
        return self.alike is not None

    def known_as(self, user: str) -> str:
        """The name under which a user is known: the id, or its pseudonym."""
        return user if self.pseudonyms is None else self.pseudonyms.of(user)

    def refuse_others(self, other: "Served") -> None:
        """Raise ConfigError where another model knows users under other names than this one."""
        if (other.pseudonyms and other.pseudonyms.fingerprint) != (self.pseudonyms and self.pseudonyms.fingerprint):
            raise ConfigError(
                f"the model {other.name} was made with another key of pseudonyms than {self.name}, so it knows nobody "
                f"of this store; serve it by another process, with a new store"
            )

    def interests(self, name: str | None = None) -> TagModel:
        """An interest model, the first if none is named. MissingStepError where the run has none that is trained,
        UnknownModelError where it has none of this name."""
        if not self.profiles:
            raise MissingStepError("this run has no trained interest model; train one with `penchant train RUN`")
        named = next(iter(self.profiles)) if name is None else name
        if named not in self.profiles:
            raise UnknownModelError(named, self.profiles)
        return self.profiles[named]

    @property
    def lookalike(self) -> AlikeModel:
        """The look-alike that is live. MissingStepError where none is."""
        if self.alike is None:
            raise self.no_lookalike
        return self.alike

    @property
    def no_lookalike(self) -> MissingStepError:
        """What is to be said where no look-alike is live."""
        return MissingStepError(
            self.offline or "this run has no look-alike; add [models.ralm] to its run file and run it again"
        )

    @property
    def features(self) -> list[LiveFeatures]:
        """Those of each model that there is."""
        return [model.features for model in (*self.profiles.values(), self.alike) if model is not None]

    @property
    def state(self) -> ModelState:
        """What answers, in short."""
        return ModelState(
            self.name,
            self.has_interests,
            {name: model.label for name, model in self.profiles.items()},
            self.alike.choice if self.alike else None,
            self.offline,
        )

    @property
    def log(self) -> LogState:
        """The log, in short."""
        manifest = self.snapshot.manifest
        ends = float(manifest["last"]) if self.clocked else None
        return LogState(len(self.snapshot), len(self.snapshot.items), float(manifest["made"]), ends)
