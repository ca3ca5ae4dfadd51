"""A plan for a terminal, or for a file of plain text."""

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from siotool.plan import terms
from siotool.plan.model import Plan


def render(plan: Plan, typed: terms.Typed) -> RenderableType:
    """Return the plan as a rich renderable that fits 80 columns: the answer first, then its making."""
    parts: list[RenderableType] = [
        _answer(plan),
        _counts(plan),
        _paragraph(Text(terms.difference(plan))),
        _variables(plan, typed),
        _equation(plan),
    ]
    if plan.warnings:
        parts.append(_warnings(plan))
    parts.append(_paragraph(Text(terms.SCOPE, style="dim")))
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return Group(*spaced)


def _paragraph(text: Text) -> RenderableType:
    return Padding(text, (0, 1))


def _answer(plan: Plan) -> RenderableType:
    answer, formula = terms.headline(plan)
    return _paragraph(Text.assemble((answer, "bold green"), f"   ({formula})\n", terms.answer(plan)))


def _counts(plan: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("count")
    table.add_column("exact", justify="right")
    table.add_column("servers", justify="right", style="bold")
    table.add_column("", style="dim")
    for count in terms.counts(plan):
        table.add_row(count.name, count.exact, f"{count.servers:,}", count.meaning)
    return table


def _variables(plan: Plan, typed: terms.Typed) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("variable")
    table.add_column("as typed", justify="right", overflow="fold")
    table.add_column("in SI units", justify="right")
    table.add_column("", style="dim")
    for term in terms.terms(plan, typed):
        table.add_row(*(Text(cell) for cell in term))
    return table


def _equation(plan: Plan) -> Table:
    grid = Table.grid(padding=(0, 1))
    for sign, (above, below) in (("servers =", terms.FORMULA), ("=", terms.substituted(plan))):
        width = max(len(above), len(below))
        grid.add_row("", "", above.center(width))
        grid.add_row("", Text(sign, justify="right"), "─" * width)
        grid.add_row("", "", below.center(width))
        grid.add_row()
    result = Text.assemble(terms.quotient(plan, 6), "  →  ", (terms.servers(plan.document.servers), "bold"))
    grid.add_row("", Text("=", justify="right"), result)
    return grid


def _warnings(plan: Plan) -> Table:
    grid = Table.grid(padding=(0, 1))
    for text in plan.warnings:
        grid.add_row("", Text("!", style="bold yellow"), Text(text))
    return grid
