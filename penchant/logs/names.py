"""What a field may be called: its name becomes a column beside ours, an array of a shard and a file of a vocabulary."""

import re
from collections.abc import Collection
from itertools import chain, count

from penchant.schema import CLICKED, ITEM, TIME, USER, WORTH

RESERVED_NAMES = {
    *(ITEM, USER, TIME, CLICKED, WORTH),
    *("count", "value", "entry", "sample", "split", "window", "start", "stop"),
}
"""Columns that Penchant itself adds to the items' and users' tables."""

OF_SHARDS = {"label", "truth", "history"}
"""What arrays of a shard that are no field's begin with: no field of a model is called so."""

LONGEST = 50
"""Characters of a name: a file's name may have 255 bytes."""


def problem_of(name: str, taken: Collection[str] = RESERVED_NAMES) -> str | None:
    """Return why a field cannot have this name, and which name it could have; None where the name is allowed.

    Names that differ in capitals alone count as equal, because on some disks their files would be the same.

    >>> problem_of("birth.year")
    "a field cannot be called 'birth.year', which is not 1 to 50 letters, digits, _ and -; call it 'birth_year'"
    >>> problem_of("Count")
    "a field cannot be called 'Count', a name that is taken; call it 'Count_2'"
    """
    if not re.fullmatch(rf"[\w-]{{1,{LONGEST}}}", name):
        why = f"which is not 1 to {LONGEST} letters, digits, _ and -"
    elif _is_in(name, taken):
        why = "a name that is taken"
    else:
        return None
    return f"a field cannot be called {name!r}, {why}; call it {fit_name(name, taken)!r}"


def fit_name(text: str, taken: Collection[str] = RESERVED_NAMES) -> str:
    """Return a name that a field may have: the text itself, changed where that is needed, with a number where it is
    taken.

    >>> fit_name("birth.year"), fit_name("user", {"user", "user_2"}), fit_name("")
    ('birth_year', 'user_3', 'field')
    """
    plain = re.sub(r"[^\w-]", "_", text)[: LONGEST - 5] or "field"
    tries = chain([plain], (f"{plain}_{number}" for number in count(2)))
    return next(name for name in tries if not _is_in(name, taken))


def _is_in(name: str, taken: Collection[str]) -> bool:
    return name.casefold() in {other.casefold() for other in taken}
