"""Write docs/run-file.md: every section and key of a run file, from the config classes themselves.

python docs/reference.py
"""

import inspect
import re
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from penchant.evaluation.protocols.interests import EvaluationConfig
from penchant.evaluation.protocols.lookalikes import LookalikeEvaluation
from penchant.features.cuts.by_period import PeriodsConfig
from penchant.features.cuts.by_user import LabelsConfig, UsersConfig
from penchant.features.cuts.rounds import RoundsConfig
from penchant.features.fields import Field
from penchant.features.plan import FeaturesConfig
from penchant.features.target import Target
from penchant.logs.tables import EventsTable, ItemsTable, ItemValuesTable, NamesTable, UsersTable
from penchant.models.catalog import BlendConfig
from penchant.models.interests.promise import TowerConfig
from penchant.models.interests.ralm_users import RalmUsersConfig
from penchant.models.interests.utpm import UtpmConfig
from penchant.models.interests.youtube import YouTubeConfig
from penchant.models.lookalikes.logistic import LogisticConfig
from penchant.models.lookalikes.ralm import RalmConfig
from penchant.models.lookalikes.yahoo import YahooConfig
from penchant.profiles.build import ProfilesConfig
from penchant.runfile import LogsConfig, LookalikeConfig, RunConfig
from penchant.training.loop import TrainingConfig
from penchant.training.objectives.lookalikes import LookalikeTraining

SECTIONS: list[tuple[str, type[BaseModel]]] = [
    ("The file itself", RunConfig),
    ("[logs]", LogsConfig),
    ("[logs.tables.events]", EventsTable),
    ("[logs.tables.items]", ItemsTable),
    ("[[logs.tables.item_values]]", ItemValuesTable),
    ("names, within item_values", NamesTable),
    ("[logs.tables.users]", UsersTable),
    ("[features]", FeaturesConfig),
    ("fields, within features", Field),
    ("[labels]", LabelsConfig),
    ("[users]", UsersConfig),
    ("[model] or [model.deep], every trained model", TowerConfig),
    ('[model], name = "blend", the default', BlendConfig),
    ('[model] or [model.deep], name = "utpm"', UtpmConfig),
    ('[model] or [model.deep], name = "youtube"', YouTubeConfig),
    ("[training]", TrainingConfig),
    ("[evaluation]", EvaluationConfig),
    ("[profiles]", ProfilesConfig),
    ("[lookalike]", LookalikeConfig),
    ("[lookalike.periods]", PeriodsConfig),
    ("[lookalike.rounds]", RoundsConfig),
    ('[lookalike.users], and [model] with name = "ralm-users"', RalmUsersConfig),
    ("[lookalike.model]", RalmConfig),
    ("[lookalike.training]", LookalikeTraining),
    ("[lookalike.yahoo]", YahooConfig),
    ("[lookalike.logistic]", LogisticConfig),
    ("[lookalike.evaluation]", LookalikeEvaluation),
]


def describe(kind: Any) -> str:
    """A type in words."""
    if get_origin(kind) is Annotated:
        return describe(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(describe(part) for part in get_args(kind) if part is not type(None)))
    if get_origin(kind) is Literal:
        return " or ".join(f'"{value}"' for value in get_args(kind))
    if get_origin(kind) is list:
        return f"list of {describe(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"table of {describe(get_args(kind)[1])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return "section" if isinstance(kind, type) and issubclass(kind, BaseModel) else names.get(kind, "date")


def default(field: Any) -> str:
    if field.default is PydanticUndefined:
        return "needed"
    if field.default is None:
        return "not given"
    if isinstance(field.default, BaseModel):
        return "its own"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default!r}`".replace("'", '"')


def section(title: str, kind: type[BaseModel]) -> str:
    lines = [f"## {title}", inspect.cleandoc(kind.__doc__ or ""), "", "| key | is | default |", "|---|---|---|"]
    own = set(kind.__annotations__).union(Target.__annotations__ if issubclass(kind, Target) else ())
    for name, field in kind.model_fields.items():
        if name in own:
            lines.append(f"| `{name}` | {describe(field.annotation)} | {default(field)} |")
    return "\n".join(lines)


def reference() -> str:
    """The whole page."""
    head = "# The run file, key by key\n\nWritten by `python docs/reference.py` from the classes that read it."
    text = "\n\n".join([head, *(section(title, kind) for title, kind in SECTIONS)]) + "\n"
    return re.sub(r"[ \t]+\n", "\n", text)


if __name__ == "__main__":
    Path(__file__).with_name("run-file.md").write_text(reference(), encoding="utf-8")
