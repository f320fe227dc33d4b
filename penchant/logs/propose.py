"""Look at somebody's tables and propose how they map to Penchant's; say why, and what could not be guessed."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from penchant.errors import DataError, PenchantError
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.places import FORMATS
from penchant.logs.proposing.candidates import RoleCandidate
from penchant.logs.proposing.clicks import ClickRule, find_clicks
from penchant.logs.proposing.discover import Discovered, FoundTable, discover
from penchant.logs.proposing.own import propose_own_values
from penchant.logs.proposing.proposal import UNSURE, Proposal
from penchant.logs.proposing.roles import A_PLACE, FROM_A_START, LIKELY, SURE, LikelyLog, find_log, is_a_log, is_named
from penchant.logs.proposing.seen import SeenTable, try_to_see
from penchant.logs.proposing.sides import Side, propose_sides, sides_of, tell_sides
from penchant.logs.proposing.writing import as_toml, source_toml
from penchant.logs.sources import known_tables

__all__ = ["UNSURE", "as_toml", "find_tables", "known_source", "propose", "source_toml"]

_LISTED = 12
"""Columns that a message lists."""
_SETS = {
    "movielens": [
        {"ratings", "movies", "tags"},
        {"interactions", "movies", "movie_tags"},
        {"ratings", "movies", "users"},
    ],
    "s3rec": [{"sequences", "item_attributes"}],
    "hetrec-lastfm": [{"user_tag_artist", "tags", "artists"}],
    "globo": [{"clicks", "articles_category_bounds"}],
}
"""Files of the public data sets, without their endings."""


class FoundTables(list[FoundTable]):
    """Tables that were found, and a sentence about each file that is left out."""

    left_out: tuple[str, ...] = ()


def find_tables(paths: list[Path]) -> FoundTables:
    """The tables among files and in folders, at any depth. Raises DataError where there are none."""
    found: Discovered = discover(paths)
    if not found.tables:
        names = ", ".join(str(path) for path in paths)
        said = "; ".join(found.left_out[:5])
        raise DataError(
            f"no table in {names}; give files or a folder with files ending in {', '.join(FORMATS)}"
            + (f" ({said})" if said else "")
        )
    tables = FoundTables(found.tables)
    tables.left_out = tuple(found.left_out)
    return tables


def known_source(paths: list[Path]) -> str | None:
    """The name of the public data set that a folder holds, by its files' names and columns."""
    if len(paths) != 1 or not paths[0].is_dir():
        return None
    there = {file.stem for file in paths[0].iterdir() if file.suffix in (".parquet", ".csv")}
    named = (name for name, layouts in _SETS.items() if any(need <= there for need in layouts))
    return next((name for name in named if _has_columns(name, paths[0])), None)


def _has_columns(source: str, folder: Path) -> bool:
    """Whether the events have the columns of a known data set; what cannot be read is believed by its name."""
    events = known_tables(source, folder).events
    for part in open_parts(events, folder):
        with suppress(PenchantError):
            if not set(events.columns) <= set(part.schema()):
                return False
    return True


def propose(files: list[FoundTable], beside: Path) -> Proposal:
    """A mapping for the tables, for a run file in `beside`; UNSURE stands where a person must fill in. Raises DataError
    where no table can be read."""
    tables, unreadable = try_to_see(files)
    if not tables:
        raise DataError("no table can be read: " + "; ".join(unreadable[:3]))
    proposal = Proposal(beside)
    proposal.left_out += [*getattr(files, "left_out", ()), *unreadable]
    log = find_log(tables)
    proposal.rows = log.table.rows
    for table in tables:
        _tell_types(table, proposal)
    if not is_a_log(log):
        _ask_for_a_log(log, tables, proposal)
        return proposal
    sides = sides_of(log, tables) if log.item or log.user else []
    _propose_events(log, sides, proposal)
    used = propose_sides(log, sides, proposal)
    if log.item:
        used += propose_own_values(log, sides, proposal)
    tell_sides(log, sides, used, proposal)
    _propose_label(proposal)
    return proposal


def _ask_for_a_log(log: LikelyLog, tables: list[SeenTable], proposal: Proposal) -> None:
    """No table is a log: say what one is, and what is there."""
    proposal.notes.append(
        "no table looks like a log of users and items. Add one: a row each time somebody clicked, read, bought or rated "
        "something, with a column that says who, one that says what, and if it is known one that says when"
    )
    proposal.notes.append(
        f"if one of the tables is such a log after all (the nearest is {log.table.name}), write it and its columns "
        'below: files = "…", user = "…", item = "…"'
    )
    for table in tables:
        proposal.left_out.append(f"{table.name} has no users who come back to items: {_listed(table)}")
    proposal.label = UNSURE
    proposal.sections["logs.tables.events"] = [f'{key} = "{UNSURE}"' for key in ("files", "user", "item")]


def _listed(table: SeenTable) -> str:
    names = [one.name for one in table.columns]
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")


def _propose_events(log: LikelyLog, sides: Sequence[Side], proposal: Proposal) -> None:
    table = log.table
    lines: list[tuple[str, object]] = []
    for role, candidate in (("user", log.user), ("item", log.item)):
        lines.append((role, candidate.column.name if candidate else UNSURE))
        others = {one.table.name for one in sides if (one.item if role == "user" else one.user)}
        _explain(role, candidate, log, others, proposal)
    if log.time is None:
        proposal.notes.append(
            f"{table.name}: no column looks like a time, so the order of the rows will count; "
            'if one is, add: time = "…"'
        )
    else:
        lines += _time_lines(log, proposal)
    if log.item:
        clicks = find_clicks(log)
        lines += clicks.lines
        _explain_clicks(clicks, proposal)
    if table.paired:
        proposal.notes.append(
            f"{table.name}: {table.paired.column} holds items with a flag each; the query makes a row of each"
        )
    proposal.add_section("logs.tables.events", table, lines)


def _tell_types(table: SeenTable, proposal: Proposal) -> None:
    if table.strange:
        named = ", ".join(table.strange[:6])
        proposal.left_out.append(f"{table.name}: {named}: a type that is not read; cast it, or leave it out")
    if table.extended:
        named = ", ".join(table.extended[:6])
        proposal.reasons.append(f"{table.name}: {named}: extension types, read as what they are stored as")


def _explain(
    role: str, candidate: RoleCandidate | None, log: LikelyLog, others: set[str], proposal: Proposal
) -> None:
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
            f"{table.name}: which column is the {role}? It has {_listed(table)}; write it into the line: "
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
    return "likely" if points >= LIKELY or named else "a guess"


def _time_lines(log: LikelyLog, proposal: Proposal) -> list[tuple[str, object]]:
    lines: list[tuple[str, object]] = [("time", log.time)]
    if log.why_time in (A_PLACE, FROM_A_START):
        lines.append(("time_unit", "position"))
    if log.why_time == FROM_A_START:
        proposal.notes.append(
            f"{log.time} counts from a start that it does not tell, so it only says what came first; where you know the "
            f"start, make times of it: query = \"select *, <start> + {log.time} as at from …\" and time = \"at\""
        )
    clock = log.clock.clock if log.clock else None
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


def _propose_label(proposal: Proposal) -> None:
    if not proposal.item_fields:
        proposal.notes.append(
            "no table gives the items tags; add one, there is nothing to predict without: [logs.tables.items] with "
            'files = "…", item = "…" and fields = { tags = "…" }'
        )
        proposal.label = UNSURE
        return
    if "tags" in proposal.item_fields:
        return
    proposal.label = max(proposal.item_fields, key=lambda name: proposal.label_points.get(name, 0.0))
    proposal.notes.append(
        f"no field is called tags; {proposal.label!r} is predicted instead: change labels.field if that is wrong"
    )
    if proposal.label_points.get(proposal.label, 0.0) < 0.0:
        proposal.notes.append(
            f"{proposal.label!r} says little of an item; if several columns of yes and no are its tags, make one "
            "column of them, a list such as Comedy|Drama"
        )
