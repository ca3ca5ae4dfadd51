"""fetchSockets and its like: who hears a request and its answers, and what a fleet pays for them."""

import math

import numpy as np
import pytest

from siotool.plan.adapters import requests
from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.adapters.requests import Requests
from siotool.plan.constraints.adapter import ADAPTER
from siotool.plan.constraints.event_loop import EVENT_LOOP
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.evaluation.lints import lint
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.middles import middles
from siotool.plan.sizing import sizing
from siotool.plan.sizing.unused import unused

#: 10 cores of idle connections, all other costs 0: 15 processes without a call.
QUIET = {
    "workload.connections": "1M",
    "workload.consumption_rate": "1B/s",
    "server.capacity": "1TB/s",
    "server.idle_cost": "10us",
    "server.adapter_cost": "80us",
    "server.decode_cost": "20us",
    "server.encode_cost": "10us",
    "topology.adapter": "redis",
}


def simulated(adapter, n, sessions, own_channel=False):
    """One call in a fleet of n processes, message by message: (given, delivered, written, read)."""
    law = ADAPTERS[adapter]
    asker = 0
    hear_request = [i for i in range(n) if law.law != "others" or i != asker]
    given, received, written, read = 1, list(hear_request), 1, len(hear_request)
    for answering in range(1, n):
        hearers = {
            "all": range(n),
            "others": [i for i in range(n) if i != answering],
            "asker": [asker],
        }["asker" if own_channel else law.answers]
        given += 1
        received += list(hearers)
        written += 1 + sessions / n
        read += len(hearers) * (1 + sessions / n)
    return given, len(received), written, read


@pytest.mark.parametrize("sessions", [0, 50])
@pytest.mark.parametrize("n", [2, 3, 32])
@pytest.mark.parametrize(
    ("adapter", "own_channel"),
    [(name, False) for name in ADAPTERS if ADAPTERS[name].answers != "nobody"] + [("redis", True)],
)
def test_a_call_against_its_messages_one_by_one(adapter, own_channel, n, sessions):
    asked = Requests(1.0, float(sessions), own_channel)
    given, messages, written, read = simulated(adapter, n, sessions, own_channel)
    assert requests.taken(ADAPTERS[adapter], asked, float(n)) == pytest.approx(given)
    assert requests.delivered(ADAPTERS[adapter], asked, float(n)) == pytest.approx(messages)
    cores = n * requests.cores(
        ADAPTERS[adapter], asked, float(n), receive_s=1e-6, decode_s=1e-3, encode_s=1.0
    )
    assert cores == pytest.approx(messages * 1e-6 + read * 1e-3 + written)


@pytest.mark.parametrize("name", ["none", "python-redis"])
@pytest.mark.parametrize("n", [1.0, 10.0])
def test_who_cannot_ask_pays_nothing(name, n):
    asked = Requests(5.0, 50.0)
    assert requests.delivered(ADAPTERS[name], asked, n) == requests.taken(ADAPTERS[name], asked, n) == 0
    assert requests.cores(ADAPTERS[name], asked, n, receive_s=1.0, decode_s=1.0, encode_s=1.0) == 0


def test_one_process_asks_nobody():
    assert requests.delivered(ADAPTERS["redis"], Requests(5.0), 1.0) == 0
    assert requests.taken(ADAPTERS["redis"], Requests(5.0), 1.0) == 0
    drawn = requests.delivered(ADAPTERS["redis"], Requests(np.array([1.0, 2.0])), np.array([1.0, 32.0]))
    assert list(drawn) == [0, 2 * (32 + 31 * 32)]


def test_a_shard_each_for_the_channels_of_those_who_ask():
    assert requests.delivered(ADAPTERS["redis-sharded"], Requests(1.0), 32.0, 31.0) == 32 + 1
    assert requests.taken(ADAPTERS["redis-sharded"], Requests(1.0), 32.0, 31.0) == 1 + 1


def first_that_fits(calls, sessions=0, most=200, each=1):
    """The fewest servers, by trying one number after the other."""
    for servers in range(1, most):
        n = servers * each
        own = n * requests.cores(
            ADAPTERS["redis"],
            Requests(calls, sessions),
            float(n),
            receive_s=80e-6,
            decode_s=20e-6,
            encode_s=10e-6,
        )
        if (10 + own) / n <= 0.7:
            return servers
    return math.inf


@pytest.mark.parametrize(
    ("calls", "sessions", "each"),
    [
        pytest.param("0/s", "0", "1", id="no calls"),
        pytest.param("20/s", "0", "1", id="a few"),
        pytest.param("100/s", "0", "1", id="more"),
        pytest.param("10/s", "1k", "1", id="many sessions in each"),
        pytest.param("100/s", "0", "8", id="eight processes each"),
        pytest.param("118/s", "0", "1", id="hardly any number"),
        pytest.param("125/s", "0", "1", id="more servers make it worse"),
    ],
)
def test_servers_with_calls_against_trying_one_by_one(calls, sessions, each, both_ways):
    keys = {"topology.fetch_rate": calls, "topology.fetch_sessions": sessions, "server.processes": each}
    expected = first_that_fits(float(calls[:-2]), float(sessions.replace("k", "e3")), each=int(each))
    limit = both_ways(EVENT_LOOP, QUIET | keys)
    assert (math.ceil(limit.servers - 1e-9) if math.isfinite(limit.servers) else math.inf) == expected


def test_too_many_calls_are_no_fleet_and_what_would_work_is_said(plan_inputs):
    plan = sizing.size(plan_inputs(QUIET | {"topology.fetch_rate": "1k/s"}))
    assert plan.servers.p95 is None
    assert "more or fewer processes are busier" in plan.constraints[1].sentence
    assert "topology.own_response_channel" in plan.remedy
    better = QUIET | {"topology.fetch_rate": "1k/s", "topology.adapter": "redis-streams"}
    assert sizing.size(plan_inputs(better)).servers.p95 == 21


def test_the_backend_delivers_requests_and_answers_too(plan_inputs):
    inputs = plan_inputs(QUIET | {"topology.fetch_rate": "10/s"})
    found = evaluate(inputs, middles(inputs))
    (shards,) = [bound.limit for bound in found.bounds if bound.constraint is ADAPTER]
    n = found.fleet
    assert shards.demand == pytest.approx(10 * (n + (n - 1) * n))


def test_spares_that_make_all_busier_are_told(plan_inputs):
    inputs = plan_inputs(QUIET | {"topology.fetch_rate": "100/s", "goals.spares": "40"})
    sentences = lint(evaluate(inputs, middles(inputs)))
    assert any("spares are processes too" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("adapter", "used"),
    [("redis", True), ("redis-sharded", True), ("none", False), ("python-redis", False)],
)
def test_a_rate_of_calls_that_nothing_rests_on_is_said(adapter, used):
    text = f"""\
        [workload]
        connections = "1M"
        messages.chat = {{kind = "echo", rate = "1/min"}}
        [server]
        capacity = "1TB/s"
        [topology]
        adapter = "{adapter}"
        fetch_rate = "1/s"
        fetch_sessions = "10"
        """
    given = planfile.decode(text, "plan.toml")
    compose.complete(given)
    told = [sentence for sentence in unused(given, given) if "fetch_" in sentence]
    assert (told == []) == used
    assert used or "several processes and an adapter" in told[0]
