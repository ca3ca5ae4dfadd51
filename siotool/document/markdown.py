"""A document as GitHub-flavoured Markdown: for a pull request, a review or ``$GITHUB_STEP_SUMMARY``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from siotool.document.course import as_table
from siotool.document.document import (
    Block,
    Chart,
    Document,
    Equation,
    Fact,
    Level,
    Sentence,
    Table,
    Tone,
    Way,
)
from siotool.document.groups import drawn_elsewhere, facts, groups, obtained, row_groups, texts
from siotool.printable import one_line

_MARKS: Mapping[Tone, str] = MappingProxyType({"good": "✅ ", "bad": "❌ ", "": "", "strong": ""})
#: What comes before a sentence that needs attention.
_POINTS: Mapping[Level, str] = MappingProxyType(
    {"doubt": "- **Doubt:** ", "warning": "- **Warning:** ", "remark": "- "}
)


def render(document: Document) -> str:
    """Return the document: the verdict first, then the answer, then what was asked."""
    lines = []
    if document.verdict:
        lines += [f"{_MARKS[document.tone]}**{_text(document.verdict)}**", ""]
    lines += [f"# {_text(document.headline)}", ""]
    lines += _paragraphs(document.answer)
    if document.facts:
        lines += [_facts(document.facts), ""]
    lines += [_text(document.context), ""] if document.context else []
    for section in document.sections:
        lines += [f"## {_text(section.title)}", ""]
        for run in groups(section.blocks, drawn=False):
            lines += _run(run)
    lines += _small([drawn_elsewhere(document)])
    return "\n".join(lines)


def _run(run: Sequence[Block]) -> Iterator[str]:
    match run:
        case [Sentence(level="plain"), *_]:
            yield from _paragraphs(texts(run))
        case [Sentence(level="note"), *_]:
            yield from _small(texts(run))
        case [Sentence(level=level), *_]:
            yield from (*(f"{_POINTS[level]}{_text(text)}" for text in texts(run)), "")
        case [Fact(), *_]:
            yield from (_facts(facts(run)), "")
        case [Equation() as equation]:
            yield from _equation(equation)
        case [Table(folded="") as table]:
            yield from _table(table)
        case [Table(folded=name) as table]:
            yield from ("<details>", f"<summary>{_text(name)}</summary>", "")
            yield from (*_table(table), "</details>", "")
        case [Way(), *_]:
            ways = (block for block in run if isinstance(block, Way))
            yield from (*(f"- **{_text(way.name)}**: {_text(way.text)}" for way in ways), "")
        case [Chart() as chart]:
            yield from (f"### {_text(chart.title)}", "", *_table(as_table(chart)))


def _paragraphs(said: Iterable[str]) -> Iterator[str]:
    for text in said:
        yield from (_text(text), "")


def _small(said: Iterable[str]) -> Iterator[str]:
    for text in filter(None, said):
        yield from (f"<sub>{_text(text)}</sub>", "")


def _facts(known: Iterable[Fact]) -> str:
    return " · ".join(f"{_text(fact.name)} **{_text(fact.value)}**" for fact in known)


def _equation(equation: Equation) -> Iterator[str]:
    yield "```"
    said = [*(f"{above} / ({below})" for above, below in equation.quotients), equation.result]
    for number, line in enumerate(said):
        subject = " " * len(equation.subject) if number else equation.subject
        yield f"{subject} = {one_line(line)}"
    yield from ("```", "")


def _table(table: Table) -> Iterator[str]:
    yield _row(_text(column.name) for column in table.columns)
    yield _row("---:" if column.numeric else "---" for column in table.columns)
    for group, rows in row_groups(table):
        if group:
            yield _row([f"**{_text(group)}**", *[""] * (len(table.columns) - 1)])
        for row in rows:
            cells = [_text(cell) for cell in row.cells]
            if row.tone == "strong":  # words about the row stay plain
                named = len(cells) - (not table.columns[-1].numeric)
                cells[:named] = [f"**{cell}**" if cell else "" for cell in cells[:named]]
            yield _row((_MARKS[row.tone] + cells[0], *cells[1:]))
    yield ""
    yield from _small([" ".join(filter(None, (table.note, obtained(table))))])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Escape what Markdown or HTML would read as markup, in names that a server or user chose."""
    line = one_line(text)
    for char in "\\`*_[]|~":
        line = line.replace(char, f"\\{char}")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
