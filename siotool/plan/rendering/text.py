"""A plan for a terminal, or for a file of plain text: the answer, why, what if, and doubts."""

from rich import box
from rich.console import Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from siotool.plan.model import Plan
from siotool.plan.rendering import terms
from siotool.plan.rendering.sections import Section, sections
from siotool.units import format_share


def render(plan: Plan) -> RenderableType:
    """Return the plan as a rich renderable that fits 80 columns."""
    parts: list[RenderableType] = [_answer(plan)]
    if terms.only_the_formula(plan):
        parts += [_counts(plan), _paragraph(Text(terms.difference(plan))), _variables(plan), _equation(plan)]
    else:
        parts += [_constraints(plan), _bad_days(plan), _variables(plan)]
    parts += _what_if(plan)
    parts += [_section(section) for section in sections(plan)]
    if plan.evidence is not None:
        # numpy, which a plan without runs does not need
        from siotool.plan.evidence.text import render as evidence  # noqa: PLC0415

        parts += evidence(plan.evidence)
    if not terms.only_the_formula(plan):
        parts.append(_inputs(plan))
    if plan.warnings:
        parts.append(_warnings(plan))
    if plan.rests_on:
        parts.append(_paragraph(Text("\n".join(plan.rests_on), style="dim")))
    if terms.only_the_formula(plan):
        parts.append(_paragraph(Text(terms.SCOPE, style="dim")))
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return Group(*spaced)


def _paragraph(text: Text) -> RenderableType:
    return Padding(text, (0, 1))


def _answer(plan: Plan) -> RenderableType:
    answer, formula = terms.headline(plan)
    style = "bold green" if plan.servers.p95 is not None else "bold red"
    return _paragraph(
        Text.assemble(
            (f"{terms.one_line(plan)}\n", "dim"),
            (answer, style),
            f"   ({formula})\n",
            terms.answer(plan),
        )
    )


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=True)  # names stay whole, whatever the width
    return table


def _counts(plan: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("count", no_wrap=True)
    table.add_column("exact", justify="right")
    table.add_column("servers", justify="right", style="bold")
    table.add_column("", style="dim")
    for count in terms.counts(plan):
        table.add_row(count.name, count.exact, f"{count.servers:,}", count.meaning)
    return table


def _constraints(plan: Plan) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("constraint", no_wrap=True)
    drawn = plan.uncertainty is not None
    table.add_column("P50" if drawn else "servers", justify="right")
    if drawn:
        table.add_column("P95", justify="right")
        table.add_column("binds", justify="right")
    table.add_column("", style="dim")
    for row in terms.rows(plan):
        name = row.name if row.tier == "servers" else f"{row.name} ({row.tier})"
        cells = [_servers(row.servers_p50)]
        if drawn:
            binds = format_share(round(row.binding_probability, 2)) if row.binding_probability else ""
            cells += [_servers(row.servers_p95), binds]
        style = "bold" if row.name == plan.binding else ""
        table.add_row(Text(name, style=style), *cells, row.sentence)
    return table


def _servers(count: int | None) -> str:
    return "∞" if count is None else f"{count:,}"


def _bad_days(plan: Plan) -> Table:
    table = _table("day to survive")
    table.add_column("servers", justify="right", style="bold")
    table.add_column("", style="dim")
    for day in plan.bad_days:
        style = "bold" if day.name == plan.worst_day else ""
        table.add_row(Text(day.name, style=style), _servers(day.servers), day.sentence)
    return table


def _variables(plan: Plan) -> Table:
    table = _table("variable")
    table.add_column("value", justify="right", overflow="fold")
    table.add_column("in SI units", justify="right", overflow="fold")
    table.add_column("", style="dim", overflow="fold")
    table.add_column("from", style="dim", overflow="fold")
    for term in terms.terms(plan):
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


def _what_if(plan: Plan) -> list[RenderableType]:
    doubt = plan.uncertainty
    if doubt is None:
        return []
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("what if", no_wrap=True)
    table.add_column("its 90 %", justify="right", overflow="fold")
    table.add_column("servers", justify="right", style="bold", overflow="fold")
    table.add_column("variance", justify="right", overflow="fold")
    table.add_column("", style="dim", overflow="fold")
    known = {figure.key: figure for figure in plan.figures}
    for effect in terms.effects(plan):
        share = "" if effect.total is None else format_share(round(effect.total, 2))
        figure = known[effect.key]
        table.add_row(
            Text(effect.key), terms.shown(figure), terms.swing(effect), share, figure.provenance.kind
        )
    chances = ", ".join(f"{fleet} {chance}" for fleet, chance in terms.chances(plan))
    said = [f"Servers that suffice, with which probability: {chances}."] if chances else []
    if doubt.next_measurement is not None:
        said.append(f"{doubt.next_measurement.sentence[0].upper()}{doubt.next_measurement.sentence[1:]}.")
    if doubt.guesswork:
        said.append(doubt.guesswork)
    said.append(terms.drawn_from(plan))
    return [table, _paragraph(Text("\n".join(said)))]


def _inputs(plan: Plan) -> Table:
    """A paragraph for each origin, as a table of inputs would be mostly of long words."""
    origins: dict[str, list[str]] = {}
    for figure in [*terms.given(plan), *terms.untouched(plan)]:
        drawn = f" ({figure.fitted})" if figure.fitted else ""
        origins.setdefault(figure.provenance.words(), []).append(f"{figure.key} {terms.shown(figure)}{drawn}")
    grid = Table.grid(padding=(0, 1))
    for _ in range(3):
        grid.add_column(overflow="fold")
    for origin, figures in origins.items():
        grid.add_row("", "·", Text.assemble(f"{'; '.join(figures)}: ", (origin, "dim")))
    return grid


def _section(section: Section) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for number, name in enumerate(section.columns):
        right = name.endswith(">")
        justify: JustifyMethod = "right" if right else "left"
        table.add_column(name.removesuffix(">"), justify=justify, overflow="fold", no_wrap=number == 0)
    for number, row in enumerate(section.rows):
        table.add_row(*map(Text, row), style="bold" if number == section.strong else "")
    return Group(table, _paragraph(Text(" ".join(section.sentences)))) if section.sentences else table


def _warnings(plan: Plan) -> Table:
    grid = Table.grid(padding=(0, 1))
    for text in plan.warnings:
        grid.add_row("", Text("!", style="bold yellow"), Text(text))
    return grid
