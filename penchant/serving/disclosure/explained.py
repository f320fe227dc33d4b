"""Why a user has a preference, without the items that they clicked."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from penchant.profiles.explain import Effect, Explanation


def without_items(why: Explanation, item_fields: Collection[str]) -> Explanation:
    """Leave out the effects of values of some fields, whose values are single items that the user clicked.

    What all values of a path add up to stays.
    """

    def kept(effects: Iterable[Effect]) -> list[Effect]:
        return [one for one in effects if not any(_is_of(value, item_fields) for value in one.values)]

    paths = [replace(path, by=kept(path.by)) for path in why.paths]
    return replace(why, paths=paths, alone=kept(why.alone), together=kept(why.together))


def _is_of(value: str, fields: Collection[str]) -> bool:
    """Whether a value is one of these fields; see `label` in profiles/explain.py."""
    return any(value.startswith(f"{field}: ") for field in fields)
