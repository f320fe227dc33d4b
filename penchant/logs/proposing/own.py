"""Fields of the items that stand in the log itself: what follows from the item, and what people tagged items with."""

from collections.abc import Sequence

from penchant.logs.proposing import words
from penchant.logs.proposing.columns.profile import Column
from penchant.logs.proposing.fields import as_label, is_called_title, why_no_field
from penchant.logs.proposing.proposal import Proposal
from penchant.logs.proposing.roles import LikelyLog
from penchant.logs.proposing.seen import SeenTable
from penchant.logs.proposing.sides import Side, names_of
from penchant.logs.proposing.telling.texts import listed_in_log, lists_of

GOOD = 1.5
"""Points of a label of another table, from which on the log is not searched for a better one."""
_MOST = 2


def propose_own_values(log: LikelyLog, sides: Sequence[Side], proposal: Proposal) -> list[SeenTable]:
    """Tables of a row per item and value made of the log, if nothing else gives the items good tags; returns the tables
    that name their values."""
    assert log.item
    if max(proposal.label_points.values(), default=0.0) >= GOOD:
        return []
    used = []
    able = [one for one in _beside(log) if _is_tag(one) or not why_no_field(one)]
    able = [one for one in able if not (one.listing and one.listing.mark) and not _is_title(log, one)]
    proposal.notes += [listed_in_log(log, one, proposal.beside) for one in lists_of(log)[:_MOST]]
    chosen = [one for one in able if _follows(log, one) or (not one.is_list and (_is_tag(one) or _is_label(one)))]
    for one in sorted(chosen, key=lambda one: -as_label(one))[:_MOST]:
        lines: list[tuple[str, object]] = [("item", log.item.column.name), ("value", one.name), ("top", 5)]
        names = names_of(one, log.table, sides)
        lines += names.lines(proposal) if names else []
        used += [names.table] if names else []
        proposal.add_values(one.name, log.table, lines, as_label(one) - 0.5)
        proposal.reasons.append(f"{one.name!r} of the log is taken for a field of the items")
    titles = [one for one in _beside(log) if one not in chosen and _is_title(log, one)]
    if titles and not proposal.title:
        lines = [("item", log.item.column.name), ("value", titles[0].name), ("top", 1)]
        proposal.add_title(log.table, lines)
    return used


def _beside(log: LikelyLog) -> list[Column]:
    """The columns of the log that have no role and are no property of the user or of a moment."""
    assert log.item
    times = [log.time] if isinstance(log.time, str) else log.time or []
    used = {log.item.column.name, log.click, *([log.user.column.name] if log.user else []), *times}
    return [
        one
        for one in log.table.columns
        if one.name not in used
        and not (one.clock or one.is_flag or one.nulls > 0.7 or one.name in log.table.partition)
        and words.said(one.name, words.USER) < 1.0
    ]


def _follows(log: LikelyLog, column: Column) -> bool:
    """Whether a value of the item goes with one value of the column, and many items share it."""
    assert log.item
    item, table = log.item.column, log.table
    if item.is_list:
        above = item.name.rpartition(".")[0]
        return column.is_list and above != "" and column.name.startswith(f"{above}.") and not _is_measure(column)
    if column.is_list:
        return _is_label(column) or _is_tag(column)
    if not table.determines(item, column) or _is_measure(column):
        return False
    of_user = log.user is not None and table.determines(log.user.column, column)
    return not table.determines(column, item) and (not of_user or _is_label(column) or _is_tag(column))


def _is_title(log: LikelyLog, column: Column) -> bool:
    """Whether a column is called as names are, and has about as many values as there are items."""
    assert log.item
    item = log.item.column
    if column.is_list != item.is_list or not is_called_title(column.name):
        return False
    alone = len(column.distinct) > 0.6 * len(item.distinct)
    return alone and (column.is_list or log.table.determines(item, column))


def _is_measure(column: Column) -> bool:
    return words.holds(column.name, words.MEASURE)


def _is_tag(column: Column) -> bool:
    return words.said(column.name, words.TAG) == 1.0 and not words.holds(column.name, words.CLICKED)


def _is_label(column: Column) -> bool:
    return words.said(column.name, words.LABEL) == 1.0
