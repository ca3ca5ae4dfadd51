"""The plan's page without a browser: what it must hold, in which order, and what it must never hold."""

import json
import re
from datetime import date
from html.parser import HTMLParser

import altair as alt
import msgspec
import pytest

from siotool.document import html as page
from siotool.document.document import Chart, Table
from siotool.document.vega_lite import spec
from siotool.plan.documents.pictures import chances, drawn, storm_of
from siotool.plan.documents.plan_document import document
from siotool.plan.growth import outlook
from siotool.plan.inputs import compose, planfile
from siotool.plan.model import Evidence, MeasuredCost
from siotool.plan.sizing import sizing
from siotool.plan.storage import offline
from siotool.plan.uncertainty.worlds import uncertain
from siotool.printable import printable

DRAWS = 1000

FORMULA = """
[workload]
connections = "1M"
consumption_rate = "2kB/s"
[server]
capacity = "100MB/s"
[goals]
downtime = "30min"
"""

CHAT = """
[workload]
connections = "100k..200k..400k"
growth = "40%"
session_length = "20min"
[workload.messages."<b>chat</b></script><img src=x>"]
kind = "room"
size = "200B..20kB"
rate = "1/min..2/min"
room_size = "50"
[server]
capacity = "1Gbit/s"
memory = "8GiB"
processes = 4
[topology]
adapter = "redis-sharded"
zones = 3
[goals]
survive_zone = true
reconnect_time = "30s"
[storage]
kind = "document"
offline_users = "5M"
messages = "20/d"
"""

EVIDENCE = Evidence(
    runs=["20260101T000000Z-<i>chat</i>"],
    costs=[MeasuredCost("bytes_in_per_connection_per_s", "bytes/s", 8000, 7900, 8100, "<u>counted</u>")],
    residual_sd_cores=0.05,
    lag1=0.1,
    explained=0.9,
    observed_cores=[0.1 + 0.01 * (n % 60) for n in range(1000)],
    predicted_cores=[0.12 + 0.0095 * (n % 60) for n in range(1000)],
    remarks=["a remark with \x1b[31mcolour"],
)


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.text, self.places, self._in = [], [], "", [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._in = tag
        self.links += [value for key, value in attrs if key in ("src", "href", "action", "data")]
        self.places += [value for key, value in attrs if key == "id"]

    def handle_data(self, data):
        if self._in not in ("script", "style"):
            self.text += data


def page_of(html):
    page = _Page()
    page.feed(html)
    return page


def planned(text, *, evidence=None):
    inputs = compose.complete(planfile.decode(text, "plan.toml"))
    return sizing.size(inputs, draws=DRAWS, evidence=(lambda _: evidence) if evidence else None), inputs


def in_full(plan, inputs):
    """The plan's document with all that a page draws."""
    return document(plan, drawn(plan, inputs, draws=DRAWS, seed=1))


@pytest.fixture(scope="module")
def chat():
    plan, inputs = planned(CHAT, evidence=EVIDENCE)
    return msgspec.structs.replace(
        plan,
        forecast=outlook.outlook(plan, inputs, date(2026, 1, 1), lead_time_s=0.0, draws=DRAWS, seed=1),
        storage=offline.storage(inputs, draws=DRAWS, seed=1),
    ), inputs


@pytest.fixture(scope="module")
def papers(chat):
    return in_full(*chat)


@pytest.fixture(scope="module")
def html(papers):
    return page.render(papers)


def section(made, key):
    return next(one for one in made.sections if one.key == key)


def table(made, key):
    """The first table of a section."""
    return next(block for block in section(made, key).blocks if isinstance(block, Table))


def charts(made):
    return [block for one in made.sections for block in one.blocks if isinstance(block, Chart)]


def specs_of(html):
    return json.loads(re.search(r'id="specs">(.*?)</script>', html, re.S).group(1))


def rows_of(spec, name):
    """The points of one line of a chart, which the page has in columns."""
    (curve,) = [curve for curve in spec["curves"] if curve["s"] == name]
    return [{"t": t, "v": v} for t, v in zip(spec["t"][curve["t"]], curve["v"], strict=True)]


def test_the_page_loads_nothing(html):
    page = page_of(html)
    assert [link for link in page.links if not link.startswith("#")] == []
    assert "link" not in page.tags
    assert "default-src 'none'" in html
    assert html.count("vegaEmbed=") == 1  # inlined once


def test_it_reads_from_the_answer_to_the_inputs(html):
    sections = [place for place in page_of(html).places if not place.startswith("how-")]
    assert sections == [
        "doubtful",
        "constraints",
        "bad-days",
        "sure",
        "what-if",
        "storm",
        "forecast",
        "storage",
        "evidence",
        "formula",
        "inputs",
        "method",
        "specs",
    ]
    text = page_of(html).text
    order = ["servers to be 95 % sure", "What decides", "Days to survive", "How sure that is", "Inputs"]
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)


def test_every_figure_of_a_plan_links_to_how_it_was_obtained(chat):
    """A section without a way: give it one in siotool/plan/documents/plan_ways.py."""
    made = in_full(*chat)
    for section in made.sections:
        for block in section.blocks:
            if isinstance(block, Table | Chart):
                assert block.how, f"{section.key}: {block}"
    links = set(re.findall(r'href="#(how-[^"]+)"', page.render(made)))
    assert links == {place for place in page_of(page.render(made)).places if place.startswith("how-")}


def test_the_formula_is_the_first_line_of_the_body(html, chat):
    body = page_of(html[html.index("<body>") :]).text
    assert body.split()[0] == f"{chat[0].inputs.connections:,.0f}"
    assert "×" in body.strip().splitlines()[0]


def test_names_from_the_plan_file_and_from_runs_stay_text(html):
    page = page_of(html)
    assert {"b", "img", "i", "u"} & set(page.tags) == set()
    assert "<b>chat</b></script><img src=x>.size" in page.text
    assert "20260101T000000Z-<i>chat</i>" in page.text
    assert "\x1b" not in html


def test_every_chart_has_its_place_and_its_data(html):
    places = re.findall(r'data-chart="([^"]+)"', html)
    specs = specs_of(html)
    assert places == list(specs)
    assert {"chances", "response-0", "storm-attempts", "forecast", "evidence-time"} < set(places)
    assert all(one["spec"]["layer"] and "config" not in one["spec"] for one in specs.values())
    # a title of Vega's own would be black in the dark, too
    assert not re.search(
        r'"title":"', json.dumps([s["spec"]["layer"] for s in specs.values()]).split("tooltip")[0]
    )


@pytest.mark.slow
def test_every_chart_is_valid(papers):
    assert len(charts(papers)) >= 12
    for chart in charts(papers):
        alt.LayerChart.from_dict(spec(chart))


def test_the_curve_of_chances_agrees_with_the_plan(chat, papers):
    plan, inputs = chat
    laws = uncertain(inputs, 1)
    curve = dict(chances(inputs, laws.draw(DRAWS)))
    assert list(curve) == sorted(curve)
    assert list(curve.values()) == sorted(curve.values())
    listed = {fleet: chance for fleet, chance in plan.uncertainty.chances if fleet in curve}
    assert listed
    assert all(curve[fleet] == pytest.approx(chance) for fleet, chance in listed.items())
    assert curve[plan.servers.p95] >= 0.95
    (chart,) = (chart for chart in charts(papers) if chart.key == "chances")
    assert list(chart.curves[0].points[1:-1]) == list(curve.items())


def test_the_response_goes_through_the_tornados_inputs(chat, papers):
    responses = [chart.title for chart in charts(papers) if chart.key.startswith("response-")]
    assert 0 < len(responses) <= 6
    effects = [effect.key for effect in chat[0].uncertainty.effects]
    assert responses == [printable(key) for key in effects[: len(responses)]]


def test_the_bar_of_the_binding_constraint_is_the_longest_of_its_tier(chat, papers):
    plan, _ = chat
    rows = table(papers, "constraints").rows
    groups = {row.group: [one for one in rows if one.group == row.group] for row in rows}
    assert list(groups) == ["", "Shards of the adapter's backend"]
    for own in groups.values():
        # each tier has its own scale: its first bar ends where the track does
        assert own[0].bar.solid + own[0].bar.soft == pytest.approx(100)
        assert all(row.bar.solid + row.bar.soft <= 100 + 1e-9 for row in own)
    assert [row.cells[0] for row in rows if row.tone == "strong"] == [f"{plan.binding} (binding)"]
    of = {c.name: c for c in plan.constraints}
    constraint = of[rows[0].cells[0].removesuffix(" (binding)")]
    assert rows[0].bar.solid == pytest.approx(100 * constraint.servers_p50 / constraint.servers_p95)


def test_the_tornado_is_as_wide_as_its_swing_and_marks_the_median(chat, papers):
    rows = table(papers, "what-if").rows
    effects = {effect.key: effect for effect in chat[0].uncertainty.effects}
    swings = [effects[row.cells[0]] for row in rows]
    widths = [
        (abs(one.servers_p90 - one.servers_p10), row.bar.solid) for one, row in zip(swings, rows, strict=True)
    ]
    (swing, width) = widths[0]
    assert swing > 0
    for other, percent in widths:
        assert percent == pytest.approx(width * other / swing)
    assert len({row.bar.mark for row in rows}) == 1
    assert 0 <= rows[0].bar.mark <= 100


def test_long_evidence_is_averaged_and_loses_nothing(html):
    spec = specs_of(html)["evidence-time"]
    for name, values in (("observed", EVIDENCE.observed_cores), ("predicted", EVIDENCE.predicted_cores)):
        rows = rows_of(spec, name)
        assert len(rows) == 250  # four seconds to a point
        assert sum(row["v"] for row in rows) * 4 == pytest.approx(sum(values))
    assert "4 s to a point" in html
    assert "bytes in per connection<" in html


def test_the_storm_ends_with_all_clients_back(html, chat):
    storm = storm_of(*chat, draws=DRAWS, seed=1)
    rows = rows_of(specs_of(html)["storm-connected"], "connected")
    assert rows[0] == {"t": 0.0, "v": 0.0}
    assert rows[-1]["v"] == pytest.approx(storm.lost_connections)
    assert storm.servers == chat[0].servers.p95
    assert "99 % back after" in html


def test_the_forecast_starts_on_its_day(html, chat):
    rows = rows_of(specs_of(html)["forecast"], "demand P50")
    assert rows[0]["t"] == 1000 * 1767225600  # 2026-01-01 in UTC
    assert len(rows) == len(chat[0].forecast.points)


def test_the_formula_alone_is_a_page_without_scripts():
    made = in_full(*planned(FORMULA))
    assert [one.key for one in made.sections] == ["doubtful", "counts", "formula", "method"]
    html = page.render(made)
    assert "<script" not in html
    text = page_of(html).text
    assert "33 servers" in text
    assert "29 of 33 up 99.9 % of the time" in text
    assert "Bandwidth is the only limit here" in text


@pytest.mark.parametrize(
    ("change", "more"),
    [
        pytest.param(
            "[topology]\nzones = 3\n[goals]\nsurvive_zone = true\n", {"bad-days", "inputs"}, id="a zone"
        ),
        pytest.param('utilization = "60%..80%"\n[goals]\n', {"sure", "what-if", "inputs"}, id="a range"),
    ],
)
def test_the_formula_alone_shows_what_its_counts_do_not_say(change, more):
    made = in_full(*planned(FORMULA.replace("[goals]\n", change)))
    assert {one.key for one in made.sections} - {"doubtful"} == {"counts", "formula", "method", *more}


def test_a_plan_that_no_fleet_satisfies_says_so_and_has_no_storm():
    text = CHAT.replace("zones = 3", "zones = 1").replace('growth = "40%"\n', "")
    plan, inputs = planned(text)
    assert plan.servers.p95 is None
    made = in_full(plan, inputs)
    assert '<h1 class="bad">No number of servers is enough</h1>' in page.render(made)
    assert "storm" not in {one.key for one in made.sections}
    day = next(row for row in table(made, "bad-days").rows if row.cells[0].startswith("zone loss"))
    assert day.bar.endless
    assert day.cells[1] == "none is enough"


def test_a_fleet_of_one_server_loses_all_there_is_and_has_it_back():
    text = """
        [workload]
        connections = "1k"
        consumption_rate = "1kB/s"
        [server]
        capacity = "100MB/s"
        accept_rate = "200/s"
    """
    plan, inputs = planned(text)
    assert plan.servers.p95 == 1
    storm = storm_of(plan, inputs, draws=DRAWS, seed=1)
    assert (storm.lost, storm.lost_connections) == ("all", 1000)
    assert {chart.key for chart in charts(in_full(plan, inputs))} >= {"storm-attempts", "storm-connected"}


def test_inputs_nobody_touched_are_folded_away(html):
    shown, folded = html[html.index('id="inputs"') :].split("<details>")
    assert "workload.connections" in shown
    assert "server.delivery_cost" in shown  # published, and a range
    assert "transport.ping_interval" not in shown
    assert "transport.ping_interval" in folded
