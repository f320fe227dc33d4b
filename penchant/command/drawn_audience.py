"""Draws look-alikes: the scorer beside its competitors, and one audience with its reasons."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from penchant.audiences.expected import Expected
from penchant.audiences.of_item import ItemAudience, Neighbour
from penchant.audiences.why import SeedGroup
from penchant.command.drawn import bar_of, cell_of, console, difference_of, new_table
from penchant.evaluation.choice import Choice, collapse_in_words, title
from penchant.schema import USER

METRICS = ("auc", "auc within items", "prec@10", "recall@1%", "recall@10%", "auc.tail", "prec@50")
LONGEST_NAME = 56
MEMBERS = 6


def show_lookalikes(metrics: dict[str, Any], choice: Choice) -> None:
    """Draw the reference beside the others with 95 % intervals; say who is clearly better and who makes audiences."""
    scores, counts = metrics["scores"], metrics["counts"]
    there = [name for name in METRICS if name in scores[choice.reference]][: max(2, (console.width - 30) // 18)]
    heading = f"Look-alike: {counts['clicked']:,} later clicks among {counts['labels']:,} pairs of user and item"
    table = new_table(heading, right=range(1, len(there) + 1))
    for column in ["", *there]:
        table.add_column(column.replace("auc", "AUC").replace("prec", "Prec").replace("recall", "Recall"))
    for name, its in scores.items():
        cells = [cell_of(its[metric]) if metric in its else "" for metric in there]
        table.add_row(title(name), *cells, style="bold" if name == choice.name else "")
    for name, its in metrics["minus"][choice.reference].items():
        cells = [difference_of(its[metric]) if metric in its else "" for metric in there]
        table.add_row(f"{title(choice.reference)} minus {title(name)}", *cells, style="dim")
    console.print(table)
    _say_order(metrics["minus"][choice.reference], choice.reference)
    console.print(f"[bold]{choice.made}[/bold] {choice.served}", highlight=False)
    if collapsed := collapse_in_words(
        {name: its["collapsed"]["mean"] for name, its in scores.items() if "collapsed" in its}
    ):
        console.print(f"[yellow]{collapsed}[/yellow]", highlight=False)


def _say_order(minus: dict[str, dict[str, dict[str, float]]], reference: str) -> None:
    """Say which others the reference is clearly above, clearly below, and level with at AUC."""
    for word, sign in (("above", 1), ("below", -1), ("level with", 0)):
        names = [title(name) for name, its in minus.items() if "auc" in its and _sign(its["auc"]) == sign]
        if names:
            console.print(f"At AUC, {title(reference)} is [bold]{word}[/bold]: {'; '.join(names)}.", highlight=False)


def _sign(difference: dict[str, float]) -> int:
    """1 or -1 if a difference is clear, 0 if its interval holds zero."""
    clear = abs(difference["mean"]) > difference["half"]
    return (1 if difference["mean"] > 0 else -1) if clear else 0


def show_audience(audience: ItemAudience, written: Path | None = None) -> None:
    """Draw an audience: its size, its reasons, how many should click, what it shares with others, its first users."""
    left_out = f" ({audience.left_out:,} more left out: nothing is known of them)" if audience.left_out else ""
    head = (
        f"[bold]{len(audience.members):,}[/bold] of {audience.reachable:,} users who have no event with it yet, "
        f"most like its [bold]{audience.seeds:,}[/bold] seeds{left_out}, by [bold]{title(audience.by)}[/bold]"
    )
    parts: list[RenderableType] = [head, f"[dim]{audience.chosen}[/dim]"]
    if audience.silent:
        names = ", ".join(map(title, audience.silent))
        parts.append(f"[yellow]{names} did better on validation candidates, but can score too few users here.[/yellow]")
    if audience.spread and audience.spread.collapsed:
        parts.append(f"[yellow]{audience.spread.words}[/yellow]")
    parts.append(_groups(audience.groups, len(audience.members)))
    if audience.expected:
        parts.append(_expected(audience.expected))
    if audience.neighbours:
        parts.append(_neighbours(audience.neighbours))
    parts.append(_members(audience))
    console.print(Panel(Group(*parts), title=f"audience of {escape(_short(audience.name))}", border_style="dim"))
    if written is not None:
        console.print(f"The audience is in [bold]{escape(str(written))}[/bold]", highlight=False, soft_wrap=True)


def _groups(groups: Sequence[SeedGroup], size: int) -> Table:
    """A row for each cluster of seeds: what its seeds have in common, and how many users it brought into the audience.
    One row for all seeds together where the scorer has no clusters."""
    clusters = any(group.pulled is not None for group in groups)
    whose, pulled = ("clusters of seeds", ("pulled in", "")) if clusters else ("the seeds", ())
    table = new_table(f"Why: what {whose} have in common", right=[0, 1] if clusters else [0])
    for column in ("seeds", *pulled, "in common (share of the seeds, of all users)"):
        table.add_column(column)
    for group in groups:
        told = ", ".join(
            f"{escape(_short(one.name))} [dim]({one.seeds:.0%}, {one.users:.0%})[/dim]" for one in group.traits
        )
        few = "clusters too small to be described" if clusters else "too few seeds to be described"
        alone = few if group.few and not told else "nothing that stands out"
        together = "[dim]small clusters together:[/dim] " if group.few and told else ""
        bar = [] if group.pulled is None else [f"{group.pulled:,}", f"[cyan]{bar_of(group.pulled / size)}[/cyan]"]
        table.add_row(f"{group.seeds:,}", *bar, together + (told or f"[dim]{alone}[/dim]"))
    return table


def _expected(expected: Sequence[Expected]) -> Table:
    """How many should click, by what happened in the test period to items with about as many seeds."""
    table = new_table("Expected to click, in as much time as the test period", right=range(4))
    for column in ("the best", "share", "at random", "times random"):
        table.add_column(column)
    for one in expected:
        times = f"{one.precision / one.random:.1f}" if one.random else ""
        table.add_row(f"{one.best:,}", f"{one.precision:.2%}", f"{one.random:.2%}", times)
    return table


def _neighbours(neighbours: Sequence[Neighbour]) -> Table:
    table = new_table("Shared with audiences of the items that its seeds clicked most", right=[1, 2])
    for column in ("item", "seeds who clicked it", "of this audience"):
        table.add_column(column)
    for one in neighbours:
        table.add_row(escape(_short(one.name)), f"{one.seeds:,}", f"{one.overlap.share:.0%}")
    return table


def _members(audience: ItemAudience) -> Table:
    table = new_table("The first users", right=[0, 2])
    for column in ("", "user", "score"):
        table.add_column(column)
    for row in audience.members.head(MEMBERS).iter_rows(named=True):
        table.add_row(f"[dim]{row['rank']}[/dim]", escape(_short(row[USER])), f"{row['score']:.3f}")
    return table


def _short(name: str) -> str:
    """A name as it fits into a table: not too long, and only characters that can be printed."""
    shown = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
    return "".join(letter if letter.isprintable() else "·" for letter in shown)
