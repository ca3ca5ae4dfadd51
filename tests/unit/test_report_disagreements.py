"""Where plan and measurement disagree, and which to believe: a row for each case."""

import pytest

from siotool.report.disagreements import Context, disagreements
from siotool.report.sizing_figures import Variable


def variable(
    name="consumption_rate", planned=2000.0, measured=8000.0, low=7900.0, high=8100.0, unit="bytes_per_s"
):
    return Variable(name, planned, measured, low, high, unit, "somehow")


def capacity(planned=100e6, measured=50e6):
    return variable("capacity", planned, measured, 0.9 * measured, 1.1 * measured)


@pytest.mark.parametrize(
    ("one", "context", "said"),
    [
        pytest.param(
            variable(), Context(), "4 times as much. Believe the measurement", id="a rate as it was run"
        ),
        pytest.param(
            variable(),
            Context(planned_by={"consumption_rate": "published"}),
            "planned 2 kB/s (a published figure, of another service)",
            id="planned from a published figure",
        ),
        pytest.param(
            variable(),
            Context(planned_bytes=64.0, run_bytes=1000.0),
            "Believe neither yet: messages are planned with 64 B and had 1 kB in the run",
            id="another payload size",
        ),
        pytest.param(
            capacity(),
            Context(capacity="search", cpu_share=0.9),
            "Believe the measurement: the server was loaded with this workload until a gate failed.",
            id="a search",
        ),
        pytest.param(
            capacity(),
            Context(capacity="fit", cpu_share=0.1),
            "Believe neither yet: the run took 10 % of the server's CPU",
            id="a light run",
        ),
        pytest.param(
            capacity(),
            Context(capacity="line", cpu_share=0.6),
            "as a guide: it is extrapolated from 60 % of its CPU",
            id="measured at 60 % of the CPU",
        ),
        pytest.param(
            capacity(),
            Context(capacity="fit", cpu_share=0.6, planned_by={"capacity": "typed"}),
            "A planned bandwidth of the network is another limit",
            id="a capacity that was typed",
        ),
        pytest.param(
            variable("downtime", 1800.0, 7200.0, None, None, "s"),
            Context(),
            "Believe the plan for how often servers are out of service",
            id="downtime of a run with an outage",
        ),
    ],
)
def test_what_disagrees_is_said_with_what_to_believe(one, context, said):
    (sentence,) = disagreements([one], context)
    assert said in sentence


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(variable(planned=7950.0), id="inside the interval"),
        pytest.param(variable(planned=7700.0), id="4 % away"),
        pytest.param(variable(planned=None), id="nothing planned"),
        pytest.param(variable(measured=None, low=None, high=None), id="nothing measured"),
        pytest.param(variable("connections", 1e6, 200.0, None, None, "connections"), id="a load is no claim"),
        pytest.param(variable("utilization", 0.7, 0.4, 0.3, 0.5, "share"), id="a goal is no claim"),
    ],
)
def test_what_agrees_or_claims_nothing_is_not_said(one):
    assert disagreements([one], Context()) == []


def test_without_an_interval_the_figure_itself_is_compared():
    (said,) = disagreements([variable(low=None, high=None)], Context())
    assert "measured 8 kB/s, 4 times" in said
