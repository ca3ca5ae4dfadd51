"""A document's charts as files, SVG and PNG: drawn by vl-convert, without a browser.

They have the light colours of the page, whose style sheet is the one place that names them.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from siotool.document.assets import asset
from siotool.document.document import Chart, Document
from siotool.document.vega_lite import HOLD, TROUBLE, spec
from siotool.printable import printable

#: Pixels of the drawing, and what a PNG's are multiplied by.
_WIDTH, _HEIGHT, _SCALE = 720, 260, 2
#: vl-convert brings this one along: pictures are the same on every machine.
_FONT = "DejaVu Sans"


class ChartFile(msgspec.Struct, frozen=True):
    """A file: its name in its folder, and its content."""

    name: str
    content: bytes


def chart_files(document: Document) -> Iterator[ChartFile]:
    """Yield an SVG and a PNG of each chart, named by its key."""
    # a JavaScript engine, only when there is something to draw
    import vl_convert  # noqa: PLC0415

    config = _light()
    for section in document.sections:
        for chart in section.blocks:
            if isinstance(chart, Chart):
                drawn = _whole(chart)
                svg = vl_convert.vegalite_to_svg(drawn, config=config)
                yield ChartFile(f"{chart.key}.svg", svg.encode())
                yield ChartFile(f"{chart.key}.png", vl_convert.svg_to_png(svg, scale=_SCALE))


def _whole(chart: Chart) -> dict[str, Any]:
    """What Vega-Lite draws of a chart that stands alone: with its title and its note."""
    title = {"text": printable(chart.title), "subtitle": printable(chart.note), "anchor": "start"}
    height = max(chart.height, _HEIGHT)
    return spec(chart) | {"width": _WIDTH, "height": height, "title": title, "autosize": {"type": "pad"}}


def _light() -> dict[str, Any]:
    colours = dict(re.findall(r"--([a-z]+):\s*([^;]+);", asset("page.css").partition("}")[0]))
    return {
        "background": colours["card"],
        "font": _FONT,
        "padding": 12,
        "view": {"stroke": None},
        "title": {"color": colours["text"], "subtitleColor": colours["muted"], "fontSize": 15, "offset": 12},
        "axis": {
            "labelColor": colours["muted"],
            "labelFontSize": 12,
            "gridColor": colours["line"],
            "domainColor": colours["line"],
            "tickColor": colours["line"],
        },
        "legend": {"orient": "top", "labelColor": colours["text"], "labelFontSize": 12, "columns": 3},
        "range": {"category": re.split(r"\s*,\s*", colours["series"])},
        "style": {
            HOLD: {"color": colours["hold"], "opacity": 0.09},
            TROUBLE: {"color": colours["bad"], "opacity": 0.13},
        },
        "rule": {"color": colours["muted"], "strokeDash": [4, 4]},
    }
