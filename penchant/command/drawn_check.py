"""Draws what is in the tables of a run file: counts, fields of the items, rows that do not count, and doubts."""

import json
from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table

from penchant.command.drawn import console, moment, new_table
from penchant.errors import PenchantError
from penchant.logs.doubts import Doubt
from penchant.logs.found import FieldFound, Found

TOLD = 0.01
"""A value that fewer items have, by share, is not named."""


def show_found(found: Found) -> None:
    """Draw what `penchant check` has found."""
    table = new_table("Found", right=[1])
    for name, value in _facts(found):
        table.add_row(name, escape(value))
    console.print(table)
    if found["fields"]:
        console.print(_fields(found))
    for title, counts in _reasons(found):
        rows = new_table(title, right=[0])
        for reason, count in sorted(counts.items(), key=lambda pair: -pair[1]):
            example = found["examples"].get(reason)
            first = f"the first: {example}" if example else ""
            rows.add_row(f"{count:,}", escape(reason), f"[dim]{escape(first)}[/dim]")
        if counts:
            console.print(rows)
    if found["guessed"]:
        guessed = new_table("Guessed, because the run file does not say")
        for sentence in found["guessed"].values():
            guessed.add_row(escape(sentence))
        console.print(guessed)


def _reasons(found: Found) -> Iterator[tuple[str, dict[str, int]]]:
    yield "Rows of the log that a rule of the run file leaves out", found["left_out"]
    yield "Rows of the log that were set aside (a run keeps them in log/rejected.parquet)", found["rejected"]
    yield "Rows of the other tables that were left out", found["rows_beside_left_out"]


def _fields(found: Found) -> Table:
    table = new_table("What the tables say about the items", right=[1, 2, 3, 4])
    for column in ("field", "different values", "items with any", "values per item", "events whose item has any"):
        table.add_column(column)
    table.add_column("on most items")
    for name, said in found["fields"].items():
        share, per_item = f"{said['events_with'] / found['events']:.1%}", f"{said['per_item']:.2f}"
        counts = (f"{said['values']:,}", f"{said['items_with']:,}", per_item, share)
        table.add_row(escape(name), *counts, escape(_commonest(said)))
    return table


def _commonest(said: FieldFound) -> str:
    """
    >>> _commonest({"commonest": [("jazz", 5), ("blues", 1)], "items_with": 10})
    'jazz (50%), blues (10%)'
    """
    shares = [(value, count / said["items_with"]) for value, count in said["commonest"]]
    told = ", ".join(f"{value} ({share:.0%})" for value, share in shares if share >= TOLD)
    return "".join(one if one.isprintable() else "·" for one in told)


def _facts(found: Found) -> Iterator[tuple[str, str]]:
    yield "rows read from the log", f"{found['rows']:,}"
    if found["left_out"]:
        yield "rows left out by a rule of the run file", f"{sum(found['left_out'].values()):,}"
    yield "rows set aside, because they make no sense or repeat others", f"{sum(found['rejected'].values()):,}"
    yield "events", f"{found['events']:,}"
    yield "events that are clicks", f"{found['clicked'] / found['events']:.1%}"
    if found["clicked"] == found["events"]:
        yield "items shown and not clicked", "none logged; drawn by popularity where a model needs them"
    yield "users", f"{found['users']:,}"
    yield "users with one event only, who get profiles but teach nothing", f"{found['users_with_one_event']:,}"
    if found["users_in_table"]:
        yield "users of the log with a row in the table of users", _part(found["users_with_row"], found["users"])
    if found["items_in_table"]:
        yield "items in the tables of items", f"{found['items_in_table']:,}"
        yield "events of an item that the tables of items have", _part(found["events_of_items"], found["events"])
    yield "rows that stand after a later row of the same user, which are sorted now", f"{found['backwards']:,}"
    if found["columns"]["time"] is None:
        yield "times", "none; the order of the rows counts"
    elif found["time_unit"] == "position":
        yield "times", "places in each user's history, no clock"
    else:
        yield "first event", f"{moment(found['first'])} UTC"
        yield "last event", f"{moment(found['last'])} UTC"
        yield "times are read as", _UNITS.get(found["time_unit"], found["time_unit"])


_UNITS: dict[str, str] = {
    "s": "dates and times, or seconds since 1970",
    "ms": "milliseconds since 1970",
    "us": "microseconds since 1970",
    "ns": "nanoseconds since 1970",
}


def _part(count: int, total: int) -> str:
    """
    >>> _part(3, 4)
    '3 of 4 (75.0%)'
    """
    return f"{count:,} of {total:,} ({count / max(1, total):.1%})"


def show_doubts(doubts: Sequence[Doubt]) -> None:
    """Draw what is doubtful: what is so, examples, and what to do."""
    if not doubts:
        return
    table = Table.grid(padding=(0, 2, 1, 2))
    for doubt in doubts:
        colour = "red" if doubt.serious else "yellow"
        lines = [escape(doubt.sentence)]
        if doubt.examples:
            lines.append(f"[dim]For example: {escape('; '.join(doubt.examples))}[/dim]")
        lines.append(f"What to do: {escape(doubt.advice)}")
        table.add_row(f"[{colour}]{'serious' if doubt.serious else 'look'}[/{colour}]", "\n".join(lines))
    console.print("[bold]Doubtful[/bold]\n")
    console.print(table, highlight=False)


def show_verdict(doubts: Sequence[Doubt], refused: PenchantError | None, command: str) -> None:
    """Draw the doubts, then what to do next. refused: why a run would not begin; command: the run to try."""
    show_doubts(doubts)
    serious = sum(doubt.serious for doubt in doubts)
    if refused is not None:
        console.print("[red]Not ready[/red]: a run would end with the error below.", highlight=False)
    elif serious:
        what = "the serious doubt" if serious == 1 else f"the {serious} serious doubts"
        console.print(
            f"[red]Not ready[/red]: settle {what} above, then check again. If all is as it should be, run it in spite "
            f"of them: [cyan]{escape(command)}[/cyan]",
            highlight=False,
            soft_wrap=True,
        )
    else:
        few = len(doubts)
        look = "" if not few else "; look at the doubt above first" if few == 1 else f"; look at the {few} doubts first"
        console.print(f"Good to go{look}: [cyan]{escape(command)}[/cyan]", highlight=False, soft_wrap=True)


def as_json(found: Found | None, doubts: Sequence[Doubt], refused: PenchantError | None) -> str:
    """One JSON object. verdict: "good", "look" (something is doubtful), "no" (seriously so, or a run would not begin);
    error: why it would not; doubts; found: all counts, null where the tables could not be read."""
    no = refused is not None or any(doubt.serious for doubt in doubts)
    said = {
        "verdict": "no" if no else "look" if doubts else "good",
        "error": None if refused is None else str(refused),
        "doubts": [doubt.as_json() for doubt in doubts],
        "found": found,
    }
    return json.dumps(said, ensure_ascii=False, indent=2)
