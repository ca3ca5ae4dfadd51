"""A plan as a document: the answer, what is doubtful, what decides, how sure that is, and its making."""

from collections.abc import Iterator, Sequence

import msgspec

from siotool.document.document import Chart, Document, Fact, Row, Section, Sentence, Table, columns
from siotool.plan.documents import formula_section, servers_sections
from siotool.plan.documents import plan_words as words
from siotool.plan.documents.evidence_section import evidence
from siotool.plan.documents.generators_section import generators
from siotool.plan.documents.money_sections import cost, forecast, shapes, storage
from siotool.plan.documents.plan_ways import explained
from siotool.plan.model import InputFigure, Plan


class Drawn(msgspec.Struct, frozen=True):
    """What only a page needs: charts, and a storm of the plan's fleet.

    ``middle`` is the fleet with all inputs at their medians.
    """

    chances: Sequence[Chart] = ()
    responses: Sequence[Chart] = ()
    middle: float | None = None
    storm: Section | None = None
    forecast: Sequence[Chart] = ()
    evidence: Sequence[Chart] = ()


def document(plan: Plan, drawn: Drawn | None = None) -> Document:
    """Return the document; ``drawn`` is of the same plan, for a printer that draws."""
    sections = list(_sections(plan, drawn or Drawn()))
    return Document(
        name="siotool plan",
        context=words.one_line(plan),
        headline=words.headline(plan),
        tone="bad" if plan.servers.p95 is None else "good",
        # a page is kept, and read far from the command
        sections=explained(sections) if drawn is not None else sections,
        answer=[words.answer(plan)],
        facts=list(_facts(plan)),
        made_of=", ".join(plan.evidence.runs) if plan.evidence is not None else "",
    )


def _facts(plan: Plan) -> Iterator[Fact]:
    fleet = plan.servers
    known = [("P50", fleet.p50), ("P90", fleet.p90), ("P95", fleet.p95)]
    for name, count in known if plan.uncertainty is not None else [("servers", fleet.p95)]:
        yield Fact(name, "none" if count is None else f"{count:,}")
    yield Fact("by the formula", f"{plan.document.servers:,}")
    for name, count in (("adapter shard", plan.shards), ("load balancer", plan.balancers)):
        if count:
            yield Fact(f"{name}s" if count > 1 else name, f"{count:,}")


def _sections(plan: Plan, drawn: Drawn) -> Iterator[Section]:
    only_the_formula = words.only_the_formula(plan)
    if plan.warnings:
        yield Section("doubtful", "What is doubtful", [Sentence(text, "warning") for text in plan.warnings])
    yield formula_section.counts(plan) if only_the_formula else servers_sections.constraints(plan)
    # what keeps single servers out of service is in the counts
    if not only_the_formula or plan.worst_day not in ("", "ordinary day", "k of n"):
        yield servers_sections.bad_days(plan)
    found = (
        servers_sections.sureness(plan, drawn.chances),
        servers_sections.what_if(plan, drawn.middle, drawn.responses),
        drawn.storm,
        cost(plan.cost) if plan.cost is not None else None,
        shapes(plan.shapes) if plan.shapes is not None else None,
        forecast(plan.forecast, drawn.forecast, certain=plan.uncertainty is None)
        if plan.forecast is not None
        else None,
        storage(plan.storage) if plan.storage is not None else None,
        generators(plan.generators) if plan.generators is not None else None,
        evidence(plan.evidence, drawn.evidence) if plan.evidence is not None else None,
        formula_section.formula(plan),
    )
    yield from (section for section in found if section is not None)
    given = [f for f in plan.figures if f.provenance.kind != "default" or f.p5 is not None]
    # the table of its variables has all inputs of the formula, except what was made of a range
    if not only_the_formula or any(f.key not in formula_section.KEYS or f.fitted for f in given):
        yield _inputs(plan, given)


def _inputs(plan: Plan, given: Sequence[InputFigure]) -> Section:
    """Every input with its origin: those given, measured, published or uncertain; then the rest."""
    rest = [figure for figure in plan.figures if figure not in given]
    names = columns("input", "value>", "its 90 %>", "drawn as")
    tables = [Table(names, _by_origin(given), told=True)]
    if rest:
        defaults = "unchanged default" if len(rest) == 1 else "unchanged defaults"
        rows = [Row(row.cells[:2], group=row.group) for row in _by_origin(rest)]
        tables.append(Table(names[:2], rows, folded=f"{len(rest)} {defaults}", told=True))
    return Section("inputs", "Inputs", [*map(Sentence, plan.rests_on), *tables])


def _by_origin(figures: Sequence[InputFigure]) -> list[Row]:
    rows: dict[str, list[Row]] = {}
    for figure in figures:
        middle, extent = words.shown(msgspec.structs.replace(figure, p5=None, p95=None)), ""
        if figure.p5 is not None:
            extent = words.shown(figure)
        origin = figure.provenance.words()
        cells = [figure.key, middle, extent, figure.fitted or ""]
        rows.setdefault(origin, []).append(Row(cells, group=origin))
    return [row for group in rows.values() for row in group]
