"""Run files of earlier versions are refused with the lines to write instead."""

from collections.abc import Callable, Mapping
from functools import partial, reduce
from itertools import chain, count
from typing import Any

from penchant.errors import ConfigError
from penchant.kinds.toml import as_toml
from penchant.models.catalog import find

Told = tuple[tuple[str, ...], Mapping[str, Any]]
"""A table to write: the keys that lead to it, and what stands in it."""

WORDS = {"yahoo": "yahoo", "logistic": "lr"}
"""Sections of the earlier [lookalike] that were models, and what these are called beside RALM."""

_JUDGED = ("lookalike",)
_MOVED = ("periods", "users", "users_training", "model", "training", *WORDS)
"""Sections of the earlier [lookalike] that stand elsewhere now."""


def refuse_earlier(values: Mapping[str, Any], among: Mapping[str, Any] | None = None) -> str | None:
    """What to write instead of the sections of an earlier version in one file; None where there are none.

    among: what the file says together with the files that it changes or that change it.
    """
    if "linear" in values:
        return (
            "[linear] is gone: ridge regression and the user's own counts are parts of the default model. Remove the "
            'section, and write the model beside it, if any, as deep = { … } of a model with name = "blend"'
        )
    file = _File(values, values if among is None else among)
    gone = [*file.gone, *(["[lookalike] with all its sections"] if file.has_moved else [])]
    if not gone:
        return None
    return f"{' and '.join(gone)} of an earlier version: remove that{file.instead()}"


class _File:
    """A file with sections of an earlier version, and perhaps with some of this one."""

    def __init__(self, values: Mapping[str, Any], among: Mapping[str, Any]) -> None:
        self.values = values
        self.whole = "logs" in values
        """Whether it is a run file, in which what it did not say had a default; else it only changes keys of one."""
        self.among = values if self.whole else among
        self.likeness = _table(values, "lookalike")

    @property
    def gone(self) -> list[str]:
        """What stood at the top of the file."""
        named = [f"[{name}]" for name in ("model", "training") if isinstance(self.values.get(name), Mapping)]
        return [*(["`model`"] if isinstance(self.values.get("model"), str) else []), *named]

    @property
    def has_moved(self) -> bool:
        """Whether [lookalike] is of an earlier version; its `model` was a section, and is a name now."""
        sections = any(isinstance(self.likeness.get(key), Mapping) for key in _MOVED)
        return sections or "competitors" in self.likeness or "fields" in self.likeness

    def instead(self) -> str:
        """The lines to write, each table below a note where it is there already."""
        told = [*(self._tags() if self.gone else []), *(self._lookalike() if self.has_moved else [])]
        new = [(path, _missing(keys, self._there(path))) for path, keys in told]
        parts = [self._note(path) + as_toml(keys, *path) for path, keys in new if keys]
        return "\n\n".join([", and write", *parts]) if parts else "; all that it says is there already"

    def _tags(self) -> list[Told]:
        """The model of the file, which had no name of its own."""
        model = self.values.get("model")
        keys = {"name": model} if isinstance(model, str) else _table(self.values, "model")

        def fits(one: Mapping[str, Any]) -> bool:
            same = not self.whole or "name" not in keys or keys["name"] == one["name"]
            return same and _promises(one) == "interests" and one.get("cut") != "periods"

        name = self._called("tags", fits)
        default = self._unsaid(name, {"name": "blend"}) if self.whole else {}
        return [(("models", name), {**default, **keys, **_some("training", _table(self.values, "training"))})]

    def _lookalike(self) -> list[Told]:
        """The models of look-alike, and what judges them."""
        old = self.likeness
        users = self._called("users", lambda one: one.get("cut") == "periods" and _promises(one) == "interests")
        whose = {} if users == "users" else {"users": users}
        asked = old.get("model")
        ralm = self._called(asked if isinstance(asked, str) else "ralm", partial(_is, "ralm"))
        told: list[Told] = [(("periods",), _table(old, "periods"))]
        if self.whole or not {"users", "users_training", "fields"}.isdisjoint(old):
            default = self._unsaid(users, {"name": "ralm-users", "cut": "periods"})
            own = {**_some("fields", self._in_order(old.get("fields"))), **_table(old, "users")}
            told.append((("models", users), {**default, **own, **_some("training", _table(old, "users_training"))}))
        if self.whole or isinstance(asked, Mapping) or "training" in old:
            own = {**self._unsaid(ralm, {"name": "ralm", **whose}), **_table(old, "model")}
            told.append((("models", ralm), {**own, **_some("training", _table(old, "training"))}))
        for word, usual in WORDS.items():
            if isinstance(old.get(word), Mapping):
                called = self._called(usual, partial(_is, word))
                told.append((("models", called), {**self._unsaid(called, {"name": word, **whose}), **old[word]}))
        here = {key: value for key, value in old.items() if key not in (*_MOVED, "competitors", "fields")}
        model = {"model": asked} if isinstance(asked, str) else {}
        return [*told, (_JUDGED, {**_some("beside", old.get("competitors")), **model, **here})]

    def _called(self, usual: str, fits: Callable[[Mapping[str, Any]], bool]) -> str:
        """The name of the model that is there already and fits, or else one that is free."""
        models = _table(self.among, "models")
        for name in sorted(models, key=lambda name: name != usual):
            one = models[name]
            if isinstance(one, Mapping) and (fits(one) if isinstance(one.get("name"), str) else name == usual):
                return name
        return next(name for name in chain([usual], (f"{usual}-{n}" for n in count(2))) if name not in models)

    def _unsaid(self, name: str, keys: dict[str, Any]) -> dict[str, Any]:
        """What the model of a name is by itself, but for what is said otherwise."""
        said = _table(_table(self.among, "models"), name)
        return {key: value for key, value in keys.items() if said.get(key, value) == value}

    def _there(self, path: tuple[str, ...]) -> Mapping[str, Any]:
        """What the file has at a place now, and keeps: [lookalike] is written anew."""
        return {} if path == _JUDGED else reduce(_table, path, self.values)

    def _note(self, path: tuple[str, ...]) -> str:
        return f"# add this to [{'.'.join(path)}], which is there already\n" if self._there(path) else ""

    def _in_order(self, fields: Any) -> Any:
        """The fields of an earlier [lookalike], in the order of [features], in which its models read them."""
        rules = _table(self.among, "features").get("fields")
        if not isinstance(fields, list) or not isinstance(rules, list):
            return fields
        known = [rule.get("name") for rule in rules if isinstance(rule, Mapping)]
        return sorted(fields, key=lambda name: known.index(name) if name in known else len(known))


def _table(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The table under a key; an empty one where there is none."""
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _some(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None or value == {} else {name: value}


def _is(name: str, section: Mapping[str, Any]) -> bool:
    return bool(section["name"] == name)


def _promises(section: Mapping[str, Any]) -> str | None:
    """What the model of a section promises; None where there is no such model."""
    try:
        return find(section["name"]).promise
    except ConfigError:
        return None


def _missing(keys: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that are not there yet: what a file says of this version stands, and so does a model of another name.

    >>> _missing({"heads": 2, "training": {"rate": 0.1, "epochs": 2}}, {"heads": 4, "training": {"epochs": 3}})
    {'training': {'rate': 0.1}}
    """
    if there.get("name", keys.get("name")) != keys.get("name", there.get("name")):
        return {}
    found: dict[str, Any] = {}
    for key, value in keys.items():
        if isinstance(value, Mapping) and isinstance(there.get(key), Mapping):
            found |= _some(key, _missing(value, there[key]))
        elif key not in there:
            found[key] = value
    return found
