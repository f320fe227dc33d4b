"""Draws what a report says: the verdicts, and what is left out."""

from rich.markup import escape

from penchant.command.drawn import console
from penchant.report.numbers import Numbers
from penchant.report.words import named


def show_verdicts(numbers: Numbers) -> None:
    """Print the verdicts of a report, and why it leaves out a section."""
    for name, data in zip(named(numbers.data_sets), numbers.data_sets, strict=True):
        if len(numbers.data_sets) > 1:
            console.print(f"[bold]Tag profiles: {escape(name)}[/bold], configurations: {len(data.groups)}")
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
    for table in numbers.items:
        console.print(escape(table.verdict), highlight=False, soft_wrap=True)
    for folder in numbers.lookalike_unmeasured:
        told = f"{escape(folder)}: look-alike is not measured; run `penchant evaluate {escape(folder)}`"
        console.print(f"[dim]{told}[/dim]", highlight=False, soft_wrap=True)
