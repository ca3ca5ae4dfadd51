"""A plan for a design review: what is asked, what decides, what it takes, and how sure that is."""

from collections.abc import Sequence

from siotool.plan.evidence.amounts import amount, cost_name, fit_words
from siotool.plan.model import Plan
from siotool.plan.rendering import terms
from siotool.plan.rendering.sections import sections
from siotool.units import format_share


def render(plan: Plan) -> str:
    """Return the plan as GitHub-flavoured Markdown: the answer first, then its making."""
    answer, formula = terms.headline(plan)
    lines = [f"# {answer[0].upper()}{answer[1:]}", "", f"{terms.answer(plan)} ({formula}.)", ""]
    if terms.only_the_formula(plan):
        lines += _counts(plan)
    else:
        lines += _constraints(plan) + _bad_days(plan)
    lines += _variables(plan) + _what_if(plan) + _sections(plan) + _evidence(plan)
    if plan.warnings:
        lines += [*(f"- **Warning:** {text}" for text in plan.warnings), ""]
    if plan.rests_on:
        lines += ["## What it rests on", "", *(f"- {text}" for text in plan.rests_on), ""]
    if terms.only_the_formula(plan):
        return "\n".join([*lines, terms.SCOPE, ""])
    return "\n".join([*lines, *_inputs(plan)])


def _table(header: str, align: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    body = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return [header, align, *body, ""]


def _counts(plan: Plan) -> list[str]:
    rows = [(c.name, c.exact, f"{c.servers:,}", c.meaning) for c in terms.counts(plan)]
    return [*_table("| count | exact | servers | |", "|---|---:|---:|---|", rows), terms.difference(plan), ""]


def _constraints(plan: Plan) -> list[str]:
    rows = [
        (
            _strong(c.name, c.name == plan.binding) if c.tier == "servers" else f"{c.name} ({c.tier})",
            _servers(c.servers_p50),
            _servers(c.servers_p95),
            format_share(round(c.binding_probability, 2)) if c.binding_probability else "",
            c.sentence,
            c.provenance,
        )
        for c in terms.rows(plan)
    ]
    header = "| constraint | P50 | P95 | binds | why | figures |"
    return _table(header, "|---|---:|---:|---:|---|---|", rows)


def _bad_days(plan: Plan) -> list[str]:
    rows = [
        (_strong(day.name, day.name == plan.worst_day), _servers(day.servers), day.sentence)
        for day in plan.bad_days
    ]
    return _table("| day to survive | servers | |", "|---|---:|---|", rows)


def _variables(plan: Plan) -> list[str]:
    rows = [(t.variable, t.written, t.value, t.unit, t.origin) for t in terms.terms(plan)]
    return [
        *_table("| variable | value | in SI units | | from |", "|---|---:|---:|---|---|", rows),
        "```",
        f"servers = {_inline(terms.FORMULA)}",
        f"        = {_inline(terms.substituted(plan))}",
        f"        = {terms.quotient(plan, 6)} → {terms.servers(plan.document.servers)}",
        "```",
        "",
    ]


def _what_if(plan: Plan) -> list[str]:
    doubt = plan.uncertainty
    if doubt is None:
        return []
    known = {figure.key: figure for figure in plan.figures}
    rows = [
        (
            effect.key,
            terms.shown(known[effect.key]),
            terms.swing(effect),
            "" if effect.total is None else format_share(round(effect.total, 2)),
        )
        for effect in terms.effects(plan)
    ]
    lines = _table("| what if | its 90 % | servers | of the variance |", "|---|---:|---:|---:|", rows)
    said = []
    if doubt.next_measurement:
        sentence = doubt.next_measurement.sentence
        said.append(f"{sentence[0].upper()}{sentence[1:]}.")
    lines += [" ".join([*said, doubt.guesswork]).strip(), ""]
    if doubt.chances:
        lines += _table("| servers | suffice with probability |", "|---:|---:|", terms.chances(plan))
    return [*lines, terms.drawn_from(plan), ""]


def _sections(plan: Plan) -> list[str]:
    lines = []
    for section in sections(plan):
        names = [name.removesuffix(">") for name in section.columns]
        align = ["---:" if name.endswith(">") else "---" for name in section.columns]
        lines += [f"## {section.title}", ""]
        lines += _table(f"| {' | '.join(names)} |", f"|{'|'.join(align)}|", section.rows)
        lines += [" ".join(section.sentences), ""] if section.sentences else []
    return lines


def _evidence(plan: Plan) -> list[str]:
    known = plan.evidence
    if known is None:
        return []
    rows = [
        (
            cost_name(cost.name),
            amount(cost.value, cost.unit),
            f"{amount(cost.p5, cost.unit)} to {amount(cost.p95, cost.unit)}",
            cost.how,
        )
        for cost in known.costs
    ]
    lines = _table("| measured | value | 90 % interval | how |", "|---|---:|---:|---|", rows)
    said = [" ".join(fit_words(known)), "", *(f"- {remark}" for remark in known.remarks), ""]
    return ["## What was measured", "", *lines, *said]


def _inputs(plan: Plan) -> list[str]:
    rows = [(f.key, terms.shown(f), f.fitted or "", f.provenance.words()) for f in terms.given(plan)]
    lines = ["## Inputs", "", *_table("| input | value | drawn as | from |", "|---|---:|---|---|", rows)]
    untouched = [f"{f.key} {terms.shown(f)}" for f in terms.untouched(plan)]
    return [*lines, f"Defaults that nobody touched: {', '.join(untouched)}.", ""] if untouched else lines


def _servers(count: int | None) -> str:
    return "none is enough" if count is None else f"{count:,}"


def _strong(text: str, strong: bool) -> str:
    return f"**{text}**" if strong else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _inline(equation: terms.Equation) -> str:
    return f"{equation.above} / ({equation.below})"
