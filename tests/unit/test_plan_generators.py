"""How many generators a load test of a plan takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.plan.documents.generators_section import generators as section
from siotool.plan.sizing.generators import (
    BYTE_S,
    CONNECT_S,
    CONNECTIONS,
    DELIVERY_S,
    IDLE_S,
    SENT_S,
    USABLE,
    generators,
)

QUIET = {
    "workload.connections": "100k",
    "workload.consumption_rate": "2KB/s",
    "server.capacity": "1Gbit/s",
}
ROOMS = {"say": {"kind": "room", "rate": "1/min", "size": "200B", "room_size": "50"}}


def test_quiet_connections_need_workers_by_their_open_files(plan_inputs):
    found = generators(plan_inputs(QUIET))
    assert (found.workers, found.binding) == (-(-100_000 // CONNECTIONS), "connections")
    assert not found.messages_known
    assert found.network_bytes_per_s == 200e6


def test_messages_need_workers_by_their_cpu(plan_inputs):
    plan = QUIET | {"workload.session_length": "10min"}
    messages = {"say": ROOMS["say"] | {"rate": "6/min", "to_sender": "true"}}
    found = generators(plan_inputs(plan, messages))
    delivered, sent, opened = 100_000 * 0.1 * 50, 100_000 * 0.1, 100_000 / 600
    cores = delivered * (DELIVERY_S + 200 * BYTE_S) + sent * SENT_S + 100_000 * IDLE_S + opened * CONNECT_S
    assert found.rows[0].demand == pytest.approx(cores)
    assert (found.workers, found.binding) == (-(-cores // USABLE), "CPU")
    assert found.messages_known


def test_an_acknowledged_echo_is_a_call_and_no_delivery_besides(plan_inputs):
    call = {"call": {"kind": "echo", "rate": "1/s", "size": "100B", "acknowledged": "true"}}
    found = generators(plan_inputs(QUIET, call))
    assert found.rows[0].demand == pytest.approx(100_000 * (SENT_S + IDLE_S + 100 * BYTE_S))


def test_a_small_plan_takes_one_worker_that_opens_no_more_than_there_are(plan_inputs):
    found = generators(plan_inputs(QUIET | {"workload.connections": "10"}))
    assert (found.workers, found.addresses, found.spawn_rate_per_s) == (1, 1, 10)


@given(few=st.integers(1, 1_000_000), more=st.integers(0, 1_000_000))
def test_more_connections_never_take_fewer(plan_inputs, few, more):
    first, second = (
        generators(plan_inputs(QUIET | {"workload.connections": str(count)}, ROOMS))
        for count in (few, few + more)
    )
    assert first.workers <= second.workers
    assert first.addresses <= second.addresses
    assert all(row.workers * row.capacity_per_worker >= row.demand * (1 - 1e-9) for row in second.rows)


def test_the_section_has_the_command_of_the_load_test(plan_inputs):
    written = section(generators(plan_inputs(QUIET)))
    said = " ".join(part.text for part in written.blocks if hasattr(part, "text"))
    assert "--distributed --expect-workers 6 --users 100000 --spawn-rate 900" in said
