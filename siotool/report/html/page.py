"""The report as one self-contained HTML file.

Nothing is loaded from anywhere: Vega, Vega-Lite and Vega-Embed are inlined once, and the
page's own content policy forbids every request. Without JavaScript the tables remain.
"""

from importlib.resources import files

import msgspec
import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from siotool.report import words
from siotool.report.html.charts import charts
from siotool.report.model import Report
from siotool.report.tables import tables


def render(report: Report) -> str:
    """Return the page."""
    drawn = charts(report)
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.from_string(_asset("page.html.jinja"))
    return template.render(
        report=report,
        head=words.headline(report),
        tables=tables(report),
        charts=drawn,
        specs=_inline_json({chart.key: chart.spec for chart in drawn}),
        style=Markup(_asset("page.css")),
        script=Markup(_asset("page.js")),
        vega=Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")) if drawn else "",
    )


def _asset(name: str) -> str:
    return files("siotool.report.html").joinpath(name).read_text(encoding="utf-8")


def _inline_json(value: object) -> Markup:
    """JSON that can stand in a script element: no tag can begin in it."""
    return Markup(msgspec.json.encode(value).decode().replace("<", "\\u003c"))


def _printable(value: object) -> object:
    return words.printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
