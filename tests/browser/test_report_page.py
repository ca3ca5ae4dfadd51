"""The HTML report in a real browser: it draws every chart, and asks nobody for anything."""

import re
from pathlib import Path

import pytest

from siotool.document.document import Chart
from siotool.document.html import render
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.report.report_document import as_document
from siotool.report.time_charts import over_time
from siotool.runs import reading
from tests.browser.pages import outages
from tests.browser.test_plan_page import measured

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[1] / "golden/report"


@pytest.fixture(scope="module")
def reports():
    return {
        name: summarize([reading.read(GOLDEN / f"{name}.jsonl")], Planned(connections=1e6))
        for name in ("echo", "chat")
    }


def test_on_a_phone_nothing_reaches_beyond_the_window(browse, tmp_path):
    """Tables of three columns were cut: their names were kept on one line."""
    document = outages()
    charts = [block for section in document.sections for block in section.blocks if isinstance(block, Chart)]
    assert measured(browse, tmp_path, render(document), 375) == {
        "charts": str(len(charts)),
        "wide": "",
        "scrolls": "false",
        "small": "0",
    }


def test_every_chart_is_drawn_and_nothing_is_asked_for(browse, reports, tmp_path):
    name, width, scheme = "chat", 1280, "dark"
    page = tmp_path / "report.html"
    page.write_text(render(as_document(reports[name])), encoding="utf-8")
    dom, console = browse(page, width=width, scheme=scheme)
    # the page's policy turns every request, and Vega every bad specification, into a console line
    assert console == []
    wanted = [chart for charts in over_time(reports[name]).values() for chart in charts]
    assert f'data-charts="{len(wanted)}"' in dom
    drawn = dict(re.findall(r'data-chart="([^"]+)".*?(<svg.*?</svg>)', dom, re.S))
    assert set(drawn) == {chart.key for chart in wanted}
    for chart in wanted:
        marks = re.findall(r'class="mark-(?:line|symbol) role-mark[^>]*>\s*<path', drawn[chart.key])
        assert marks, chart.key
    assert max(int(w) for w in re.findall(r'<svg[^>]* width="(\d+)', dom)) < width


def test_a_request_would_have_been_seen(browse, reports, tmp_path):
    """The control of the test above: a page that does ask is caught."""
    page = tmp_path / "report.html"
    asking = '<img src="http://127.0.0.1:9/pixel.png"></main>'
    page.write_text(render(as_document(reports["echo"])).replace("</main>", asking), encoding="utf-8")
    _, console = browse(page, width=800)
    assert any("Content Security Policy" in line for line in console)
