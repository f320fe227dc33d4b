"""A value that cannot be is told in plain words: the key as it was written, the value, and what to write there."""

import datetime
import math
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from penchant.config import NO_KEYS, WANTED, Config
from penchant.errors import ConfigError
from penchant.models.catalog import MODELS, find
from penchant.runfile import RunConfig
from penchant.simulation.config import SimulationConfig

BAD: list[Any] = [
    *(None, True, 3, -1, 0, 10**30, 1.5, -1.5, math.nan, math.inf),
    *("x", "", [], [3], ["x"], ["a", "b", "c", "d"], [{}], [{"x": 1}]),
    *({}, {"x": 3}, {"x": "y"}, {"x": {}}, {"../x": {"name": "blend"}}, {"name": "x"}, {"name": 3}),
    *(datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1, 12)),
]
"""Values of every kind that TOML has."""


def classes(base: type[Config] = Config) -> Iterator[type[Config]]:
    for one in base.__subclasses__():
        yield one
        yield from classes(one)


def test_every_kind_of_fault_is_told_in_words() -> None:
    """Of every key of every class of this package, one for each type and its limits."""
    assert {find(name).name for name in MODELS} == set(MODELS), "all classes are imported"
    ours = [one for one in dict.fromkeys(classes()) if one.__module__.startswith("penchant.")]
    assert {RunConfig, SimulationConfig} <= {*ours}
    keys = {
        str((field.annotation, field.metadata)): (one, key) for one in ours for key, field in one.model_fields.items()
    }
    kinds: set[str] = set()
    for config, key in keys.values():
        for value in BAD:
            try:
                config.model_validate({key: value})
            except ValidationError as error:
                problems = error.errors()
            except ConfigError:
                continue  # of a section of models, which is read before
            else:
                continue
            with pytest.raises(ConfigError) as told:
                config.parse({key: value}, origin="run.toml")
            assert all(line.startswith("run.toml: ") for line in str(told.value).splitlines())
            for problem in problems:
                kinds.add(problem["type"])
                raw = "Value error" if problem["type"] == "value_error" else problem["msg"]
                assert raw not in str(told.value), f"{config.__name__}.{key} = {value!r}"
    named = {"missing", "extra_forbidden", "value_error", "union_tag_invalid", "union_tag_not_found"}
    assert kinds == {*WANTED, *NO_KEYS, *named}


HEAD = '[logs]\nsource = "movielens"\nfolder = "example:ml-latest-small"\n[features]\nfields = [{ name = "tags" }]\n'
TABLES = '[features]\nfields = [{ name = "tags" }]\n[logs.tables.events]\nuser = "u"\nitem = "i"\n'
BLEND = HEAD + '[models.x]\nname = "blend"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("labels = 3\n" + HEAD, "'labels' is 3; write a section, [labels]"),
        (BLEND + "training = 3", "'models.x.training' is 3; write a section, [models.x.training]"),
        (BLEND + "labels = { field = 1 }", "'models.x.labels' is a section; write a text in quotes"),
        (BLEND + 'deep = "utpm"', "'models.x.deep' is 'utpm'; write a section, [models.x.deep]"),
        (BLEND + "deep = { heads = 2 }", "'models.x.deep.name' is missing; known: 'utpm', 'youtube'"),
        (BLEND + 'deep = { name = "bpr" }', "'models.x.deep.name' is 'bpr'; known: 'utpm', 'youtube'"),
        (BLEND + 'deep = { name = "utpm", heads = "two" }', "'models.x.deep.heads' is 'two'; write a whole number"),
        (BLEND + 'deep = { name = "utpm", head = 2 }', "unknown key 'models.x.deep.head'; did you mean 'heads'?"),
        (HEAD + "[models]", "'models' is an empty section; write at least 1 within it, such as [models.NAME]"),
        (HEAD + "[evaluation]\nat = []", "'evaluation.at' is []; write a list of 1 or more"),
        (HEAD.replace("[{", "[3, {"), "'features.fields.0' is 3; write keys in braces, { … }"),
        (HEAD + '[labels]\nby = "hours"', "'labels.by' is 'hours'; write \"share\" or \"days\""),
        (
            HEAD + '[labels]\nuntil = "2024"',
            "'labels.until' is '2024'; write a date without quotes, such as 2024-12-31",
        ),
        (HEAD + "[features.min_count]\ntags = 1.5", "'features.min_count.tags' is 1.5; write a whole number"),
        (
            HEAD + '[models."../x"]\nname = "blend"',
            "models: '../x' cannot be the name of a model, because a folder gets it; give 1 to 64 letters, digits, _ "
            "and -, of which the first is a letter or a digit",
        ),
        (
            TABLES + "files = 3",
            "'logs.tables.events.files' is 3; write a text in quotes or a list in brackets, [ … ]",
        ),
        (TABLES + 'files = ["a.csv", 3]', "'logs.tables.events.files.1' is 3; write a text in quotes"),
        (
            TABLES + 'files = "a.csv"\ntime = ["year"]',
            "'logs.tables.events.time' is ['year']; write a text in quotes or a list of 3 or more",
        ),
    ],
)
def test_a_fault_is_told_by_its_key_in_one_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as told:
        RunConfig.parse(tomllib.loads(text), origin="run.toml")
    assert str(told.value) == f"run.toml: {said}"
