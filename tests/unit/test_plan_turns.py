"""What one event loop does: as much as the event loop's constraint says, and as long as a simulated fleet."""

import heapq

import numpy as np
import pytest

from siotool.plan.adapters.laws import ADAPTERS
from siotool.plan.constraints.cpu import load, repeated
from siotool.plan.constraints.turns import turns
from siotool.plan.constraints.waiting import mean_wait
from siotool.plan.demand.service import world
from siotool.plan.inputs.middles import middles

KEYS = {
    "server.profile": "node-ws",
    "server.base_cost": "3%",
    "workload.connections": "20k",
    "workload.session_length": "10min",
    "transport.polling": "5%",
    "server.tls": "true",
}
EVERYTHING = {
    "room": {"kind": "room", "rate": "1/min", "room_size": "70", "size": "3kB", "acknowledged": "true"},
    "all": {"kind": "announce", "rate": "1/s", "acknowledged": "true"},
    "hey": {"kind": "broadcast", "rate": "1/d", "to_sender": "false"},
    "you": {"kind": "direct", "rate": "2/min"},
    "push": {"kind": "push", "rate": "3/min"},
    "call": {"kind": "echo", "rate": "1/min", "acknowledged": "true"},
}


def world_of(inputs):
    return world(inputs, middles(inputs))


@pytest.mark.parametrize("processes", [1, 4, 60])
@pytest.mark.parametrize("adapter", sorted(ADAPTERS))
def test_all_its_jobs_are_the_work_of_the_event_loop(adapter, processes, plan_inputs):
    one = world_of(plan_inputs(KEYS | {"topology.adapter": adapter}, EVERYTHING))
    found = turns(one, load(one), float(processes))
    expected = load(one).shared / processes + repeated(one, float(processes))
    assert found.loop.utilization == pytest.approx(expected, rel=1e-9)


def test_work_of_bytes_without_payload_is_not_lost(plan_inputs):
    messages = {"all": {"kind": "announce", "rate": "1/s", "size": "0B"}}
    one = world_of(plan_inputs(KEYS | {"server.byte_cost": "1us"}, messages))
    assert turns(one, load(one), 1.0).loop.utilization == pytest.approx(
        load(one).shared + 0.03 + 10e-6, rel=1e-3
    )


#: What a message costs in a simulated fleet, by its plan's own keys, in seconds.
READ, RECEIVE, DECODE, ENCODE, WRITE = 100e-6, 30e-6, 20e-6, 50e-6, 40e-6
FLEET = {
    "server.idle_cost": "0s",
    "server.byte_cost": "0s",
    "server.inbound_cost": "100us",
    "server.adapter_cost": "30us",
    "server.decode_cost": "20us",
    "server.encode_cost": "50us",
    "server.delivery_cost": "40us",
    "workload.connections": "1k",
    "topology.adapter": "redis",
}


def simulated_fleet(processes, sessions, publishes_per_s, count, seed):
    """When a broadcast of a session reached the last session of each other process; classic Redis.

    Each process does its jobs in the order they come. It reads a message, hands it to the adapter
    and writes to its own sessions; the others and itself receive it from the adapter.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    moments = np.cumsum(random.exponential(1 / publishes_per_s, count)).tolist()
    senders = random.integers(0, processes, count).tolist()
    writing = ENCODE + sessions / processes * WRITE
    free = [0.0] * processes
    coming = [(at, n, sender, sender) for n, (at, sender) in enumerate(zip(moments, senders, strict=True))]
    coming.sort()
    taken = []
    heapq.heapify(coming)
    while coming:
        at, n, process, sender = heapq.heappop(coming)
        begin = max(at, free[process])
        if sender == process:
            free[process] = begin + READ + writing
            for other in range(processes):
                heapq.heappush(coming, (begin + READ, n, other, -1 - sender))
        elif sender == -1 - process:
            free[process] = begin + RECEIVE + DECODE  # its own copy
        else:
            free[process] = begin + RECEIVE + DECODE + writing
            taken.append(free[process] - moments[n])
    return np.array(taken)


@pytest.mark.parametrize("rate", [20, 60], ids=["a quarter busy", "two thirds busy"])
def test_a_broadcast_waits_at_two_processes_as_in_a_simulated_fleet(rate, plan_inputs):
    """All have the same to write at the same time: what was waited for once is done elsewhere, too."""
    messages = {"chat": {"kind": "broadcast", "rate": f"{rate / 1000}/s"}}
    one = world_of(plan_inputs(FLEET, messages))
    found = turns(one, load(one), 4.0)
    taken = simulated_fleet(4, 1000, float(rate), 25_000, seed=3)
    longest = found.longest
    assert longest.passes == 1
    assert longest.recipients == pytest.approx(250)
    mean = longest.own_s + found.overtaken * (mean_wait(found.loop) + mean_wait(found.loop.elsewhere))
    assert mean == pytest.approx(taken.mean(), rel=0.05)
    assert longest.own_s + found.wait_within(0.99) == pytest.approx(np.quantile(taken, 0.99), rel=0.07)


@pytest.mark.parametrize(("room", "processes"), [(400, 8), (12, 8), (3, 30)])
def test_rooms_wait_as_long_as_their_members_are_spread(room, processes, plan_inputs):
    """The members of a room on a process are now more, now fewer: mean waits know the second moment."""
    keys = FLEET | {"workload.connections": "24k", "server.adapter_cost": "0s", "server.decode_cost": "0s"}
    keys |= {"server.inbound_cost": "0s", "server.encode_cost": "0s"}
    one = world_of(plan_inputs(keys, {"chat": {"kind": "room", "rate": "0.001/s", "room_size": str(room)}}))
    found = turns(one, load(one), float(processes))
    here = np.random.Generator(np.random.PCG64(1)).binomial(room, 1 / processes, 400_000) * WRITE
    publishes_per_s = 24.0
    expected = publishes_per_s * (here**2).mean() / 2 / (1 - publishes_per_s * here.mean())
    assert mean_wait(found.loop) == pytest.approx(expected, rel=0.02)
    assert found.longest.recipients == pytest.approx(here[here > 0].mean() / WRITE, rel=0.02)


def test_what_keeps_sessions_alive_is_in_no_message(plan_inputs):
    """A message of a byte, once a day, bore the bytes of all heartbeats: it took 64 ms to write."""
    keys = {"workload.connections": "12", "server.capacity": "1GB/s", "server.profile": "node-ws"}
    inputs = plan_inputs(keys, {"call": {"kind": "echo", "rate": "1/d", "size": "1B"}})
    found = world(inputs, middles(inputs))
    assert turns(found, load(found), 1.0).longest.own_s < 1e-3


@pytest.mark.parametrize("kind", ["echo", "emit"])
def test_a_process_of_ten_does_what_one_with_a_tenth_of_the_sessions_does(kind, plan_inputs):
    """What goes to no other session is answered where it came in: as many jobs, each as long."""
    message = {"call": {"kind": kind, "rate": "1/s", "size": "100B"}}
    many = world_of(plan_inputs(KEYS | {"workload.connections": "10k"}, message))
    few = world_of(plan_inputs(KEYS | {"workload.connections": "1k"}, message))
    ours, theirs = turns(many, load(many), 10.0), turns(few, load(few), 1.0)
    for mine, other in zip(ours.loop.jobs, theirs.loop.jobs, strict=True):
        assert (mine.per_s, mine.length_s) == pytest.approx((other.per_s, other.length_s))
    assert ours.loop.utilization == pytest.approx(theirs.loop.utilization)
