"""A plan for a wiki page or a pull request."""

from siotool.plan import terms
from siotool.plan.model import Plan


def render(plan: Plan, typed: terms.Typed) -> str:
    """Return the plan as GitHub-flavoured Markdown: the answer first, then its making."""
    answer, formula = terms.headline(plan)
    lines = [
        f"# {answer}",
        "",
        f"{terms.answer(plan)} ({formula}.)",
        "",
        "| count | exact | servers | |",
        "|---|---:|---:|---|",
        *(f"| {c.name} | {c.exact} | {c.servers:,} | {c.meaning} |" for c in terms.counts(plan)),
        "",
        terms.difference(plan),
        "",
        "| variable | as typed | in SI units | |",
        "|---|---:|---:|---|",
        *(f"| {t.variable} | {_cell(t.typed)} | {t.value} | {t.unit} |" for t in terms.terms(plan, typed)),
        "",
        "```",
        f"servers = {_inline(terms.FORMULA)}",
        f"        = {_inline(terms.substituted(plan))}",
        f"        = {terms.quotient(plan, 6)} → {terms.servers(plan.document.servers)}",
        "```",
        "",
    ]
    if plan.warnings:
        lines += [*(f"- **Warning:** {text}" for text in plan.warnings), ""]
    return "\n".join([*lines, terms.SCOPE, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _inline(equation: terms.Equation) -> str:
    return f"{equation.above} / ({equation.below})"
