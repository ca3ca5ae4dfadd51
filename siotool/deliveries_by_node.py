"""What lines of ``run.jsonl`` say of deliveries by the nodes of sender and receiver."""

import msgspec

from siotool.histogram import Sparse
from siotool.measured_servers import Count


class NodeDeliveries(msgspec.Struct, frozen=True):
    """Expected deliveries of stamped messages; ``expected = received + lost``.

    ``response`` is when those came that were received, from the intended start.
    """

    expected: Count = 0
    received: Count = 0
    lost: Count = 0
    response: Sparse = Sparse()


class DeliveriesByNode(msgspec.Struct, frozen=True):
    """Deliveries that were closed within the interval, by the nodes of sender and receiver.

    A node is the server process that a connection is on. ``same``: both were on one; ``across``: on two;
    ``unknown``: the node of one is not known. Those that came though they were not expected are left out.
    ``nodes``: how many had connections at its end.
    """

    nodes: Count = 0
    same: NodeDeliveries = NodeDeliveries()
    across: NodeDeliveries = NodeDeliveries()
    unknown: NodeDeliveries = NodeDeliveries()
