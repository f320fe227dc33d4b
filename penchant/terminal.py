"""What a person sees in the terminal: progress bars, tables, a profile drawn with bars."""

import datetime
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from penchant import progress
from penchant.logs.ingest import REPEATED
from penchant.profiles.explain import Explanation, Profile, TagPreference
from penchant.report.numbers import Numbers
from penchant.schema import ITEM, TIME
from penchant.simulation.simulate import Feed

BAR = 24
LEAST_EFFECT = 0.0005
"""Smaller ones would be drawn as zero."""
console = Console()
aside = Console(stderr=True)
"""Bars and errors, so that what is asked for can be piped."""


@contextmanager
def bars() -> Iterator[progress.Report]:
    """A line per step: its bar, the share done, the time left."""
    with Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(30),
        TextColumn("{task.percentage:>4.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}", style="dim"),
        console=aside,
    ) as shown:
        tasks: dict[str, TaskID] = {}

        def report(said: progress.Progress) -> None:
            if said.step not in tasks:
                tasks[said.step] = shown.add_task(said.step, total=said.total, detail="")
            shown.update(tasks[said.step], completed=said.done, total=said.total, detail=said.detail)

        yield report
        for task in tasks.values():
            shown.update(task, completed=shown.tasks[task].total)


def show_found(found: dict[str, Any]) -> None:
    """What `penchant check` tells."""
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
    for warning in _few(found):
        console.print(warning, style="yellow", highlight=False)
    if found["rows_beside_left_out"]:
        beside = new_table("Rows of the other tables that say nothing", right=[0])
        for reason, count in found["rows_beside_left_out"].items():
            beside.add_row(f"{count:,}", escape(reason))
        console.print(beside)
    if found["rejected"]:
        if found["rejected"].get(REPEATED, 0) > found["events"]:
            console.print("More than half of the rows are repeats: is this a row per item shown?", style="yellow")
        rejected = new_table("Rows set aside (a run keeps them in log/rejected.parquet)", right=[0])
        for reason, count in sorted(found["rejected"].items(), key=lambda pair: -pair[1]):
            rejected.add_row(f"{count:,}", escape(reason), f"[dim]{escape(found['examples'][reason])}[/dim]")
        console.print(rejected)


def _few(found: dict[str, Any]) -> Iterator[str]:
    """What little the tables have in common, in words."""
    for name, said in found["fields"].items():
        if 2 * said["events_with"] < found["events"]:
            share = f"{said['events_with'] / found['events']:.1%}"
            yield f"Only {share} of the events are of an item with any {escape(name)}: are ids written alike in both?"
    if found["users_in_table"] and 2 * found["users_with_row"] < found["users"]:
        share = f"{found['users_with_row'] / found['users']:.1%}"
        yield f"Only {share} of the users have a row in the table of users: are ids written alike in both?"


def _facts(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
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
        yield "from", f"{_moment(found['first'])} UTC, numbers of time read as {found['time_unit']}"
        yield "to", f"{_moment(found['last'])} UTC"


def show_metrics(metrics: dict[str, Any]) -> None:
    """The model beside every baseline, with 95 % intervals, then the paired differences; as many metrics as fit."""
    model, share = metrics["model"]["name"], metrics["model"]["share"]
    model = f"{model} (the path alone)" if share == 0 else model
    precisions = [name for name in metrics["scores"]["model"] if name.startswith("prec@")]
    last = precisions[-1].removeprefix("prec@")
    wanted = [f"ndcg@{last}", precisions[0], precisions[-1], precisions[len(precisions) // 2], f"recall@{last}"]
    fitting = [*dict.fromkeys([*wanted, f"coverage@{last}", *precisions])][: max(2, (console.width - 30) // 17)]
    names = [name for name in [*precisions, *wanted, f"coverage@{last}"] if name in fitting]
    names = list(dict.fromkeys(names))
    users = metrics["samples"]["test"]
    negatives = metrics["made"]["negatives"]
    title = f"{users:,} test users, mean ± half the 95 % interval; un-clicked items: {negatives}"
    table = new_table(title, right=range(1, len(names) + 1))
    for column in ["", *names]:
        table.add_column(column.capitalize().replace("Ndcg", "NDCG"))
    for scorer, scores in metrics["scores"].items():
        style = "bold" if scorer == "model" else ""
        cells = [cell_of(scores[name]) for name in names]
        table.add_row(model if scorer == "model" else scorer, *cells, style=style)
    for scorer, differences in metrics["model_minus"].items():
        cells = [difference_of(differences[name]) if name in differences else "" for name in names]
        table.add_row(f"minus {scorer}", *cells, style="dim")
    console.print(table)
    for line in _verdict(metrics, model, f"ndcg@{last}"):
        console.print(line, highlight=False)


def _verdict(metrics: dict[str, Any], model: str, metric: str) -> Iterator[str]:
    """What the table means for somebody who has to decide."""
    name = metric.upper()
    minus = {scorer: said[metric] for scorer, said in metrics["model_minus"].items()}
    worse = [scorer for scorer, said in minus.items() if said["mean"] < -said["half"]]
    level = [scorer for scorer, said in minus.items() if abs(said["mean"]) <= said["half"]]
    if worse:
        yield f"At {name}, {model} is [bold]worse[/bold] than: {'; '.join(worse)}. Take the best of these instead."
    if level:
        yield f"At {name}, {model} is [bold]not clearly better[/bold] than: {'; '.join(level)}."
    if worse or level:
        yield "More users, fields, windows or a linear path may change that."
    else:
        yield f"At {name}, {model} is [bold]better than every baseline[/bold], intervals above zero."
    if "ridge" not in metrics["model_minus"]:
        yield "Ridge regression was left out: there are too many tags for its closed form."
    if metrics["model"]["share"] == 0:
        yield "The model added nothing to the linear path on validation users, so its share is 0."
    curve = [line["validation"] for line in metrics["learning_curve"]]
    if len(curve) > 1 and curve[-1] == max(curve):
        yield "The validation score was still rising at the last epoch: give training more epochs, or a smaller batch."


def cell_of(score: dict[str, float]) -> str:
    return f"{score['mean']:.3f} ±{score['half']:.3f}" if "half" in score else f"{score['mean']:.3f}"


def difference_of(score: dict[str, float]) -> str:
    return f"{score['mean']:+.3f} ±{score['half']:.3f}"


def show_profile(profile: Profile, clicks: pl.DataFrame, *, most: int = 10) -> None:
    """Tags with bars, the latest clicks, where the attention went."""
    parts: list[RenderableType] = [
        _preferences("Tags clicked", profile.clicked[:most], clicks=True),
        _preferences("Tags not clicked yet", profile.unseen[:most], clicks=False),
        _clicks(clicks, most),
        _attention(profile, most),
    ]
    console.print(Panel(Group(*parts), title=f"user {escape(profile.user)}", border_style="dim"))


def _preferences(title: str, preferences: Sequence[TagPreference], *, clicks: bool) -> Table:
    table = new_table(title, right=[2, 3, 4])
    for column in ["tag", "", "preference", "rank", "clicks"][: 5 if clicks else 4]:
        table.add_column(column)
    scores = [one.preference for one in preferences]
    low, high = min([0.0, *scores]), max([0.0, *scores])
    for one in preferences:
        share = (one.preference - low) / ((high - low) or 1)
        cells = [
            escape(one.tag),
            f"[cyan]{bar_of(share)}[/cyan]",
            f"{one.preference:.2f}",
            f"{one.rank:,}",
            f"{one.clicks:,}",
        ]
        table.add_row(*cells[: 5 if clicks else 4])
    if not preferences:
        table.add_row("[dim]none[/dim]")
    return table


def _clicks(clicks: pl.DataFrame, most: int) -> Table:
    table = new_table(f"Latest of {len(clicks):,} clicks")
    for row in clicks.head(most).iter_rows(named=True):
        when = _moment(row[TIME]) if row[TIME] > 1e8 else f"no. {row[TIME]:.0f}"
        table.add_row(f"[dim]{when}[/dim]", escape(row[ITEM]), f"[dim]{escape(', '.join(row['tags'] or []))}[/dim]")
    return table


def _attention(profile: Profile, most: int) -> Table:
    heads = len(next(iter(profile.fields.values())))
    table = new_table("Where the attention went", right=range(2, 3 + heads))
    if not any(any(shares) for shares in profile.fields.values()):
        table.add_row("[dim]the model has no share in these preferences, the linear path alone decides[/dim]")
        return table
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


def show_explanation(why: Explanation, *, most: int = 8) -> None:
    """What each value and each pair of values adds to one preference."""
    tag = why.preference
    console.print(
        f"user [bold]{escape(why.user)}[/bold], tag [bold]{escape(tag.tag)}[/bold]: preference {tag.preference:.2f} "
        f"(rank {tag.rank:,}, clicked {tag.clicks:,} times); knowing nothing of the user it would be {why.without:.2f}"
    )
    for title, effects in [
        ("What the preference loses without each value", [one for one in why.alone if abs(one.effect) >= LEAST_EFFECT]),
        ("and without each pair, beyond the two", [one for one in why.together if abs(one.effect) >= LEAST_EFFECT]),
    ]:
        table = new_table(title, right=[1])
        if not effects:
            table.add_row("[dim]nothing to speak of[/dim]")
        largest = max((abs(effect.effect) for effect in effects), default=1.0) or 1.0
        for effect in effects[:most]:
            colour = "green" if effect.effect > 0 else "red"
            bar = f"[{colour}]{bar_of(abs(effect.effect) / largest)}[/{colour}]"
            table.add_row(escape(" × ".join(effect.values)), f"{effect.effect:+.3f}", bar)
        console.print(table)
    console.print("[dim]Effects do not add up to the preference: what one value tells, another may tell too.[/dim]")


def show_feed(feed: Feed) -> None:
    """What was simulated, and the command that learns from it."""
    console.print(f"{feed.impressions:,} impressions, {feed.clicks / feed.impressions:.1%} clicked; the truth is in")
    console.print(f"[bold]{feed.folder / 'truth'}[/bold]. Try next:", highlight=False, soft_wrap=True)
    words = f"run {feed.run_file} --out runs/{feed.folder.resolve().name}"
    console.print(f"  [cyan]{escape(program())} {escape(words)}[/cyan]", soft_wrap=True)


def show_verdicts(numbers: Numbers) -> None:
    """What a report says in words, and why a section of it is left out."""
    several = len(numbers.data_sets) > 1
    for number, data in enumerate(numbers.data_sets, 1):
        if several:
            console.print(f"[bold]Data set {number}[/bold], configurations: {len(data.groups)}")
        for sentence in data.verdict:
            console.print(escape(sentence), highlight=False, soft_wrap=True)
        for section, reason in data.missing.items():
            console.print(f"[dim]left out, {section}: {escape(reason)}[/dim]", highlight=False, soft_wrap=True)
    for one in numbers.lookalike:
        console.print(f"[bold]Look-alike audiences: {escape(one.log)}[/bold]")
        for sentence in one.verdict:
            console.print(escape(sentence), highlight=False, soft_wrap=True)
        for section, reason in one.missing.items():
            console.print(f"[dim]left out, {section}: {escape(reason)}[/dim]", highlight=False, soft_wrap=True)
    for folder in numbers.lookalike_unmeasured:
        told = f"{escape(folder)}: look-alike is not measured; run `penchant lookalike {escape(folder)}`"
        console.print(f"[dim]{told}[/dim]", highlight=False, soft_wrap=True)


def show_next(folder: Path, user: str, item: str | None = None) -> None:
    """Where everything is and what to try. item: one that has an audience."""
    console.print(f"\nThe run is in [bold]{folder}[/bold]: metrics.json, profiles/*.parquet, model/. Try next:")
    tries = [f"profile {folder} {user}", f"explain {folder} {user}"]
    for words in [*tries, *([f"audience {folder} {item} --size 100"] if item else [])]:
        console.print(f"  [cyan]{escape(program())} {escape(words)}[/cyan]")


def program() -> str:
    """How this program was called, as one may type it."""
    return "penchant" if shutil.which("penchant") else os.path.relpath(sys.argv[0])


def new_table(title: str, right: Sequence[int] = ()) -> Table:
    """A table whose columns may still be added; `right`: those of numbers."""
    return _Aligned(right, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_header=True)


class _Aligned(Table):
    """Aligns columns by their number, also those that rich adds for headless rows."""

    def __init__(self, right: Sequence[int], **options: Any) -> None:
        super().__init__(**options)
        self._right = right

    def add_column(self, header: RenderableType = "", *args: Any, **options: Any) -> None:
        options["justify"] = "right" if len(self.columns) in self._right else "left"
        super().add_column(header, *args, **options)

    def add_row(self, *cells: Any, **options: Any) -> None:
        while len(self.columns) < len(cells):
            self.add_column()
            self.show_header = any(column.header for column in self.columns)
        super().add_row(*cells, **options)


def bar_of(share: float) -> str:
    """Eighths of a block, so that small differences show."""
    eighths = round(max(0.0, min(1.0, share)) * BAR * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _moment(time_s: float) -> str:
    return datetime.datetime.fromtimestamp(time_s, datetime.UTC).strftime("%Y-%m-%d %H:%M")
