"""Draws in the terminal: progress bars, tables, what to try next."""

import datetime
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from penchant import progress
from penchant.command.shown import shown

if TYPE_CHECKING:
    from penchant.simulation.simulate import Feed

BAR = 24


class Terminal(Console):
    """A console whose text gives no orders to the terminal but those of its styles, whoever wrote it."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Before it is measured, so that columns stay in line."""
        return super().render_str(shown(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """What was no plain text is looked at too."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=shown(segment.text))


console = Terminal()
aside = Terminal(stderr=True)
"""Writes to stderr: bars go there, so that a pipe gets the results alone."""


@contextmanager
def bars() -> Iterator[progress.Report]:
    """Draw a line for each step: a bar, the share that is done, the time that is left."""
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


def cell_of(score: dict[str, float]) -> str:
    return f"{score['mean']:.3f} ±{score['half']:.3f}" if "half" in score else f"{score['mean']:.3f}"


def difference_of(score: dict[str, float]) -> str:
    return f"{score['mean']:+.3f} ±{score['half']:.3f}"


def show_feed(feed: "Feed") -> None:
    """Print what was simulated, and the command that learns from it."""
    console.print(f"{feed.impressions:,} impressions, {feed.clicks / feed.impressions:.1%} clicked; the truth is in")
    console.print(f"[bold]{feed.folder / 'truth'}[/bold]. Try next:", highlight=False, soft_wrap=True)
    words = f"run {feed.run_file} --out runs/{feed.folder.resolve().name}"
    console.print(f"  [cyan]{escape(program())} {escape(words)}[/cyan]", soft_wrap=True)


def show_next(folder: Path, user: str | None, item: str | None) -> None:
    """Print where the results are and which commands to try. item: an item that has an audience."""
    console.print(f"\nThe run is in [bold]{folder}[/bold]: scores/, profiles/, models/. Try next:")
    tries = [f"profile {folder} {user}", f"explain {folder} {user}"] if user else []
    for words in [*tries, *([f"audience {folder} {item} --size 100"] if item else [])]:
        console.print(f"  [cyan]{escape(program())} {escape(words)}[/cyan]")


def program() -> str:
    """What to type to start this program again."""
    if shutil.which("penchant"):
        return "penchant"
    called = Path(sys.argv[0])
    return "python -m penchant" if called.name == "__main__.py" else os.path.relpath(called)


def new_table(title: str, right: Sequence[int] = ()) -> Table:
    """An empty table. right: the numbers of the columns that are aligned to the right."""
    return _Aligned(right, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_header=True)


class _Aligned(Table):
    """Aligns a column by its number, also if it was added because a row has more cells than there are columns."""

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
    """A bar of at most BAR characters. It is drawn in eighths of a character, so that small differences show."""
    eighths = round(max(0.0, min(1.0, share)) * BAR * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def moment(time_s: float) -> str:
    return datetime.datetime.fromtimestamp(time_s, datetime.UTC).strftime("%Y-%m-%d %H:%M")
