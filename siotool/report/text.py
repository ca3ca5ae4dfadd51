"""A report for a terminal, or for a file of plain text."""

import io
from collections.abc import Iterable

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from siotool.page.table import Table, Tone
from siotool.printable import CELL_AT_MOST, LINE_AT_MOST, printable
from siotool.report import words
from siotool.report.contents import Report
from siotool.report.tables import NONE, tables

#: Columns of a terminal that a row's name, and any other words, are left at least.
_NAME, _WORDS = 14, 12
#: Between two columns of a table.
_GAP = 2

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
    parts: list[RenderableType] = [Text(f" {table.title}", style="bold"), Padding(_Rows(table), (0, 1))]
    parts += [Padding(Text(line, style="dim"), (0, 1)) for line in _beside(table)]
    if table.note:
        parts.append(Padding(Text(printable(table.note), style="dim"), (0, 1)))
    return Group(*parts)


def _beside(table: Table) -> list[str]:
    """What the columns that are left out for their width say, a line each; all in one of a single row."""
    lines = []
    for number, column in enumerate(table.columns):
        known = [(row.cells[0], row.cells[number]) for row in table.rows if row.cells[number] != NONE]
        if not column.wide_only or not known:
            continue
        if len(table.rows) == 1:
            lines.append(f"{column.name} {printable(known[0][1], CELL_AT_MOST)}")
        else:
            cells = [printable(f"{name} {cell}", CELL_AT_MOST) for name, cell in known]
            lines.append(f"{column.name}: {', '.join(cells)}")
    return [" · ".join(lines)] if lines and len(table.rows) == 1 else lines


class _Rows:
    """A table's rows: in columns where there is room for its words beside its figures, else row by row."""

    def __init__(self, table: Table) -> None:
        self._kept = [number for number, column in enumerate(table.columns) if not column.wide_only]
        self._columns = [table.columns[number] for number in self._kept]
        self._rows = [
            ([printable(row.cells[number], CELL_AT_MOST) for number in self._kept], _STYLES[row.tone])
            for row in table.rows
        ]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._grid() if self._least() <= options.max_width else self._list(options.max_width)

    def _least(self) -> int:
        """Columns of a terminal in which every figure and some of every word can stand."""
        total = 0
        for number, column in enumerate(self._columns):
            widest = max(
                cell_len(text) for text in (column.name, *(cells[number] for cells, _ in self._rows))
            )
            words = _NAME if number == 0 else _WORDS
            total += widest if column.numeric else min(widest, words)
        return total + _GAP * (len(self._columns) - 1)

    def _grid(self) -> RichTable:
        grid = RichTable(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        for column in self._columns:
            # a figure is never broken over two lines; words are
            grid.add_column(
                column.name,
                justify="right" if column.numeric else "left",
                no_wrap=column.numeric,
                overflow="fold",
                style="dim" if column.name == "how measured" else "",
            )
        for cells, style in self._rows:
            grid.add_row(*map(Text, cells), style=style)
        return grid

    def _list(self, width: int) -> RichTable:
        """Each row's name on a line of its own, and below it the other cells with their columns' names."""
        grid = RichTable.grid(padding=(0, 0, 0, 1))
        grid.add_column(overflow="fold")
        for (first, *others), style in self._rows:
            named = list(zip(self._columns[1:], others, strict=True))
            # a figure stays beside the name of its column
            said = [[f"{column.name} {cell}"] for column, cell in named if column.numeric]
            said += [cell.split() for column, cell in named if not column.numeric and cell]
            lines = _filled(said, width - 3)
            grid.add_row(Text(first, style=style or "bold"))
            grid.add_row(Padding(Text("\n".join(lines), style=style), (0, 0, 0, 2)))
        return grid


def _filled(parts: list[list[str]], width: int) -> list[str]:
    """Lines of parts, a point between two of them; a line ends between their pieces only."""
    pieces: list[str] = []
    for number, part in enumerate(parts):
        pieces += part if not number else ["·", *part]
    lines = [""]
    for piece in pieces:
        longer = f"{lines[-1]} {piece}" if lines[-1] else piece
        if cell_len(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(piece)
    return lines
