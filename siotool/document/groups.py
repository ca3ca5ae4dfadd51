"""What the printers share: which blocks of a section stand together, and what is left out."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from siotool.document.document import Block, Chart, Document, Fact, Row, Sentence, Table, Way

#: Stands in a cell for what is not known.
NONE = "–"


def groups(blocks: Sequence[Block], *, drawn: bool = True) -> Iterator[list[Block]]:
    """Yield sentences of one level in a row, facts, ways and charts in a row, and all else block by block.

    Not ``drawn``: without the charts that only a printer of pictures shows.
    """
    shown = [block for block in blocks if drawn or not isinstance(block, Chart) or block.telling]
    for _, run in groupby(shown, _kind):
        yield list(run)


def _kind(block: Block) -> object:
    match block:
        case Sentence():
            return block.level
        case Fact() | Way():
            return type(block)
        case Chart(telling=False):
            return Chart
    return id(block)


def row_groups(table: Table) -> Iterator[tuple[str, list[Row]]]:
    """Yield the rows that stand together, with their group's name."""
    for name, rows in groupby(table.rows, lambda row: row.group):
        yield name, list(rows)


def texts(run: Sequence[Block]) -> list[str]:
    """Return what the sentences of a run say."""
    return [block.text for block in run if isinstance(block, Sentence)]


def facts(run: Sequence[Block]) -> list[Fact]:
    """Return the facts of a run."""
    return [block for block in run if isinstance(block, Fact)]


def drawn_elsewhere(document: Document) -> str:
    """Return what a printer without pictures says of a document's charts; nothing without any."""
    blocks = [block for section in document.sections for block in section.blocks]
    count = sum(isinstance(block, Chart) and not block.telling for block in blocks)
    if not count:
        return ""
    return f"{'1 chart is' if count == 1 else f'{count} charts are'} drawn in HTML, or by --charts DIR."


def obtained(table: Table) -> str:
    """Return in which ways a table's figures were obtained, in short; nothing where it does not say."""
    return f"How: {', '.join(table.how)}." if table.how else ""
