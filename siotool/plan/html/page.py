"""The plan as one self-contained HTML file."""

from siotool.page.chart import unchecked
from siotool.page.shell import page
from siotool.plan.evidence.amounts import fit_words
from siotool.plan.html import bars, tables
from siotool.plan.html.charts import charts
from siotool.plan.model import Plan
from siotool.plan.rendering import terms
from siotool.plan.rendering.pictures import Pictures


def render(plan: Plan, pictures: Pictures) -> str:
    """Return the page; ``pictures`` are those of the same plan."""
    with unchecked():
        drawn = charts(plan, pictures)
    headline, formula = terms.headline(plan)
    given, assumed = tables.inputs(plan)
    storm = pictures.storm
    return page(
        "siotool.plan.html",
        "plan.html.jinja",
        drawn.all(),
        style="plan.css",
        plan=plan,
        drawn=drawn,
        line=terms.one_line(plan),
        headline=headline[0].upper() + headline[1:],
        formula=formula,
        answer=terms.answer(plan),
        facts=_facts(plan),
        scope=terms.SCOPE if terms.only_the_formula(plan) else "",
        constraints=bars.constraints(plan),
        bad_days=bars.bad_days(plan),
        counts=tables.counts(plan) if terms.only_the_formula(plan) else None,
        variables=tables.variables(plan),
        equation=(terms.FORMULA, terms.substituted(plan)),
        quotient=terms.quotient(plan, 6),
        by_formula=terms.servers(plan.document.servers),
        chances=tables.chances(plan),
        sure=_sure(plan),
        tornado=bars.tornado(plan, pictures.responses),
        storm=storm,
        storm_facts=tables.storm_facts(storm) if storm is not None else [],
        storm_words=tables.storm_words(storm) if storm is not None else [],
        storm_fleets=tables.storm_fleets(storm) if storm is not None else None,
        evidence=tables.evidence(plan.evidence) if plan.evidence is not None else None,
        evidence_words=fit_words(plan.evidence) if plan.evidence is not None else [],
        others=tables.others(plan),
        inputs=given,
        assumed=assumed,
        drawn_from=terms.drawn_from(plan),
    )


def _facts(plan: Plan) -> list[tuple[str, str]]:
    """The figures a reader takes along: name and count."""
    fleet = plan.servers
    known = [("P50", fleet.p50), ("P90", fleet.p90), ("P95", fleet.p95)]
    if plan.uncertainty is None:
        known = [("servers", fleet.p95)]
    facts = [(name, "none" if count is None else f"{count:,}") for name, count in known]
    facts.append(("by the formula", f"{plan.document.servers:,}"))
    if plan.shards:
        facts.append(("adapter shards" if plan.shards > 1 else "adapter shard", f"{plan.shards:,}"))
    if plan.balancers:
        facts.append(("load balancers" if plan.balancers > 1 else "load balancer", f"{plan.balancers:,}"))
    return facts


def _sure(plan: Plan) -> list[str]:
    """What is said of the uncertainty as a whole."""
    doubt = plan.uncertainty
    if doubt is None:
        return []
    said = [doubt.guesswork] if doubt.guesswork else []
    if doubt.next_measurement is not None:
        sentence = doubt.next_measurement.sentence
        said.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return said
