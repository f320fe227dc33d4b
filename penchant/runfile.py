"""A run file as typed values: what to read, what to learn from it, how to judge it."""

import re
from collections.abc import Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, model_validator
from pydantic import Field as Limits

from penchant.config import Config, read_toml
from penchant.errors import ConfigError
from penchant.evaluation.protocols.interests import EvaluationConfig
from penchant.evaluation.protocols.lookalikes import LookalikeEvaluation
from penchant.features.cuts.by_period import PeriodsConfig
from penchant.features.cuts.by_user import LabelsConfig, UsersConfig
from penchant.features.cuts.rounds import RoundsConfig
from penchant.features.plan import FeaturesConfig
from penchant.kinds.earlier import refuse_earlier
from penchant.kinds.implied import implied, reference_of
from penchant.kinds.sections import (
    AnySection,
    CutName,
    InterestsSection,
    LookalikesSection,
    RankersSection,
    Section,
    in_order,
    named_fields,
    reads_numbers,
)
from penchant.kinds.toml import as_toml, inline
from penchant.logs.formats.places import expand
from penchant.logs.sources import known_tables
from penchant.logs.tables import Tables
from penchant.models.interests.blend import BlendConfig
from penchant.profiles.build import ProfilesConfig
from penchant.schema import ITEM

EXAMPLES = Path(__file__).parent / "examples"


class LogsConfig(Config):
    """Where the tables are: either a known `source` and its `folder`, or `tables`, one's own mapping.

    max_rejected_share: above this share of rows that make no sense the run stops.
    forgotten: the forgotten.json of a run that is served: users who were forgotten there are left out here too.
    pseudonyms: a file that holds a key: users get keyed hashes in the place of their ids (docs/data/pseudonyms.md).
    """

    source: Literal["movielens", "s3rec", "hetrec-lastfm", "globo"] | None = None
    folder: str | None = None
    tables: Tables | None = None
    max_rejected_share: float = 0.05
    forgotten: Annotated[str | None, Limits(exclude_if=lambda said: said is None)] = None
    pseudonyms: Annotated[str | None, Limits(exclude_if=lambda said: said is None)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.tables is None) == (self.source is None) or (self.source is None) != (self.folder is None):
            raise ValueError("give either `source` and `folder`, for a known data set, or `tables`")
        return self

    @model_validator(mode="after")
    def _names_nobody(self) -> Self:
        if self.pseudonyms is not None and self.tables is not None:
            self.tables.refuse_named_users()
        return self

    def resolve(self, base: Path) -> Tables:
        """The mapping; `base` is the folder of the run file."""
        if self.tables is not None:
            return self.tables
        assert self.source
        assert self.folder
        if self.folder.startswith("example:"):
            return known_tables(self.source, EXAMPLES / self.folder.removeprefix("example:"))
        return known_tables(self.source, Path(expand(self.folder, base)))


def _refuse_no_folder(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise ValueError(
            f"models: {name!r} cannot be the name of a model, because a folder gets it; give 1 to 64 letters, digits, "
            f"_ and -, of which the first is a letter or a digit"
        )
    return name


ModelName = Annotated[str, AfterValidator(_refuse_no_folder)]

Beside = Literal["average", "youtube", "merge", "yahoo", "lr", "popularity"]
ALL: tuple[Beside, ...] = ("average", "youtube", "merge", "yahoo", "lr", "popularity")


class LookalikeConfig(Config):
    """How look-alike audiences are judged (docs/look-alike.md).

    model: the look-alike with which the others are compared, the first of the run file if not given; beside: further
    look-alikes to compare it with, which need no section of their own; the one that wins on validation candidates makes
    audiences: "average" (the same with the plain mean of all seeds), "youtube" (YouTube DNN: its users with fields side
    by side, by the item's vector), "merge" (the same with attention over the fields), "yahoo", "lr", "popularity";
    category: an item field whose variety in users' lists is measured, as that of the tags is.
    """

    model: str | None = None
    beside: list[Beside] = list(ALL)
    category: str | None = None
    rounds: RoundsConfig = RoundsConfig()
    evaluation: LookalikeEvaluation = LookalikeEvaluation()


class RunConfig(Config):
    """A run file: what to read, what to learn from it, how to judge it.

    threads: how many PyTorch and linear algebra may use; with 1, small models train fastest and weights are the same on
    every machine.
    device: where models are trained; all else runs on the processor.
    models: by their names, which are for you to give; what each is follows from its `name`.
    """

    threads: Annotated[int, Limits(ge=1, le=1_024)] = 1
    device: Literal["cpu", "cuda"] = "cpu"
    logs: LogsConfig
    features: FeaturesConfig
    labels: LabelsConfig = LabelsConfig()
    users: UsersConfig = UsersConfig()
    periods: PeriodsConfig = PeriodsConfig()
    models: Annotated[dict[ModelName, AnySection], Limits(min_length=1)] = {
        "tags": InterestsSection(model=BlendConfig())
    }
    evaluation: EvaluationConfig = EvaluationConfig()
    profiles: ProfilesConfig = ProfilesConfig()
    lookalike: LookalikeConfig = LookalikeConfig()

    @classmethod
    def parse(cls, values: dict[str, Any], *, origin: str, at: Sequence[str] = (), beside: Sequence[str] = ()) -> Self:
        """As `Config.parse`; run files of earlier versions are refused with the lines to write instead."""
        instead = refuse_earlier(values)
        if instead:
            raise ConfigError(f"{origin}: {instead}")
        models, told = values.get("models"), []
        if isinstance(models, dict):
            read: dict[str, Section] = {}
            for name, one in models.items():
                try:
                    read[name] = Section.read(one, origin=origin, at=("models", name))
                except ConfigError as error:
                    told.append(str(error))
            values = {**values, "models": read}
        if told:
            # Models that are wrong are told together with what is wrong elsewhere, but for the names of models.
            try:
                super().parse(_without_models(values), origin=origin, at=at, beside=beside)
            except ConfigError as error:
                told.insert(0, str(error))
            raise ConfigError("\n".join(told))
        return super().parse(values, origin=origin, at=at, beside=beside)

    @model_validator(mode="after")
    def _models_fit(self) -> Self:
        fields = [rule.name for rule in self.features.fields]
        try:
            named = self.all_models
        except ConfigError as error:
            raise ValueError(str(error)) from None
        users = {section.users for section in named.values() if isinstance(section, LookalikesSection)}
        for name, section in named.items():
            for field in named_fields(section):
                if field not in fields:
                    raise ValueError(
                        f"{_key_of_fields(name, section)}: {field!r} is not a field; there are {_list(fields)}"
                    )
            if isinstance(section, LookalikesSection):
                _refuse_users(name, section.users, named[section.users])
            if isinstance(section, InterestsSection):
                self._refuse_numbers(name, section)
                if section.cut == "periods":
                    _refuse_no_users(name, section)
                    if name not in users:
                        raise ValueError(self._unused(name))
                else:
                    self._refuse_unpredictable(name, section)
        rankers = [name for name, section in named.items() if isinstance(section, RankersSection)]
        if rankers and self.labels.negatives == "tags":
            raise ValueError(
                f'models.{rankers[0]} orders items that exist, but labels.negatives = "tags" makes some up; use '
                f'"logged", "popularity" or "uniform"'
            )
        profiled = self.profiles.model
        if profiled is not None and profiled not in self.interests("users"):
            there = _list(self.interests("users"))
            raise ValueError(
                f"profiles.model = {profiled!r} is no interest model on the cut by users; there are: {there}"
            )
        return self

    def _refuse_unpredictable(self, name: str, section: InterestsSection) -> None:
        """Raise ValueError where a model on the cut by users cannot predict what it would. What the tables of a known
        data set hold, and whether they hold `labels.field`, is found out when they are read."""
        if self.labels_of(name) == ITEM:
            raise ValueError(
                f'models.{name} would predict the items themselves, which only a model with cut = "periods" does; '
                f'let it predict a field of the items, such as labels = "tags"'
            )
        there = self.logs.tables.item_fields if self.logs.tables else None
        if section.labels is not None and there is not None and section.labels not in there:
            raise ValueError(
                f"models.{name}.labels = {section.labels!r} is not a field of the items, so it cannot be predicted; "
                f"those are {_list(there)}"
            )

    def _refuse_numbers(self, name: str, section: InterestsSection) -> None:
        """Raise ValueError where a model would have to read numbers and cannot."""
        numbers = [rule.name for rule in self.features.fields if rule.number]
        model = section.trained
        if model is None or not numbers or reads_numbers(model):
            return
        lists = [rule.name for rule in self.features.fields if not rule.number]
        if not lists:
            raise ValueError(
                f'features.fields holds only numbers, which name = "{model.name}" cannot read (models.{name}); add a '
                f"field with values, such as the tags"
            )
        named = model.fields or []
        unread = next((field for field in named if field in numbers), None)
        if unread is not None:
            kept = [field for field in named if field not in numbers] or lists
            raise ValueError(
                f'{_key_of_fields(name, section)}: name = "{model.name}" cannot read numbers, such as {unread!r}; give '
                f"it fields with values, fields = {inline(kept)}"
            )

    def _unused(self, name: str) -> str:
        alike = as_toml({"name": "ralm", "users": name}, "models", f"{name}-alike" if "ralm" in self.models else "ralm")
        return (
            f'models.{name} has cut = "periods", which tells a look-alike who its users are, but no look-alike has '
            f'users = "{name}"; leave `cut` out, or add a look-alike, such as\n\n{alike}'
        )

    @property
    def all_models(self) -> dict[str, Section]:
        """The models of the file, and those that [lookalike] measures beside; each after those that it needs."""
        found = {**self.models, **implied(self.models, self.lookalike.model, self.lookalike.beside)}
        return {name: found[name] for name in in_order(found)}

    def interests(self, cut: CutName) -> list[str]:
        """The names of the interest models on a cut, in the order of the file."""
        return [
            name
            for name, section in self.models.items()
            if isinstance(section, InterestsSection) and section.cut == cut
        ]

    @property
    def profiled(self) -> list[str]:
        """The interest models that make profiles: of each vocabulary one, the first of the file but for
        `profiles.model`, which comes first of all."""
        names = self.interests("users")
        if self.profiles.model:
            names = [self.profiles.model, *names]
        by_labels: dict[str, str] = {}
        for name in names:
            by_labels.setdefault(self.labels_of(name), name)
        return list(by_labels.values())

    def labels_of(self, name: str) -> str:
        """The item field that an interest model predicts."""
        section = self.all_models[name]
        assert isinstance(section, InterestsSection)
        return section.labels or (self.labels.field if section.cut == "users" else ITEM)

    @property
    def reference(self) -> str | None:
        """The look-alike that the others are measured beside; None where the file has none."""
        return reference_of(self.models, self.lookalike.model)


def _without_models(values: dict[str, Any]) -> dict[str, Any]:
    """A run file without its models and without the keys that name one of them."""
    kept = {name: value for name, value in values.items() if name != "models"}
    for name in ("profiles", "lookalike"):
        if isinstance(kept.get(name), dict):
            kept[name] = {key: value for key, value in kept[name].items() if key != "model"}
    return kept


def _refuse_no_users(name: str, section: InterestsSection) -> None:
    """Raise ValueError where a model on the cut by period is not one that tells a look-alike who its users are."""
    if section.labels not in (None, ITEM):
        raise ValueError(
            f'models.{name}.labels = {section.labels!r}, but with cut = "periods" a model predicts the items '
            f"themselves; leave `labels` out"
        )
    if isinstance(section.model, BlendConfig):
        raise ValueError(
            f'models.{name} is a blend, which predicts tags, and with cut = "periods" a model predicts the items '
            f'themselves, for look-alikes; leave `cut` out, or take name = "ralm-users"'
        )


def _key_of_fields(name: str, section: Section) -> str:
    """The key under which a section names its fields."""
    return f"models.{name}.deep.fields" if isinstance(section.model, BlendConfig) else f"models.{name}.fields"


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _refuse_users(name: str, users: str, section: Section) -> None:
    """Raise ValueError where a model cannot tell who the users of a look-alike are."""
    if not isinstance(section, InterestsSection) or section.cut != "periods" or section.trained is None:
        raise ValueError(
            f'models.{name} sees its users as models.{users}, which is no trained interest model with cut = "periods"; '
            f'give it such a model as `users`, if only one with name = "ralm-users" and cut = "periods"'
        )


def load_config(path: Path, *over: Path) -> RunConfig:
    """The checked run file. Raises ConfigError that names every offending key.

    over: files of a few keys that change it, one after the other: key by key within a section, a list as a whole.
    """
    files = [(file, read_toml(file)) for file in (path, *over)]
    values = reduce(_merge, (said for _, said in files))
    earlier = [f"{file}: {instead}" for file, said in files if (instead := refuse_earlier(said, values))]
    if earlier:
        raise ConfigError("\n\n".join(earlier))
    origin = " + ".join(str(file) for file, _ in files)
    config = RunConfig.parse(values, origin=origin)
    if "lookalike" in values and config.reference is None:
        raise ConfigError(
            f"{origin}: [lookalike] says how look-alikes are judged, but there is none; add one, if only\n\n"
            f'[models.ralm]\nname = "ralm"'
        )
    return config


def _merge(values: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """
    >>> _merge({"labels": {"windows": 2, "items": 8}, "threads": 1}, {"labels": {"windows": 4}, "users": {"fold": 1}})
    {'labels': {'windows': 4, 'items': 8}, 'threads': 1, 'users': {'fold': 1}}
    """
    merged = dict(values)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
