"""Look at somebody's tables and propose how they map to Penchant's; say why, and what could not be guessed."""

from contextlib import suppress
from pathlib import Path

from penchant.errors import DataError, PenchantError
from penchant.logs.formats.opened import open_parts
from penchant.logs.formats.places import FORMATS
from penchant.logs.proposing.discover import Discovered, FoundTable, discover
from penchant.logs.proposing.events import listed, propose_events
from penchant.logs.proposing.own import propose_own_values
from penchant.logs.proposing.proposal import UNSURE, Proposal
from penchant.logs.proposing.roles import LikelyLog, find_log, is_a_log
from penchant.logs.proposing.seen import SeenTable, try_to_see
from penchant.logs.proposing.sides import propose_sides, sides_of, tell_sides
from penchant.logs.proposing.telling.parts import not_in_all, united
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
    log, tables = _whole_log(tables, proposal)
    proposal.rows = log.table.rows
    for table in tables:
        _tell_types(table, proposal)
    if not is_a_log(log):
        _ask_for_a_log(log, tables, proposal)
        return proposal
    sides = sides_of(log, tables) if log.item or log.user else []
    propose_events(log, sides, proposal)
    used = propose_sides(log, sides, proposal)
    if log.item:
        used += propose_own_values(log, sides, proposal)
    tell_sides(log, sides, used, proposal)
    _propose_label(proposal)
    return proposal


def _whole_log(tables: list[SeenTable], proposal: Proposal) -> tuple[LikelyLog, list[SeenTable]]:
    """The log with all of its parts, and the tables, the log with its parts as one of them."""
    log = find_log(tables)
    try:
        found = united(log, tables)
    except PenchantError:
        found = None
    if found is None:
        return log, tables
    whole, parts = found
    shown = ", ".join(one.found.path for one in parts[:5]) + (" …" if len(parts) > 5 else "")
    lacking = not_in_all(parts)
    others = f"; not all have {', '.join(lacking[:6])}, which is not read" if lacking else ""
    proposal.reasons.append(f"{shown} are taken for parts of one log, because their columns are alike{others}")
    tables = [whole, *(one for one in tables if one not in parts)]
    return find_log(tables), tables


def _ask_for_a_log(log: LikelyLog, tables: list[SeenTable], proposal: Proposal) -> None:
    """No table is a log: say what one is, and what is there."""
    proposal.notes.append(
        "no table looks like a log of users and items. Add one: a row each time somebody clicked, read, bought or "
        "rated something, with a column that says who, one that says what, and if it is known one that says when"
    )
    proposal.notes.append(
        f"if one of the tables is such a log after all (the nearest is {log.table.name}), write it and its columns "
        'below: files = "…", user = "…", item = "…"'
    )
    for table in tables:
        proposal.left_out.append(f"{table.name} has no users who come back to items: {listed(table)}")
    proposal.label = UNSURE
    proposal.sections["logs.tables.events"] = [f'{key} = "{UNSURE}"' for key in ("files", "user", "item")]


def _tell_types(table: SeenTable, proposal: Proposal) -> None:
    if table.strange:
        named = ", ".join(table.strange[:6])
        proposal.left_out.append(f"{table.name}: {named}: a type that is not read; cast it, or leave it out")
    if table.extended:
        named = ", ".join(table.extended[:6])
        proposal.reasons.append(f"{table.name}: {named}: extension types, read as what they are stored as")


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
