"""The hyper-parameter study: configurations that differ in one key only, as the UTPM paper's Figure 4 does it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from penchant.report.compare import measured
from penchant.report.groups import Group, Settings, common_settings, short_key
from penchant.report.numbers import Point, Study
from penchant.report.published import BEST

METRICS = ("prec@1", "prec@2", "prec@3")
WIDTH = "model.embedding = model.user"
"""The paper's E: both widths move together."""

_LABELS = {
    "model.embedding": "embedding (E)",
    "model.heads": "heads (A)",
    "model.cross_width": "cross width (C)",
    "model.deep": "deep model",
}


def studies(groups: Sequence[Group], metrics: Sequence[str]) -> list[Study]:
    """One study for each key and each set of groups that differ in it alone; the metrics are Prec@1, 2, 3."""
    shown = [name for name in metrics if name in METRICS] or list(metrics[:3])
    plain = {group.name: group.settings for group in groups}
    widths = {group.name: _widths_as_one(group.settings) for group in groups}
    keys = [key for key in common_settings(list(plain.values())) if key != "model.name"]
    found = [(key, members) for key in keys for members in series(key, plain)]
    found += [(WIDTH, members) for members in series(WIDTH, widths)]
    by_name = {group.name: group for group in groups}
    return [_study(key, members, by_name, shown) for key, members in found]


def _widths_as_one(settings: Settings) -> dict[str, Any]:
    if "model.embedding" not in settings or settings["model.embedding"] != settings["model.user"]:
        return {}
    rest = {key: value for key, value in settings.items() if key not in ("model.embedding", "model.user")}
    return {**rest, WIDTH: settings["model.embedding"]}


def series(key: str, kinds: Mapping[str, Settings]) -> list[dict[Any, str]]:
    """By value the name of a group; every set of at least two groups that differ in `key` alone, the largest ones.

    Keys that belong to `key`, such as the width of a cross layer, have their usual value in all of them.
    """
    usual = common_settings(list(kinds.values()))
    own = [at for at in usual if _depends(at, key)]
    kinds = {name: its for name, its in kinds.items() if all(its.get(at, usual[at]) == usual[at] for at in own)}
    near = sorted(kinds, key=lambda name: sum(value != usual[at] for at, value in kinds[name].items()))
    found: list[dict[Any, str]] = []
    for anchor, its in kinds.items():
        if key not in its:
            continue
        members = {its[key]: anchor}
        for other in near:
            if _alone(key, its, kinds[other]):
                members.setdefault(kinds[other][key], other)
        if len(members) > 1 and not any(set(members.values()) <= set(known.values()) for known in found):
            found = [known for known in found if not set(known.values()) <= set(members.values())] + [members]
    return found


def _alone(key: str, one: Settings, other: Settings) -> bool:
    """Whether they differ in `key` only; keys that belong to it (cross_width, deep.heads) do not count."""
    if key not in one or key not in other or one[key] == other[key]:
        return False
    different = {at for at in {*one, *other} if one.get(at) != other.get(at)}
    return {at for at in different if not _depends(at, key)} == {key}


def _depends(at: str, key: str) -> bool:
    return at.startswith((f"{key}_", f"{key}."))


def ordered(values: Collection[Any]) -> list[Any]:
    """Numbers by size, other values as they come."""
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return sorted(values) if numeric else list(values)


def _study(key: str, members: dict[Any, str], groups: dict[str, Group], metrics: list[str]) -> Study:
    values = ordered(members)
    points = [Point(value, members[value], measured(groups[members[value]], metrics)) for value in values]
    best = BEST.get("model.embedding" if key == WIDTH else key)
    label = "embedding = user (E)" if key == WIDTH else _LABELS.get(key) or _label(key, groups[members[values[0]]])
    return Study(key, label, best, points)


def _label(key: str, group: Group) -> str:
    return short_key(key, group.settings).replace("_", " ")
