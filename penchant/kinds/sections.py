"""[models.NAME] of a run file: the keys of the model itself, and beside them those that all of its kind have."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import PlainValidator, SerializationInfo, SerializeAsAny, model_serializer

from penchant.config import Config
from penchant.errors import ConfigError
from penchant.models.base import ModelConfig, Promise
from penchant.models.catalog import find
from penchant.models.interests.blend import BlendConfig
from penchant.models.interests.promise import TowerConfig
from penchant.models.lookalikes.promise import LookAlikeConfig
from penchant.training.objectives.graphs import GraphTraining
from penchant.training.objectives.interests import TrainingConfig
from penchant.training.objectives.lookalikes import LookalikeTraining
from penchant.training.objectives.rankers import RankerTraining

CutName = Literal["users", "periods"]
"""How the log is cut: by user ([labels] and [users]), or by period ([periods])."""
CUTS: tuple[CutName, ...] = ("users", "periods")


class Section(Config):
    """model: the keys of the model, which stand in the section itself."""

    model: ModelConfig

    @classmethod
    def read(cls, values: Any, *, origin: str = "models", at: tuple[str, ...] = ()) -> Self:
        """The section that these values are, of the class of its kind. Raises ConfigError that names each bad key."""
        if isinstance(values, Section):
            return values  # type: ignore[return-value]
        place = ".".join(at)
        if not isinstance(values, Mapping):
            raise ConfigError(f"{origin}: {place!r} is {values!r}; write a section, [{place}]")
        if not isinstance(values.get("name"), str):
            raise ConfigError(f"{origin}: '{place}.name' is missing; add it, such as name = \"blend\"")
        try:
            entry = find(values["name"])
        except ConfigError as error:
            raise ConfigError(f"{origin}: '{place}.name': {error}") from None
        kind = SECTIONS[entry.promise]
        own = [key for key in kind.model_fields if key != "model"]
        rest = {key: value for key, value in values.items() if key not in own}
        model = entry.config.parse(rest, origin=origin, at=at, beside=own)
        kept = {key: value for key, value in values.items() if key in own}
        return kind.parse({"model": model, **kept}, origin=origin, at=at)  # type: ignore[return-value]

    @model_serializer
    def _flat(self, info: SerializationInfo) -> dict[str, Any]:
        """As it is written: the model's keys beside the others."""
        mode, without = info.mode, bool(info.exclude_none)
        own = [name for name in type(self).model_fields if name != "model"]
        beside = {name: getattr(self, name) for name in own if not (without and getattr(self, name) is None)}
        told = {
            name: value.model_dump(mode=mode, exclude_none=without) if isinstance(value, Config) else value
            for name, value in beside.items()
        }
        return {**self.model.model_dump(mode=mode, exclude_none=without), **told}

    @property
    def needs(self) -> list[str]:
        """Other models of the run file that have to be trained before."""
        return []


class InterestsSection(Section):
    """What an interest model has beside the keys of its own.

    labels: the item field whose values are predicted, `labels.field` if not given.
    cut: how the log is cut, by "users", or by "periods" for a model that tells a look-alike who its users are. Such a
    model predicts the items themselves, so `labels` is left out; a blend cannot be one.
    training: how the model is trained, or the deep model of a blend.
    """

    labels: str | None = None
    cut: CutName = "users"
    training: TrainingConfig = TrainingConfig()

    @property
    def trained(self) -> TowerConfig | None:
        """What training moves: the model, or the deep one of a blend; None for a blend in closed form alone."""
        if isinstance(self.model, BlendConfig):
            return self.model.deep
        assert isinstance(self.model, TowerConfig)
        return self.model


class LookalikesSection(Section):
    """training: how the model is trained, for those that are."""

    training: LookalikeTraining = LookalikeTraining()

    @property
    def users(self) -> str:
        """The interest model that tells who its users are."""
        assert isinstance(self.model, LookAlikeConfig)
        return self.model.users

    @property
    def needs(self) -> list[str]:
        return [self.users]


class RankersSection(Section):
    """training: how the model is trained, on the items that were shown in the label windows."""

    training: RankerTraining = RankerTraining()


class GraphsSection(Section):
    """training: how the model is trained, on all clicks before the label windows of who is held out."""

    training: GraphTraining = GraphTraining()


SECTIONS: dict[Promise, type[Section]] = {
    "interests": InterestsSection,
    "rankers": RankersSection,
    "lookalikes": LookalikesSection,
    "graphs": GraphsSection,
}

AnySection = Annotated[SerializeAsAny[Section], PlainValidator(Section.read, json_schema_input_type=dict[str, Any])]
"""A section of whatever kind, by the `name` of its model."""


def in_order(models: Mapping[str, Section]) -> list[str]:
    """The names of models, each after those that it needs, else in the order of the file. Raises ConfigError where one
    is missing, or some need each other."""
    found: dict[str, None] = {}

    def add(name: str, before: tuple[str, ...]) -> None:
        if name in before:
            named = ", ".join(map(repr, (*before, name)))
            raise ConfigError(f"the models {named} need each other in a circle, so no order trains them")
        for other in models[name].needs:
            if other not in models:
                there = ", ".join(models)
                raise ConfigError(f"models.{name} needs models.{other}, which is not there; there are {there}")
            add(other, (*before, name))
        found[name] = None

    for name in models:
        add(name, ())
    return list(found)


def reads_numbers(model: ModelConfig) -> bool:
    """Whether a model of interests can read fields that hold a number."""
    return bool(find(model.name).make.reads_numbers)  # type: ignore[attr-defined]


def named_fields(section: Section) -> list[str]:
    """The fields that a section names, for its model or for the deep model of a blend."""
    model = section.trained if isinstance(section, InterestsSection) else section.model
    return list(getattr(model, "fields", None) or [])


def fields_read(section: Section) -> list[str] | None:
    """The fields that a section's model reads; None for all of the run: the closed form of a blend reads all."""
    return None if isinstance(section.model, BlendConfig) else named_fields(section) or None
