"""When a second shows nothing of the target: something of the generator was at its limit."""

import msgspec
import pytest

from siotool.runfile import Bytes, UserClass
from siotool.runs.generator_limits import limits_reached


@pytest.mark.parametrize(
    ("worker", "said"),
    [
        pytest.param({}, [], id="a generator with room"),
        pytest.param({"cpu_cores": 0.9}, ["a worker had no CPU left"], id="its CPU"),
        pytest.param({"cpu_wait": 0.3}, ["a worker waited for a CPU"], id="a CPU that others had"),
        pytest.param({"loop_lag_s": 0.2}, ["a worker's loop was late"], id="its loop"),
        pytest.param({"files_open": 95_000}, ["a worker had no files left"], id="its files"),
    ],
)
def test_what_was_at_its_limit_is_said_once(make_run, worker, said):
    interval = make_run().intervals[-1]
    workers = [msgspec.structs.replace(interval.generator[0], **worker)] * 2
    assert limits_reached(msgspec.structs.replace(interval, generator=workers)) == said


@pytest.mark.parametrize(
    ("counts", "late"),
    [
        pytest.param({"offered": 100, "issued": 100}, False, id="all that was due"),
        pytest.param({"offered": 100, "issued": 90}, True, id="a tenth less"),
        pytest.param({"offered": 100, "issued": 90, "withheld": 10}, False, id="the target kept users away"),
        pytest.param({"offered": 10, "issued": 8}, False, id="an operation or two"),
    ],
)
def test_operations_that_were_due_and_not_issued_are_a_limit(make_run, counts, late):
    interval = make_run().intervals[-1]
    changed = msgspec.structs.replace(interval, user_classes=[UserClass("A", **counts)])
    assert bool(limits_reached(changed)) is late


@pytest.mark.parametrize(
    ("link", "full"),
    [
        pytest.param(None, False, id="a link of unknown speed"),
        pytest.param(1000.0, True, id="one with 90 % in use one way"),
        pytest.param(1100.0, False, id="one with 82 % in use"),
    ],
)
def test_a_full_network_link_is_the_generators_limit(make_run, link, full):
    interval = msgspec.structs.replace(
        make_run().intervals[-1], duration_s=2.0, bytes=Bytes(wire_in=100, wire_out=1800)
    )
    assert any("bandwidth" in said for said in limits_reached(interval, link)) is full
