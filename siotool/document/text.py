"""A document for a terminal, or for a file of plain text: within 80 columns, or as many as there are."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from siotool.document.course import Strip, ends
from siotool.document.document import (
    Bar,
    Block,
    Chart,
    Document,
    Equation,
    Fact,
    Level,
    Row,
    Sentence,
    Table,
    Tone,
)
from siotool.document.groups import NONE, drawn_elsewhere, facts, groups, row_groups, texts
from siotool.printable import CELL_AT_MOST, LINE_AT_MOST, printable

#: Columns of a terminal that a row's name, and any other words, are left at least.
_NAME, _WORDS = 14, 12
#: Between two columns of a table.
_GAP = 2
#: Cells of the longest bar, and of a line of blocks.
_BAR, _STRIP = 20, 60

_STYLES: Mapping[Tone, str] = MappingProxyType({"": "", "good": "green", "bad": "bold red", "strong": "bold"})
#: What stands before a sentence that asks something of its reader, and its style.
_MARKS: Mapping[Level, tuple[str, str]] = MappingProxyType(
    {"doubt": ("!", "bold red"), "warning": ("!", "bold yellow"), "remark": ("·", "dim")}
)


def render(document: Document) -> RenderableType:
    """Return the document as a rich renderable.

    A verdict is its first line and its last; where nothing was judged, it opens with what was asked.
    """
    tone = _STYLES[document.tone]
    verdict = Text(printable(document.verdict), tone)
    asked = Text(printable(document.context, LINE_AT_MOST), "dim")
    answer = [Text(printable(document.headline), "bold" if document.verdict else f"bold {tone}")]
    answer += [Text(printable(line)) for line in document.answer]
    answer += [_facts(document.facts)] if document.facts else []
    top = [verdict, *answer, asked] if document.verdict else [asked, *answer]
    parts: list[RenderableType] = [_indented(line for line in top if line)]
    for section in document.sections:
        title = Text(f" {printable(section.title)}", "bold")
        parts += [Text(), Group(title, *_blocks(section.blocks))]
    if document.verdict:
        parts += [Text(), Padding(verdict, (0, 1))]
    return Group(*parts)


def _blocks(blocks: Sequence[Block]) -> Iterator[RenderableType]:
    """Blocks with an empty line between two, but for notes, which stand with their neighbours."""
    after_note = True
    for run in groups(blocks):
        note = isinstance(run[0], Sentence) and run[0].level == "note"
        if not (note or after_note):
            yield Text()
        after_note = note
        yield _run(run)


def _run(run: Sequence[Block]) -> RenderableType:
    match run:
        case [Sentence(level=level), *_]:
            return _sentences(level, texts(run))
        case [Fact(), *_]:
            return Padding(_facts(facts(run)), (0, 1))
        case [Equation() as equation]:
            return _Quotients(equation)
        case [Table() as table]:
            return _table(table)
        case [Chart(telling=True) as chart]:
            return _Course(chart)
    return Padding(Text(drawn_elsewhere(run), "dim"), (0, 1))


def _indented(lines: Iterator[Text]) -> RenderableType:
    return Padding(Text("\n").join(lines), (0, 1))


def _sentences(level: Level, said: Sequence[str]) -> RenderableType:
    if level not in _MARKS:
        style = "dim" if level == "note" else ""
        return _indented(Text(printable(text, LINE_AT_MOST), style) for text in said)
    grid = Grid.grid(padding=(0, 1))
    mark, style = _MARKS[level]
    for text in said:
        grid.add_row("", Text(mark, style), Text(printable(text, LINE_AT_MOST)))
    return grid


def _facts(known: Sequence[Fact]) -> Text:
    said = ((printable(fact.name), printable(fact.value)) for fact in known)
    return Text(" · ").join(Text.assemble(f"{name} ", (value, "bold")) for name, value in said)


class _Quotients:
    """An equation with its bars, or in lines where it is too wide for them."""

    def __init__(self, equation: Equation) -> None:
        self._equation = equation

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        equation, grid = self._equation, Grid.grid(padding=(0, 1))
        widest = max(len(side) for quotient in equation.quotients for side in quotient)
        barred = len(equation.subject) + widest + 6 <= options.max_width
        for number, (above, below) in enumerate(equation.quotients):
            sign = Text("=" if number else f"{equation.subject} =", justify="right")
            if not barred:
                grid.add_row("", sign, f"{above} / ({below})")
                continue
            width = max(len(above), len(below))
            grid.add_row("", "", above.center(width))
            grid.add_row("", sign, "─" * width)
            grid.add_row("", "", below.center(width))
            grid.add_row()
        grid.add_row("", Text("=", justify="right"), Text(equation.result, "bold"))
        yield grid


def _table(table: Table) -> RenderableType:
    parts: list[RenderableType] = [Text(f" {printable(table.folded)}:")] if table.folded else []
    parts.append(_paragraphs(table) if table.told else Padding(_Rows(table), (0, 1)))
    told = [*_beside(table), *([printable(table.note)] if table.note else [])]
    parts += [Padding(Text(line, style="dim"), (0, 1)) for line in told]
    return Group(*parts)


def _paragraphs(table: Table) -> RenderableType:
    """A paragraph for each group of rows: its name, or those of the columns, and what the rows say."""
    grid = Grid.grid(padding=(0, 1))
    for _ in range(3):
        grid.add_column(overflow="fold")
    columns = ", ".join(column.name for column in table.columns)
    for name, rows in row_groups(table):
        said = "; ".join(_in_words(row) for row in rows)
        text = Text.assemble((f"{printable(name or columns)}: ", "dim"), printable(said))
        grid.add_row("", Text("·", "dim"), text)
    return grid


def _in_words(row: Row) -> str:
    """A row's name and its first cell, and the others in brackets."""
    name, first, *others = row.cells
    more = ", ".join(filter(None, others))
    return f"{name} {first}" + (f" ({more})" if more else "")


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
        """Columns in which every figure stands, ``name`` of the rows' names and ``words`` of other words."""
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
                grid.add_row(*map(Text, [*cells, *bar]), style=_STYLES[row.tone])
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
                style = _STYLES[row.tone]
                grid.add_row(Text(first, style or "bold"))
                grid.add_row(Padding(Text("\n".join(_filled(said, width - 3)), style), (0, 0, 0, 2)))
        return grid


def _bar(bar: Bar | None) -> str:
    """A bar of blocks; whatever is there shows."""
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


class _Course:
    """A chart that tells: its title, a line of blocks for each of its curves, and its ends."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        chart = self._chart
        yield Text(f" {printable(chart.title)}")
        room = options.max_width - max(len(curve.name) for curve in chart.curves) - 16
        strips = [Strip(curve, chart.y, max(10, min(_STRIP, room))) for curve in chart.curves]
        grid = Grid.grid(padding=(0, 1))
        for strip in strips:
            grid.add_row("", Text(printable(strip.name)), Text(strip.line(), "cyan"), Text(strip.top, "dim"))
        longest = max(len(strip.line()) for strip in strips)
        grid.add_row("", "", Text(ends(chart, longest), "dim"), "")
        yield grid
        if chart.note:
            yield Padding(Text(printable(chart.note), "dim"), (0, 1))
