"""A table's rows on a terminal: in columns where there is room, else row by row."""

from collections.abc import Mapping
from types import MappingProxyType

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from siotool.document.document import Bar, Row, Table, Tone
from siotool.document.groups import NONE, row_groups
from siotool.printable import CELL_AT_MOST, printable

STYLES: Mapping[Tone, str] = MappingProxyType({"": "", "good": "green", "bad": "bold red", "strong": "bold"})

#: Columns of a terminal that a row's name, and any other words, are left at least.
_NAME, _WORDS = 14, 12
#: Between two columns of a table.
_GAP = 2
#: Cells of the longest bar.
_BAR = 20


def beside(table: Table) -> list[str]:
    """What the columns that are left out for their width say, a line each; all in one of a single row."""
    lines = []
    for number, column in enumerate(table.columns):
        known = [(row.cells[0], row.cells[number]) for row in table.rows if row.cells[number] != NONE]
        if not column.wide_only or not known:
            continue
        if len(table.rows) == 1:
            lines.append(f"{column.name} {printable(known[0][1], CELL_AT_MOST)}")
        elif len(known) == len(table.rows) and len({cell for _, cell in known}) == 1:
            lines.append(f"{column.name}: {printable(known[0][1], CELL_AT_MOST)} in every row")
        else:
            form = "{1} ({0})" if table.columns[0].numeric else "{0} {1}"
            cells = [printable(form.format(*pair), CELL_AT_MOST) for pair in known]
            lines.append(f"{column.name}: {', '.join(cells)}")
    return [" · ".join(lines)] if lines and len(table.rows) == 1 else lines


class Rows:
    """A table's rows: in columns where there is room for its words beside its figures, else row by row."""

    def __init__(self, table: Table) -> None:
        self._kept = [number for number, column in enumerate(table.columns) if not column.wide_only]
        self._columns = [table.columns[number] for number in self._kept]
        self._groups = [
            (printable(name), [(self._cells(row), row) for row in rows]) for name, rows in row_groups(table)
        ]
        cells = [cells for _, rows in self._groups for cells, _ in rows]
        self._widest = [
            max(map(cell_len, (column.name, *(row[number] for row in cells))))
            for number, column in enumerate(self._columns)
        ]
        self._widest[0] = max([self._widest[0], *(cell_len(name) for name, _ in self._groups)])

    def _cells(self, row: Row) -> list[str]:
        return [printable(row.cells[number], CELL_AT_MOST) for number in self._kept]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        # a name is broken between its words only
        words = [word for _, rows in self._groups for cells, _ in rows for word in cells[0].split()]
        longest = max(map(cell_len, words), default=0)
        yield self._grid(width) if self._least(max(_NAME, longest), _WORDS) <= width else self._list(width)

    def _least(self, name: int, words: int) -> int:
        """Columns that hold every figure, ``name`` of the rows' names and ``words`` of other words."""
        enough = [name, *[words] * (len(self._columns) - 1)]
        least = (
            widest if column.numeric else min(widest, most)
            for column, widest, most in zip(self._columns, self._widest, enough, strict=True)
        )
        return sum(least) + _GAP * len(self._columns) - 1

    def _grid(self, width: int) -> Grid:
        grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        whole_names = self._least(self._widest[0], 2 * _WORDS) <= width
        last = len(self._columns) - 1
        for number, column in enumerate(self._columns):
            # a figure is never broken over two lines; words are, names only where there is no room
            first = number == 0 and not column.numeric
            grid.add_column(
                Text(printable(column.name)),
                justify="right" if column.numeric else "left",
                no_wrap=column.numeric or (first and whole_names),
                overflow="fold",
                style="dim" if number == last > 0 and not column.numeric else "",
            )
        bars = self._bars(width)
        if bars:
            grid.add_column("")
        for name, rows in self._groups:
            if name:
                grid.add_row(Text(name, "bold"))
            for cells, row in rows:
                bar = [_bar(row.bar)] if bars else []
                grid.add_row(*map(Text, [*cells, *bar]), style=STYLES[row.tone])
        return grid

    def _bars(self, width: int) -> bool:
        """Whether there are bars, and room for them: words need all that figures leave."""
        drawn = any(row.bar is not None for _, rows in self._groups for _, row in rows)
        figures = all(column.numeric for column in self._columns[1:])
        return drawn and figures and sum(self._widest) + _GAP * len(self._columns) + _BAR <= width

    def _list(self, width: int) -> Grid:
        """Each row's name on a line of its own, and below it the other cells with their columns' names."""
        grid = Grid.grid(padding=(0, 0, 0, 1))
        grid.add_column(overflow="fold")
        for name, rows in self._groups:
            if name:
                grid.add_row(Text(name, "bold underline"))
            for (first, *others), row in rows:
                named = list(zip(self._columns[1:], others, strict=True))
                # a figure stays beside the name of its column
                said = [[f"{column.name} {cell}"] for column, cell in named if column.numeric]
                said += [cell.split() for column, cell in named if not column.numeric and cell]
                style = STYLES[row.tone]
                grid.add_row(Text(first, style or "bold"))
                grid.add_row(Padding(Text("\n".join(_filled(said, width - 3)), style), (0, 0, 0, 2)))
        return grid


def _bar(bar: Bar | None) -> str:
    """A bar of blocks; any value above 0 shows."""
    if bar is None:
        return ""
    begin, solid, soft = (round(_BAR * part / 100) for part in (bar.begin, bar.solid, bar.soft))
    return " " * begin + "█" * (max(1, solid) if bar.solid else 0) + "▒" * soft


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
