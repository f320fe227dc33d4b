"""A run file as typed values: what to read, what to learn from it, how to judge it."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field as Limits
from pydantic import model_validator

from penchant.config import Config, read_toml
from penchant.evaluation.protocols.interests import EvaluationConfig
from penchant.evaluation.protocols.lookalikes import LookalikeEvaluation
from penchant.features.cuts.by_period import PeriodsConfig
from penchant.features.cuts.by_user import ByUser, LabelsConfig, UsersConfig
from penchant.features.cuts.rounds import RoundsConfig
from penchant.features.plan import FeaturesConfig, Plan
from penchant.logs.sources import known_tables
from penchant.logs.tables import Tables, expand
from penchant.models.catalog import BlendConfig, ModelConfig
from penchant.models.interests.ralm_users import RalmUsersConfig
from penchant.models.lookalikes.logistic import LogisticConfig
from penchant.models.lookalikes.ralm import RalmConfig
from penchant.models.lookalikes.yahoo import YahooConfig
from penchant.profiles.build import ProfilesConfig
from penchant.training.objectives.interests import TrainingConfig
from penchant.training.objectives.lookalikes import LookalikeTraining

EXAMPLES = Path(__file__).parent / "examples"


class LogsConfig(Config):
    """Where the tables are: either a known `source` and its `folder`, or `tables`, one's own mapping.

    max_rejected_share: above this share of rows that make no sense the run stops.
    forgotten: the forgotten.json of a run that is served: users who were forgotten there are left out here too.
    """

    source: Literal["movielens", "s3rec", "hetrec-lastfm", "globo"] | None = None
    folder: str | None = None
    tables: Tables | None = None
    max_rejected_share: float = 0.05
    forgotten: Annotated[str | None, Limits(exclude_if=lambda said: said is None)] = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.tables is None) == (self.source is None) or (self.source is None) != (self.folder is None):
            raise ValueError("give either `source` and `folder`, for a known data set, or `tables`")
        return self

    def resolve(self, base: Path) -> Tables:
        """The mapping; `base` is the folder of the run file."""
        if self.tables is not None:
            return self.tables
        assert self.source
        assert self.folder
        if self.folder.startswith("example:"):
            return known_tables(self.source, EXAMPLES / self.folder.removeprefix("example:"))
        return known_tables(self.source, expand(self.folder, base))


Merge = Literal["attention", "concat"]
Pool = Literal["attention", "average"]
Competitor = Literal["average", "youtube", "merge", "yahoo", "lr", "popularity"]
ALL: tuple[Competitor, ...] = ("average", "youtube", "merge", "yahoo", "lr", "popularity")


class LookalikeConfig(Config):
    """Look-alike audiences, by RALM (docs/look-alike.md).

    fields: those of the run that tell who a user is, all if not given; category: an item field whose variety in users'
    lists is measured beside that of the tags; competitors: what RALM is measured beside, where the one that wins on
    validation candidates makes audiences: "average" (RALM with the plain mean of all seeds), "youtube" (YouTube DNN:
    phase 1 with fields side by side, by the item's vector), "merge" (the same with attention over the fields),
    "yahoo", "lr", "popularity". users, users_training: phase 1, as [training];
    model, training: phase 2.
    """

    fields: Annotated[list[str], Limits(min_length=1)] | None = None
    category: str | None = None
    competitors: list[Competitor] = list(ALL)
    periods: PeriodsConfig = PeriodsConfig()
    rounds: RoundsConfig = RoundsConfig()
    users: RalmUsersConfig = RalmUsersConfig()
    users_training: TrainingConfig = TrainingConfig()
    model: RalmConfig = RalmConfig()
    training: LookalikeTraining = LookalikeTraining()
    yahoo: YahooConfig = YahooConfig()
    logistic: LogisticConfig = LogisticConfig()
    evaluation: LookalikeEvaluation = LookalikeEvaluation()


class RunConfig(Config):
    """A run file: what to read, what to learn from it, how to judge it.

    threads: how many PyTorch and linear algebra may use; with 1, small models train fastest and weights are the same on
    every machine.
    device: where the model is trained; all else runs on the processor.
    """

    threads: Annotated[int, Limits(ge=1)] = 1
    device: Literal["cpu", "cuda"] = "cpu"
    logs: LogsConfig
    features: FeaturesConfig
    labels: LabelsConfig = LabelsConfig()
    users: UsersConfig = UsersConfig()
    model: ModelConfig = BlendConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    profiles: ProfilesConfig = ProfilesConfig()
    lookalike: LookalikeConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_linear_section(cls, values: Any) -> Any:
        if isinstance(values, dict) and "linear" in values:
            raise ValueError(
                "[linear] is gone: ridge regression and the user's own counts are parts of the default model. Remove "
                'the section, and write the model beside it, if any, as [model] name = "blend" and deep = { … }'
            )
        return values

    @model_validator(mode="after")
    def _fields_exist(self) -> Self:
        names = [rule.name for rule in self.features.fields]
        for name in self.model.fields or []:
            if name not in names:
                raise ValueError(f"model.fields: {name!r} is not a field; there are {', '.join(names)}")
        for name in (self.lookalike.fields if self.lookalike else None) or []:
            if name not in names:
                raise ValueError(f"lookalike.fields: {name!r} is not a field; there are {', '.join(names)}")
        return self

    @property
    def plan(self) -> Plan:
        return Plan(self.features, ByUser(self.labels, self.users), (self.labels.target,))


def load_config(path: Path, *over: Path) -> RunConfig:
    """The checked run file. Raises ConfigError that names every offending key.

    over: files of a few keys that change it, one after the other: key by key within a section, a list as a whole.
    """
    values = read_toml(path)
    for change in over:
        values = _merge(values, read_toml(change))
    return RunConfig.parse(values, origin=" + ".join(str(file) for file in (path, *over)))


def _merge(values: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """
    >>> _merge({"model": {"heads": 2, "query": 8}, "threads": 1}, {"model": {"heads": 4}, "users": {"fold": 1}})
    {'model': {'heads': 4, 'query': 8}, 'threads': 1, 'users': {'fold': 1}}
    """
    merged = dict(values)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
