"""What stands in a store, row by row: what is not as Penchant wrote it is left out and counted.

Something else may write to a store, a disk may spoil it, a backup may be of another version. One row that cannot be
read must not keep anybody from all others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import orjson

from penchant.choices import Scope
from penchant.store.base import Event, Join, Key, Poison, Seeds
from penchant.store.unreadable import Unreadable

LONGEST_S = 1e11
"""No time lies so far from 1970."""

SCOPES: tuple[str, ...] = get_args(Scope)

Rows = Sequence[Sequence[Any]]

_TEXT, _NUMBER = frozenset({str}), frozenset({float, int})


@dataclass(frozen=True)
class _Form:
    """What rows of one kind are like. columns: the types that each may have; times: which are times, which no store
    keeps or writes as NaN."""

    kind: str
    columns: tuple[frozenset[type], ...]
    times: tuple[int, ...] = ()

    def fits(self, rows: Rows) -> bool:
        """Whether all rows are so; they are looked at column by column, which is ten times as fast as row by row."""
        try:
            columns = list(zip(*rows, strict=True))
        except (ValueError, TypeError):  # they differ in length, or are no rows
            return False
        return not rows or (
            len(columns) == len(self.columns)
            and all(set(map(type, values)) <= types for values, types in zip(columns, self.columns, strict=True))
            and all(min(columns[place]) > -LONGEST_S and max(columns[place]) < LONGEST_S for place in self.times)
        )


_EVENT = _Form("event of a history", (frozenset({float}), _TEXT, _TEXT, frozenset({int, bool})), times=(0,))
_SEED = _Form("seed", (_TEXT, _NUMBER), times=(1,))
_JOIN = _Form("new seed", (_TEXT, _TEXT))
_CANDIDATE = _Form("candidate", (_TEXT, _NUMBER), times=(1,))
_FORGOTTEN = _Form("forgotten user", (_TEXT, _NUMBER), times=(1,))
_ITEM = _Form("item", (_TEXT, frozenset({dict})))
_KEY = _Form("key", (_TEXT, _TEXT, _TEXT, _TEXT, _NUMBER, _NUMBER), times=(4, 5))
_POISON = _Form("poison", (_TEXT, _TEXT, _NUMBER), times=(2,))
_NAME = _Form("name", (_TEXT,))
_TIME = _Form("time", (_NUMBER,), times=(0,))
_HOLDER = _Form("holder", (_TEXT, _TEXT, _NUMBER), times=(2,))


class StoreRows:
    """Reads rows of one store."""

    def __init__(self, unreadable: Unreadable) -> None:
        self._unreadable = unreadable

    def history(self, user: str, rows: Rows) -> list[Event]:
        """Of time, item, id and whether it was clicked, in any order; sorted."""
        sound: list[Any] = sorted(map(tuple, self._sound(_EVENT, rows)))
        return [Event(user, item, at, clicked == 1, own) for at, item, own, clicked in sound]

    def seeds(self, rows: Rows) -> Seeds:
        """Of user and time, in order."""
        sound = self._sound(_SEED, rows)
        return Seeds([user for user, _ in sound], np.array([at for _, at in sound], np.float64))

    def joins(self, rows: Rows) -> list[Join]:
        """Of item and user."""
        return [Join(*row) for row in self._sound(_JOIN, rows)]

    def names(self, rows: Rows) -> list[str]:
        """Of one column."""
        return [name for (name,) in self._sound(_NAME, rows)]

    def name(self, value: Any) -> str | None:
        """None where there is none."""
        return None if value is None else next(iter(self.names([[value]])), None)

    def time(self, value: Any) -> float | None:
        """None where there is none."""
        return None if value is None else next((float(at) for (at,) in self._sound(_TIME, [[value]])), None)

    def holders(self, rows: Rows) -> list[tuple[str, str, float]]:
        """Of a name, who holds it, and since when."""
        return [(name, holder, seen) for name, holder, seen in self._sound(_HOLDER, rows)]

    def candidates(self, rows: Rows) -> dict[str, float]:
        """Of an item and when it was opened."""
        return {item: float(at) for item, at in self._sound(_CANDIDATE, rows)}

    def forgotten(self, rows: Rows) -> dict[str, float]:
        """Of a digest and when."""
        return {digest: float(at) for digest, at in self._sound(_FORGOTTEN, rows)}

    def items(self, rows: Rows) -> dict[str, dict[str, list[str]]]:
        """Of an item and JSON: field → values."""
        told = [(item, _fields(parsed(content))) for item, content in rows]
        return {item: fields for item, fields in self._sound(_ITEM, told)}  # noqa: C416  # the rows are untyped

    def clusters(self, rows: Rows) -> dict[str, bytes]:
        """Of an item and bytes, which whoever knows the model looks into."""
        return {item: content if type(content) is bytes else b"" for item, content in rows if type(item) is str}

    def vectors(self, contents: Iterable[Any]) -> list[bytes | None]:
        """What is no bytes is as if there were none."""
        return [content if type(content) is bytes else None for content in contents]

    def keys(self, rows: Rows) -> list[Key]:
        """Of the fields of `Key`, in any order; the oldest first."""
        sound = self._sound(_KEY, rows)
        found = [Key(*row) for row in sound if row[2] in SCOPES and row[5] > 0]
        self._count(_KEY, len(sound) - len(found))
        return sorted(found, key=lambda key: (key.created, key.name))

    def poison(self, rows: Rows) -> list[Poison]:
        """Of the fields of `Poison`."""
        return [Poison(*row) for row in self._sound(_POISON, rows)]

    def text(self, content: bytes) -> str:
        """What is no UTF-8 becomes a name that nobody has."""
        try:
            return content.decode()
        except UnicodeDecodeError:
            self._unreadable.add("name", "it is no UTF-8")
            return content.decode(errors="replace")

    def _sound(self, form: _Form, rows: Rows) -> Rows:
        if form.fits(rows):
            return rows
        sound = [row for row in rows if form.fits([row])]
        self._count(form, len(rows) - len(sound))
        return sound

    def _count(self, form: _Form, number: int) -> None:
        if number:
            self._unreadable.add(form.kind, "it is not as Penchant writes it", number)


def parsed(content: Any) -> Any:
    """Return what JSON says, None where it is none."""
    try:
        return orjson.loads(content)
    except (orjson.JSONDecodeError, TypeError):
        return None


def number_of(content: Any) -> float | None:
    """Return a number that was written as text, None where it is none."""
    try:
        return float(content)
    except (ValueError, TypeError):
        return None


def list_of(content: Any) -> list[Any]:
    """Return a JSON list, an empty one where it is anything else."""
    found = parsed(content)
    return found if isinstance(found, list) else []


def row_of(content: Any, names: Sequence[str]) -> Sequence[Any]:
    """Return some values of a JSON object by their names, an empty row where it is anything else."""
    found = parsed(content)
    return [found[name] for name in names] if isinstance(found, dict) and found.keys() == set(names) else []


def _fields(said: Any) -> Mapping[str, list[str]] | None:
    """What was said of an item; None where it is no field → texts."""
    if not isinstance(said, dict) or not all(isinstance(values, list) for values in said.values()):
        return None
    return said if all(type(text) is str for values in said.values() for text in values) else None
