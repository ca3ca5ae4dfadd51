"""The plan's page in a real browser: all charts drawn, nothing overflows, nobody is asked for anything."""

import re
from datetime import date

import msgspec
import pytest

from siotool.document.document import Chart
from siotool.document.html import render
from siotool.plan.documents.pictures import drawn
from siotool.plan.documents.plan_document import document
from siotool.plan.growth import outlook
from siotool.plan.inputs import compose, planfile
from siotool.plan.model import Evidence
from siotool.plan.sizing import sizing
from siotool.plan.storage import offline

pytestmark = pytest.mark.slow

LONG = "a_name_that_somebody_chose_without_a_thought_for_who_reads_it_on_a_phone"
PLAN = f"""
[workload]
connections = "20k..40k..90k"
growth = "10%..60%"
session_length = "20min"
messages.{LONG} = {{ kind = "room", size = "200B..4kB", rate = "1/min..10/min", room_size = "50..5000" }}
[server]
capacity = "1Gbit/s"
memory = "8GiB"
processes = 4
[topology]
adapter = "redis-sharded"
balancer = "nginx"
zones = 3
[goals]
survive_zone = true
reconnect_time = "30s"
[storage]
kind = "relational"
offline_users = "5M"
messages = "20/d"
"""
EVIDENCE = Evidence(
    runs=["20260101T000000Z-chat"],
    costs=[],
    residual_sd_cores=0.05,
    lag1=0.1,
    explained=0.9,
    observed_cores=[0.1 + 0.01 * (n % 60) for n in range(900)],
    predicted_cores=[0.12 + 0.0095 * (n % 60) for n in range(900)],
    remarks=[],
)


@pytest.fixture(scope="module")
def planned():
    inputs = compose.complete(planfile.decode(PLAN, "plan.toml"))
    plan = sizing.size(inputs, draws=2000, evidence=lambda evaluation: EVIDENCE)
    forecast = outlook.outlook(plan, inputs, date(2026, 1, 1), lead_time_s=0.0, draws=2000, seed=1)
    storage = offline.storage(inputs, draws=2000, seed=1)
    plan = msgspec.structs.replace(plan, forecast=forecast, storage=storage)
    return document(plan, drawn(plan, inputs, draws=2000, seed=1))


def charts(made):
    return [block for section in made.sections for block in section.blocks if isinstance(block, Chart)]


@pytest.mark.parametrize(
    ("width", "scheme"),
    [pytest.param(1280, "light", id="a laptop"), pytest.param(390, "dark", id="a phone in the dark")],
)
def test_every_chart_is_drawn_and_nothing_is_asked_for(browse, planned, tmp_path, width, scheme):
    page = tmp_path / "plan.html"
    page.write_text(render(planned), encoding="utf-8")
    dom, console = browse(page, width=width, scheme=scheme)
    # the page's policy turns every request, and Vega every bad specification, into a console line
    assert console == []
    wanted = charts(planned)
    assert {chart.key for chart in wanted} >= {
        "chances",
        "response-0",
        "storm-attempts",
        "storm-connected",
        "storm-fleets",
        "storm-pings",
        "forecast",
        "evidence-time",
        "evidence-scatter",
    }
    assert f'data-charts="{len(wanted)}"' in dom
    shown = dict(re.findall(r'data-chart="([^"]+)".*?(<svg.*?</svg>)', dom, re.S))
    assert set(shown) == {chart.key for chart in wanted}
    for chart in wanted:
        marks = re.findall(r'class="mark-(?:line|symbol) role-mark[^>]*>\s*<path', shown[chart.key])
        assert marks, chart.key


#: Headless Chromium lays out no window narrower than 500 px: a phone is a frame as wide as one.
MEASURE = """<!doctype html>
<iframe id="f" src="{page}" style="border:0;width:{width}px;height:9000px"></iframe>
<script>
addEventListener("load", async () => {{
  const inside = document.getElementById("f").contentWindow;
  for (let n = 0; n < 200 && !inside.document.documentElement.dataset.charts; n++)
    await new Promise((done) => setTimeout(done, 50));
  const root = inside.document.documentElement;
  const wide = [...inside.document.querySelectorAll("body *")]
    .filter((e) => !e.closest("svg, details, thead, .vega-embed"))
    .filter((e) => e.getBoundingClientRect().right > root.clientWidth + 0.5)
    .map((e) => e.tagName + "." + e.className);
  const small = [...inside.document.querySelectorAll("svg text")]
    .filter((t) => parseFloat(inside.getComputedStyle(t).fontSize) < 11).length;
  document.body.dataset.charts = root.dataset.charts;
  document.body.dataset.wide = wide.join(" ");
  document.body.dataset.scrolls = String(root.scrollWidth > root.clientWidth);
  document.body.dataset.small = String(small);
}});
</script>"""


def measured(browse, tmp_path, html, width):
    page, outer = tmp_path / "plan.html", tmp_path / "outer.html"
    page.write_text(html, encoding="utf-8")
    outer.write_text(MEASURE.format(page=page.as_uri(), width=width), encoding="utf-8")
    dom, _ = browse(outer, width=max(width, 500) + 40, options=["--allow-file-access-from-files"])
    return dict(re.findall(r'data-(charts|wide|scrolls|small)="([^"]*)"', dom))


@pytest.mark.parametrize("width", [pytest.param(390, id="a phone"), pytest.param(1280, id="a laptop")])
def test_nothing_reaches_beyond_the_window_and_every_label_can_be_read(browse, planned, tmp_path, width):
    assert measured(browse, tmp_path, render(planned), width) == {
        "charts": str(len(charts(planned))),
        "wide": "",
        "scrolls": "false",
        "small": "0",
    }


def test_what_is_too_wide_or_too_small_would_have_been_seen(browse, planned, tmp_path):
    """The control of the test above."""
    wrong = "<style>.bars { width: 600px !important } svg text { font-size: 9px !important }</style></main>"
    found = measured(browse, tmp_path, render(planned).replace("</main>", wrong), 390)
    assert "TABLE.wide few bars" in found["wide"]
    assert int(found["small"]) > 0


@pytest.mark.parametrize("width", [pytest.param(718, id="A4"), pytest.param(610, id="A4 with wide margins")])
def test_paper_has_every_column(browse, planned, tmp_path, width):
    """Paper does not scroll: what a table had beyond its frame was cut off in a PDF."""
    on_paper = render(planned).replace("@media print", "@media all")
    found = measured(browse, tmp_path, on_paper, width)
    assert (found["wide"], found["scrolls"]) == ("", "false")
