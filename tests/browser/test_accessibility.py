"""The pages hold to WCAG 2.2 AA as far as axe-core can tell: contrast, landmarks, headings, tables, names."""

import html
import json
import re
from pathlib import Path

import pytest

from siotool.document.html import render
from tests.browser.pages import failed, outages, planned

pytestmark = [pytest.mark.slow, pytest.mark.node]

AXE = Path(__file__).parents[1] / "targets/page/node_modules/axe-core/axe.min.js"
#: Looks at a page once it is drawn, unfolded; of the charts' tables, which are alike, two are.
CHECK = """<script>%s</script><script>
(async () => {
  for (let n = 0; n < 400 && !document.documentElement.dataset.charts; n++)
    await new Promise((done) => setTimeout(done, 50));
  for (const one of document.querySelectorAll("details:not(.figures)")) one.open = true;
  for (const one of [...document.querySelectorAll(".figures")].slice(0, 2)) one.open = true;
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
  const places = (one) => one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200));
  const found = violations.map((one) => [one.id, places(one)]);
  document.body.dataset.axe = JSON.stringify(found);
})();
</script></body>"""
#: Pages beside each other, each in a frame of a width: a browser is started once for all of them.
FRAMES = """<!doctype html>%s<script>
addEventListener("load", async () => {
  const pages = [...document.querySelectorAll("iframe")].map((one) => one.contentDocument);
  for (let n = 0; n < 400 && pages.some((one) => !one.body.dataset.axe); n++)
    await new Promise((done) => setTimeout(done, 50));
  document.body.dataset.said = JSON.stringify(pages.map((one) => JSON.parse(one.body.dataset.axe || "null")));
});
</script>"""


@pytest.fixture
def look(browse, tmp_path):
    """What axe finds on pages of some widths, in one scheme of colours."""

    def found(pages, scheme):
        if not AXE.exists():
            pytest.skip("tests/targets/page is not installed: run make node")
        frames = ""
        for number, (page, width) in enumerate(pages):
            path = tmp_path / f"{number}.html"
            path.write_text(
                page.replace("</body>", CHECK % AXE.read_text(encoding="utf-8")), encoding="utf-8"
            )
            frames += f'<iframe src="{path.as_uri()}" style="width:{width}px;height:3000px"></iframe>'
        outer = tmp_path / "outer.html"
        outer.write_text(FRAMES % frames, encoding="utf-8")
        dom, _ = browse(outer, width=1400, scheme=scheme, options=["--allow-file-access-from-files"])
        (said,) = re.findall(r'data-said="([^"]*)"', dom)
        return json.loads(html.unescape(said))

    return found


def test_a_report_passes_and_a_spoilt_one_does_not(look):
    page = render(failed())
    spoilt = page.replace("</head>", "<style>.note { color: #9a9fa9 !important }</style></head>")
    spoilt = spoilt.replace('role="img" aria-label', 'role="img" data-label')
    whole, control = look([(page, 1280), (spoilt, 1280)], "light")
    assert whole == []
    assert {name for name, _ in control} == {"color-contrast", "role-img-alt"}


def test_outages_on_a_phone_and_a_plan_pass_in_the_dark(look):
    assert look([(render(outages()), 375), (render(planned()), 1280)], "dark") == [[], []]
