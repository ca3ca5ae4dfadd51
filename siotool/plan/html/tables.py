"""The plan's tables in words: the formula, the storm, measured costs, and every input with its origin."""

import msgspec

from siotool.page.table import Column, Row, Table
from siotool.plan.evidence.amounts import amount, cost_name
from siotool.plan.model import Evidence, InputFigure, Plan
from siotool.plan.rendering import terms
from siotool.plan.rendering.sections import Section, sections
from siotool.plan.storm import words
from siotool.plan.storm.storm_plan import StormPlan


def counts(plan: Plan) -> Table:
    """Return the ways to count servers of a plan that is the formula alone."""
    rows = [Row([c.name, c.exact, f"{c.servers:,}", c.meaning]) for c in terms.counts(plan)]
    columns = [Column("count"), Column("exact", True), Column("servers", True), Column("meaning")]
    return Table("counts", "Ways to count", columns, rows, terms.difference(plan))


def variables(plan: Plan) -> Table:
    """Return the formula's variables."""
    rows = [Row([t.variable, t.written, t.value, t.unit, t.origin]) for t in terms.terms(plan)]
    columns = [
        Column("variable"),
        Column("value", True),
        Column("in SI units", True),
        Column("unit"),
        Column("from"),
    ]
    return Table("variables", "The formula", columns, rows)


def chances(plan: Plan) -> Table:
    """Return fleets and the probability that each suffices."""
    p95 = "" if plan.servers.p95 is None else f"{plan.servers.p95:,}"
    rows = [Row([fleet, chance], "strong" if fleet == p95 else "") for fleet, chance in terms.chances(plan)]
    return Table("chances", "Fleets", [Column("servers", True), Column("suffices", True)], rows)


def storm_facts(storm: StormPlan) -> list[tuple[str, str]]:
    """Return when the lost clients are back: name and value."""
    return [(f"{share} back after", when) for share, when in words.times(storm)]


def storm_fleets(storm: StormPlan) -> Table:
    """Return the same storm over other fleets."""
    own = words.own_row(storm)
    rows = [
        Row([servers, back, least, rate], "strong" if number == own else "")
        for number, (servers, back, least, rate, _) in enumerate(words.curve(storm))
    ]
    columns = [
        Column("servers", True),
        Column("99 % back after", True),
        Column("at least", True),
        Column("each takes in", True),
    ]
    return Table("storm-fleets", "The same storm over other fleets", columns, rows)


def storm_words(storm: StormPlan) -> list[str]:
    """Return what happens, how it ends, and what follows."""
    return [
        f"{words.setting(storm)} {words.headline(storm)}.",
        words.outcomes(storm),
        *words.conclusions(storm),
    ]


def evidence(known: Evidence) -> Table:
    """Return what runs cost, with their intervals."""
    rows = [
        Row(
            [
                cost_name(cost.name),
                amount(cost.value, cost.unit),
                f"{amount(cost.p5, cost.unit)} to {amount(cost.p95, cost.unit)}",
                cost.how,
            ]
        )
        for cost in known.costs
    ]
    columns = [
        Column("measured"),
        Column("value", True),
        Column("90 % interval", True),
        Column("how"),
    ]
    return Table("costs", "Measured costs", columns, rows)


def others(plan: Plan) -> list[tuple[Table, list[str]]]:
    """Return cost, shapes, forecast and storage, as far as the plan has them, with what is said of each."""
    return [(_section(section), section.sentences) for section in sections(plan)]


def _section(section: Section) -> Table:
    return Table(
        key=section.title.lower(),
        title=section.title,
        columns=[Column(name.removesuffix(">"), name.endswith(">")) for name in section.columns],
        rows=[
            Row(list(row), "strong" if number == section.strong else "")
            for number, row in enumerate(section.rows)
        ],
    )


_INPUTS = [
    Column("input"),
    Column("value", True),
    Column("its 90 %", True),
    Column("drawn as"),
    Column("from"),
]


def inputs(plan: Plan) -> tuple[Table, Table]:
    """Return every input with its origin: those given or uncertain, and the defaults nobody touched."""
    given = [_input(figure) for figure in terms.given(plan)]
    assumed = [_input(figure) for figure in terms.untouched(plan)]
    return (
        Table("inputs", "Inputs", _INPUTS, given),
        Table(
            "assumed",
            "Defaults",
            [_INPUTS[0], _INPUTS[1], _INPUTS[4]],
            [Row([row.cells[0], row.cells[1], row.cells[4]]) for row in assumed],
        ),
    )


def _input(figure: InputFigure) -> Row:
    middle, extent = terms.shown(figure), ""
    if figure.p5 is not None:
        middle, extent = terms.shown(msgspec.structs.replace(figure, p5=None, p95=None)), terms.shown(figure)
    return Row([figure.key, middle, extent, figure.fitted or "", figure.provenance.words()])
