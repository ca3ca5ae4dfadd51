"""What the printers share: which blocks of a section stand together, and what is left out."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from siotool.document.document import Block, Chart, Fact, Row, Sentence, Table

#: Stands in a cell for what is not known.
NONE = "–"


def groups(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield sentences of one level in a row, facts and drawn charts in a row, and all else block by block."""
    for _, run in groupby(blocks, _kind):
        yield list(run)


def _kind(block: Block) -> object:
    match block:
        case Sentence():
            return block.level
        case Fact():
            return Fact
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


def drawn_elsewhere(charts: Sequence[Block]) -> str:
    """Return what a printer without pictures says in the place of charts."""
    return "1 chart is drawn in HTML." if len(charts) == 1 else f"{len(charts)} charts are drawn in HTML."
