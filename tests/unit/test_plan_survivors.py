"""Promises of a plan that a mutation run found unheld: a small fault in each passed every test."""

from datetime import date

import numpy as np
import pytest

from siotool.plan.evidence.asked import RunLoad, workload
from siotool.plan.growth.forecast import forecast
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.sizing.unused import unused
from siotool.plan.uncertainty import worlds
from siotool.plan.uncertainty.response import responses


def test_a_message_that_is_never_sent_says_nothing_of_one_that_is():
    """Both are of one kind: what is found out of the one is not taken for the other."""
    text = """
        [workload]
        connections = "100k"
        [workload.messages.{first}]
        kind = "room"
        rate = "{first_rate}"
        room_size = "50"
        size = "200B"
        [workload.messages.{second}]
        kind = "room"
        rate = "{second_rate}"
        room_size = "50"
        size = "200B"
        [server]
        capacity = "1Gbit/s"
    """
    for first, second in (("quiet", "chat"), ("chat", "quiet")):
        rates = {"quiet": "0/s", "chat": "1/min"}
        plan = text.format(first=first, second=second, first_rate=rates[first], second_rate=rates[second])
        given = planfile.decode(plan, "x")
        told = " ".join(unused(given, given))
        assert "quiet.size" in told
        assert "chat.size" not in told


def test_less_than_a_server_is_drawn_as_less_than_one():
    text = "[workload]\nconnections = '50..200'\nconsumption_rate = '1kB/s'\n[server]\ncapacity = '100MB/s'\n"
    inputs = compose.complete(planfile.decode(text, "x"))
    (found,) = responses(inputs, worlds.uncertain(inputs, seed=1), ["workload.connections"])
    assert all(exact is not None and 0 < exact < 0.5 for exact in found.exact)
    assert found.exact == sorted(found.exact)
    assert found.exact[-1] > 2 * found.exact[0]


def test_a_message_of_which_no_more_is_said_is_text_to_all_and_not_acknowledged():
    chat = "[workload.messages.chat]\nkind = 'room'\nrate = '1/min'\nroom_size = '5'\n"
    text = f"[workload]\nconnections = '1k'\n{chat}"
    (message,) = planfile.decode(text, "x").messages
    assert (message.acknowledged, message.binary, message.to_sender) == (False, False, True)
    (told,) = planfile.decode(text + "acknowledged = true\nto_sender = false\n", "x").messages
    assert (told.acknowledged, told.binary, told.to_sender) == (True, False, False)


def test_a_crowd_too_large_today_is_too_large_until_it_has_shrunk():
    """It was held to be over at once, and the others alone were never too many."""
    now = np.repeat([200.0, 100.0, 50.0], [40, 30, 30])
    growth = np.repeat([-0.5, 3.0, 0.0], [40, 30, 30])
    safe = np.repeat([100.0, 200.0, 100.0], [40, 30, 30])
    # 40 of 100 are too many for a year; 30 more from the half of it on: for that long most are
    found = forecast(now, growth, safe, date(2026, 1, 1), months=24, lead_time_s=0.0)
    assert found.runs_out is not None
    assert (found.runs_out - date(2026, 1, 1)).days == pytest.approx(183, abs=1)
    assert found.points[9].short == pytest.approx(0.7)
    assert found.points[14].short == pytest.approx(0.3)


def test_calls_of_sessions_that_nobody_counted_have_no_rate():
    """Without connection-seconds to divide by there is no rate; one second must not stand for them."""
    calls = {"join": 100}
    origin = Provenance("measured")
    assert workload(RunLoad(calls=calls), origin) == Inputs()
    known = workload(RunLoad(connection_s=50.0, calls=calls), origin)
    assert known.figures["workload.messages.join.rate"].value == 2
