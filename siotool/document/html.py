"""A document as one self-contained HTML page.

Nothing is loaded from anywhere: Vega, Vega-Lite and Vega-Embed are inlined once (``vega_bundle``),
and the page's own content policy forbids every request. Without JavaScript the tables remain.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import msgspec
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from siotool.document.assets import asset
from siotool.document.course import figures_of
from siotool.document.document import Block, Chart, Document, Section, Sentence, Table
from siotool.document.groups import row_groups
from siotool.document.vega_bundle import bundle
from siotool.document.vega_lite import columns_of, without_rows
from siotool.printable import LINE_AT_MOST, printable

#: Columns of a section that leaves room for another beside it, and of a table beside its chart.
_HALF, _BESIDE = 4, 3


def render(document: Document) -> str:
    """Return the page."""
    charts = [block for section in document.sections for block in section.blocks if isinstance(block, Chart)]
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(asset),
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja").render(
        document=document,
        charts=charts,
        arranged=_arranged,
        half=_half,
        alarming=_alarming,
        row_groups=row_groups,
        figures=figures_of,
        ways=_ways,
        anchor=_anchor,
        specs=_inline_json({chart.key: _drawn(chart) for chart in charts}),
        style=Markup(asset("page.css")),
        script=Markup(asset("page.js")),
        vega=Markup(bundle()) if charts else "",
    )


def _arranged(section: Section) -> Iterator[tuple[str, Sequence[Block]]]:
    """The blocks as the page shows them: groups, each under a name that the template uses."""
    runs = [(kind, list(run)) for kind, run in groupby(section.blocks, _kind)]
    while runs:
        kind, run = runs.pop(0)
        if kind == "chart" and len(run) == 1 and runs and _fits_beside(runs[0][1][0]):
            yield "beside", [*run, runs[0][1].pop(0)]
            runs = [(kind, run) for kind, run in runs if run]
        else:
            yield kind, run


def _kind(block: Block) -> str:
    return block.level if isinstance(block, Sentence) else type(block).__name__.lower()


def _fits_beside(block: Block) -> bool:
    return isinstance(block, Table) and not block.folded and len(block.columns) <= _BESIDE


def _ways(run: Sequence[Block]) -> list[str]:
    """The ways that sentences refer to, each once."""
    return list(dict.fromkeys(name for block in run if isinstance(block, Sentence) for name in block.how))


def _anchor(way: str) -> str:
    """Where a page explains a way of obtaining figures."""
    return "how-" + "".join(char if char.isalnum() else "-" for char in way)


def _half(section: Section) -> bool:
    """Whether a section is narrow enough to have another beside it: figures, and the names of their rows."""
    return all(
        isinstance(block, Table)
        and len(block.columns) <= _HALF
        and all(column.numeric for column in block.columns[1:])
        and not any(row.bar for row in block.rows)
        for block in section.blocks
    )


def _alarming(section: Section) -> bool:
    return all(
        isinstance(block, Sentence) and block.level in ("doubt", "warning") for block in section.blocks
    )


def _drawn(chart: Chart) -> dict[str, Any]:
    """What the page's script draws: a specification, and its data in columns, a fifth of them in rows."""
    columns = columns_of(chart)
    places = list({id(at): at for _, at, _ in columns}.values())
    index = {id(at): number for number, at in enumerate(places)}
    curves = [{"s": name, "t": index[id(at)], "v": values} for name, at, values in columns]
    return {"spec": without_rows(chart), "t": places, "curves": curves}


def _inline_json(value: object) -> Markup:
    """JSON that can stand in a script element: no tag can begin in it."""
    return Markup(msgspec.json.encode(value).decode().replace("<", "\\u003c"))


def _printable(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, LINE_AT_MOST)
    return value
