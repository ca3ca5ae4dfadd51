"""A price shape replaces all that it says of one server, and nothing else."""

import pytest

from siotool.plan.inputs.figure import Figure
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range, Replicates
from siotool.plan.money.prices import Shape
from siotool.plan.money.pricing import as_shape, kept

SHAPE = Shape("large", cores=4.5, memory_bytes=8e9, bandwidth_bytes_per_s=1e9, connections=20e3)
SILENT = Shape("bare", cores=4, memory_bytes=8e9, bandwidth_bytes_per_s=1e9)

#: A server of another machine, in every figure that one server or one process has.
BEFORE = {
    "workload.connections": "100k",
    "server.processes": "2",
    "server.memory": "1GB..2GB",
    "server.bandwidth_in": "10MB/s",
    "server.bandwidth_out": "20MB/s",
    "server.capacity": "20MB/s",
    "server.connections": "60k",
    "server.heap": "4GB",
    "server.open_files": "65k",
    "server.open_files_reserved": "512",
    "server.accept_rate": "500/s",
    "server.utilization": "60%",
    "server.delivery_cost": "33us",
    "server.memory_base": "60MB",
    "server.memory_per_connection": "40kB",
    "topology.conntrack": "262144",
    "topology.balancer_ports": "28232",
}


@pytest.mark.parametrize(
    ("key", "shape", "now"),
    [
        pytest.param("server.processes", SHAPE, 4.0, id="whole cores"),
        pytest.param("server.memory", SHAPE, 8e9, id="memory, also in the place of a range"),
        pytest.param("server.bandwidth_in", SHAPE, 1e9, id="bandwidth in"),
        pytest.param("server.bandwidth_out", SHAPE, 1e9, id="bandwidth out"),
        pytest.param("server.capacity", SHAPE, 1e9, id="a capacity that is the network"),
        pytest.param("server.connections", SHAPE, 20e3, id="connections"),
        pytest.param("server.connections", SILENT, None, id="connections it says nothing of"),
        *[
            pytest.param(key, SHAPE, None, id=f"nothing of {key}")
            for key in BEFORE
            if key.rpartition(".")[2]
            not in ("processes", "memory", "bandwidth_in", "bandwidth_out", "capacity")
            and key != "server.connections"
        ],
    ],
)
def test_a_shape_replaces_what_it_says_and_nothing_else(key, shape, now, plan_inputs):
    inputs = plan_inputs(BEFORE)
    figure = as_shape(inputs, shape, "prices.toml").figures[key]
    if now is None:
        assert figure is inputs.figures[key]
    else:
        assert (figure.value, figure.provenance.detail) == (now, f"prices.toml: shapes.{shape.name}")


@pytest.mark.parametrize(
    ("kind", "value", "now"),
    [
        pytest.param("typed", 50e6, 100e6, id="typed beside a network: of twice the cores"),
        pytest.param("typed", Range(40e6, 50e6, 90e6), Range(80e6, 100e6, 180e6), id="a range"),
        pytest.param("typed", Range(600e6, None, 900e6), 1e9, id="never more than its network"),
        pytest.param("measured", Replicates((4e6, 600e6)), Replicates((8e6, 1e9)), id="measured"),
    ],
)
def test_a_capacity_of_the_processes_follows_the_cores_and_ends_at_the_network(kind, value, now, plan_inputs):
    """The measured 4 MB/s of a core became the 10 Gbit/s of a shape: servers of nearly nothing."""
    inputs = plan_inputs(BEFORE).replaced({"server.capacity": Figure(value, Provenance(kind, "reports/x"))})
    capacity = as_shape(inputs, SHAPE, "prices.toml").figures["server.capacity"]
    assert (capacity.value, capacity.provenance.kind) == (now, kind)


def test_limits_that_no_shape_replaces_are_told(plan_inputs):
    inputs = plan_inputs(BEFORE)
    (both,) = kept(inputs, [SHAPE, SILENT])
    assert "server.connections (not in bare), server.accept_rate, topology.conntrack" in both
    assert "server.connections" not in kept(inputs, [SHAPE])[0]
    assert kept(plan_inputs({"workload.connections": "1k"}), [SILENT]) == []
