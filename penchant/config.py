"""How a run file becomes typed, frozen values: unknown keys and wrong types name themselves."""

import difflib
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from penchant.errors import ConfigError


class Config(BaseModel):
    """Base of every config: frozen, and strict about keys and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def parse(cls, values: dict[str, Any], *, origin: str) -> Self:
        """The checked config, or a ConfigError that names each offending key; `origin` says where it stood."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError("\n".join(_explain(cls, problem, origin) for problem in error.errors())) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file; a ConfigError where it is missing or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; write one with `penchant init`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not a TOML file: {error}") from None


def _explain(cls: type[BaseModel], problem: Any, origin: str) -> str:
    place = ".".join(str(part) for part in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        known = _known_keys(cls, problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(known))}"
        return f"{origin}: unknown key {place!r}; {hint}"
    if problem["type"] == "missing":
        return f"{origin}: {place!r} is missing; add it"
    return f"{origin}: {place!r} is {problem['input']!r}: {problem['msg']}"


def _known_keys(cls: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The keys allowed at a place of the config tree."""
    here: Any = cls.model_json_schema()
    definitions = here.get("$defs", {})
    for part in location:
        here = _resolve(here, definitions)
        here = here["items"] if isinstance(part, int) else here.get("properties", {}).get(part, {})
    return list(_resolve(here, definitions).get("properties", {}))


def _resolve(schema: Any, definitions: Any) -> Any:
    for option in schema.get("anyOf", []):
        if "$ref" in option or option.get("type") in ("object", "array"):
            schema = option
    if "$ref" in schema:
        return definitions[schema["$ref"].rsplit("/", 1)[1]]
    return schema
