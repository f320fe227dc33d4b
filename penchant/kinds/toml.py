"""Values as TOML writes them."""

import json
import re
from collections.abc import Mapping
from typing import Any


def as_toml(keys: Mapping[str, Any], *path: str) -> str:
    """A table with the tables in it. path: the keys that lead to it.

    >>> print(as_toml({"name": "utpm", "training": {"rate": 0.003}}, "models", "tags"))
    [models.tags]
    name = "utpm"
    <BLANKLINE>
    [models.tags.training]
    rate = 0.003
    """
    inner = {key: value for key, value in keys.items() if isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {inline(value)}" for key, value in keys.items() if key not in inner]
    if path and (lines or not inner):
        lines.insert(0, f"[{'.'.join(map(_key, path))}]")
    tables = [as_toml(value, *path, key) for key, value in inner.items()]
    return "\n\n".join(["\n".join(lines), *tables] if lines else tables)


def inline(value: Any) -> str:
    """A value on one line.

    >>> print(inline({"a b": [0.5, float("inf")], "joint": True}))
    { "a b" = [0.5, inf], joint = true }
    """
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {inline(one)}' for key, one in value.items())} }}" if value else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return _text(value) if isinstance(value, str) else str(value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
