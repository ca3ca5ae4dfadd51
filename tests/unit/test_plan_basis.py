"""What a plan says it rests on, in every form of it."""

import json
import re

import msgspec
import pytest
from rich.console import Console

from siotool.document import html, markdown, text
from siotool.plan.documents.plan_document import document
from siotool.plan.inputs import compose, planfile
from siotool.plan.sizing import sizing

CHAT = """\
[workload]
connections = "100k"
[workload.messages.chat]
kind = "room"
rate = "1/min"
room_size = "50"
[server]
capacity = "1Gbit/s"
{server}
[goals]
{goals}
"""


def plan(server="", goals="", init=""):
    inputs = planfile.decode(CHAT.format(server=server, goals=goals) + init, "x")
    return sizing.size(compose.complete(inputs), draws=100, sensitivities=False)


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        pytest.param(
            "",
            "one process of one core (default) at the costs of the profile node-ws (default).",
            id="none said",
        ),
        pytest.param(
            'processes = 4\nprofile = "python-socketio"',
            "4 processes of one core (typed) at the costs of the profile python-socketio (typed).",
            id="both said",
        ),
        pytest.param(
            'delivery_cost = "20us"',
            "the profile node-ws (default), except server.delivery_cost.",
            id="a cost said",
        ),
    ],
)
def test_the_server_is_named(server, sentence):
    assert sentence in plan(server).rests_on[0]


@pytest.mark.parametrize(
    ("server", "goals", "what"),
    [
        pytest.param('memory = "8GiB"', "", "memory (server.memory)", id="memory"),
        pytest.param("open_files = 65536", "", "open files (server.open_files)", id="open files"),
        pytest.param("", 'reconnect_time = "60s"', "reconnect storms (goals.reconnect_time)", id="storms"),
        pytest.param(
            "", 'delivery_time = "1s"', "how long a broadcast takes (goals.delivery_time)", id="delivery"
        ),
        pytest.param("", 'downtime = "1h"', "servers out of service (goals.downtime)", id="downtime"),
    ],
)
def test_what_was_not_considered_is_said_until_it_is(server, goals, what):
    assert what in plan().rests_on[1]
    assert what not in plan(server, goals).rests_on[1]


def test_what_plan_init_filled_in_is_said():
    assert plan(init='[init]\n"workload.connections" = "100k"').rests_on[2] == (
        "Filled in by plan init, not given: workload.connections."
    )


def test_a_plan_of_the_formula_says_so_and_no_more():
    inputs = planfile.decode(
        '[workload]\nconnections = "1M"\nconsumption_rate = "2KB/s"\n[server]\ncapacity = "1Gbit/s"', "x"
    )
    assert sizing.size(compose.complete(inputs)).rests_on == []


def test_every_form_says_it():
    """Only the JSON had the profile, among all figures."""
    made = plan()
    console = Console(width=10_000, color_system=None)
    with console.capture() as shown:
        console.print(text.render(document(made)))
    page = html.render(document(made))
    as_json = json.loads(msgspec.json.encode(made))
    assert len(made.rests_on) == 2
    for sentence in made.rests_on:
        assert sentence in shown.get()
        assert f"{sentence}\n" in re.sub(r"\\(.)", r"\1", markdown.render(document(made)))
        assert f">{sentence}</" in page
        assert sentence in as_json["rests_on"]
