"""Help of commands, by Typer, in which a word that is longer than its line goes on below."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions
from rich.segment import Segment


class FoldingConsole(Console):
    """A terminal that cuts nothing off: where a cell has no room, rich ends a word in ``…``."""

    def render(self, renderable: Any, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does, but fold where it would cut off."""
        options = options or self.options
        if options.overflow == "ellipsis":
            options = options.update(overflow="fold")
        return super().render(renderable, options)


class FoldedHelp:
    """A command, or a group of them, whose help is cut off nowhere."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # typer publishes no name for the types
        """Print the help; Typer takes its console by this name, and has no option for it."""
        from typer import rich_utils  # slow to import, and only for help

        renderer: Any = rich_utils
        plain, renderer.Console = renderer.Console, FoldingConsole
        try:
            super().format_help(ctx, formatter)  # type: ignore[misc]  # Typer's, of a command or of a group
        finally:
            renderer.Console = plain
