"""Every chart of both pages is valid Vega-Lite: the pages themselves are made without looking."""

import altair as alt
import jsonschema
import pytest

from siotool.page.chart import unchecked
from siotool.plan.html.charts import charts as plan_charts
from siotool.plan.inputs import compose, planfile
from siotool.plan.rendering.pictures import pictures
from siotool.plan.sizing import sizing

PLAN = """\
[workload]
connections = "10k..20k"
messages.chat = {kind = "room", rate = "1/min", room_size = "20..50"}
[server]
capacity = "1Gbit/s"
accept_rate = "300/s"
[topology]
adapter = "redis"
[goals]
reconnect_time = "60s"
"""


def of_a_plan(fabricated):
    inputs = compose.complete(planfile.decode(PLAN, "x"))
    plan = sizing.size(inputs, draws=200)
    with unchecked():
        return plan_charts(plan, pictures(plan, inputs, draws=200, seed=1)).all()


@pytest.mark.parametrize("make", [pytest.param(of_a_plan, marks=pytest.mark.slow)])
def test_every_chart_is_valid(make, fabricated):
    made = make(fabricated)
    assert len(made) >= 5
    for chart in made:
        alt.LayerChart.from_dict(chart.spec)


def test_a_chart_that_is_not_would_be_found(fabricated):
    spec = of_a_plan(fabricated)[0].spec
    spec["layer"][0]["encoding"] = {"x": {"field": 3}}
    with pytest.raises(jsonschema.ValidationError):
        alt.LayerChart.from_dict(spec)
