"""Parts of a log whose columns changed over time: one more, one less, or one of another type."""

from collections.abc import Sequence
from dataclasses import replace

from penchant.logs.proposing import words
from penchant.logs.proposing.clicks import find_clicks
from penchant.logs.proposing.discover import FoundTable
from penchant.logs.proposing.roles import LikelyLog, as_log
from penchant.logs.proposing.seen import SeenTable, see

_ALIKE = 2 / 3
"""The share of the columns of the smaller table that two parts of a log have in common, at least."""
_DONE = f"{words.SHOWN}|{words.VIEWED}|{words.DONE}|{words.NOT_DONE}"


def united(log: LikelyLog, tables: Sequence[SeenTable]) -> tuple[SeenTable, list[SeenTable]] | None:
    """The log with all of its parts as one table, which has the columns that all of them have, and these parts. None
    where the log has no more parts."""
    if log.user is None or log.item is None or not _is_of_files(log.table):
        return None
    needed = _roles(log)
    others = [one for one in tables if one is not log.table and _is_part(one, log, needed, tables)]
    if not others:
        return None
    parts = [log.table, *others]
    files = tuple(sorted(file for one in parts for file in one.found.files))
    whole = see(FoundTable(log.table.found.root, files, log.table.found.format))
    lacking = not_in_all(parts)
    shared = (one for one in whole.columns if not any(f"{one.name}.".startswith(f"{name}.") for name in lacking))
    return replace(whole, columns=tuple(shared)), parts


def not_in_all(parts: Sequence[SeenTable]) -> list[str]:
    """The columns that some parts of a log lack."""
    looked = [one.found.parts[place] for one in parts for place in (0, len(one.found.parts) // 2, -1)]
    schemas: list[set[str]] = [set(one.schema()) for one in looked]
    return sorted(name for name in set[str]().union(*schemas) if not all(name in one for one in schemas))


def _roles(log: LikelyLog) -> set[str]:
    """The columns that a part of the log has to have."""
    times = [log.time] if isinstance(log.time, str) else log.time or []
    assert log.user
    assert log.item
    return {log.user.column.name, log.item.column.name, *times, *_clicks(log)}


def _clicks(log: LikelyLog) -> set[str]:
    return {str(value) for key, value in find_clicks(log).lines if key in ("clicked", "action")}


def _is_part(table: SeenTable, log: LikelyLog, needed: set[str], tables: Sequence[SeenTable]) -> bool:
    ours, theirs = set(log.table.by_name), set(table.by_name)
    kinds = {one.found.parts[0].kind for one in (table, log.table)}
    if not _is_of_files(table) or len(kinds) > 1 or table.found.format != log.table.found.format:
        return False
    if not needed <= theirs or len(ours & theirs) < _ALIKE * min(len(ours), len(theirs)):
        return False
    if any(words.made_up(name) for name in needed) or _done(table) != _done(log.table):
        return False
    found = as_log(table, tables)
    return found.user is None or found.item is None or _clicks(found) <= needed


def _is_of_files(table: SeenTable) -> bool:
    return table.paired is None and not table.found.files[0].is_dir()


def _done(table: SeenTable) -> set[str]:
    """What the name of a table says that people did: views and purchases are two tables, whatever they have in
    common."""
    said = words.tokens_of(table.found.stem)
    return {one for word in said for one in (word, word.removesuffix("s")) if one in _DONE.split("|")}
