"""Evidence for a terminal: measured costs beside a plan, and a prediction held against a run."""

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from siotool.plan.evidence.amounts import amount, cost_name, fit_words
from siotool.plan.evidence.verify import Verification
from siotool.plan.model import Evidence


def render(evidence: Evidence) -> list[RenderableType]:
    """Return what runs showed, how well the fit explains them, and what is doubtful about it."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("measured", no_wrap=True)
    table.add_column("value", justify="right", overflow="fold")
    table.add_column("90 % interval", justify="right", overflow="fold")
    for cost in evidence.costs:
        low, high = amount(cost.p5, cost.unit), amount(cost.p95, cost.unit)
        table.add_row(cost_name(cost.name), amount(cost.value, cost.unit), f"{low} to {high}")
    said = fit_words(evidence)
    remarks = [Text(f"· {remark}", style="dim") for remark in evidence.remarks]
    return [table, Padding(Group(Text(" ".join(said)), *remarks), (0, 1))]


def render_verification(verification: Verification) -> RenderableType:
    """Return predictions beside what a run saw: which lie within their interval."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column(f"run {verification.run}")
    table.add_column("predicted (5 % to 95 %)", justify="right")
    table.add_column("observed", justify="right", style="bold")
    table.add_column("", style="dim")
    for check in verification.checks:
        spread = (
            amount(check.value, check.unit)
            if check.low == check.high
            else f"{amount(check.low, check.unit)} to {amount(check.high, check.unit)}"
        )
        mark = Text("inside", style="green") if check.inside else Text("missed", style="bold red")
        name = check.name.replace("_", " ")
        table.add_row(name, spread, amount(check.observed, check.unit), mark)
    return Group(table, Text(), Padding(Text(verification.summary), (0, 1)))
