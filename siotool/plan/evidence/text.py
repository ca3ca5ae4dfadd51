"""Evidence for a terminal: measured costs beside a plan, and a prediction held against a run."""

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from siotool.plan.evidence.amounts import amount, cost_name, fit_words
from siotool.plan.evidence.verify import CheckedFigure, Verification
from siotool.plan.model import Evidence


def render(evidence: Evidence) -> list[RenderableType]:
    """Return what runs showed, how well the fit explains them, and what is doubtful about it."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("measured", no_wrap=True)
    table.add_column("value", justify="right", overflow="fold")
    table.add_column("90 % interval", justify="right", overflow="fold")
    table.add_column("how", style="dim", overflow="fold")
    for cost in evidence.costs:
        low, high = amount(cost.p5, cost.unit), amount(cost.p95, cost.unit)
        cells = (cost_name(cost.name), amount(cost.value, cost.unit), f"{low} to {high}", cost.how)
        table.add_row(*map(Text, cells))
    said = fit_words(evidence)
    remarks = [Text(f"· {remark}", style="dim") for remark in evidence.remarks]
    return [table, Padding(Group(Text(" ".join(said)), *remarks), (0, 1))]


def render_verification(verification: Verification) -> RenderableType:
    """Return predictions beside what a run saw: which lie within their interval."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    first, *others, last = _columns(verification)
    table.add_column(first, overflow="fold")
    for name in others[:2]:
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column(last, style="dim", overflow="fold")
    for check in verification.checks:
        *figures, mark, how = _row(check)
        styled = Text(mark, style="green" if check.inside else "bold red")
        table.add_row(*map(Text, figures), styled, Text(how))
    return Group(table, Text(), Padding(Text(verification.summary), (0, 1)))


def verification_markdown(verification: Verification) -> str:
    """Return the same as GitHub-flavoured Markdown: what it comes to first."""
    rows = [[cell.replace("|", "\\|") for cell in _row(check)] for check in verification.checks]
    return "\n".join(
        [
            f"# {verification.summary}",
            "",
            f"| {' | '.join(_columns(verification))} |",
            "|---|---:|---:|---|---|",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]
    )


def _columns(verification: Verification) -> list[str]:
    return [f"run {verification.run}", "predicted (5 % to 95 %)", "observed", "", "how observed"]


def _row(check: CheckedFigure) -> list[str]:
    spread = (
        amount(check.value, check.unit)
        if check.low == check.high
        else f"{amount(check.low, check.unit)} to {amount(check.high, check.unit)}"
    )
    mark = "inside" if check.inside else "missed"
    return [check.name.replace("_", " "), spread, amount(check.observed, check.unit), mark, check.how]
