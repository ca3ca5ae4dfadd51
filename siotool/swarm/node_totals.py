"""Deliveries of one interval by the nodes of sender and receiver: on the same, across, or not known."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

from siotool.deliveries_by_node import DeliveriesByNode, NodeDeliveries
from siotool.histogram import Histogram
from siotool.swarm.nodes import UNKNOWN
from siotool.swarm.worker_report import unpacked_delays

#: How the nodes of a message's sender and receiver are to each other.
Relation = Literal["same", "across", "unknown"]


def relation(sender: str, receiver: str) -> Relation:
    """How two nodes are to each other."""
    if UNKNOWN in (sender, receiver):
        return "unknown"
    return "same" if sender == receiver else "across"


class NodeTotals:
    """All relations of one interval."""

    def __init__(self) -> None:
        self._received = Counter[Relation]()
        self._lost = Counter[Relation]()
        self._delays: dict[Relation, list[bytes]] = {"same": [], "across": [], "unknown": []}

    def add(
        self,
        sender: str,
        received: Mapping[str, int],
        lost: Iterable[tuple[str, int]],
        delays: Iterable[tuple[str, bytes]],
    ) -> None:
        """Count a message that is closed: what was received and lost by node, and the packed delays."""
        for node, count in received.items():
            self._received[relation(sender, node)] += count
        for node, count in lost:
            self._lost[relation(sender, node)] += count
        for node, packed in delays:
            self._delays[relation(sender, node)].append(packed)

    def close(self, nodes: int) -> DeliveriesByNode:
        """Return them; so many ``nodes`` have connections."""
        return DeliveriesByNode(nodes, self._of("same"), self._of("across"), self._of("unknown"))

    def _of(self, found: Relation) -> NodeDeliveries:
        response = Histogram()
        response.record(np.maximum(unpacked_delays(self._delays[found]), 0.0))
        received, lost = self._received[found], self._lost[found]
        return NodeDeliveries(received + lost, received, lost, response.sparse())
