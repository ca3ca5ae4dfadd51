"""How many generators a load test of the whole plan needs: workers, which are processes, and addresses.

    workers = the most of: CPU of the load / the share of a core that one may use,
              connections / those that one may hold

What a connection, a delivery, a call and a byte cost a generator was measured with ``make bench`` and
``tests/bench/many_connections.py`` (docs/bench.md); what a machine allows, ``siotool preflight`` knows.
"""

import math

from siotool.plan.demand import service
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middles
from siotool.plan.model import GeneratorRow, Generators

#: CPU seconds of a delivery, with its stamp, account and histogram; and of each of its bytes.
DELIVERY_S, BYTE_S = 18e-6, 0.3e-9
#: CPU seconds of a message that a client sends, its acknowledgement included.
SENT_S = 45e-6
#: CPU seconds per second of a connection and its heartbeats; and of opening one by WebSocket.
IDLE_S, CONNECT_S = 2.5e-6, 0.8e-3
#: Share of a core that one worker may use, so that what it measures is not late.
USABLE = 0.6
#: Memory of a connection with its user and what it receives; and of a worker without any.
CONNECTION_BYTES, WORKER_BYTES = 30_000, 100_000_000
#: Connections of a worker: 20,000 open files are a common limit.
CONNECTIONS = 17_000
#: Connections from one address to one place: half of Linux's 28,232 ports. Beyond, opening one takes long.
CONNECTIONS_OF_AN_ADDRESS = 14_000
#: Connects per second of one worker while a load begins.
RAMP_PER_S = 150


def generators(inputs: Inputs) -> Generators:
    """Return what a load test of the plan at its peak takes, for the middle of every range."""
    values = middles(inputs)
    demand = service.demand(inputs, values)
    connections = demand.connections
    sent, answers = demand.inbound_per_s, demand.answers_per_s
    delivered = demand.deliveries_per_s + max(0.0, answers - sent)
    in_bytes = demand.payload_out_bytes_per_s
    cores = (
        delivered * DELIVERY_S
        + in_bytes * BYTE_S
        + sent * SENT_S
        + connections * IDLE_S
        + demand.new_per_s * CONNECT_S
    )
    rows = [
        GeneratorRow("CPU", cores, USABLE, "cores", max(1, math.ceil(cores / USABLE))),
        GeneratorRow(
            "connections",
            connections,
            CONNECTIONS,
            "connections",
            max(1, math.ceil(connections / CONNECTIONS)),
        ),
    ]
    workers = max(row.workers for row in rows)
    wire = (
        demand.travel.tcp_both
        if demand.travel is not None
        else connections * values.get("workload.consumption_rate", 0.0)
    )
    return Generators(
        workers=workers,
        binding=max(rows, key=lambda row: row.workers).name,
        rows=rows,
        addresses=max(1, math.ceil(connections / CONNECTIONS_OF_AN_ADDRESS)),
        memory_bytes=connections * CONNECTION_BYTES + workers * WORKER_BYTES,
        network_bytes_per_s=wire,
        spawn_rate_per_s=min(connections, workers * RAMP_PER_S),
        connections=connections,
        messages_known=bool(demand.streams),
    )
