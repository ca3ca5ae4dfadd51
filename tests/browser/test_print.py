"""Pages on paper: every column is there, and no figure is broken over two lines."""

import html
import json
import re
from pathlib import Path

import pytest

from siotool.document.html import render
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.report.report_document import as_document
from siotool.runs import reading
from tests.browser.pages import planned

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[1] / "golden/report"
#: A4 at 96 pixels an inch, less two margins of 12 mm.
PAPER_PX = 703

#: Cells that reach out of the page, and figures that take more than one line.
MEASURE = """<script>
window.dispatchEvent(new Event("beforeprint"));
const edge = document.documentElement.clientWidth, cut = [], broken = [];
for (const cell of document.querySelectorAll("table :is(th, td)")) {
  if (cell.getBoundingClientRect().right > edge + 1) cut.push(cell.textContent);
  if (!cell.matches("td.numeric")) continue;
  const text = document.createRange();
  text.selectNodeContents(cell);
  const lines = new Set([...text.getClientRects()].map((line) => Math.round(line.top)));
  if (lines.size > 1) broken.push(cell.textContent);
}
document.body.dataset.paper = JSON.stringify({
  cells: document.querySelectorAll("td").length,
  folded: document.querySelectorAll("details:not([open], .figures)").length,
  cut,
  broken,
});
</script></body>"""


def report_page():
    figures = Planned(connections=1e6, capacity_bytes_per_s=100e6, workday_s=86400, downtime_s=1800)
    return render(as_document(summarize([reading.read(GOLDEN / "chat.jsonl")], figures)))


def plan_page():
    return render(planned())


@pytest.mark.parametrize("make", [report_page, plan_page])
def test_every_column_is_on_the_paper_and_every_figure_whole(browse, make, tmp_path):
    """Figures were broken in their middle: 1,000,0 and 00 below."""
    page = tmp_path / "page.html"
    paper = make().replace("@media print", "@media all").replace("</body>", MEASURE)
    page.write_text(paper, encoding="utf-8")
    dom, _ = browse(page, width=PAPER_PX)
    (written,) = re.findall(r'data-paper="([^"]*)"', dom)
    found = json.loads(html.unescape(written))
    assert found["cells"] > 50
    assert (found["cut"], found["broken"], found["folded"]) == ([], [], 0)
