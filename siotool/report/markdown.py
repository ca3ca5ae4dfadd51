"""A report for a pull request, or for ``$GITHUB_STEP_SUMMARY``."""

from collections.abc import Iterable

from siotool.page.table import Table, Tone
from siotool.printable import one_line
from siotool.report import words
from siotool.report.contents import Report
from siotool.report.tables import tables

_MARKS: dict[Tone, str] = {"good": "✅ ", "bad": "❌ ", "": "", "strong": ""}


def render(report: Report) -> str:
    """Return the report as GitHub-flavoured Markdown: the verdict first, then servers."""
    head = words.headline(report)
    lines = [f"{_MARKS[head.tone]}**{_text(head.verdict)}**", "", f"# {_text(head.servers)}", ""]
    lines += [_text(line) for line in (head.binding,) if line]
    lines += ["", _text(head.load), ""]
    if report.doubts:
        lines += [*(f"- **Doubt:** {_text(doubt)}" for doubt in report.doubts), ""]
    if report.remarks:
        lines += [*(f"- {_text(remark)}" for remark in report.remarks), ""]
    for table in tables(report):
        lines += _table(table)
    return "\n".join(lines)


def _table(table: Table) -> Iterable[str]:
    yield f"## {table.title}"
    yield ""
    yield _row(column.name for column in table.columns)
    yield _row("---:" if column.numeric else "---" for column in table.columns)
    for row in table.rows:
        *cells, last = (_text(cell) for cell in row.cells)
        if row.tone == "strong":
            cells = [f"**{cell}**" for cell in cells]
        yield _row((_MARKS[row.tone] + cells[0], *cells[1:], last))
    yield ""
    if table.note:
        yield f"<sub>{_text(table.note)}</sub>"
        yield ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Escape what Markdown or HTML would read as markup, in names that a server or user chose."""
    line = one_line(text)
    for char in "\\`*_[]|~":
        line = line.replace(char, f"\\{char}")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
