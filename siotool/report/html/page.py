"""The report as one self-contained HTML file."""

from siotool.page.chart import unchecked
from siotool.page.shell import page
from siotool.report import words
from siotool.report.contents import Report
from siotool.report.html.charts import charts
from siotool.report.tables import tables


def render(report: Report) -> str:
    """Return the page."""
    with unchecked():
        drawn = charts(report)
    return page(
        "siotool.report.html",
        "page.html.jinja",
        drawn,
        report=report,
        head=words.headline(report),
        tables=tables(report),
    )
