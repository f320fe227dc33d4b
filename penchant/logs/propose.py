"""Look at somebody's tables and propose how they map to Penchant's; say why, and what could not be guessed."""

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
from penchant.logs.proposing.roles import LIKELY, SURE, LikelyLog, find_log
from penchant.logs.proposing.seen import SeenTable, try_to_see
from penchant.logs.proposing.sides import propose_sides, sides_of
from penchant.logs.proposing.writing import as_toml, source_toml
from penchant.logs.sources import known_tables

__all__ = ["UNSURE", "as_toml", "find_tables", "known_source", "propose", "source_toml"]

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
    _propose_events(log, proposal)
    if log.item or log.user:
        propose_sides(log, sides_of(log, tables), proposal)
    if log.item:
        propose_own_values(log, proposal)
    _propose_label(proposal)
    return proposal


def _propose_events(log: LikelyLog, proposal: Proposal) -> None:
    table = log.table
    lines: list[tuple[str, object]] = []
    for role, candidate in (("user", log.user), ("item", log.item)):
        lines.append((role, candidate.column.name if candidate else UNSURE))
        _explain(role, candidate, log, proposal)
    if log.time is None:
        proposal.notes.append(
            f"{table.name}: no column looks like a time, so the order of the rows will count; "
            'if one is, add: time = "…"'
        )
    else:
        lines += _time_lines(log, proposal)
    if log.user and log.item:
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


def _explain(role: str, candidate: RoleCandidate | None, log: LikelyLog, proposal: Proposal) -> None:
    """Say why a column has a role, and how surely; or what to write where none has it."""
    table = log.table
    if candidate is None:
        listed = ", ".join(one.name for one in table.columns[:40])
        proposal.notes.append(
            f'{table.name}: which column is the {role}? It has {listed}; write it into the line: {role} = "…"'
        )
        return
    points = candidate.for_user if role == "user" else candidate.for_item
    column = candidate.column
    why = "; ".join(candidate.why[role][:2]) or "it repeats, and fits best"
    sure = "sure" if points >= SURE else "likely" if points >= LIKELY else "a guess"
    said = f"{role} = {column.name!r} ({sure}): {why}; {len(column.distinct):,} values in {log.table.sampled:,} rows"
    (proposal.notes if sure == "a guess" else proposal.reasons).append(said)
    if column.nulls > 0.02 and not column.is_list:
        proposal.notes.append(f"{column.name} is empty in {column.nulls:.0%} of the rows")


def _time_lines(log: LikelyLog, proposal: Proposal) -> list[tuple[str, object]]:
    lines: list[tuple[str, object]] = [("time", log.time)]
    if log.why_time.startswith("a place"):
        lines.append(("time_unit", "position"))
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
