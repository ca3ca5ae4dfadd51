"""The page without a browser: what it must hold, and what it must never hold."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest

from siotool.document.document import Chart, Section, Table
from siotool.document.html import render as page_of_document
from siotool.document.vega_lite import spec
from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.report.report_document import as_document
from siotool.report.time_charts import over_time
from siotool.report.ways import method
from tests.unit.test_report_costs import searched_run
from tests.unit.test_report_faults import with_fault


def render(report):
    return page_of_document(as_document(report))


def drawn_in(report):
    return [chart for charts in over_time(report).values() for chart in charts]


def charts(report):
    return {chart.key: spec(chart) for chart in drawn_in(report)}


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.text, self._in = [], [], "", ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._in = tag
        self.links += [value for key, value in attrs if key in ("src", "href", "action", "data")]

    def handle_data(self, data):
        if self._in not in ("script", "style"):
            self.text += data


def page_of(html):
    page = _Page()
    page.feed(html)
    return page


@pytest.fixture(scope="module")
def chat(fabricated):
    return summarize([fabricated["chat"]], Planned(connections=1e6), [parse("lost > 0")])


@pytest.fixture(scope="module")
def html(chat):
    return render(chat)


def test_the_page_loads_nothing(html):
    page = page_of(html)
    assert [link for link in page.links if not link.startswith("#")] == []
    assert "link" not in page.tags
    assert "default-src 'none'" in html
    assert html.count("vegaEmbed=") == 1  # inlined once


def test_the_page_tells_its_story_in_order(html):
    """Verdict, sizing, doubts, connections, latency, delivery, bandwidth, generator, method."""
    titles = re.findall(r"<h2>(.*?)</h2>", html)
    order = ["Gates", "Sizing: planned and measured", "What is doubtful", "Connections", "Operations"]
    order += ["Delivery", "Bandwidth", "Generator", "How the figures were obtained"]
    assert [title for title in titles if title in order] == order
    assert html.index("NOT TO BE TRUSTED") < html.index("<h2>")


def test_headings_go_down_by_one_level(html):
    levels = [int(level) for level in re.findall(r"<h(\d)", html)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_section_is_in_the_contents_and_every_link_has_its_place(html):
    sections = re.findall(r'<section id="([^"]+)"', html)
    contents = re.search(r"<nav .*?</nav>", html, re.S).group()
    assert re.findall(r'href="#([^"]+)"', contents) == sections
    places = re.findall(r' id="([^"]+)"', html)
    assert len(places) == len(set(places))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(places)


def searched_at_two_loads(make_run):
    run = searched_run(make_run)
    failed = msgspec.structs.replace(run.holds[0], load=140.0, outcome="failed", missed=0.02)
    run.holds = [*run.holds, failed]
    return run


@pytest.mark.parametrize(
    ("made", "keys"),
    [
        pytest.param(lambda _, chat: chat, {"connections", "delivery"}, id="a load test"),
        pytest.param(
            lambda make_run, _: summarize([searched_at_two_loads(make_run)], Planned()),
            {"capacity"},
            id="a search",
        ),
        pytest.param(
            lambda make_run, _: summarize([with_fault(make_run)], Planned()),
            {"outages", "faults"},
            id="outages and a fault",
        ),
    ],
)
def test_every_figure_of_a_report_links_to_how_it_was_obtained(make_run, chat, made, keys):
    """A table or a chart that does not say: give it ``how``, by the names in siotool/report/ways.py."""
    report = made(make_run, chat)
    html, sections = render(report), as_document(report).sections
    assert keys <= {section.key for section in sections if section.blocks}
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Table | Chart) or section.key == "capacity":
                assert block.how, f"{section.key}: {block}"
                for way in block.how:
                    assert f'href="#how-{way.replace(" ", "-").replace(chr(39), "-")}"' in html


def test_a_way_that_the_method_does_not_explain_is_a_bug(chat):
    with pytest.raises(KeyError, match="no way of obtaining figures is called guessed"):
        method(chat, [Section("a", "A", [Table([], [], how=["guessed"])])])


def test_names_chosen_by_a_server_stay_text(html):
    page = page_of(html)
    assert "b" not in page.tags
    assert "deliver chat <b>message</b> | [x]" in page.text
    assert "\x1b" not in html


def test_a_name_cannot_end_the_script_its_data_stand_in(make_run):
    def change(interval):
        evil = msgspec.structs.replace(interval.operations[-1], name="</script><img src=x>")
        return msgspec.structs.replace(interval, operations=[evil])

    page = page_of(render(summarize([make_run(change=change)], Planned())))
    assert "img" not in page.tags
    assert [link for link in page.links if not link.startswith("#")] == []


def test_every_chart_has_its_place_and_its_data(html):
    places = re.findall(r'data-chart="([^"]+)"', html)
    specs = json.loads(re.search(r'id="specs">(.*?)</script>', html, re.S).group(1))
    assert places == list(specs)
    assert {"connections", "rates", "times-ack-join", "bandwidth", "failures", "received", "lost"} <= set(
        places
    )
    assert all(one["spec"]["layer"] and "config" not in one["spec"] for one in specs.values())


def test_charts_hold_the_series(make_run):
    report = summarize([make_run()], Planned())
    drawn = charts(report)
    assert {"server-cpu", "server-memory", "generator-cpu", "generator-lag"} <= set(drawn)
    assert {"failures", "lost", "received"} & set(drawn) == set()
    drawing = drawn["connections"]
    connected = [row["v"] for row in drawing["datasets"]["rows"] if row["s"] == "connected"]
    assert connected == report.series.connections
    assert drawing["layer"][0]["data"]["values"] == [{"t": 10.0, "end": 30.0}]  # the hold phase


def test_times_that_span_much_get_a_log_scale(chat, make_run):
    def scale(report, title):
        (chart,) = [chart for chart in drawn_in(report) if chart.title.startswith(title)]
        return spec(chart)["layer"][1]["encoding"]["y"]["scale"].get("type", "linear")

    assert scale(chat, "Response time of deliver") == "log"
    assert scale(summarize([make_run()], Planned()), "Response time of ack") == "linear"


def test_a_run_without_intervals_is_a_page_without_charts(make_run):
    run = make_run(ended=False)
    run.intervals.clear()
    html = render(summarize([run], Planned()))
    assert "nothing was measured" in html
    assert "<script" not in html
