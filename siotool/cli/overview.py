"""What ``siotool --help`` prints, and where commands are found.

Typer's own renderer does the same for every command, but imports a Markdown parser, a
syntax highlighter and a traceback printer first: 40 ms of CPU on the one help page that
scripts and shells ask for again and again. The help of each command is Typer's.
"""

from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from siotool.cli.commands import COMMANDS, Loaded


class Overview(TyperGroup):
    """The top-level command group: a help page that costs little, commands that load when asked for."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = Loaded()

    def format_help(self, ctx: Any, formatter: Any) -> None:  # typer publishes no name for the types
        """Print usage, purpose, options and commands, as Typer does for a command."""
        console = Console(highlight=False)
        usage = Text.assemble(("Usage: ", "yellow"), (f"{ctx.command_path} COMMAND …", "bold"))
        console.print(Padding(usage, 1))
        console.print(Padding(self.help or "", (0, 1, 1, 1)))
        options = [record for param in self.get_params(ctx) if (record := param.get_help_record(ctx))]
        console.print(_panel("Options", options))
        console.print(_panel("Commands", [(name, found.summary) for name, found in COMMANDS.items()]))
        if self.epilog:
            console.print(Padding(self.epilog, (0, 1, 1, 1)))


def _panel(title: str, rows: list[tuple[str, str]]) -> Panel:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column()
    for name, text in rows:
        table.add_row(Text(name), Text(text))
    return Panel(table, title=title, title_align="left", border_style="dim", box=box.ROUNDED)
