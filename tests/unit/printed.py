"""What each printer makes of a document, as a person reads it, and what is missing there."""

import html
import io
import re
from collections.abc import Iterator

from rich.console import Console

from siotool.document import html as page
from siotool.document import markdown, text
from siotool.document.document import Chart, Document, Equation, Fact, Sentence, Table, Way
from siotool.document.groups import NONE
from siotool.printable import LINE_AT_MOST, printable


def as_text(document, width=10_000):
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(text.render(document))
    return capture.get()


def of_markdown(written):
    plain = re.sub(r"</?(sub|details|summary)>|\*\*", "", written)
    return html.unescape(re.sub(r"\\(.)", r"\1", plain))


def of_html(written):
    shown = re.sub(r"<(style|script).*?</\1>", "", written, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", shown))


#: Each printer, and what a person reads of its output: without markup.
PRINTERS = {
    "text": as_text,
    "md": lambda document: of_markdown(markdown.render(document)),
    "html": lambda document: of_html(page.render(document)),
}


def read(document: Document, printer: str) -> str:
    """What a person reads, on one line."""
    return " ".join(PRINTERS[printer](document).split())


def said(document: Document, printer: str) -> Iterator[str]:
    """Everything that a printer must show."""
    yield from (document.verdict, document.context, document.headline, *document.answer)
    yield from (word for fact in document.facts for word in (fact.name, fact.value))
    for section in document.sections:
        yield section.title
        for block in section.blocks:
            match block:
                case Sentence():
                    yield block.text
                case Fact():
                    yield from (block.name, block.value)
                case Equation():
                    yield from (block.subject, block.result)
                    yield from (side for quotient in block.quotients for side in quotient)
                case Way():
                    yield from (block.name, block.text)
                case Table():
                    shown = (column for column in block.columns if block.rows or not column.wide_only)
                    yield from (block.note, block.folded, *block.how, *(column.name for column in shown))
                    yield from (word for row in block.rows for word in (row.group, *row.cells))
                case Chart() if printer == "html":
                    yield from (block.title, block.note)
                case Chart(telling=True):
                    yield from (block.title, block.note, *(curve.name for curve in block.curves))


def missing(document: Document, printer: str) -> list[str]:
    """What a document says and a printer leaves out; nobody looks for a dash."""
    shown = read(document, printer)
    wanted = (" ".join(printable(word, LINE_AT_MOST).split()) for word in said(document, printer))
    return [word for word in wanted if word != NONE and word not in shown]
