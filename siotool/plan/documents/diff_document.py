"""The difference of two plans as a document."""

from siotool.document.document import Block, Document, Row, Section, Sentence, Table, columns
from siotool.plan.diff.diff import Moved, PlanDiff

_FIGURES = (
    "Alone: what changing only this input does to the first plan. "
    "Share: its part of the whole change; the shares add up."
)


def document(difference: PlanDiff) -> Document:
    """Return which inputs moved the number of servers, the largest share first."""
    head, *rest = difference.sentences
    notes = rest[len(difference.moved) :]  # what is said beyond the table's own rows
    if difference.moved and difference.method != "none":
        notes.insert(0, _FIGURES)
    rows = [_row(row) for row in difference.moved]
    blocks: list[Block] = (
        [Table(columns("input", "before", "after", "alone>", "share>"), rows)] if rows else []
    )
    blocks += map(Sentence, notes)
    return Document(
        name="siotool plan diff",
        context="",
        headline=head.removesuffix("."),
        tone="",
        sections=[Section("moved", "What moved it", blocks)] if blocks else [],
        answer=[f"{difference.before} → {difference.after}"],
    )


def _row(row: Moved) -> Row:
    return Row(
        [
            row.key,
            "–" if row.before is None else row.before,
            "–" if row.after is None else row.after,
            "infeasible" if row.alone is None else _signed(row.alone),
            "" if row.share is None else _signed(row.share),
        ]
    )


def _signed(servers: float) -> str:
    if servers == 0:
        return "±0"
    size = f"{abs(servers):,.0f}" if float(servers).is_integer() else f"{abs(servers):,.2f}"
    return f"{'+' if servers > 0 else '−'}{size}"
