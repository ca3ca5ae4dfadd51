import math

import numpy as np
import pytest

from siotool.plan.demand.service import demand, framing, peak_connections
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.middles import middles
from siotool.plan.wire.framing import AIOHTTP, NODE, OFFSET_IN_MEMORY_BYTES, Direction
from siotool.plan.wire.messages import ack, event, heartbeat_rates
from siotool.plan.wire.session_opening import opening

KEYS = {"workload.connections": "1k", "transport.upgrade": "false"}


def of(plan_inputs, keys, messages=None):
    inputs = plan_inputs(keys, messages)
    return inputs, demand(inputs, middles(inputs))


@pytest.mark.parametrize(
    ("change", "connections"),
    [
        pytest.param({}, 1000, id="as they are"),
        pytest.param({"workload.peak_factor": "2"}, 2000, id="at the daily peak"),
        pytest.param({"workload.peak_factor": "2", "workload.event_factor": "3"}, 6000, id="of an event"),
        pytest.param({"workload.growth": "50%", "workload.ahead": "730.5d"}, 2250, id="in two years"),
        pytest.param({"workload.growth": "-50%", "workload.ahead": "365.25d"}, 500, id="of fewer each year"),
        pytest.param({"workload.growth": "50%"}, 1000, id="growth counts when one looks ahead"),
    ],
)
def test_connections_to_size_for(change, connections, plan_inputs):
    assert of(plan_inputs, KEYS | change)[1].connections == pytest.approx(connections, rel=1e-12)


def test_growth_is_drawn_like_any_figure():
    values = {
        "workload.connections": 1000.0,
        "workload.peak_factor": 1.0,
        "workload.event_factor": 1.0,
        "workload.ahead": 365.25 * 86_400,
        "workload.growth": np.array([0.0, 0.5, -0.5]),
    }
    assert peak_connections(values) == pytest.approx([1000, 1500, 500])


@pytest.mark.parametrize(
    ("change", "per_s"),
    [
        pytest.param({}, 0, id="nobody said"),
        pytest.param({"workload.session_length": "100s"}, 10, id="Little: 1,000 sessions of 100 s each"),
        pytest.param({"workload.session_length": "100s", "workload.peak_factor": "2"}, 20, id="at the peak"),
        pytest.param({"workload.churn": "7/s"}, 7, id="as given"),
        pytest.param({"workload.session_length": "100s", "workload.churn": "7/s"}, 17, id="both"),
    ],
)
def test_new_connections(change, per_s, plan_inputs):
    assert of(plan_inputs, KEYS | change)[1].new_per_s == pytest.approx(per_s)


def test_without_messages_nothing_is_known_of_bytes(plan_inputs):
    found = of(plan_inputs, KEYS)[1]
    assert found.streams == ()
    assert found.travel is None
    assert found.travel is None
    assert found.inbound_per_s == found.deliveries_per_s == found.publishes_per_s == 0


def test_bytes_are_heartbeats_openings_and_messages(plan_inputs):
    keys = KEYS | {"workload.session_length": "100s"}
    messages = {"chat": {"kind": "room", "rate": "0.1/s", "size": "200B", "room_size": "5"}}
    inputs, found = of(plan_inputs, keys, messages)
    frames = framing(inputs, "websocket")
    # 1,000 sessions, 10 new ones a second, 100 messages a second to 5 each: a JSON string has two quotes
    whole = (
        heartbeat_rates(frames, 25.0) * 1000
        + opening(frames, upgrade=False) * 10
        + event(frames, Direction.TO_SERVER, 4, 202) * 100
        + event(frames, Direction.TO_CLIENT, 4, 202) * 500
    )
    assert found.travel.to_client.tcp == pytest.approx(whole.to_client.tcp)
    assert found.travel.to_server.tcp == pytest.approx(whole.to_server.tcp)
    assert found.travel.to_client.link == pytest.approx(whole.to_client.link)
    assert found.travel.to_server.link == pytest.approx(whole.to_server.link)


def test_an_acknowledged_echo_is_its_own_answer(plan_inputs):
    messages = {"call": {"kind": "echo", "rate": "1/s", "size": "100B", "acknowledged": "true"}}
    inputs, found = of(plan_inputs, KEYS, messages)
    frames = framing(inputs, "websocket")
    whole = (
        heartbeat_rates(frames, 25.0) * 1000
        + event(frames, Direction.TO_SERVER, 4, 102, ack_id=100, answered=True) * 1000
        + ack(frames, Direction.TO_CLIENT, 102, ack_id=100) * 1000
    )
    assert found.travel.to_client.tcp == pytest.approx(whole.to_client.tcp)
    assert found.travel.to_server.link == pytest.approx(whole.to_server.link)
    assert (found.inbound_per_s, found.answers_per_s, found.deliveries_per_s) == (1000, 1000, 0)


def test_an_acknowledged_push_is_asked_for_by_the_service(plan_inputs):
    messages = {"note": {"kind": "push", "rate": "1/s", "size": "100B", "acknowledged": "true"}}
    inputs, found = of(plan_inputs, KEYS, messages)
    frames = framing(inputs, "websocket")
    whole = (
        heartbeat_rates(frames, 25.0) * 1000
        + event(frames, Direction.TO_CLIENT, 4, 102, ack_id=100) * 1000
        + ack(frames, Direction.TO_SERVER, 0, ack_id=100) * 1000
    )
    assert found.travel.to_client.tcp == pytest.approx(whole.to_client.tcp)
    assert found.travel.to_server.tcp == pytest.approx(whole.to_server.tcp)
    assert (found.inbound_per_s, found.deliveries_per_s) == (1000, 1000)


def test_a_binary_message_is_a_placeholder_and_an_attachment(plan_inputs):
    messages = {"blob": {"kind": "push", "rate": "1/s", "size": "100B", "binary": "true"}}
    inputs, found = of(plan_inputs, KEYS, messages)
    frames = framing(inputs, "websocket")
    one = event(frames, Direction.TO_CLIENT, 4, 0, attachments=1, attachment_bytes=100.0)
    whole = heartbeat_rates(frames, 25.0) * 1000 + one * 1000
    assert found.travel.to_client.tcp == pytest.approx(whole.to_client.tcp)


def test_a_name_counts_in_bytes_not_letters(plan_inputs):
    def sent(name):
        return of(plan_inputs, KEYS, {f'"{name}"': {"kind": "push", "rate": "1/s"}})[1].travel.to_client.tcp

    assert sent("ça") == sent("abc") == sent("ab") + 1000


def test_transports_mix_by_their_share(plan_inputs):
    messages = {"chat": {"kind": "echo", "rate": "1/s"}}
    ends = [of(plan_inputs, KEYS | {"transport.polling": s}, messages)[1] for s in ("0%", "100%", "25%")]
    websocket, polling, mixed = (one.travel.to_server.tcp for one in ends)
    assert polling > 3 * websocket
    assert mixed == pytest.approx(0.75 * websocket + 0.25 * polling)


def test_clients_that_upgrade_cost_more_to_open(plan_inputs):
    keys = {"workload.connections": "1k", "workload.churn": "100/s"}
    messages = {"chat": {"kind": "echo", "rate": "0/s"}}
    at_once, upgraded = (
        of(plan_inputs, keys | {"transport.upgrade": u}, messages)[1].travel.to_client.tcp
        for u in ("false", "true")
    )
    assert upgraded > at_once + 100 * 100


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"parser": "json", "tls": "1.3", "ip": 4, "recovery_offset_bytes": 0}),
        ({"transport.parser": "msgpack", "transport.ip": "6"}, {"parser": "msgpack", "ip": 6}),
        ({"transport.tls": "none"}, {"tls": "none"}),
        ({"transport.recovery": "true"}, {"recovery_offset_bytes": OFFSET_IN_MEMORY_BYTES}),
    ],
)
def test_messages_are_wrapped_as_the_plan_says(change, expected, plan_inputs):
    found = framing(plan_inputs(KEYS | change), "polling")
    assert found.transport == "polling"
    assert {name: getattr(found, name) for name in expected} == expected


def test_an_empty_service_has_no_traffic(plan_inputs):
    messages = {"chat": {"kind": "broadcast", "rate": "1/s"}}
    found = of(plan_inputs, {"workload.connections": "0", "workload.session_length": "1h"}, messages)[1]
    assert found.travel.to_client.tcp == found.new_per_s == found.deliveries_per_s == 0
    assert not math.isnan(found.payload_out_bytes_per_s)


@pytest.mark.parametrize(
    ("adapter", "recovery", "offset"),
    [
        pytest.param("none", "false", 0, id="without recovery there is no offset"),
        pytest.param("none", "true", 7, id="in memory: milliseconds in base 64"),
        pytest.param("redis-streams", "true", 15, id="redis-streams: an entry's id"),
        pytest.param("mongo", "true", 24, id="mongo: an ObjectId"),
        pytest.param("redis", "true", 0, id="pub/sub keeps nothing to recover from"),
    ],
)
def test_the_offset_in_each_event_is_the_adapters(adapter, recovery, offset):
    text = (
        f'[transport]\nrecovery = {recovery}\n[topology]\nadapter = "{adapter}"\n'
        "[workload]\nconnections = 1\n"
    )
    inputs = compose.complete(planfile.decode(text, "x"))
    assert framing(inputs, "websocket").recovery_offset_bytes == offset


@pytest.mark.parametrize(("profile", "server"), [("node-ws", NODE), ("python-socketio", AIOHTTP)])
def test_http_is_answered_as_the_profiles_server_does(profile, server):
    text = f'[server]\nprofile = "{profile}"\n[workload]\nconnections = 1\n'
    assert framing(compose.complete(planfile.decode(text, "x")), "polling").server == server
