"""The fullest server decides: imbalance is felt by every resource that servers share out."""

import pytest

from siotool.plan.constraints.registry import CONSTRAINTS

KEYS = {
    "workload.connections": "1M",
    "workload.consumption_rate": "2KB/s",
    "server.profile": "node-ws",
    "server.capacity": "100MB/s",
    "server.bandwidth_in": "100MB/s",
    "server.bandwidth_out": "100MB/s",
    "server.memory": "8GiB",
    "server.heap": "4GiB",
    "server.connections": "60k",
    "server.open_files": "65536",
    "server.memory_per_connection": "40kB",
    "server.heap_per_connection": "10kB",
    "server.seen_connections": "5k",
    "server.accept_rate": "500/s",
    "topology.balancer_ports": "28232",
    "topology.conntrack": "262144",
    "goals.delivery_time": "200ms",
    "goals.reconnect_time": "30s",
    "goals.storm": "all",
}
ANNOUNCE = {"news": {"kind": "announce", "rate": "1/min"}}


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=lambda constraint: constraint.name)
def test_the_fullest_server_has_half_as_much_again(constraint, both_ways):
    """Bandwidth, both directions of the network, and storms knew only the mean server."""
    even = both_ways(constraint, KEYS, ANNOUNCE, rel=1e-5)
    uneven = both_ways(constraint, KEYS | {"topology.imbalance": "1.5"}, ANNOUNCE, rel=1e-5)
    assert even is not None
    assert uneven.servers >= 1.45 * even.servers
