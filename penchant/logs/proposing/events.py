"""The section of the events: which column is what, why, and how surely; and what a person has to know of it."""

from collections.abc import Sequence

from penchant.logs.proposing.candidates import RoleCandidate
from penchant.logs.proposing.clicks import ClickRule, find_clicks
from penchant.logs.proposing.proposal import UNSURE, Proposal
from penchant.logs.proposing.roles import (
    A_PLACE,
    FROM_A_START,
    LIKELY,
    SURE,
    LikelyLog,
    is_named,
    names_users,
)
from penchant.logs.proposing.seen import SeenTable
from penchant.logs.proposing.sides import Side
from penchant.logs.proposing.telling.texts import told_json
from penchant.logs.proposing.telling.times import no_time, two_units

_LISTED = 12
"""Columns that a message lists."""


def listed(table: SeenTable) -> str:
    names = [one.name for one in table.columns]
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def propose_events(log: LikelyLog, sides: Sequence[Side], proposal: Proposal) -> None:
    table = log.table
    lines: list[tuple[str, object]] = []
    for role, candidate in (("user", log.user), ("item", log.item)):
        lines.append((role, candidate.column.name if candidate else UNSURE))
        others = {one.table.name for one in sides if (one.item if role == "user" else one.user)}
        _explain(role, candidate, log, others, proposal)
    if log.time is None:
        proposal.notes.append(no_time(log, proposal.beside))
    else:
        lines += _time_lines(log, proposal)
    if log.item:
        clicks = find_clicks(log)
        lines += clicks.lines
        log.click = next((str(value) for name, value in clicks.lines if name in ("clicked", "action")), None)
        _explain_clicks(clicks, proposal)
    _tell_owner(log, proposal)
    proposal.notes += told_json(table, proposal.beside)
    if table.paired:
        proposal.notes.append(
            f"{table.name}: {table.paired.column} holds items with a flag each; the query makes a row of each"
        )
    proposal.add_section("logs.tables.events", table, lines)


def _tell_owner(log: LikelyLog, proposal: Proposal) -> None:
    """Where the user is the key of a table that says whose each is, as an order is a customer's: say how to join."""
    if log.user is None or is_named(log.user, "user"):
        return
    ours = log.user.column.name
    for link in (one for one in log.user.links if one.strength > 0.5):
        owner = next((one.name for one in link.table.columns if names_users(one) and not one.is_unique), None)
        if owner:
            left, right = (table.found.relative(proposal.beside)[0] for table in (log.table, link.table))
            alike = f"using ({ours})" if link.key.name == ours else f"on {ours} = {link.key.name}"
            query = f"select * from '{left}' join '{right}' {alike}"  # noqa: S608
            proposal.notes.append(
                f"{ours} has its {owner} in {link.table.name}: with that for the user, write instead of `files` "
                f'query = "{query}" and user = "{owner}"'
            )
            return


def _explain(role: str, candidate: RoleCandidate | None, log: LikelyLog, others: set[str], proposal: Proposal) -> None:
    """Say why a column has a role, and how surely; or what to write where none has it. others: the tables that have the
    other role."""
    table = log.table
    if candidate is None:
        none = {
            "user": "if none says who, the log cannot tell people apart: log an account, a cookie or a session with "
            "each row",
            "item": "if none says what was clicked, log that with each row",
        }
        proposal.notes.append(
            f"{table.name}: which column is the {role}? It has {listed(table)}; write it into the line: "
            f'{role} = "…"; {none[role]}'
        )
        return
    column = candidate.column
    links = [link for link in candidate.links if link.table.name not in others][:1]
    why = [f"its values are the key {link.key.name!r} of {link.table.name}" for link in links if link.strength > 0.5]
    told = "; ".join([*why, *candidate.why[role]][:2]) or "it repeats, and fits best"
    sure = _how_surely(role, candidate, log, bool(why))
    said = f"{role} = {column.name!r} ({sure}): {told}; {len(column.distinct):,} values in {log.table.sampled:,} rows"
    (proposal.notes if sure == "a guess" else proposal.reasons).append(said)
    if column.nulls > 0.02 and not column.is_list:
        proposal.notes.append(f"{column.name} is empty in {column.nulls:.0%} of the rows")


def _how_surely(role: str, candidate: RoleCandidate, log: LikelyLog, linked: bool) -> str:
    """An ordinary name in a log with a time, or a table beside that has the ids, leaves no doubt."""
    points = candidate.for_user if role == "user" else candidate.for_item
    named = is_named(candidate, role)
    if points >= SURE or (named and (linked or log.time)):
        return "sure"
    a_row_each = log.item is not None and log.item.column.is_list and bool(log.time)
    return "likely" if points >= LIKELY or named or a_row_each else "a guess"


def _time_lines(log: LikelyLog, proposal: Proposal) -> list[tuple[str, object]]:
    lines: list[tuple[str, object]] = [("time", log.time)]
    if log.why_time in (A_PLACE, FROM_A_START):
        lines.append(("time_unit", "position"))
    if log.why_time == FROM_A_START:
        proposal.notes.append(
            f"{log.time} counts from a start that it does not tell, so it only says what came first; if you know the "
            f"start, make times of it in a query: start + {log.time}"
        )
    clock = log.clock.clock if log.clock else None
    if log.clock and clock and clock.mixed:
        proposal.notes.append(two_units(log.table, log.clock))
    if clock and clock.two_ways:
        proposal.notes.append(
            f"{log.time}: day and month cannot be told apart by what was seen; say it, one of: "
            'time_format = "%d/%m/%Y", time_format = "%m/%d/%Y"'
        )
    elif clock and clock.format:
        lines.append(("time_format", clock.format))
    others = f"; other times: {', '.join(log.other_times[:5])}" if log.other_times else ""
    proposal.reasons.append(f"time = {log.time!r}: {log.why_time or 'year, month and day'}{others}")
    if clock and not clock.fine:
        proposal.notes.append(f"{log.time} tells days apart, no more: clicks of a day have no order")
    return lines


def _explain_clicks(clicks: ClickRule, proposal: Proposal) -> None:
    proposal.notes += clicks.notes
    if clicks.why:
        proposal.reasons.append(f"clicks: {clicks.why}")
