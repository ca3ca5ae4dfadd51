"""Demands that are hardly meant: refused where nobody can mean them, questioned where somebody may."""

import pytest

from siotool.errors import InputError
from siotool.plan.inputs import compose, planfile
from siotool.plan.sizing import sizing

PLAN = """\
[workload]
connections = {connections}
{workload}
[workload.messages.chat]
kind = "{kind}"
rate = "{rate}"
room_size = "{room}"
[server]
capacity = "1Gbit/s"
"""


def warnings(**change):
    keys = {"connections": '"100k"', "workload": "", "kind": "room", "rate": "1/min", "room": "50"}
    inputs = compose.complete(planfile.decode(PLAN.format(**keys | change), "x"))
    return " ".join(sizing.size(inputs, draws=100, sensitivities=False).warnings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"connections": '"1000G"'}, "more than there are people", id="a trillion sessions"),
        pytest.param({"connections": '"9.9G"'}, "more than there are people", id="some more than people"),
        pytest.param({"workload": 'growth = "5000%"'}, "makes 51 sessions of one", id="growth of 5,000 %"),
        pytest.param({"workload": "growth = 20"}, "50 % a year is written 50% or 0.5", id="growth without %"),
        pytest.param({"workload": "peak_factor = 80"}, "the peak is 80 times the mean", id="a high peak"),
        pytest.param(
            {"connections": "20"}, "the whole service has 20 connections", id="a room beyond the service"
        ),
        pytest.param({"rate": "2k/s"}, "per session, not of the whole service", id="a rate of the service"),
    ],
)
def test_what_is_hardly_meant_is_questioned(change, words):
    assert words in warnings(**change)
    assert words not in warnings()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"kind": "announce", "rate": "2k/s"}, id="an announcement is of the whole service"),
        pytest.param({"kind": "echo", "connections": "20"}, id="an echo goes to no room"),
        pytest.param({"connections": "50"}, id="one room for all"),
        pytest.param({"workload": 'growth = "300%"'}, id="a service that takes off"),
        pytest.param({"connections": "0"}, id="nobody, on purpose"),
    ],
)
def test_what_may_well_be_meant_is_not(change):
    assert "is that meant" not in warnings(**change)
    assert "whole service has" not in warnings(**change)


@pytest.mark.parametrize("text", ['"0k"', '"0.4"', '"1e-9"', '""', '" "'])
def test_nobody_is_refused_unless_it_is_written_so(text):
    """An empty variable before a k made a plan of 0 servers, exit 0."""
    with pytest.raises(InputError, match="connections"):
        warnings(connections=text)


@pytest.mark.parametrize("text", ["0", '"0"', '" 0 "', '"0..5k"', "1"])
def test_a_0_that_is_written_is_taken(text):
    warnings(connections=text)
