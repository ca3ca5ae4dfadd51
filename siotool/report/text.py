"""A report for a terminal, or for a file of plain text."""

import io
from collections.abc import Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from siotool.page.table import Table, Tone
from siotool.printable import CELL_AT_MOST, LINE_AT_MOST, printable
from siotool.report import words
from siotool.report.model import Report
from siotool.report.tables import tables

_STYLES: dict[Tone, str] = {"": "", "good": "green", "bad": "bold red", "strong": "bold"}


def render(report: Report) -> RenderableType:
    """Return the report as a rich renderable that fits 80 columns.

    The verdict is its first line and its last.
    """
    head = words.headline(report)
    top = Text.assemble(
        (printable(head.verdict), _STYLES[head.tone]),
        "\n",
        (printable(head.servers), "bold"),
        *(f"\n{line}" for line in (head.binding,) if line),
        "\n",
        (printable(head.load, LINE_AT_MOST), "dim"),
    )
    parts: list[RenderableType] = [Padding(top, (0, 1))]
    if report.doubts:
        parts.append(_points("!", "bold red", report.doubts))
    if report.remarks:
        parts.append(_points("·", "dim", report.remarks))
    parts += [_table(table) for table in tables(report)]
    parts.append(Padding(Text(printable(head.verdict), style=_STYLES[head.tone]), (0, 1)))
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return Group(*spaced[:-1])


def plain(report: Report) -> str:
    """Return the report as plain text of 80 columns."""
    console = Console(file=io.StringIO(), width=80, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(render(report))
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def _points(mark: str, style: str, texts: Iterable[str]) -> RichTable:
    grid = RichTable.grid(padding=(0, 1))
    for text in texts:
        grid.add_row("", Text(mark, style=style), Text(printable(text, LINE_AT_MOST)))
    return grid


def _table(table: Table) -> RenderableType:
    kept = [number for number, column in enumerate(table.columns) if not column.wide_only]
    grid = RichTable(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for number in kept:
        column = table.columns[number]
        # a figure is never broken over two lines; words are
        grid.add_column(
            column.name,
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            overflow="fold",
            style="dim" if column.name == "how measured" else "",
        )
    for row in table.rows:
        grid.add_row(
            *(Text(printable(row.cells[number], CELL_AT_MOST)) for number in kept), style=_STYLES[row.tone]
        )
    parts: list[RenderableType] = [Text(f" {table.title}", style="bold"), Padding(grid, (0, 1))]
    if table.note:
        parts.append(Padding(Text(printable(table.note), style="dim"), (0, 1)))
    return Group(*parts)
