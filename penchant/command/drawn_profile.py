"""Draws one user: the profile with bars, and why a tag is in it."""

from collections.abc import Sequence

import polars as pl
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from penchant.choices import Order
from penchant.command.drawn import bar_of, console, moment, new_table
from penchant.logs.times import clock_problem
from penchant.profiles.explain import LATEST, Effect, Explanation, foremost, in_words
from penchant.profiles.profile import RankedPreference, WholeProfile
from penchant.schema import ITEM, TIME

LEAST_EFFECT = 0.0005
"""Smaller ones would be drawn as zero."""

MOST_CLICKED = 5
MOST_COMMON = 5


def show_profile(profile: WholeProfile, clicks: pl.DataFrame, by: Order, *, most: int = 10) -> None:
    """Draw the tags clicked most, tags with bars, the latest clicks, and attention where it is evidence.

    clicks: the user's, latest first, with the tags of the items.
    """
    clicked = sorted(profile.clicked, key=lambda one: -one.clicks)[:MOST_CLICKED]
    often = ", ".join(f"{escape(one.tag)} [dim]{one.clicks:,}[/dim]" for one in clicked)
    parts: list[RenderableType] = [
        f"Clicked most: {often or '[dim]nothing with a known tag[/dim]'}",
        _preferences("Tags clicked", foremost(profile.clicked, by, most), by),
        _preferences("Tags not clicked yet", foremost(profile.unseen, by, most), by),
        "[dim]lift: how far the preference is above what is usual for a user who clicks this much; rank: the "
        "place of the preference among all tags[/dim]",
        _clicks(clicks, most),
    ]
    if any(any(shares) for shares in profile.fields.values()):
        parts.append(_attention(profile, most))
    console.print(Panel(Group(*parts), title=f"user {escape(profile.user)}", border_style="dim"))


def _preferences(title: str, preferences: Sequence[RankedPreference], by: Order) -> Table:
    table = new_table(f"{title}, by {by}", right=[2, 3, 4, 5])
    for column in ["tag", "", "preference", "lift", "rank", "clicks"]:
        table.add_column(column)
    scores = [one.measure(by) for one in preferences]
    low, high = min([0.0, *scores]), max([0.0, *scores])
    for one, score in zip(preferences, scores, strict=True):
        bar = bar_of((score - low) / ((high - low) or 1))
        numbers = f"{one.preference:.2f}", f"{one.lift:+.2f}", f"{one.rank:,}", f"{one.clicks:,}" if one.clicks else ""
        table.add_row(escape(one.tag), f"[cyan]{bar}[/cyan]", *numbers)
    if not preferences:
        table.add_row("[dim]none[/dim]")
    return table


def _clicks(clicks: pl.DataFrame, most: int) -> Table:
    table = new_table(f"Latest of {len(clicks):,} clicks")
    for row in clicks.head(most).iter_rows(named=True):
        when = moment(row[TIME]) if clock_problem(row[TIME]) is None else f"no. {row[TIME]:.0f}"
        table.add_row(f"[dim]{when}[/dim]", escape(row[ITEM]), f"[dim]{escape(', '.join(row['tags'] or []))}[/dim]")
    return table


def _attention(profile: WholeProfile, most: int) -> Table:
    heads = len(next(iter(profile.fields.values())))
    table = new_table("Where the attention went", right=range(2, 3 + heads))
    for column in ["field", "value", "weight", *(f"head {head + 1}" for head in range(heads))]:
        table.add_column(column)
    for field, shares in profile.fields.items():
        table.add_row(
            f"[bold]{escape(field)}[/bold]", "[bold]all[/bold]", "", *(f"[bold]{share:.0%}[/bold]" for share in shares)
        )
    for value in profile.values[:most]:
        table.add_row(
            escape(value.field), escape(value.value), f"{value.weight:.3g}", *(f"{one:.1%}" for one in value.attention)
        )
    return table


def show_explanation(why: Explanation, clicks: pl.DataFrame, *, most: int = 8) -> None:
    """Draw what the paths of the model add to one preference, then what each value and each pair of values adds.

    clicks: the user's, latest first, with the tags of the items.
    """
    tag = why.preference
    console.print(
        f"user [bold]{escape(why.user)}[/bold], tag [bold]{escape(tag.tag)}[/bold]: preference {tag.preference:.2f}, "
        f"lift {tag.lift:+.2f}, rank {tag.rank:,}; knowing nothing of the user it would be {why.without:.2f}"
    )
    if why.paths:
        latest = sum(tag.tag in (tags or []) for tags in clicks["tags"].head(LATEST).to_list())
        console.print(_paths(why, latest))
    drawn = [one for one in why.alone if abs(one.effect) >= LEAST_EFFECT]
    pairs = [one for one in why.together if abs(one.effect) >= LEAST_EFFECT and not one.common]
    for title, effects in [
        ("What the preference loses without each value", [one for one in drawn if not one.common]),
        ("What it loses without each pair of values, beyond its two values", pairs),
    ]:
        console.print(_effects(title, effects[:most]))
    common = [f"{escape(_named(one))} {one.effect:+.3f}" for one in drawn if one.common]
    if common:
        more = f" and {len(common) - MOST_COMMON} more" if len(common) > MOST_COMMON else ""
        told = f"Most users have these too, so they are no reason: {'; '.join(common[:MOST_COMMON])}{more}."
        console.print(f"[dim]{told}[/dim]", highlight=False)
    console.print("[dim]Effects do not add up to the preference: what one value tells, another may tell too.[/dim]")


def _paths(why: Explanation, latest: int) -> Table:
    table = new_table("What the preference is made of", right=[1])
    for path in why.paths:
        words = in_words(path, why.preference, latest)
        table.add_row(escape(path.path), f"{path.effect:+.3f}", f"[dim]{escape(words)}[/dim]")
    table.add_row("[bold]preference[/bold]", f"[bold]{why.preference.preference:.3f}[/bold]")
    return table


def _effects(title: str, effects: Sequence[Effect]) -> Table:
    table = new_table(title, right=[1])
    largest = max((abs(effect.effect) for effect in effects), default=1.0)
    for effect in effects:
        colour = "green" if effect.effect > 0 else "red"
        bar = f"[{colour}]{bar_of(abs(effect.effect) / largest)}[/{colour}]"
        table.add_row(escape(_named(effect)), f"{effect.effect:+.3f}", bar)
    if not effects:
        table.add_row("[dim]nothing that can be seen[/dim]")
    return table


def _named(effect: Effect) -> str:
    return " × ".join(effect.values)
