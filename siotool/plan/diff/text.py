"""The difference of two plans, for a terminal and for a design review."""

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from siotool.plan.diff.diff import Moved, PlanDiff

_COLUMNS = ("input", "before", "after", "alone", "share")

#: Longer keys are broken over two lines.
_KEY_WIDTH = 40


def render(difference: PlanDiff) -> RenderableType:
    """Return the difference as a rich renderable that fits 80 columns."""
    head, notes = _sentences(difference)
    title = Text.assemble((head, "bold"), f"\n{difference.before} → {difference.after}")
    parts: list[RenderableType] = [Padding(title, (0, 1)), Text()]
    if difference.moved:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False)
        short = all(len(row.key) <= _KEY_WIDTH for row in difference.moved)
        table.add_column(_COLUMNS[0], overflow="fold", no_wrap=short)
        for name in _COLUMNS[1:3]:
            table.add_column(name, overflow="fold")
        for name in _COLUMNS[3:]:
            table.add_column(name, justify="right", no_wrap=True)
        for row in difference.moved:
            table.add_row(*map(Text, _row(row)))
        parts += [table, Text()]
    if notes:
        parts += [Padding(Text(" ".join(notes)), (0, 1)), Text()]
    return Group(*parts)


def markdown(difference: PlanDiff) -> str:
    """Return the difference as GitHub-flavoured Markdown."""
    head, notes = _sentences(difference)
    lines = [f"# {head.removesuffix('.')}", "", f"`{difference.before}` → `{difference.after}`", ""]
    if difference.moved:
        lines += [f"| {' | '.join(_COLUMNS)} |", "|---|---|---|---:|---:|"]
        lines += [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in _row(row)) + " |"
            for row in difference.moved
        ]
        lines.append("")
    return "\n".join([*lines, *([" ".join(notes), ""] if notes else [])])


def _sentences(difference: PlanDiff) -> tuple[str, list[str]]:
    """The outcome, and what is said beyond the table's own rows."""
    first, *rest = difference.sentences
    notes = rest[len(difference.moved) :]
    if difference.moved and difference.method != "none":
        notes.insert(
            0,
            "Alone: what changing only this input does to the first plan. "
            "Share: its part of the whole change; the shares add up.",
        )
    return first, notes


def _row(row: Moved) -> tuple[str, str, str, str, str]:
    return (
        row.key,
        "–" if row.before is None else row.before,
        "–" if row.after is None else row.after,
        "infeasible" if row.alone is None else _signed(row.alone),
        "" if row.share is None else _signed(row.share),
    )


def _signed(servers: float) -> str:
    if servers == 0:
        return "±0"
    size = f"{abs(servers):,.0f}" if float(servers).is_integer() else f"{abs(servers):,.2f}"
    return f"{'+' if servers > 0 else '−'}{size}"
