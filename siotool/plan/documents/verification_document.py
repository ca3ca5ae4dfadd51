"""A prediction compared with a run, as a document."""

from siotool.document.document import Document, Row, Section, Table, columns
from siotool.plan.documents.evidence_section import amount
from siotool.plan.evidence.verify import CheckedFigure, Verification


def document(verification: Verification) -> Document:
    """Return predictions beside what a run saw: which lie within their interval."""
    names = columns("figure", "predicted (5 % to 95 %)>", "observed>", "", "how observed")
    missed = any(not check.inside for check in verification.checks)
    table = Table(names, [_row(check) for check in verification.checks])
    return Document(
        name="siotool plan --verify",
        context=f"The plan compared with run {verification.run}",
        headline=verification.summary.removesuffix("."),
        tone="bad" if missed else "good",
        sections=[Section("checks", "Predicted and observed", [table])],
        made_of=verification.run,
    )


def _row(check: CheckedFigure) -> Row:
    low, high = amount(check.low, check.unit), amount(check.high, check.unit)
    spread = amount(check.value, check.unit) if check.low == check.high else f"{low} to {high}"
    mark = "inside" if check.inside else "missed"
    cells = [check.name.replace("_", " "), spread, amount(check.observed, check.unit), mark, check.how]
    return Row(cells, "good" if check.inside else "bad")
