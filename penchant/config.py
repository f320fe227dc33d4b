"""How a run file becomes typed, frozen values: unknown keys and wrong types name themselves."""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from penchant.errors import ConfigError, MissingStepError


class Config(BaseModel):
    """Base of every config: frozen, and strict about keys and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def parse(cls, values: dict[str, Any], *, origin: str, at: Sequence[str] = (), beside: Sequence[str] = ()) -> Self:
        """The checked config, or a ConfigError that names each offending key.

        origin: the file; at: the keys that lead to these values in it; beside: keys that are known there too.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            told = dict.fromkeys(_explain(cls, problem, origin, at, beside) for problem in error.errors())
            raise ConfigError("\n".join(told)) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file; a ConfigError where it is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; write one with `penchant init`") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder; give a run file, write one with `penchant init`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error} (texts need quotes)") from None


def config_of_run(folder: Path) -> Path:
    """The config.json of a run folder. Raises MissingStepError where there is none."""
    if folder.is_file():
        raise MissingStepError(f"{folder} is a file; give the run folder, such as runs/{folder.stem}")
    if not (folder / "config.json").exists():
        raise MissingStepError(f"{folder} is no run folder; begin one with `penchant run RUN.toml --out {folder}`")
    return folder / "config.json"


def _explain(cls: type[BaseModel], problem: Any, origin: str, at: Sequence[str], beside: Sequence[str]) -> str:
    *outer, last = problem["loc"] or ("",)
    keys, schema = _walk(cls, [*outer, last] if problem["type"] != "extra_forbidden" else outer)
    keys = [*at, *keys]
    place = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        known = [*schema.get("properties", {}), *(beside if not outer else ())]
        near = difflib.get_close_matches(str(last), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(known))}"
        return f"{origin}: unknown key {'.'.join([*keys, str(last)])!r}; {hint}"
    if problem["type"] == "missing":
        return f"{origin}: {place!r} is missing; add it"
    if problem["type"] == "union_tag_invalid":
        return f"{origin}: '{place}.name' is {problem['ctx']['tag']!r}; known: {problem['ctx']['expected_tags']}"
    said = problem["msg"].removeprefix("Value error, ")
    if isinstance(problem["input"], dict):
        return ": ".join(part for part in (origin, place, said) if part)
    return f"{origin}: {place!r} is {problem['input']!r}: {said}"


def _walk(cls: type[BaseModel], location: Sequence[str | int]) -> tuple[list[str], Any]:
    """The keys of a place as a person wrote them, and the schema there.

    Pydantic's location also names the members of unions that it tried; they are no keys.
    """
    here: Any = cls.model_json_schema()
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
        elif "additionalProperties" not in here or here["additionalProperties"] is False:
            continue
        keys.append(str(part))
    return keys, _resolve(here, definitions)


def _resolve(schema: Any, definitions: Any) -> Any:
    """Look through references, and through unions with nothing."""
    for option in schema.get("anyOf", []):
        if "$ref" in option or option.get("type") in ("object", "array"):
            schema = option
    if "$ref" in schema:
        return definitions[schema["$ref"].rsplit("/", 1)[1]]
    return schema
