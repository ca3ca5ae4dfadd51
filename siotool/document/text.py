"""A document for a terminal, or for a file of plain text: within 80 columns, or as many as there are."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Column
from rich.table import Table as Grid
from rich.text import Text

from siotool.document.course import Strip, ends
from siotool.document.document import (
    Block,
    Chart,
    Document,
    Equation,
    Fact,
    Level,
    Row,
    Sentence,
    Table,
    Way,
)
from siotool.document.groups import drawn_elsewhere, facts, groups, obtained, row_groups, texts
from siotool.document.text_rows import STYLES, Rows, beside
from siotool.printable import LINE_AT_MOST, printable

#: Cells of a line of blocks, at most.
_STRIP = 60

#: What comes before a sentence that needs attention, and its style.
_MARKS: Mapping[Level, tuple[str, str]] = MappingProxyType(
    {"doubt": ("!", "bold red"), "warning": ("!", "bold yellow"), "remark": ("·", "dim")}
)


def render(document: Document) -> RenderableType:
    """Return the document as a rich renderable.

    A verdict is its first line and its last; where nothing was judged, it opens with what was asked.
    """
    tone = STYLES[document.tone]
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
    if elsewhere := drawn_elsewhere(document):
        parts += [Text(), Padding(Text(elsewhere, "dim"), (0, 1))]
    if document.verdict:
        parts += [Text(), Padding(verdict, (0, 1))]
    return Group(*parts)


def _blocks(blocks: Sequence[Block]) -> Iterator[RenderableType]:
    """Blocks with an empty line between two, except notes, which stand with their neighbours."""
    after_note = True
    for run in groups(blocks, drawn=False):
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
        case [Way(), *_]:
            return _ways(run)
        case [Chart() as chart]:
            return _Course(chart)
    raise TypeError(f"no form for {run}")


def _indented(lines: Iterator[Text]) -> RenderableType:
    return Padding(Text("\n").join(lines), (0, 1))


def _sentences(level: Level, said: Sequence[str]) -> RenderableType:
    if level not in _MARKS:
        style = "dim" if level == "note" else ""
        return _indented(Text(printable(text, LINE_AT_MOST), style) for text in said)
    grid = Grid.grid("", "", Column(overflow="fold"), padding=(0, 1))
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
        sides = [side for quotient in equation.quotients for side in quotient]
        self._widest = len(equation.subject) + max(map(len, sides), default=0) + 6
        self._equation = equation

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        grid = Grid.grid(padding=(0, 1))
        sign = f"{printable(self._equation.subject)} ="
        for above, below in self._equation.quotients:
            width = max(len(above), len(below))
            lines = [f"{above} / ({below})"]
            if self._widest <= options.max_width:
                lines = [above.center(width), "─" * width, below.center(width), ""]
            for number, line in enumerate(lines):
                signed = sign if number == len(lines) // 3 else ""
                grid.add_row("", Text(signed, justify="right"), Text(printable(line)))
            sign = "="
        result = Text(printable(self._equation.result), "bold")
        grid.add_row("", Text(sign, justify="right"), result)
        yield grid


def _table(table: Table) -> RenderableType:
    parts: list[RenderableType] = [Text(f" {printable(table.folded)}:")] if table.folded else []
    parts.append(_paragraphs(table) if table.told else Padding(Rows(table), (0, 1)))
    told = [*beside(table), *(printable(line) for line in (table.note, obtained(table)) if line)]
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


def _ways(run: Sequence[Block]) -> RenderableType:
    """A paragraph for each way in which figures were obtained."""
    ways = [block for block in run if isinstance(block, Way)]
    said = ((printable(way.name), printable(way.text, LINE_AT_MOST)) for way in ways)
    return Padding(Text("\n").join(Text.assemble((f"{name}: ", "bold"), text) for name, text in said), (0, 1))


def _in_words(row: Row) -> str:
    """A row's name and its first cell, and the others in brackets."""
    more = ", ".join(filter(None, row.cells[2:]))
    return " ".join(row.cells[:2]) + (f" ({more})" if more else "")


class _Course:
    """A ``telling`` chart: its title, a line of blocks for each of its curves, and its ends."""

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
