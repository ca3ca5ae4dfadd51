"""Every chart is valid Vega-Lite: pages are made without looking."""

import math

import altair as alt
import jsonschema
import pytest
import vl_convert
from hypothesis import given, settings

from siotool.document.document import Axis, Chart, Curve, Rule
from siotool.document.vega_lite import spec
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.report.time_charts import over_time
from tests.unit.test_document_printers import charts


@pytest.mark.slow
@settings(settings.get_profile("brief"))
@given(chart=charts)
def test_every_chart_is_valid(chart):
    alt.LayerChart.from_dict(spec(chart))


def test_every_chart_of_a_report_is_valid(fabricated):
    by_section = over_time(summarize([fabricated["chat"]], Planned()))
    drawn = [chart for charts in by_section.values() for chart in charts]
    assert len(drawn) >= 5
    for chart in drawn:
        alt.LayerChart.from_dict(spec(chart))


def test_a_chart_that_is_not_would_be_found():
    broken = spec(Chart("a", "a", Axis("clock"), Axis("count"), [Curve("a", [(0.0, 1.0)])]))
    broken["layer"][0]["encoding"] = {"x": {"field": 3}}
    with pytest.raises(jsonschema.ValidationError):
        alt.LayerChart.from_dict(broken)


def marks(drawn):
    return [layer["mark"]["type"] for layer in drawn["layer"]]


def test_curves_rules_shades_and_days_are_drawn():
    curves = [
        Curve("a", [(86400.0, 2.0), (172800.0, None)], "step-after"),
        Curve("b", [(86400.0, 3.0)], "dots"),
        Curve("c", [(86400.0, 0.0), (172800.0, 9.0)], "dashed"),
    ]
    rules = [Rule(x=100000.0), Rule(y=5.0)]
    drawn = spec(
        Chart("k", "t", Axis("day"), Axis("share", low=0, high=1), curves, "", rules, [(9e4, 1e5)], 150)
    )
    assert marks(drawn) == ["rect", "rule", "rule", "line", "line", "point", "point"]
    assert drawn["height"] == 150
    assert [row["t"] for row in drawn["datasets"]["rows"]] == [86_400_000, 172_800_000, 86_400_000]
    assert {row["s"] for row in drawn["datasets"]["rows"]} == {"a", "b"}
    assert drawn["layer"][4]["encoding"]["y"]["scale"]["domain"] == [0, 1]
    assert drawn["layer"][4]["encoding"]["x"]["scale"]["domain"] == [86_400_000, 172_800_000]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(3, 4, [1, 2, 5, 10]), (3, 40, [1, 2, 5, 10, 20, 50, 100]), (1, 1, [1, 2, 5, 10])],
)
def test_a_log_axis_stands_on_whole_decades(low, high, ticks):
    curve = Curve("a", [(0.0, float(low)), (1.0, float(high)), (2.0, 0.0), (3.0, None)])
    y = spec(Chart("a", "a", Axis("clock"), Axis("seconds", log=True), [curve]))["layer"][0]["encoding"]["y"]
    assert y["axis"]["values"] == pytest.approx(ticks)
    assert y["scale"]["domain"] == pytest.approx([ticks[0], ticks[-1]])
    assert all(math.log10(end) % 1 == pytest.approx(0) for end in y["scale"]["domain"])


@pytest.mark.parametrize("points", [[], [(0.0, 1.0), (10.0, 2.0)]], ids=["no points", "a point at 0"])
def test_a_log_axis_without_a_place_for_its_begin_is_drawn_evenly(points):
    """A search whose holds showed nothing had a chart without a load, and its report ended in a bug."""
    chart = Chart("a", "a", Axis("count", low=0.0, log=True), Axis("factor"), [Curve("a", points, "dots")])
    drawn = spec(chart)
    alt.LayerChart.from_dict(drawn)
    assert drawn["layer"][0]["encoding"]["x"]["scale"]["type"] == "linear"


def test_a_log_axis_holds_what_is_above_zero():
    curve = Curve("a", [(0.0, -1.0), (1.0, 3.0)])
    y = spec(Chart("a", "a", Axis("clock"), Axis("factor", log=True), [curve]))["layer"][0]["encoding"]["y"]
    assert y["scale"]["domain"] == pytest.approx([1, 10])


def test_a_rule_does_not_stretch_the_axis_to_zero():
    """A curve of fleets from 3 to 8 was drawn from 0, as the rules beside it said nothing of their scale."""
    chart = Chart(
        "k",
        "t",
        Axis("servers", low=3.0, high=8.0),
        Axis("share", low=0.0, high=1.0),
        [Curve("p", [(3.0, 0.0), (8.0, 1.0)])],
        rules=[Rule(x=6.0)],
    )
    made = vl_convert.vegalite_to_vega(spec(chart))
    (scale,) = (one for one in made["scales"] if one["name"] == "x")
    assert scale["zero"] is False


@pytest.mark.parametrize(
    ("end_s", "time_s", "label"),
    [
        pytest.param(119.0, 60.0, "60 s", id="up to two minutes: seconds"),
        pytest.param(120.0, 90.0, "1:30", id="from then on: minutes"),
        pytest.param(3599.0, 1830.0, "30:30", id="up to an hour"),
        pytest.param(3600.0, 1830.0, "0:30:30", id="from then on: hours"),
        pytest.param(9000.0, 3905.0, "1:05:05", id="with zeros before minutes and seconds"),
    ],
)
def test_a_clock_writes_times_as_the_length_of_the_run_asks(end_s, time_s, label):
    """As Vega itself evaluates it: the time of a point, in a mark of text."""
    chart = Chart("k", "t", Axis("clock"), Axis("count"), [Curve("a", [(0.0, 1.0), (end_s, 2.0)])])
    expression = spec(chart)["layer"][0]["encoding"]["x"]["axis"]["labelExpr"]
    shown = vl_convert.vegalite_to_svg(
        {
            "data": {"values": [{"value": time_s}]},
            "transform": [{"calculate": expression, "as": "said"}],
            "mark": "text",
            "encoding": {"text": {"field": "said"}},
        }
    )
    assert f">{label}<" in shown
