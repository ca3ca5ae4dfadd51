"""A figure that was typed and that nothing rests on is said, and no other one is."""

import pytest

from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.figure import Inputs
from siotool.plan.sizing import sizing
from siotool.plan.sizing.unused import unused

FORMULA = """\
[workload]
connections = "100k"
consumption_rate = "2KB/s"
{workload}
[transport]
{transport}
[server]
capacity = "1Gbit/s"
{server}
[topology]
{topology}
[goals]
{goals}
"""

CHAT = """\
[workload]
connections = "100k"
{workload}
[workload.messages.chat]
kind = "{kind}"
rate = "1/min"
room_size = "50"
size = "200B"
[transport]
{transport}
[server]
capacity = "1Gbit/s"
{server}
[topology]
{topology}
[goals]
{goals}
"""


def inputs(text, **lines):
    places = dict.fromkeys(("workload", "transport", "server", "topology", "goals"), "")
    return planfile.decode(text.format(**places | {"kind": "room"} | lines), "x")


def said(text, **lines):
    given = inputs(text, **lines)
    return [warning.partition(" ")[0] for warning in unused(given, given)]


@pytest.mark.parametrize(
    ("text", "lines", "keys"),
    [
        pytest.param(FORMULA, {}, [], id="the formula uses all it has"),
        pytest.param(FORMULA, {"server": 'memory = "16GiB"'}, ["server.memory"], id="memory, no cost of it"),
        pytest.param(
            FORMULA,
            {"server": 'memory = "16GiB"\nmemory_per_connection = "40kB"'},
            [],
            id="memory and what a connection takes of it",
        ),
        pytest.param(
            FORMULA,
            {"server": 'memory_per_connection = "40kB"'},
            ["server.memory_per_connection"],
            id="what a connection takes, of a memory that is not told",
        ),
        pytest.param(FORMULA, {"server": "processes = 4"}, ["server.processes"], id="processes of nothing"),
        pytest.param(
            FORMULA, {"topology": 'adapter = "redis"'}, ["topology.adapter"], id="an adapter, no messages"
        ),
        pytest.param(FORMULA, {"transport": 'tls = "1.2"'}, ["transport.tls"], id="TLS, no messages"),
        pytest.param(CHAT, {"transport": 'tls = "1.2"'}, [], id="TLS and messages"),
        pytest.param(CHAT, {"topology": 'adapter = "redis"'}, [], id="an adapter and messages"),
        pytest.param(
            CHAT, {"kind": "echo"}, ["workload.messages.chat.room_size"], id="members of a room nobody writes"
        ),
        pytest.param(CHAT, {"goals": 'storm = "zone"'}, ["goals.storm"], id="a storm, no time for it"),
        pytest.param(
            CHAT, {"goals": 'storm = "all"\nreconnect_time = "30s"'}, [], id="a storm and a time for it"
        ),
        pytest.param(
            FORMULA, {"goals": 'reconnect_time = "30s"'}, ["goals.reconnect_time"], id="a time, no handshakes"
        ),
        pytest.param(FORMULA, {"topology": "zones = 3"}, ["topology.zones"], id="zones that may not fail"),
        pytest.param(
            CHAT,
            {"topology": 'adapter = "redis"\nbackend_publish_cost = "7us"\nbackend_delivery_cost = "2us"'},
            [],
            id="what a message costs the backend, and each of its receivers",
        ),
        pytest.param(
            CHAT,
            {"topology": 'adapter = "redis"\nbackend_rate = "90k/s"\nbackend_delivery_cost = "2us"'},
            ["topology.backend_delivery_cost"],
            id="the cost of a receiver beside a rate",
        ),
        pytest.param(
            CHAT,
            {"topology": 'backend_rate = "90k/s"'},
            ["topology.backend_rate"],
            id="a backend of no adapter",
        ),
        pytest.param(
            CHAT,
            {"topology": 'adapter = "postgres"\nbackend_publish_cost = "7us"'},
            ["topology.backend_publish_cost"],
            id="the cost of a message of a backend whose deliveries nobody knows",
        ),
        pytest.param(
            FORMULA, {"topology": "zones = 3", "goals": "survive_zone = true"}, [], id="zones that may fail"
        ),
        pytest.param(
            FORMULA,
            {"goals": 'availability = "99.99%"'},
            ["goals.availability"],
            id="no downtime to be above",
        ),
        pytest.param(
            FORMULA, {"goals": 'availability = "99.99%"\ndowntime = "1h"'}, [], id="a downtime to be above"
        ),
        pytest.param(FORMULA, {"goals": "max_servers = 3"}, [], id="a gate"),
        pytest.param(FORMULA, {"workload": 'growth = "10%"'}, [], id="growth, which the forecast goes by"),
        pytest.param(FORMULA, {"workload": 'ahead = "60d"'}, ["workload.ahead"], id="ahead without growth"),
        pytest.param(
            FORMULA, {"workload": 'churn = "5/s"'}, ["workload.churn"], id="churn that costs nothing"
        ),
    ],
)
def test_what_nothing_rests_on_is_named(text, lines, keys):
    assert said(text, **lines) == keys


@pytest.mark.parametrize("key", ["server.memory", "topology.zones", "transport.tls", "workload.churn"])
def test_leaving_out_what_is_named_changes_no_number(key):
    given = inputs(
        FORMULA,
        server='memory = "16GiB"',
        topology="zones = 3",
        transport='tls = "none"',
        workload='churn = "5/s"',
    )
    assert key in [warning.partition(" ")[0] for warning in unused(given, given)]
    without = Inputs({k: figure for k, figure in given.figures.items() if k != key}, given.messages)
    with_it, plan = (sizing.size(compose.complete(each)) for each in (given, without))
    assert (with_it.servers, with_it.constraints) == (plan.servers, plan.constraints)


def test_what_a_shape_says_instead_is_named():
    """--shape replaced the plan's own processes without a word."""
    given = inputs(CHAT, server="processes = 4")
    shape = planfile.decode("[server]\nprocesses = 8", "prices.toml: shapes.large")
    used = given.replaced(shape.figures)
    assert unused(given, used) == [
        "server.processes (x) is not used: prices.toml: shapes.large is used instead"
    ]


def test_nobody_connected_needs_nothing():
    given = inputs(CHAT.replace("100k", "0"), server='memory = "16GiB"')
    assert unused(given, given) == []
