"""Write docs/run-file.md: every section and key of a run file, from the config classes themselves.

python docs/code/reference.py
"""

import datetime
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from penchant.evaluation.protocols.interests import EvaluationConfig
from penchant.evaluation.protocols.lookalikes import LookalikeEvaluation
from penchant.features.cuts.by_period import PeriodsConfig
from penchant.features.cuts.by_user import LabelsConfig, UsersConfig
from penchant.features.cuts.rounds import RoundsConfig
from penchant.features.fields import Field
from penchant.features.plan import FeaturesConfig
from penchant.kinds.sections import SECTIONS, Section
from penchant.kinds.toml import inline
from penchant.logs.formats.dialect import CsvOptions
from penchant.logs.tables import EventsTable, ItemsTable, ItemValuesTable, NamesTable, TableConfig, UsersTable
from penchant.models.base import ModelConfig, Promise
from penchant.models.catalog import models_of
from penchant.profiles.build import ProfilesConfig
from penchant.runfile import LogsConfig, LookalikeConfig, RunConfig

MODEL = """## [models.NAME]
A run file has a section for each of its models ([several models in one file](models.md#several-models-in-one-file)).
NAME is for you to give: folders, commands and pages know the model by it. The key `name` says which model it is, and
that decides what else the section may hold: the keys of all models of its kind, and its own. In a blend, `deep` is a
section of the same form: `deep = { name = "utpm", user = 64 }`."""

Part = tuple[str, type[BaseModel], *tuple[type[BaseModel], ...]]
"""A heading, and the classes whose keys stand below it."""

BAR = "\\|"
"""A bar within a cell of a table."""

KINDS: dict[Promise, str] = {
    "interests": "interest models",
    "rankers": "rankers",
    "lookalikes": "look-alikes",
    "graphs": "graph models",
}


def models(promise: Promise) -> Iterator[Part]:
    """What sections of one kind may hold: keys of all models, then those of each, by its `name`."""
    kind, called = SECTIONS[promise], KINDS[promise]
    configs = [entry.config for entry in models_of(promise)]
    shared = dict.fromkeys(base for one in configs for base in one.__mro__[1:] if base in ModelConfig.__subclasses__())
    of_all = [base for base in shared if all(issubclass(config, base) for config in configs)]
    yield f"[models.NAME], {called}", kind, *of_all
    yield from ((f"[models.NAME], {called} but for the blend", base) for base in shared if base not in of_all)
    if "training" in kind.model_fields:
        yield f"[models.NAME.training], {called}", type(kind.model_fields["training"].default)
    yield from ((f'[models.NAME], name = "{config.model_fields["name"].default}"', config) for config in configs)


PARTS: list[Part | str] = [
    ("The file itself", RunConfig),
    ("[logs]", LogsConfig),
    ("In every table", TableConfig),
    ("csv, within a table", CsvOptions),
    ("[logs.tables.events]", EventsTable),
    ("[logs.tables.items]", ItemsTable),
    ("[[logs.tables.item_values]]", ItemValuesTable),
    ("names, within item_values", NamesTable),
    ("[logs.tables.users]", UsersTable),
    ("[features]", FeaturesConfig),
    ("fields, within features", Field),
    ("[labels]", LabelsConfig),
    ("[users]", UsersConfig),
    ("[periods]", PeriodsConfig),
    MODEL,
    *(part for promise in SECTIONS for part in models(promise)),
    ("[evaluation]", EvaluationConfig),
    ("[profiles]", ProfilesConfig),
    ("[lookalike]", LookalikeConfig),
    ("[lookalike.rounds]", RoundsConfig),
    ("[lookalike.evaluation]", LookalikeEvaluation),
]


def describe(kind: Any) -> str:
    """A type in words."""
    if get_origin(kind) is Annotated:
        return describe(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(describe(part) for part in get_args(kind) if part is not type(None)))
    if get_origin(kind) is Literal:
        return " or ".join(f"'{value}'" if '"' in value else f'"{value}"' for value in get_args(kind))
    if get_origin(kind) is list:
        return f"list of {describe(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"table of {describe(get_args(kind)[1])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", datetime.date: "date"}
    return "section" if isinstance(kind, type) and issubclass(kind, BaseModel) else names[kind]


def default(field: FieldInfo) -> str:
    """What holds where a key is not given, as a run file would have it."""
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "not given"
    if isinstance(value, BaseModel):
        return "its own"
    if isinstance(value, dict):
        value = {name: {"name": one.model.name} if isinstance(one, Section) else one for name, one in value.items()}
    return f"`{inline(value)}`"


def section(title: str, *kinds: type[BaseModel]) -> str:
    """A heading, what classes say of their keys, and a table of those that no other part of the page has."""
    told = "\n\n".join(text for kind in kinds for text in words(kind))
    cells = [(f"`{key}`", describe(one.annotation), default(one)) for kind in kinds for key, one in keys(kind)]
    rows = [f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |" for row in cells]
    return "\n".join([f"## {title}", told, "", "| key | is | default |", "|---|---|---|", *rows])


def words(kind: type[BaseModel]) -> Iterator[str]:
    """What a class says of its keys, and what its bases say of those that it has of them and does not name: of a base
    without its first sentence, which says what the base is for."""
    yield inspect.cleandoc(kind.__doc__ or "")
    unsaid = {key for key, _ in keys(kind) if key not in kind.__annotations__ and key not in (kind.__doc__ or "")}
    for base in kind.__mro__[1:]:
        if unsaid & set(vars(base).get("__annotations__", {})):
            yield inspect.cleandoc(base.__doc__ or "").partition("\n\n")[2]


def keys(kind: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """The keys of a class that are not those of another part of the page."""
    elsewhere = {ModelConfig, Section, *(one for part in PARTS if not isinstance(part, str) for one in part[1:])}
    others = {key for base in kind.__mro__[1:] if base in elsewhere for key in base.__annotations__}
    yield from ((key, one) for key, one in kind.model_fields.items() if key not in others - set(kind.__annotations__))


def reference() -> str:
    """The whole page."""
    head = "# The run file, key by key\n\nWritten by `python docs/code/reference.py` from the classes that read it."
    text = "\n\n".join([head, *(part if isinstance(part, str) else section(*part) for part in PARTS)]) + "\n"
    return re.sub(r"[ \t]+\n", "\n", text)


if __name__ == "__main__":
    Path(__file__).parent.with_name("run-file.md").write_text(reference(), encoding="utf-8")
