"""A page as one self-contained HTML file.

Nothing is loaded from anywhere: Vega, Vega-Lite and Vega-Embed are inlined once (``vega``),
and the page's own content policy forbids every request. Without JavaScript the tables remain.
"""

from collections.abc import Sequence
from importlib.resources import files

import msgspec
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from siotool.page.chart import Chart
from siotool.page.vega import bundle
from siotool.printable import LINE_AT_MOST, printable

_HERE = "siotool.page"


def page(package: str, template: str, charts: Sequence[Chart], *, style: str = "", **content: object) -> str:
    """Return the page that a template makes of its content.

    The template is a file of ``package``; it extends ``shell.html.jinja`` and may import
    ``table.html.jinja``. ``style`` names another file there, a style sheet after the shared one.
    """

    def load(name: str) -> str:
        return _asset(package if name == template else _HERE, name)

    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        **content,
        charts=charts,
        specs=_inline_json({chart.key: chart.spec for chart in charts}),
        style=Markup(_asset(_HERE, "page.css") + (_asset(package, style) if style else "")),
        script=Markup(_asset(_HERE, "page.js")),
        vega=Markup(bundle()) if charts else "",
    )


def _asset(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _inline_json(value: object) -> Markup:
    """JSON that can stand in a script element: no tag can begin in it."""
    return Markup(msgspec.json.encode(value).decode().replace("<", "\\u003c"))


def _printable(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, LINE_AT_MOST)
    return value
