"""Draws what is in the tables of a run file: counts, fields of the items, and rows that were set aside."""

from collections.abc import Iterator

from rich.markup import escape

from penchant.command.drawn import console, moment, new_table
from penchant.logs.found import Found
from penchant.logs.ingest import REPEATED


def show_found(found: Found) -> None:
    """Draw what `penchant check` has found."""
    table = new_table("Found", right=[1])
    for name, value in _facts(found):
        table.add_row(name, value)
    console.print(table)
    fields = new_table("Fields of the items", right=[1, 2, 3, 4])
    for column in ("field", "values", "items with any", "per item", "events whose item has any"):
        fields.add_column(column)
    for name, said in found["fields"].items():
        share = f"{said['events_with'] / found['events']:.1%}"
        per_item = f"{said['per_item']:.2f}"
        fields.add_row(escape(name), f"{said['values']:,}", f"{said['items_with']:,}", per_item, share)
    console.print(fields)
    for share in _shares(found):
        console.print(share, highlight=False)
    for warning in _few(found):
        console.print(warning, style="yellow", highlight=False)
    if found["rows_beside_left_out"]:
        beside = new_table("Rows of the other tables that were left out", right=[0])
        for reason, count in found["rows_beside_left_out"].items():
            beside.add_row(f"{count:,}", escape(reason))
        console.print(beside)
    if found["rejected"]:
        if found["rejected"].get(REPEATED, 0) > found["events"]:
            console.print(
                "More than half of the rows are repeats. Does the table have one row for each item shown?",
                style="yellow",
            )
        rejected = new_table("Rows set aside (a run keeps them in log/rejected.parquet)", right=[0])
        for reason, count in sorted(found["rejected"].items(), key=lambda pair: -pair[1]):
            rejected.add_row(f"{count:,}", escape(reason), f"[dim]{escape(found['examples'][reason])}[/dim]")
        console.print(rejected)


def _shares(found: Found) -> Iterator[str]:
    """Say how many events are of an item with a value of a field, where few are because the items are in their tables
    and have none: a log may have items of two kinds."""
    for name, share in _rare(found):
        if not _lacks_items(found):
            known = f"{found['events_of_items'] / found['events']:.1%}"
            told = f"{share} of the events are of an item with any {escape(name)}"
            yield f"{told}; {known} are of an item that the tables of items have."


def _rare(found: Found) -> Iterator[tuple[str, str]]:
    """Fields that few events have, each with the share of the events."""
    for name, said in found["fields"].items():
        if 2 * said["events_with"] < found["events"]:
            yield name, f"{said['events_with'] / found['events']:.1%}"


def _lacks_items(found: Found) -> bool:
    """Whether most events are of an item that no table of items has."""
    return 2 * found["events_of_items"] < found["events"]


def _few(found: Found) -> Iterator[str]:
    """Warn where two tables share few ids, because ids may be written differently in them."""
    for name, share in _rare(found):
        if _lacks_items(found):
            told = f"Only {share} of the events are of an item with any {escape(name)}"
            yield f"{told}: are ids written alike in both tables?"
    if found["users_in_table"] and 2 * found["users_with_row"] < found["users"]:
        share = f"{found['users_with_row'] / found['users']:.1%}"
        yield f"Only {share} of the users have a row in the table of users: are ids written alike in both tables?"


def _facts(found: Found) -> Iterator[tuple[str, str]]:
    yield "rows read", f"{found['rows']:,}"
    if found["left_out"]:
        yield "left out, rating between the two thresholds", f"{found['left_out']:,}"
    yield "rows set aside", f"{sum(found['rejected'].values()):,}"
    yield "events", f"{found['events']:,}"
    yield "clicked", f"{found['clicked'] / found['events']:.1%}"
    if found["clicked"] == found["events"]:
        yield "un-clicked items", "none logged; sampled by popularity where a loss needs them"
    yield "users", f"{found['users']:,} ({found['users_with_one_event']:,} with one event only: profiles, no training)"
    if found["users_in_table"]:
        yield "users with a row in their table", f"{found['users_with_row']:,}"
    yield "items in their tables", f"{found['items_in_table']:,}"
    yield "rows out of order", f"{found['backwards']:,} (sorted now)"
    if found["time_unit"] == "position":
        yield "times", "positions, no common clock"
    else:
        yield "from", f"{moment(found['first'])} UTC, numbers of time read as {found['time_unit']}"
        yield "to", f"{moment(found['last'])} UTC"
