"""What goes to a terminal by way of rich: styles are ours, text is anybody's."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from siotool.printable import printable


class Printable:
    """A renderable of which only printable text is left; colours and layout stay.

    Rich writes an escape that stands in a name as it is.
    """

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the segments with their text made printable."""
        for segment in console.render(self._renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)
