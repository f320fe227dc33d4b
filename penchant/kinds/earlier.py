"""Run files of earlier versions are refused with the lines to write instead."""

import json
from collections.abc import Mapping
from typing import Any

WORDS = {"yahoo": "yahoo", "logistic": "lr"}
"""Sections of the earlier [lookalike] that were models, and what these are called beside RALM."""


def refuse_earlier(values: Mapping[str, Any]) -> str | None:
    """What to write instead of the sections of an earlier version; None where there are none."""
    if "linear" in values:
        return (
            "[linear] is gone: ridge regression and the user's own counts are parts of the default model. Remove the "
            'section, and write the model beside it, if any, as deep = { … } of a model with name = "blend"'
        )
    old = [name for name in ("model", "training") if name in values]
    likeness = values.get("lookalike", {})
    told = _told(likeness) if isinstance(likeness, dict) else []
    if not old and not told:
        return None
    gone = [f"[{name}]" for name in old] + (["[lookalike] with all its sections"] if told else [])
    instead = _instead(values, tags=bool(old), likeness=bool(told))
    return f"{' and '.join(gone)} of an earlier version: remove that, and write\n\n{instead}"


_MOVED = ("periods", "users", "users_training", "model", "training", "yahoo", "logistic")


def _told(likeness: Mapping[str, Any]) -> list[str]:
    """The keys of an earlier [lookalike]; `model` was a section, and is a name now."""
    sections = [key for key in _MOVED if isinstance(likeness.get(key), dict)]
    return [*sections, *(key for key in ("competitors", "fields") if key in likeness)]


def _instead(values: Mapping[str, Any], *, tags: bool, likeness: bool) -> str:
    sections: list[tuple[str, dict[str, Any]]] = []
    if tags:
        training = values.get("training", {})
        sections.append(("models.tags", {"name": "blend", **values.get("model", {}), **_some("training", training)}))
    if likeness:
        old = values["lookalike"]
        sections.append(("periods", old.get("periods", {})))
        users = {"name": "ralm-users", "cut": "periods", **_some("fields", _in_order(values)), **old.get("users", {})}
        sections.append(("models.users", {**users, **_some("training", old.get("users_training"))}))
        ralm = {"name": "ralm", **old.get("model", {}), **_some("training", old.get("training"))}
        sections.append(("models.ralm", ralm))
        for name, called in WORDS.items():
            if name in old:
                sections.append((f"models.{called}", {"name": name, **old[name]}))
        kept = {key: value for key, value in old.items() if key not in (*_MOVED, "competitors", "fields")}
        sections.append(("lookalike", {**_some("beside", old.get("competitors")), **kept}))
    return "\n\n".join(_section(name, keys) for name, keys in sections if keys)


def _in_order(values: Mapping[str, Any]) -> Any:
    """The fields of an earlier [lookalike], in the order of [features], in which its models read them."""
    fields, features = values["lookalike"].get("fields"), values.get("features")
    rules = features.get("fields") if isinstance(features, Mapping) else None
    if not isinstance(fields, list) or not isinstance(rules, list):
        return fields
    known = [rule.get("name") for rule in rules if isinstance(rule, Mapping)]
    return sorted(fields, key=lambda name: known.index(name) if name in known else len(known))


def _some(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None or value == {} else {name: value}


def _section(name: str, keys: Mapping[str, Any]) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {as_toml(value)}" for key, value in keys.items())])


def as_toml(value: Any) -> str:
    """A value as TOML writes it on one line.

    >>> print(as_toml({"rate": 0.003, "fields": ["tags"], "joint": True}))
    { rate = 0.003, fields = ["tags"], joint = true }
    """
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {as_toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | float) else str(value)
