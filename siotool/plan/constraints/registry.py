"""All constraints, in the order a plan lists them."""

from siotool.plan.constraints import (
    adapter,
    balancer,
    bandwidth,
    broadcast,
    event_loop,
    fixed_places,
    memory,
    seen,
    storm,
)

CONSTRAINTS = (
    bandwidth.BANDWIDTH,
    bandwidth.OUT,
    bandwidth.IN,
    event_loop.EVENT_LOOP,
    broadcast.BROADCAST,
    seen.SEEN,
    memory.MEMORY,
    memory.HEAP,
    fixed_places.CONNECTIONS,
    fixed_places.FILES,
    fixed_places.PORTS,
    fixed_places.CONNTRACK,
    storm.STORM,
)

#: What is counted once the servers are known.
BEHIND_THE_SERVERS = (
    adapter.ADAPTER,
    balancer.CONNECTIONS,
    balancer.ACCEPTS,
    balancer.BYTES,
)
