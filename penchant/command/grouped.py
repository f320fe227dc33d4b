"""The list of commands as `penchant --help` shows it: under headings, one line for each."""

from typing import Any

from typer.core import TyperGroup

START = "Start"
ASK = "Ask a finished run"
STEP = "Do one step of a run"
DATA = "Get data to try"
LIVE = "Go live"


class Grouped(TyperGroup):
    """Lists commands under the heading that each was registered with as `rich_help_panel`.

    Typer knows headings only where it draws with Rich, and importing what it needs for that takes longer than all else
    that `penchant --help` does.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the headings in the order in which they are first used, and the first sentence of each command."""
        groups: dict[str, list[Any]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            groups.setdefault(getattr(command, "rich_help_panel", None) or "Commands", []).append(command)
        width = max(len(name) for name in self.commands)
        for heading, commands in groups.items():
            with formatter.section(heading):
                lines = [(one.name.ljust(width), one.get_short_help_str(formatter.width - width)) for one in commands]
                formatter.write_dl(lines)
