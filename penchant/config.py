"""How a run file becomes typed, frozen values: unknown keys and wrong types name themselves."""

import difflib
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from penchant.errors import ConfigError, MissingStepError

LONGEST = 200
"""Letters of a value that an error shows."""

BEYOND = 2**31
"""No whole number of a config is so large."""


class Config(BaseModel):
    """Base of every config: frozen, and strict about keys and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @field_validator("*")
    @classmethod
    def _refuse_absurd(cls, value: Any) -> Any:
        """Libraries below take no whole number of any length."""
        if type(value) is int and abs(value) >= BEYOND:
            raise ValueError(f"write a whole number below {BEYOND:,}")
        return value

    @classmethod
    def parse(cls, values: dict[str, Any], *, origin: str, at: Sequence[str] = (), beside: Sequence[str] = ()) -> Self:
        """The checked config, or a ConfigError that names each offending key.

        origin: the file; at: the keys that lead to these values in it; beside: keys that are known there too.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError("\n".join(_tell(cls, error.errors(), origin, at, beside))) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file; a ConfigError where it is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; write one with `penchant init`") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder; give a run file, write one with `penchant init`") from None
    except (ValueError, RecursionError) as error:  # ValueError: no TOML, no UTF-8, or a number of 10,000 digits
        said = str(error)
        hint = " (texts need quotes)" if said.startswith("Invalid value") else ""
        hint = " (in a path, write / instead of \\)" if "\\" in said else hint
        raise ConfigError(f"{path} is not a TOML file: {said}{hint}") from None


def config_of_run(folder: Path) -> Path:
    """The config.json of a run folder. Raises MissingStepError where there is none."""
    if folder.is_file():
        raise MissingStepError(f"{folder} is a file; give the run folder, such as runs/{folder.stem}")
    if not (folder / "config.json").exists():
        raise MissingStepError(f"{folder} is no run folder; begin one with `penchant run RUN.toml --out {folder}`")
    return folder / "config.json"


WANTED = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "date_type": "a date without quotes, such as 2024-12-31",
    "list_type": "a list in brackets, [ … ]",
    "literal_error": "{expected}",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "string_too_short": "a text of {min_length} or more letters",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of at most {max_length}",
}
"""What to write in the place of a value, by what pydantic calls its fault."""

NO_KEYS = {"dict_type", "model_type", "model_attributes_type"}
"""What pydantic calls a value that stands where keys have to stand."""


def _tell(
    cls: type[BaseModel], problems: Sequence[Any], origin: str, at: Sequence[str], beside: Sequence[str]
) -> list[str]:
    """A line for each key that is wrong. Of a value that may be one of several things, pydantic has a problem for each,
    some of them for what is within the value: these say more than those for the value."""
    found: dict[tuple[str, ...], list[Any]] = {}
    for problem in problems:
        unknown = problem["type"] == "extra_forbidden"
        keys, _ = _walk(cls, problem["loc"][:-1] if unknown else problem["loc"])
        found.setdefault((*keys, *([str(problem["loc"][-1])] if unknown else [])), []).append(problem)
    outer = {keys[:end] for keys in found for end in range(len(keys))}
    lines = [_explain(cls, of_key, keys, at, beside) for keys, of_key in found.items() if keys not in outer]
    return [f"{origin}: {line}" for line in lines]


def _explain(
    cls: type[BaseModel], problems: Sequence[Any], keys: Sequence[str], at: Sequence[str], beside: Sequence[str]
) -> str:
    problem, place = problems[0], ".".join([*at, *keys])
    kind, value = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        *outer, last = problem["loc"]
        known = [*_walk(cls, outer)[1].get("properties", {}), *(beside if not outer else ())]
        near = difflib.get_close_matches(str(last), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(known))}"
        return f"unknown key {place!r}; {hint}"
    if kind == "missing":
        return f"{place!r} is missing; add it"
    if kind == "union_tag_not_found":
        known = _walk(cls, problem["loc"])[1]["discriminator"]["mapping"]
        return f"'{place}.name' is missing; known: {', '.join(map(repr, known))}"
    if kind == "union_tag_invalid":
        return f"'{place}.name' is {problem['ctx']['tag']!r}; known: {problem['ctx']['expected_tags']}"
    if kind == "value_error":
        said = problem["msg"].removeprefix("Value error, ")
        of_key = problem["loc"][-1:] == ("[key]",)
        told = "" if of_key else place if isinstance(value, dict) else f"{place!r} is {_shown(value)}"
        return ": ".join(part for part in (told, said) if part)
    wanted = dict.fromkeys(_wanted(one, place) for one in problems)
    shown = _shown(value) if not isinstance(value, dict) else "a section" if value else "an empty section"
    return f"{place!r} is {shown}; write {' or '.join(wanted)}"


def _shown(value: Any) -> str:
    """A value as it may be written in a run file; the beginning of a long one."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write whole numbers of more than some thousand digits
        return "too long a number"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _wanted(problem: Any, place: str) -> str:
    """What to write in the place of a value."""
    kind, said = problem["type"], problem.get("ctx", {})
    if kind in NO_KEYS:
        return "keys in braces, { … }" if any(map(str.isdigit, place.split("."))) else f"a section, [{place}]"
    if kind == "too_short" and isinstance(problem["input"], dict):
        return f"at least {said['min_length']} within it, such as [{place}.NAME]"
    if kind in WANTED:
        return WANTED[kind].format(**said).replace("'", '"')
    return problem["msg"]


@cache
def _schema(cls: type[BaseModel]) -> Any:
    return cls.model_json_schema()


def _walk(cls: type[BaseModel], location: Sequence[str | int]) -> tuple[list[str], Any]:
    """The keys of a place as a person wrote them, and the schema there.

    Pydantic's location also names the members of unions that it tried, and says where a key is meant; they are no keys.
    """
    here = _schema(cls)
    definitions = here.get("$defs", {})
    keys: list[str] = []
    for part in location:
        here = _resolve(here, definitions)
        if part in here.get("properties", {}):
            here = here["properties"][part]
        elif isinstance(part, int) and "items" in here:
            here = here["items"]
        elif part in here.get("discriminator", {}).get("mapping", {}):
            here = {"$ref": here["discriminator"]["mapping"][part]}
            continue
        elif here.get("additionalProperties") and part != "[key]":
            here = here["additionalProperties"] if isinstance(here["additionalProperties"], dict) else {}
        else:
            continue
        keys.append(str(part))
    return keys, _resolve(here, definitions)


def _resolve(schema: Any, definitions: Any) -> Any:
    """Look through references, and through unions with nothing."""
    for option in schema.get("anyOf", []):
        if "$ref" in option or "discriminator" in option or option.get("type") in ("object", "array"):
            schema = option
    if "$ref" in schema:
        return definitions[schema["$ref"].rsplit("/", 1)[1]]
    return schema
